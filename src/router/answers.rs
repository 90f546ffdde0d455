//! Mailbox mode: what an answer about accounts leads to, for who asked and for the account's sessions.
//! Knows neither how a name is proved nor where accounts are kept.

use crate::accounts::{Answer, Asker, Device, Done, Ends, Notice, Refused, Registered, Which};
use crate::id::ConnId;
use crate::mailbox::Sender;
use crate::router::accounts::Pending;
use crate::router::fault::{Fault, refuse};
use crate::router::mail::tell_left;
use crate::router::session::{Member, Session};
use crate::router::{Router, Table};
use crate::time::{Now, Stamp};
use crate::wire::code::{Code, Goodbye, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

impl Router {
    /// An answer has come. Who asked may be gone by now: what else follows from it holds all the same.
    pub fn done<T: Table>(&mut self, done: &Done, out: &mut T, now: &Now) {
        if let Asker::Conn(id) = done.asker {
            self.answer(id, &done.answer, out, now);
        }
        self.push(&done.entries, out, now);
        self.regard(&done.regards, out, now);
        if let Some(ends) = &done.ends {
            self.end(ends, out, now);
        }
        if let Some((username, Notice::AuthFailures(count))) = &done.notice {
            let sessions: Vec<ConnId> = self.sessions_of(username.key());
            for id in sessions {
                self.notify(id, *count, out, now);
            }
        }
        if let Asker::Conn(id) = done.asker {
            // Last, so that it is still sent what its own last command led to.
            self.go_on_ending(id, out, now);
        }
    }

    fn answer<T: Table>(&mut self, id: ConnId, answer: &Answer, out: &mut T, now: &Now) {
        if let Answer::Mail {
            reply,
            verb,
            answer,
        } = answer
        {
            return self.mail_answer(id, reply.as_deref(), *verb, answer, out, now);
        }
        let is_there = out.answered(id);
        let pending = self
            .mailbox
            .as_mut()
            .and_then(|mailbox| mailbox.take_pending(id));
        let Some(pending) = pending.filter(|_| is_there) else {
            return unseated(answer, out);
        };
        let reply = pending.id.as_deref().map(Raw);
        match (answer, pending.verb) {
            (Answer::Refused(refused), verb) => self.refuse_answer(id, reply, verb, refused, out),
            (Answer::Registered(registered), Verb::Register) => {
                self.seat(id, &pending, registered, out, now);
            }
            (Answer::Ok, command) => {
                if let Some(id_of_reply) = reply {
                    let ok = Frame::Ok {
                        id: id_of_reply,
                        command,
                    };
                    out.send(id, &ok);
                }
            }
            (Answer::Devices(devices), command) => self.list(id, reply, command, devices, out),
            (
                Answer::Registered(_)
                | Answer::Accounts(_)
                | Answer::Upkeep(_)
                | Answer::Mail { .. },
                _,
            ) => {
                out.close(id, Goodbye::InternalError, reply);
            }
        }
    }

    pub(super) fn refuse_answer<T: Table>(
        &mut self,
        id: ConnId,
        reply: Option<Raw<'_>>,
        verb: Verb,
        refused: &Refused,
        out: &mut T,
    ) {
        let fault = Fault {
            field: refused.field,
            retry_after_ms: refused.retry_after_ms,
            ..Fault::new(refused.code, refused.message)
        };
        refuse(out, id, reply, Some(verb), &fault);
        if verb == Verb::Register {
            self.count_try(id, out);
        }
    }

    /// The name is proved: the connection is a session of the account. An older one of the same device ends.
    fn seat<T: Table>(
        &mut self,
        id: ConnId,
        pending: &Pending,
        registered: &Registered,
        out: &mut T,
        now: &Now,
    ) {
        let key = registered.username.key();
        let before = self.shown(key);
        let has_device = registered.mail.is_some();
        let is_same = |member: &Member| match &member.device {
            Some(device) => has_device && **device == *registered.device,
            None => false,
        };
        let older = self.sessions_of(key).into_iter().find(|older| {
            let member = self.sessions.get(*older).and_then(Session::member);
            member.is_some_and(is_same)
        });
        if let Some(older) = older {
            self.leave(older, out, now);
            out.close(older, Goodbye::Replaced, None);
        }
        if !has_device && self.only_sending(key) >= self.limits.max_send_only {
            let refused = too_many_sessions();
            return self.refuse_answer(
                id,
                pending.id.as_deref().map(Raw),
                Verb::Register,
                &refused,
                out,
            );
        }
        out.registered(id, pending.heartbeat_ms);
        out.send(
            id,
            &Frame::Registered {
                id: pending.id.as_deref().map(Raw),
                username: registered.username.as_str(),
                resume_token: has_device.then_some(registered.resume_token),
                device: has_device.then_some(&*registered.device),
                mail: registered.mail.as_ref(),
                heartbeat_ms: pending.heartbeat_ms,
            },
        );
        self.join(id, registered, pending.status, now);
        self.restate(key, registered.username.as_str(), before, out, now);
        self.begin_delivery(id, pending, registered.mail.as_ref(), out, now);
        if registered.failures > 0 {
            self.notify(id, registered.failures, out, now);
        }
    }

    fn list<T: Table>(
        &self,
        to: ConnId,
        id: Option<Raw<'_>>,
        command: Verb,
        devices: &[Device],
        out: &mut T,
    ) {
        let current = self.sessions.get(to).and_then(Session::member);
        for device in devices {
            out.send(
                to,
                &Frame::Device {
                    id,
                    device: &device.device,
                    created_at: Stamp::new(device.created_unix_ms),
                    seen_at: Stamp::new(device.seen_unix_ms),
                    is_current: current
                        .and_then(|member| member.device.as_deref())
                        .is_some_and(|current| current == &*device.device),
                },
            );
        }
        let count = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        out.send(
            to,
            &Frame::Done {
                id,
                command,
                count,
                complete: true,
            },
        );
    }

    /// What proved these sessions is no longer good.
    fn end<T: Table>(&mut self, ends: &Ends, out: &mut T, now: &Now) {
        let key = ends.username.key();
        let before = self.shown(key);
        for id in self.sessions_of(key) {
            let member = self.sessions.get(id).and_then(Session::member);
            let device = member.and_then(|member| member.device.as_deref());
            let ended = match &ends.which {
                Which::All => true,
                Which::Device(which) => device == Some(&**which),
                Which::AllBut(which) => device != Some(&**which),
            };
            if ended {
                self.leave(id, out, now);
                out.close(id, Goodbye::Revoked, None);
            }
        }
        self.restate(key, ends.username.as_str(), before, out, now);
    }

    /// Failed tries to prove the session's name: told at once, then at most once an interval.
    fn notify<T: Table>(&mut self, id: ConnId, count: u32, out: &mut T, now: &Now) {
        if let Some(session) = self.sessions.get_mut(id) {
            self.claims.add(id, session, count, &self.limits, out, now);
        }
    }
}

fn too_many_sessions() -> Refused {
    Refused {
        code: Code::TooManySessions,
        message: "this account has as many sessions that only send as it may have",
        field: Some("deliver"),
        retry_after_ms: None,
    }
}

/// The name is proved, and whoever proved it is gone: the session that began is over.
fn unseated<T: Table>(answer: &Answer, out: &mut T) {
    if let Answer::Registered(registered) = answer
        && registered.mail.is_some()
    {
        let from = Sender {
            account: registered.account,
            device: Some(registered.device.as_ref().into()),
            invisible: false,
        };
        tell_left(from, 0, out);
    }
}
