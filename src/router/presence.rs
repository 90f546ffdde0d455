//! Who watches whom, and telling them. Knows names and connections, not sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::config::Limits;
use crate::id::ConnId;
use crate::net::conns::Load;
use crate::planted;
use crate::router::fault::Fault;
use crate::router::session::Session;
use crate::router::{Router, Table};
use crate::time::{Now, Stamp};
use crate::wire::code::{Code, Status, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::Frame;
use crate::wire::name::{Key, Name};

/// The names one session watches; at most `max_watched`.
pub type WatchList = BTreeSet<KeyBytes>;

/// A name as it is compared.
pub(super) type KeyBytes = Box<[u8]>;

/// Before the key of a name in the entry that stands for it where it may not be seen: nobody ever has it.
const UNSEEN: u8 = 0;

/// The entry of a name for those who may see it, or for those who may not: to these it looks as if nobody had it.
pub(super) fn entry_of(name: Key, permitted: bool) -> KeyBytes {
    match permitted {
        true => name.as_bytes().into(),
        false => [&[UNSEEN], name.as_bytes()].concat().into(),
    }
}

fn is_listed(list: &WatchList, name: Key) -> bool {
    list.contains(name.as_bytes()) || list.contains(&entry_of(name, false))
}

/// One watched name.
struct Watched {
    /// As the session that has it shows it, else as it was asked for.
    shown: Box<str>,
    status: Status,
    since_unix_ms: u64,
    /// Counts changes. A watcher that was told less than this is told again.
    version: u64,
    /// When watchers were told last, in monotonic ms.
    told_ms: u64,
    /// When its watchers are told next, in monotonic ms: its entry in [`Presence::due`].
    due_ms: Option<u64>,
    /// Watcher → the version it was told; `None`: it is to be told whatever it is.
    watchers: BTreeMap<ConnId, Option<u64>>,
}

/// Watched names. One nobody watches takes no memory.
#[derive(Default)]
pub struct Presence {
    watched: HashMap<KeyBytes, Watched>,
    /// Names whose watchers are to be told: (monotonic ms, name).
    due: BTreeSet<(u64, KeyBytes)>,
}

impl Presence {
    /// A name has come, gone or changed; its watchers learn of it now or, if they were told just before, later.
    pub fn changed<T: Table>(
        &mut self,
        key: Key,
        shown: &str,
        status: Status,
        limits: &Limits,
        out: &mut T,
        now: &Now,
    ) {
        let Some(watched) = self.watched.get_mut(key.as_bytes()) else {
            return;
        };
        if watched.shown.as_ref() != shown {
            watched.shown = shown.into();
        } else if watched.status == status {
            return;
        }
        if watched.status != status {
            watched.status = status;
            watched.since_unix_ms = now.unix_ms;
        }
        watched.version += 1;
        self.tell_in_time(key.as_bytes(), limits, out, now);
    }

    /// Tells those who were told less, now or when they may be told again.
    pub(super) fn tell_in_time<T: Table>(
        &mut self,
        key: &[u8],
        limits: &Limits,
        out: &mut T,
        now: &Now,
    ) {
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        let at = watched.told_ms + limits.presence_interval_ms;
        if at <= now.mono_ms {
            self.tell(key, limits, out, now);
        } else if watched.due_ms.is_none() && !planted::is(planted::Fault::PresenceLost) {
            watched.due_ms = Some(at);
            self.due.insert((at, key.into()));
        }
    }

    /// Tells what has become due. Returns when the next is, in monotonic ms.
    pub fn tick<T: Table>(&mut self, limits: &Limits, out: &mut T, now: &Now) -> u64 {
        while let Some((at, _)) = self.due.first() {
            if *at > now.mono_ms {
                return *at;
            }
            let Some((_, key)) = self.due.pop_first() else {
                break;
            };
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.due_ms = None;
                self.tell(&key, limits, out, now);
            }
        }
        u64::MAX
    }

    /// The connection watches nobody any more.
    pub fn forget_watcher(&mut self, id: ConnId, session: &mut Session) {
        if session.watching().is_none() {
            return;
        }
        for key in std::mem::take(session.watching_mut()) {
            self.unwatch(id, &key);
        }
    }

    /// Whether both directions agree about `id`.
    pub fn is_sound(&self, id: ConnId, session: Option<&Session>) -> bool {
        session.and_then(Session::watching).is_none_or(|list| {
            list.iter().all(|key| {
                self.watched
                    .get(key)
                    .is_some_and(|watched| watched.watchers.contains_key(&id))
            })
        })
    }

    /// Tells everybody who was told less. Whoever cannot take it now is told later: only the last state counts.
    fn tell<T: Table>(&mut self, key: &[u8], limits: &Limits, out: &mut T, now: &Now) {
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        watched.told_ms = now.mono_ms;
        let frame = watched.frame_parts();
        let mut behind = false;
        for (watcher, told) in watched
            .watchers
            .iter_mut()
            .filter(|(_, told)| **told != Some(watched.version))
        {
            match out.offer(*watcher, &frame.of(&watched.shown)) {
                Load::Fits => *told = Some(watched.version),
                Load::Busy => behind = true,
                Load::Gone => {}
            }
        }
        if behind && watched.due_ms.is_none() {
            let at = now.mono_ms + limits.presence_interval_ms;
            watched.due_ms = Some(at);
            self.due.insert((at, key.into()));
        }
    }

    /// How an entry looks, and whether somebody watches it.
    pub(super) fn look(&self, key: &[u8], watcher: ConnId) -> Option<(Status, bool)> {
        let watched = self.watched.get(key)?;
        Some((watched.status, watched.watchers.contains_key(&watcher)))
    }

    /// `watcher` watches the entry, and was told (`is_told`) or has to be told how it looks.
    pub(super) fn add_watcher(&mut self, key: &[u8], watcher: ConnId, is_told: bool) {
        if let Some(watched) = self.watched.get_mut(key) {
            let told = is_told.then_some(watched.version);
            watched.watchers.insert(watcher, told);
        }
    }

    pub(super) fn unwatch(&mut self, id: ConnId, key: &[u8]) {
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        watched.watchers.remove(&id);
        if watched.watchers.is_empty()
            && let Some(watched) = self.watched.remove(key)
            && let Some(at) = watched.due_ms
        {
            self.due.remove(&(at, key.into()));
        }
    }
}

