//! Who watches whom, and claims on names, in the reference. Knows no transport.

use std::collections::BTreeMap;

use super::frames::{Fault, Value, frame};
use super::relay::Relay;
use privmsgd::time::Stamp;
use privmsgd::wire::name::Name;

pub struct Watched {
    shown: String,
    status: &'static str,
    since: u64,
    version: u64,
    /// When its watchers were told of a change last; `None`: not yet.
    told: Option<u64>,
    /// When they are told again.
    due: Option<u64>,
    /// Watcher → version told.
    watchers: BTreeMap<u64, u64>,
}

/// Whether another frame that is no reply fits.
#[derive(PartialEq)]
pub enum Load {
    Fits,
    Busy,
    Gone,
}

impl Relay {
    /// §11, rule 1.
    pub fn load(&mut self, id: u64) -> Load {
        let soft = self.config.limits.queue_soft_bytes as u64;
        match self.clients.get_mut(&id).filter(|client| client.is_open()) {
            None => Load::Gone,
            Some(client) => {
                client.busy |= client.backlog() > soft;
                if client.busy { Load::Busy } else { Load::Fits }
            }
        }
    }

    pub(super) fn watch(
        &mut self,
        from: u64,
        id: Option<&str>,
        names: &[String],
    ) -> Result<(), Fault<'static>> {
        let parsed: Vec<(String, String)> = names.iter().map(|name| name_of(name)).collect();
        self.check_watch(from, &parsed)?;
        if id.is_some() {
            self.send(from, frame("ok", id, &[("command", Value::Text("watch"))]));
        }
        for (shown, key) in parsed {
            if !self.watched.contains_key(&key) {
                let watched = self.first_watch(&shown, &key);
                self.watched.insert(key.clone(), watched);
            }
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.watchers.insert(from, watched.version);
                let line = watched.frame();
                self.send(from, line);
            }
            if let Some(session) = self.session_mut(from) {
                session.watching.insert(key);
            }
        }
        Ok(())
    }

    pub(super) fn unwatch(&mut self, from: u64, names: &[String]) {
        for name in names {
            let (_, key) = name_of(name);
            let listed = self
                .session_mut(from)
                .is_some_and(|session| session.watching.remove(&key));
            if listed {
                self.forget_watch(from, &key);
            }
        }
    }

    pub(super) fn forget_watch(&mut self, from: u64, key: &str) {
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        watched.watchers.remove(&from);
        if watched.watchers.is_empty()
            && let Some(watched) = self.watched.remove(key)
            && let Some(at) = watched.due
        {
            self.due.remove(&(at, key.to_owned()));
        }
    }

    /// A name came, went or changed.
    pub(super) fn changed(&mut self, key: &str, shown: &str, status: &'static str) {
        let (now, unix) = (self.now, self.unix);
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        if watched.shown == shown && watched.status == status {
            return;
        }
        if watched.status != status {
            watched.since = unix;
        }
        watched.shown = shown.to_owned();
        watched.status = status;
        watched.version += 1;
        let interval = self.config.limits.presence_interval_ms;
        let at = watched.told.map_or(0, |told| told + interval);
        if at <= now {
            self.tell(key);
        } else if watched.due.is_none() {
            watched.due = Some(at);
            self.due.insert((at, key.to_owned()));
        }
    }

    /// What time has made due: presence, then claims.
    pub(super) fn tell_due(&mut self) {
        while let Some((at, key)) = self.due.first().cloned().filter(|(at, _)| *at <= self.now) {
            self.due.remove(&(at, key.clone()));
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.due = None;
            }
            self.tell(&key);
        }
        while let Some((at, holder)) = self.claims_due.first().copied() {
            if at > self.now {
                break;
            }
            self.claims_due.remove(&(at, holder));
            self.tell_claims(holder);
        }
    }

    /// Somebody was refused the name of `holder`.
    pub(super) fn claimed(&mut self, holder: u64) {
        let now = self.now;
        let Some(session) = self.session_mut(holder) else {
            return;
        };
        let (count, at) = session.claims.unwrap_or((0, now));
        session.claims = Some((count + 1, at));
        if at <= now {
            self.claims_due.remove(&(at, holder));
            if !self.tell_claims_if_it_fits(holder) {
                self.claims_due.insert((at, holder));
            }
        } else {
            self.claims_due.insert((at, holder));
        }
    }

    fn tell_claims(&mut self, holder: u64) {
        if !self.tell_claims_if_it_fits(holder) {
            let next = self.now + self.config.limits.claim_notice_interval_ms;
            if let Some(session) = self.session_mut(holder) {
                session.claims = session.claims.map(|(count, _)| (count, next));
                self.claims_due.insert((next, holder));
            }
        }
    }

    fn tell_claims_if_it_fits(&mut self, holder: u64) -> bool {
        let next = self.now + self.config.limits.claim_notice_interval_ms;
        let fits = self.load(holder) == Load::Fits;
        let time = self.stamp();
        let Some((count, _)) = self.session_mut(holder).and_then(|session| session.claims) else {
            return true;
        };
        if fits {
            let fields = [
                ("kind", Value::Text("claimRefused")),
                ("count", Value::Number(u64::from(count))),
                ("time", Value::Text(&time)),
            ];
            self.send(holder, frame("sessionNotice", None, &fields));
            if let Some(session) = self.session_mut(holder) {
                session.claims = Some((0, next));
            }
        }
        fits
    }

    fn tell(&mut self, key: &str) {
        let (now, interval) = (self.now, self.config.limits.presence_interval_ms);
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        watched.told = Some(now);
        let (line, version) = (watched.frame(), watched.version);
        let behind: Vec<u64> = watched
            .watchers
            .iter()
            .filter(|(_, told)| **told < version)
            .map(|(watcher, _)| *watcher)
            .collect();
        let mut later = false;
        for watcher in behind {
            match self.load(watcher) {
                Load::Gone => {}
                Load::Busy => later = true,
                Load::Fits => {
                    self.send(watcher, line.clone());
                    if let Some(watched) = self.watched.get_mut(key) {
                        watched.watchers.insert(watcher, version);
                    }
                }
            }
        }
        if let (true, Some(watched)) = (later, self.watched.get_mut(key))
            && watched.due.is_none()
        {
            watched.due = Some(now + interval);
            self.due.insert((now + interval, key.to_owned()));
        }
    }

    fn first_watch(&self, shown: &str, key: &str) -> Watched {
        let holder = self.names.get(key).and_then(|id| self.session(*id));
        let (shown, status, since) = match holder {
            Some(session) => (session.shown.as_str(), session.status, session.since),
            None => (shown, "offline", self.unix),
        };
        Watched {
            shown: shown.to_owned(),
            status,
            since,
            version: 0,
            told: None,
            due: None,
            watchers: BTreeMap::new(),
        }
    }

    fn check_watch(&self, from: u64, names: &[(String, String)]) -> Result<(), Fault<'static>> {
        let limits = &self.config.limits;
        let Some(session) = self.session(from) else {
            return Ok(());
        };
        let mut new: Vec<&str> = names.iter().map(|(_, key)| key.as_str()).collect();
        new.retain(|key| !session.watching.contains(*key));
        new.sort_unstable();
        new.dedup();
        let most = limits.max_watched;
        if names.len() > most || session.watching.len() + new.len() > most {
            return Err(Fault {
                code: "badValue",
                message: format!("at most {most} names can be watched"),
                field: Some("usernames"),
                ..Fault::default()
            });
        }
        let full = |key: &&str| {
            let watched = self.watched.get(*key);
            watched.is_some_and(|watched| watched.watchers.len() >= limits.max_watchers)
        };
        if new.iter().any(full) {
            return Err(Fault {
                code: "overloaded",
                message: "one of these names is watched by too many already".into(),
                ..Fault::default()
            });
        }
        Ok(())
    }
}

impl Watched {
    fn frame(&self) -> Vec<u8> {
        let since = Stamp::new(self.since);
        let fields = [
            ("username", Value::Text(&self.shown)),
            ("status", Value::Text(self.status)),
            ("since", Value::Text(since.as_str())),
        ];
        frame("presence", None, &fields)
    }
}

/// A valid name as it is shown and as it is compared.
pub fn name_of(text: &str) -> (String, String) {
    let name = Name::parse(text).expect("a line that was accepted has valid names");
    let key = String::from_utf8(name.key().as_bytes().to_vec()).unwrap();
    (name.as_str().to_owned(), key)
}
