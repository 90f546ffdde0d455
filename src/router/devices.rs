//! Mailbox mode: the sessions of one account, side by side. Each is linked to the next, in a ring; the name leads to
//! one of them. Knows neither how they came to be nor what they prove.

use crate::accounts::Registered;
use crate::id::ConnId;
use crate::mailbox::DeviceName;
use crate::router::mail::Way;
use crate::router::session::{Member, Session, Sessions};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::Status;
use crate::wire::name::Key;

/// The sessions that are linked with `first`, itself first. In open mode that is all.
pub(super) fn ring(sessions: &Sessions, first: ConnId) -> Ring<'_> {
    Ring {
        sessions,
        first,
        next: Some(first),
    }
}

pub(super) struct Ring<'s> {
    sessions: &'s Sessions,
    first: ConnId,
    next: Option<ConnId>,
}

impl<'s> Iterator for Ring<'s> {
    type Item = (ConnId, &'s Session);

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next.take()?;
        let session = self.sessions.get(id)?;
        self.next = session
            .member()
            .map(|member| member.next)
            .filter(|next| *next != self.first);
        Some((id, session))
    }
}

/// How a name looks to others, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub status: Status,
    pub since_unix_ms: u64,
}

impl Router {
    /// `None`: nobody has it, or nobody may know. Online if any device is, else away.
    pub(super) fn shown(&self, key: Key) -> Option<Shown> {
        let first = self.names.find(key.as_bytes(), &self.sessions)?;
        self.shown_of(first)
    }

    /// The same of the sessions that are linked with `first`.
    pub(super) fn shown_of(&self, first: ConnId) -> Option<Shown> {
        let mut shown: Option<Shown> = None;
        for (_, session) in ring(&self.sessions, first) {
            let (status, since_unix_ms) = (session.status(), session.since_unix_ms());
            if status == Status::Online || status == Status::Away && shown.is_none() {
                shown = Some(Shown {
                    status,
                    since_unix_ms,
                });
            }
        }
        shown
    }

    pub(super) fn sessions_of(&self, key: Key) -> Vec<ConnId> {
        let first = self.names.find(key.as_bytes(), &self.sessions);
        first.map_or_else(Vec::new, |first| {
            ring(&self.sessions, first).map(|(id, _)| id).collect()
        })
    }

    /// Sessions of an account that only send.
    pub(super) fn only_sending(&self, key: Key) -> usize {
        let first = self.names.find(key.as_bytes(), &self.sessions);
        let all = first.map(|first| ring(&self.sessions, first));
        let sends = |session: &Session| {
            session
                .member()
                .is_some_and(|member| member.device.is_none())
        };
        all.map_or(0, |all| all.filter(|(_, one)| sends(one)).count())
    }

    /// Makes `id` a session of the account, which has none of the same device.
    pub(super) fn join(&mut self, id: ConnId, registered: &Registered, status: Status, now: &Now) {
        let key = registered.username.key();
        let device: Option<DeviceName> = registered.mail.map(|_| (*registered.device).into());
        let shown = match device {
            Some(_) => status,
            None => Status::Offline,
        };
        let mut session = Session::new(&registered.username, shown, 0, now);
        let first = self.names.find(key.as_bytes(), &self.sessions);
        let neighbour = first.and_then(|first| self.sessions.get_mut(first));
        let mut next = id;
        if let Some(neighbour) = neighbour {
            next = neighbour.relink(id).unwrap_or(id);
        }
        session.set_member(Member {
            account: registered.account,
            device,
            next,
            invisible: status == Status::Offline,
            way: Way::default(),
            delivery: None,
            ending: None,
        });
        self.sessions.insert(id, session);
        if first.is_none() {
            self.names.insert(key, id);
        }
    }

    /// Takes a session out of everything; those linked with it go on.
    pub(super) fn leave<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        self.leave_mail(id, out, now);
        let last = ring(&self.sessions, id).last().map(|(last, _)| last);
        let Some(mut session) = self.sessions.end(id) else {
            return;
        };
        let next = session.member().map_or(id, |member| member.next);
        if let Some(before) = last.and_then(|last| self.sessions.get_mut(last)) {
            before.relink(next);
        }
        self.presence.forget_watcher(id, &mut session);
        self.claims.forget(id, &session);
        if self.names.remove(&session, id) && next != id {
            self.names.insert(session.key(), next);
        }
    }

    /// Whoever watches the name learns of it if it looks otherwise than `before`; else that goes on.
    pub(super) fn restate<T: Table>(
        &mut self,
        key: Key,
        name: &str,
        before: Option<Shown>,
        out: &mut T,
        now: &Now,
    ) {
        let status = |shown: Option<Shown>| shown.map_or(Status::Offline, |shown| shown.status);
        let after = status(self.shown(key));
        let is_same = after == status(before);
        let since = before
            .filter(|_| is_same)
            .map_or(now.unix_ms, |before| before.since_unix_ms);
        for id in self.sessions_of(key) {
            if let Some(session) = self.sessions.get_mut(id) {
                session.set_since(since);
            }
        }
        if !is_same {
            self.presence
                .changed(key, name, after, &self.limits, out, now);
        }
    }

    pub(super) fn device_gone<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.gone(id);
        }
        if let Some(session) = self.sessions.get(id) {
            let (key, name) = (session.key(), session.owned_name());
            let before = self.shown(key);
            self.leave(id, out, now);
            self.restate(key, name.as_str(), before, out, now);
        }
        self.sessions.remove(id);
    }

    pub(super) fn set_device_status<T: Table>(
        &mut self,
        id: ConnId,
        status: Status,
        out: &mut T,
        now: &Now,
    ) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let (key, name) = (session.key(), session.owned_name());
        let before = self.shown(key);
        if let Some(session) = self.sessions.get_mut(id) {
            let only_sends = match session.member_mut() {
                Some(member) => {
                    member.invisible = status == Status::Offline;
                    member.device.is_none()
                }
                None => false,
            };
            if !only_sends {
                session.set_status(status, now);
            }
        }
        self.restate(key, name.as_str(), before, out, now);
    }

    /// Whether what is known of the account of `id` agrees with itself.
    pub(super) fn is_ring_sound(&self, id: ConnId) -> bool {
        let Some(session) = self.sessions.get(id) else {
            return true;
        };
        let members: Vec<_> = ring(&self.sessions, id).take(MOST_SESSIONS).collect();
        let back = members.last().and_then(|(_, last)| last.member());
        let first = self.names.find(session.key().as_bytes(), &self.sessions);
        let same_name = members.iter().all(|(_, one)| one.key() == session.key());
        let of_accounts = members.iter().all(|(_, one)| one.member().is_some());
        let devices: Vec<_> = members
            .iter()
            .filter_map(|(_, one)| one.member()?.device.as_deref())
            .collect();
        let distinct = devices
            .iter()
            .enumerate()
            .all(|(at, one)| devices.iter().take(at).all(|other| other != one));
        let leads_here = members.iter().any(|(member, _)| Some(*member) == first);
        let closes = back.is_some_and(|last| last.next == id);
        closes && same_name && distinct && leads_here && of_accounts
    }
}

/// More than `accounts.max_devices` can be.
const MOST_SESSIONS: usize = 1_024;