impl Watched {
    fn frame_parts(&self) -> FrameParts {
        FrameParts {
            status: self.status,
            since: Stamp::new(self.since_unix_ms),
        }
    }
}

struct FrameParts {
    status: Status,
    since: Stamp,
}

impl FrameParts {
    fn of<'a>(&self, username: &'a str) -> Frame<'a> {
        Frame::Presence {
            username,
            status: self.status,
            since: self.since,
        }
    }
}

impl Router {
    /// All of `names` or none; `ok` comes first, then one `presence` for each.
    pub(super) fn watch<'a, T: Table>(
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
            let key = entry_of(name.key(), *permitted);
            self.forget_watched(from, &entry_of(name.key(), !permitted));
            self.watch_one(from, name, &key, now);
            if let Some(watched) = self.presence.watched.get_mut(&key) {
                let frame = watched.frame_parts();
                out.send(from, &frame.of(&watched.shown));
                watched.watchers.insert(from, Some(watched.version));
            }
            if let Some(session) = self.sessions.get_mut(from) {
                session.watching_mut().insert(key);
            }
        }
        Ok(())
    }

    pub(super) fn forget_watched(&mut self, from: ConnId, entry: &[u8]) -> bool {
        let session = self.sessions.get_mut(from);
        let is_watched = session.is_some_and(|session| {
            session.watching().is_some_and(|list| list.contains(entry))
                && session.watching_mut().remove(entry)
        });
        if is_watched {
            self.presence.unwatch(from, entry);
        }
        is_watched
    }

    pub(super) fn unwatch(&mut self, from: ConnId, names: &[Name<'_>]) {
        for name in names {
            for permitted in [true, false] {
                self.forget_watched(from, &entry_of(name.key(), permitted));
            }
        }
    }

    pub(super) fn set_status<T: Table>(
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

    pub(super) fn check_watch<'a>(
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
            let is_known = list.is_some_and(|list| is_listed(list, key));
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
        let is_full = |entry: KeyBytes| {
            let watched = self.presence.watched.get(&entry);
            watched.is_some_and(|watched| watched.watchers.len() >= self.limits.max_watchers)
        };
        let full = |key: &Key| is_full(entry_of(*key, true)) || is_full(entry_of(*key, false));
        if new.iter().any(full) {
            return Err(Fault::new(
                Code::Overloaded,
                "one of these names is watched by too many already",
            ));
        }
        Ok(())
    }

    /// Begins an entry for a name that nobody watched so far.
    pub(super) fn watch_one(&mut self, from: ConnId, name: &Name<'_>, key: &[u8], now: &Now) {
        if self.presence.watched.contains_key(key) {
            return;
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
            watchers: BTreeMap::from([(from, Some(0))]),
        };
        self.presence.watched.insert(key.into(), watched);
    }
}
