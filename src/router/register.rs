//! Getting a name: first come, first served, and back to its owner by the resume token.

use std::collections::BTreeSet;

use crate::config::Limits;
use crate::id::ConnId;
use crate::net::conns::Load;
use crate::planted;
use crate::router::fault::{Fault, not_available};
use crate::router::session::{ClaimCount, Session, Sessions};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Code, Goodbye, NoticeKind, Status};
use crate::wire::command::{Raw, Register};
use crate::wire::frame::Frame;

impl Router {
    pub(super) fn register<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        register: &Register<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        if self.sessions.get(from).is_some() {
            return Err(Fault::new(
                Code::AlreadyRegistered,
                "this connection has a name; connect again for another",
            ));
        }
        match self.mailbox {
            Some(_) => self.prove(from, id, register, out),
            None => self.take_name(from, id, register, out, now),
        }
    }

    fn take_name<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        register: &Register<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        if let Some(field) = register.unavailable {
            return Err(not_available(
                "this server runs in open mode: names are not proved",
                Some(field),
            ));
        }
        let key = register.username.key();
        let holder = self.names.find(key.as_bytes(), &self.sessions);
        if let Some(holder) = holder {
            self.check_claim(holder, register, out, now)?;
        }
        let Some(token) = (self.tokens)() else {
            return Err(Fault::new(
                Code::Overloaded,
                "no randomness for a token now; try again",
            ));
        };
        let status = register.status.unwrap_or(Status::Online);
        let mut session = Session::new(&register.username, status, token, now);
        if let Some(older) = holder.and_then(|holder| self.replace(holder, out)) {
            session.succeed(&older, register.resume_token.unwrap_or(0));
        }
        let (username, heartbeat_ms) = (register.username.as_str(), register.heartbeat_ms);
        out.registered(from, heartbeat_ms);
        out.send(
            from,
            &Frame::Registered {
                id,
                username,
                resume_token: Some(token),
                device: None,
                mail: None,
                heartbeat_ms,
            },
        );
        self.names.insert(key, from);
        self.presence
            .changed(key, username, session.status(), &self.limits, out, now);
        if let (Some(holder), true) = (holder, planted::is(planted::Fault::StaleHangup)) {
            let stale = Session::new(&register.username, status, token, now);
            self.sessions.insert(holder, stale);
        }
        self.sessions.insert(from, session);
        Ok(())
    }

    /// A failed `register`; the last of its tries ends the connection.
    pub(super) fn count_try<T: Table>(&mut self, from: ConnId, out: &mut T) {
        if self.sessions.count_try(from) >= self.limits.register_tries
            && self.sessions.get(from).is_none()
        {
            out.close(from, Goodbye::TooManyErrors, None);
        }
    }

    /// Whether `register` may take the name from `holder`; if not, the holder learns of it.
    fn check_claim<'a, T: Table>(
        &mut self,
        holder: ConnId,
        register: &Register<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let Some(session) = self.sessions.get_mut(holder) else {
            return Ok(());
        };
        if register
            .resume_token
            .is_some_and(|token| session.accepts(token))
        {
            return Ok(());
        }
        self.claims.add(holder, session, 1, &self.limits, out, now);
        let mut fault = match register.resume_token {
            Some(_) => Fault::new(
                Code::AuthFailed,
                "this resumeToken is not, or no longer, good for this name",
            ),
            None => Fault::new(
                Code::NameTaken,
                format!("the name \"{}\" is taken", register.username.as_str()),
            ),
        };
        fault.field = Some(if register.resume_token.is_some() {
            "resumeToken"
        } else {
            "username"
        });
        fault.hint =
            Some("choose another name, or send the resumeToken that this name was last given");
        Err(fault)
    }

    /// Takes the name away from `holder`, whose connection ends.
    fn replace<T: Table>(&mut self, holder: ConnId, out: &mut T) -> Option<Session> {
        let mut older = self.sessions.end(holder)?;
        self.names.remove(&older, holder);
        self.presence.forget_watcher(holder, &mut older);
        self.claims.forget(holder, &older);
        out.close(holder, Goodbye::Replaced, None);
        Some(older)
    }
}

/// Tells holders of refused claims on their names, or of failed tries to prove them: at once, then at most once an
/// interval.
pub(super) struct Claims {
    kind: NoticeKind,
    /// Holders that are to be told later: (monotonic ms, whom).
    due: BTreeSet<(u64, ConnId)>,
}

impl Claims {
    pub(super) fn new(kind: NoticeKind) -> Self {
        Claims {
            kind,
            due: BTreeSet::new(),
        }
    }

    /// `count` more.
    pub(super) fn add<T: Table>(
        &mut self,
        holder: ConnId,
        session: &mut Session,
        count: u32,
        limits: &Limits,
        out: &mut T,
        now: &Now,
    ) {
        let claims = session.claims_mut().get_or_insert(ClaimCount {
            count: 0,
            tell_at_ms: now.mono_ms,
        });
        claims.count = claims.count.saturating_add(count);
        let notice = notice(self.kind, claims.count, now);
        if claims.tell_at_ms <= now.mono_ms && out.offer(holder, &notice) == Load::Fits {
            self.due.remove(&(claims.tell_at_ms, holder));
            *claims = ClaimCount {
                count: 0,
                tell_at_ms: now.mono_ms + limits.claim_notice_interval_ms,
            };
        } else {
            self.due.insert((claims.tell_at_ms, holder));
        }
    }

    /// Tells those whose time has come. Returns when the next one's does.
    pub(super) fn tick<T: Table>(
        &mut self,
        limits: &Limits,
        sessions: &mut Sessions,
        out: &mut T,
        now: &Now,
    ) -> u64 {
        while let Some(&(at, holder)) = self.due.first() {
            if at > now.mono_ms {
                return at;
            }
            self.due.pop_first();
            let Some(session) = sessions.get_mut(holder) else {
                continue;
            };
            let Some(claims) = session.claims_mut() else {
                continue;
            };
            claims.tell_at_ms = now.mono_ms + limits.claim_notice_interval_ms;
            let notice = notice(self.kind, claims.count, now);
            if out.offer(holder, &notice) == Load::Fits {
                claims.count = 0;
            } else {
                self.due.insert((claims.tell_at_ms, holder));
            }
        }
        u64::MAX
    }

    pub(super) fn forget(&mut self, holder: ConnId, session: &Session) {
        if let Some(claims) = session.claims() {
            self.due.remove(&(claims.tell_at_ms, holder));
        }
    }
}

fn notice(kind: NoticeKind, count: u32, now: &Now) -> Frame<'static> {
    Frame::SessionNotice {
        kind,
        count: Some(count),
        device: None,
        time: now.stamp,
    }
}
