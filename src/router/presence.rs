//! Who watches whom, and telling them. Knows names and connections, not sessions.

mod watching;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::config::Limits;
use crate::id::ConnId;
use crate::net::conns::Load;
use crate::planted;
use crate::router::Table;
use crate::router::session::Session;
use crate::time::{Now, Stamp};
use crate::wire::code::Status;
use crate::wire::frame::Frame;
use crate::wire::name::Key;

/// The names one session watches; at most `max_watched`.
pub type WatchList = BTreeSet<KeyBytes>;

/// A name as it is compared.
pub(super) type KeyBytes = Box<[u8]>;

/// What the entry of a name begins with that its watcher may not see: nobody ever has a name that does.
const UNSEEN: u8 = 0;

/// The entry of a name for those who may see it, or for one who may not: to that one it looks as if nobody had it. No
/// two share such an entry, so that it tells nothing of what happened to others.
fn entry_of(name: Key, permitted: bool, watcher: ConnId) -> KeyBytes {
    if permitted {
        return name.as_bytes().into();
    }
    let (slot, serial) = (watcher.key.to_be_bytes(), watcher.serial.to_be_bytes());
    [&[UNSEEN], &slot[..], &serial[..], name.as_bytes()]
        .concat()
        .into()
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
    watchers: BTreeMap<ConnId, Watcher>,
}

#[derive(Clone, Copy)]
struct Watcher {
    /// The version it was told; `None`: it is to be told whatever it is.
    told: Option<u64>,
    /// Since when the name is offline as far as this watcher was told, in Unix ms, if it has not seen it otherwise:
    /// what came before its watch it is not told.
    own_since: Option<u64>,
}

/// What a watcher knew last of a name.
struct Last {
    status: Status,
    shown: Box<str>,
    since_unix_ms: u64,
    told_ms: u64,
    own_since: Option<u64>,
    /// It was told so.
    was_told: bool,
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
    fn tell_in_time<T: Table>(&mut self, key: &[u8], limits: &Limits, out: &mut T, now: &Now) {
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
        for (watcher, one) in watched
            .watchers
            .iter_mut()
            .filter(|(_, one)| one.told != Some(watched.version))
        {
            match out.offer(*watcher, &frame.of(&watched.shown)) {
                Load::Fits => *one = Watcher::told(watched.version),
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

    /// What the watcher knew last, if it was one.
    fn unwatch(&mut self, id: ConnId, key: &[u8]) -> Option<Last> {
        let watched = self.watched.get_mut(key)?;
        let watcher = watched.watchers.remove(&id)?;
        let last = watched.last_of(watcher);
        if watched.watchers.is_empty()
            && let Some(watched) = self.watched.remove(key)
            && let Some(at) = watched.due_ms
        {
            self.due.remove(&(at, key.into()));
        }
        Some(last)
    }
}

impl Watcher {
    fn told(version: u64) -> Self {
        Watcher {
            told: Some(version),
            own_since: None,
        }
    }
}

impl Watched {
    fn last_of(&self, watcher: Watcher) -> Last {
        let was_told = watcher.told == Some(self.version);
        let own_since = watcher.own_since.filter(|_| was_told);
        Last {
            status: self.status,
            shown: self.shown.clone(),
            since_unix_ms: own_since.unwrap_or(self.since_unix_ms),
            told_ms: self.told_ms,
            own_since,
            was_told,
        }
    }

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
