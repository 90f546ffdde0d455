//! `watch` and `unwatch`, and what becomes of a watch when somebody may be seen or not. Knows no rule about who may.

use std::collections::BTreeMap;

use super::{Last, WatchList, Watched, Watcher, entry_of};
use crate::id::ConnId;
use crate::router::fault::Fault;
use crate::router::session::Session;
use crate::router::{Router, Table};
use crate::time::{Now, Stamp};
use crate::wire::code::{Code, Status, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::Frame;
use crate::wire::name::{Key, Name};

impl Router {
    /// All of `names` or none; `ok` comes first, then one `presence` for each.
    pub(in crate::router) fn watch<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        names: &[Name<'a>],
        permitted: &[bool],
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        self.check_watch(from, names)?;
        if let Some(id) = id {
            out.send(
                from,
                &Frame::Ok {
                    id,
                    command: Verb::Watch,
                },
            );
        }
        for (name, permitted) in names.iter().zip(permitted) {
            let key = entry_of(name.key(), *permitted, from);
            self.forget_watched(from, &entry_of(name.key(), !permitted, from));
            self.begin_entry(name, &key, now);
            let hides_past = self.mailbox.is_some();
            if let Some(watched) = self.presence.watched.get_mut(&key) {
                watched.answer(from, name, hides_past, out, now);
            }
            if let Some(session) = self.sessions.get_mut(from) {
                session.watching_mut().insert(key);
            }
        }
        Ok(())
    }

    /// `watcher` may see `owner` from now on, or may not any more: for it that is a change of `owner`.
    pub(in crate::router) fn let_see<T: Table>(
        &mut self,
        watcher: ConnId,
        owner: &Name<'_>,
        permitted: bool,
        out: &mut T,
        now: &Now,
    ) {
        let [before, after] =
            [!permitted, permitted].map(|seen| entry_of(owner.key(), seen, watcher));
        let Some(last) = self.forget_watched(watcher, &before) else {
            return;
        };
        if self.begin_entry(owner, &after, now)
            && let Some(watched) = self.presence.watched.get_mut(&after)
        {
            watched.go_on_from(&last);
        }
        let Some(watched) = self.presence.watched.get_mut(&after) else {
            return;
        };
        let is_same = last.was_told && last.status == watched.status;
        let known = Watcher {
            told: is_same.then_some(watched.version),
            own_since: match permitted {
                true => Some(last.since_unix_ms).filter(|_| is_same),
                false => last.own_since,
            },
        };
        watched.watchers.insert(watcher, known);
        if let Some(session) = self.sessions.get_mut(watcher) {
            session.watching_mut().insert(after.clone());
        }
        if !is_same {
            self.presence.tell_in_time(&after, &self.limits, out, now);
        }
    }

    /// What it knew of the name, if it watched that.
    fn forget_watched(&mut self, from: ConnId, entry: &[u8]) -> Option<Last> {
        let session = self.sessions.get_mut(from)?;
        let is_watched = session.watching().is_some_and(|list| list.contains(entry))
            && session.watching_mut().remove(entry);
        match is_watched {
            true => self.presence.unwatch(from, entry),
            false => None,
        }
    }

    pub(in crate::router) fn unwatch(&mut self, from: ConnId, names: &[Name<'_>]) {
        for name in names {
            for permitted in [true, false] {
                self.forget_watched(from, &entry_of(name.key(), permitted, from));
            }
        }
    }

    pub(in crate::router) fn set_status<T: Table>(
        &mut self,
        id: ConnId,
        status: Status,
        out: &mut T,
        now: &Now,
    ) {
        if self.mailbox.is_some() {
            return self.set_device_status(id, status, out, now);
        }
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if session.set_status(status, now) {
            self.presence.changed(
                session.key(),
                session.name(),
                status,
                &self.limits,
                out,
                now,
            );
        }
    }

    pub(in crate::router) fn check_watch<'a>(
        &self,
        from: ConnId,
        names: &[Name<'a>],
    ) -> Result<(), Fault<'a>> {
        let list = self.sessions.get(from).and_then(Session::watching);
        let mut new: Vec<Key> = Vec::new();
        for key in names
            .iter()
            .take(self.limits.max_watched + 1)
            .map(Name::key)
        {
            let is_known = list.is_some_and(|list| is_listed(list, key, from));
            if !is_known && !new.contains(&key) {
                new.push(key);
            }
        }
        if names.len() > self.limits.max_watched
            || list.map_or(0, |list| list.len()) + new.len() > self.limits.max_watched
        {
            let message = format!("at most {} names can be watched", self.limits.max_watched);
            return Err(Fault {
                field: Some("usernames"),
                ..Fault::new(Code::BadValue, message)
            });
        }
        let is_full = |key: &Key| {
            let watched = self.presence.watched.get(key.as_bytes());
            watched.is_some_and(|watched| watched.watchers.len() >= self.limits.max_watchers)
        };
        if new.iter().any(is_full) {
            return Err(Fault::new(
                Code::Overloaded,
                "one of these names is watched by too many already",
            ));
        }
        Ok(())
    }

    /// Begins an entry for a name that nobody watched so far; whether there was none.
    fn begin_entry(&mut self, name: &Name<'_>, key: &[u8], now: &Now) -> bool {
        if self.presence.watched.contains_key(key) {
            return false;
        }
        let holder = self
            .names
            .find(key, &self.sessions)
            .and_then(|first| Some((self.sessions.get(first)?, self.shown_of(first)?)));
        let (shown, status, since_unix_ms) = match holder {
            Some((session, shown)) => (session.name(), shown.status, shown.since_unix_ms),
            None => (name.as_str(), Status::Offline, now.unix_ms),
        };
        let watched = Watched {
            shown: shown.into(),
            status,
            since_unix_ms,
            version: 0,
            told_ms: 0,
            due_ms: None,
            watchers: BTreeMap::new(),
        };
        self.presence.watched.insert(key.into(), watched);
        true
    }
}

impl Watched {
    /// The answer to a `watch`. `hides_past`: an offline name looks as if nobody had watched it before.
    fn answer<T: Table>(
        &mut self,
        watcher: ConnId,
        name: &Name<'_>,
        hides_past: bool,
        out: &mut T,
        now: &Now,
    ) {
        let own_since = match self.watchers.get(&watcher) {
            Some(known) => self.last_of(*known).own_since,
            None => Some(now.unix_ms).filter(|_| hides_past && self.status == Status::Offline),
        };
        let mut frame = self.frame_parts();
        let mut shown = &*self.shown;
        if let Some(since) = own_since {
            frame.since = Stamp::new(since);
            shown = name.as_str();
        }
        out.send(watcher, &frame.of(shown));
        let told = Some(self.version);
        self.watchers.insert(watcher, Watcher { told, own_since });
    }

    /// The entry has just begun, for one who watched the name before.
    fn go_on_from(&mut self, last: &Last) {
        self.told_ms = last.told_ms;
        if self.status == Status::Offline {
            self.shown.clone_from(&last.shown);
        }
        if self.status == Status::Offline && last.status == Status::Offline {
            self.since_unix_ms = last.since_unix_ms;
        }
    }
}

fn is_listed(list: &WatchList, name: Key, watcher: ConnId) -> bool {
    list.contains(name.as_bytes()) || list.contains(&entry_of(name, false, watcher))
}
