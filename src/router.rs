//! The rules: who has which name, who may say what to whom, and what the answer is.
//! Knows no sockets, no JSON, no threads and no clock; time comes in as [`Now`].

mod fault;
mod names;
mod presence;
mod register;
mod session;

use crate::config::Limits;
use crate::id::ConnId;
use crate::net::conns::{Load, MAX_RESERVED};
use crate::planted;
use crate::router::fault::{Fault, not_available, not_registered, offered, refuse, unknown_user};
use crate::router::names::Names;
use crate::router::presence::Presence;
use crate::router::register::Claims;
use crate::router::session::{Session, Sessions};
use crate::time::Now;
use crate::wire::code::{Goodbye, Status, Verb};
use crate::wire::command::{Command, PrivateMessage, Raw, Refusal, Request};
use crate::wire::frame::Frame;
use crate::wire::name::Name;

/// The one way out: the connection table.
pub trait Table {
    /// Sends what is no reply, if there is room for it.
    fn offer(&mut self, to: ConnId, frame: &Frame<'_>) -> Load;
    /// Sends a reply.
    fn send(&mut self, to: ConnId, frame: &Frame<'_>);
    /// Ends a connection with `goodbye` as its last line; `reply` is the `id` that it answers.
    fn close(&mut self, id: ConnId, code: Goodbye, reply: Option<Raw<'_>>);
    /// The connection has become a session.
    fn registered(&mut self, id: ConnId, heartbeat_ms: Option<u32>);
}

/// What a connection goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Within this machine.
    Local,
    /// Unencrypted, from another machine.
    Plain,
    Tls,
}

/// What can happen to the router besides the passing of time ([`Router::tick`]).
#[derive(Debug)]
pub enum Input<'a> {
    Connected(Channel),
    Command(&'a Request<'a>),
    /// The command that most lines are, with its `id`.
    Message(Option<Raw<'a>>, &'a PrivateMessage<'a>),
    /// A line that was no command.
    Refused(&'a Refusal<'a>),
    /// The peer sends no more; everything it sent was handled.
    HalfClosed,
    /// The connection ends, for whatever reason; its name is free from here on.
    Gone,
}

/// Yields unguessable numbers, never 0; `None`: no randomness can be had now.
pub type Tokens = Box<dyn FnMut() -> Option<u128>>;

pub struct Router {
    limits: Limits,
    hello: [Vec<u8>; 2],
    sessions: Sessions,
    names: Names,
    presence: Presence,
    claims: Claims,
    tokens: Tokens,
}

impl Router {
    /// `hello`: the line that greets every connection, without TLS and with it. `capacity`: connections at once.
    pub fn new(limits: Limits, hello: [Vec<u8>; 2], tokens: Tokens, capacity: usize) -> Self {
        Router {
            limits,
            hello,
            sessions: Sessions::with_capacity(capacity.min(MAX_RESERVED)),
            names: Names::default(),
            presence: Presence::default(),
            claims: Claims::default(),
            tokens,
        }
    }

    #[inline]
    pub fn input<T: Table>(&mut self, id: ConnId, input: Input<'_>, out: &mut T, now: &Now) {
        match input {
            Input::Message(reply, message) => {
                if let Err(fault) = self.private_message(id, reply, message, out, now) {
                    refuse(out, id, reply, Some(Verb::PrivateMessage), &fault);
                }
            }
            Input::Command(request) => self.command(id, request, out, now),
            Input::Connected(channel) => {
                self.sessions.connected(id);
                let [without, with] = &self.hello;
                let hello = if channel == Channel::Tls {
                    with
                } else {
                    without
                };
                out.send(id, &Frame::Hello(hello));
            }
            Input::Refused(refusal) => self.refused(id, refusal, out),
            Input::HalfClosed => out.close(id, Goodbye::Drained, None),
            Input::Gone => self.gone(id, out, now),
        }
    }

    /// Does what has become due. Returns when something is due next, in monotonic ms.
    pub fn tick<T: Table>(&mut self, out: &mut T, now: &Now) -> u64 {
        let presence = self.presence.tick(&self.limits, out, now);
        presence.min(self.claims.tick(&self.limits, &mut self.sessions, out, now))
    }

    /// Takes new limits, from the next command on, and the greeting that names them.
    pub fn reload(&mut self, limits: Limits, hello: [Vec<u8>; 2]) {
        self.limits = limits;
        self.hello = hello;
    }

    /// The name that a connection has registered.
    pub fn name(&self, id: ConnId) -> Option<&str> {
        self.sessions.get(id).map(Session::name)
    }

    /// How many names are registered.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everything that is known of `id` agrees with itself.
    pub fn is_sound(&self, id: ConnId) -> bool {
        let mapped = self.sessions.get(id).is_none_or(|session| {
            self.names.find(session.key().as_bytes(), &self.sessions) == Some(id)
        });
        mapped && self.presence.is_sound(id, self.sessions.get(id))
    }

    #[inline]
    fn command<T: Table>(&mut self, from: ConnId, request: &Request<'_>, out: &mut T, now: &Now) {
        let done = match &request.command {
            Command::PrivateMessage(message) => {
                self.private_message(from, request.id, message, out, now)
            }
            other => self.rare_command(from, request.id, other, out, now),
        };
        if let Err(fault) = done {
            let verb = request.command.verb();
            refuse(out, from, request.id, Some(verb), &fault);
            if verb == Verb::Register {
                self.count_try(from, out);
            }
        }
    }

    fn rare_command<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        command: &Command<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        match command {
            Command::Register(register) => return self.register(from, id, register, out, now),
            Command::Ping { data } => out.send(
                from,
                &Frame::Pong {
                    id,
                    data: *data,
                    time: now.stamp,
                },
            ),
            Command::Pong => {}
            Command::Help { command } => out.send(
                from,
                &Frame::Help {
                    id,
                    command: *command,
                },
            ),
            Command::Bye => out.close(from, Goodbye::Bye, id),
            _ if self.sessions.get(from).is_none() => return Err(not_registered()),
            Command::PrivateMessage(message) => {
                return self.private_message(from, id, message, out, now);
            }
            Command::Typing { to, to_raw } => self.typing(from, to, *to_raw, out)?,
            Command::Watch { usernames } => return self.watch(from, id, usernames, out, now),
            Command::Unwatch { usernames } => self.unwatch(from, usernames),
            Command::SetStatus(status) => self.set_status(from, *status, out, now),
            Command::Mailbox(_) => {
                return Err(not_available(
                    "this server runs in open mode: it stores nothing",
                    None,
                ));
            }
        }
        if let (Some(id), Verb::Typing | Verb::Unwatch | Verb::SetStatus) = (id, command.verb()) {
            out.send(
                from,
                &Frame::Ok {
                    id,
                    command: command.verb(),
                },
            );
        }
        Ok(())
    }

    #[inline]
    fn private_message<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        message: &PrivateMessage<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let sender = self.sessions.get(from).ok_or_else(not_registered)?;
        if let Some(field) = message.unavailable {
            return Err(not_available(
                "messages do not expire in open mode",
                Some(field),
            ));
        }
        let Some((to, recipient)) = self.recipient(sender, &message.to) else {
            return Err(unknown_user(&message.to, message.to_raw));
        };
        let frame = Frame::PrivateMessage {
            from: sender.name(),
            message,
            time: now.stamp,
        };
        offered(out.offer(to, &frame), &message.to, message.to_raw)?;
        let message_id = message.message_id;
        if id.is_some() || message_id.is_some() {
            out.send(
                from,
                &Frame::Accepted {
                    id,
                    message_id,
                    to: recipient.name(),
                    time: now.stamp,
                },
            );
        }
        Ok(())
    }

    fn typing<'a, T: Table>(
        &mut self,
        from: ConnId,
        name: &Name<'a>,
        to_raw: Raw<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let sender = self.sessions.get(from).ok_or_else(not_registered)?;
        let (to, _) = self
            .recipient(sender, name)
            .ok_or_else(|| unknown_user(name, to_raw))?;
        offered(
            out.offer(
                to,
                &Frame::Typing {
                    from: sender.name(),
                },
            ),
            name,
            to_raw,
        )
    }

    /// Whom `name` reaches. Whom one wrote to last is found without the map.
    #[inline]
    fn recipient(&self, sender: &Session, name: &Name<'_>) -> Option<(ConnId, &Session)> {
        let last = sender.last_recipient();
        match self.sessions.get(last) {
            Some(session) if session.name_bytes() == name.as_bytes() => Some((last, session)),
            None if planted::is(planted::Fault::SlotIsIdentity) && last.serial > 0 => {
                self.sessions.at(last.key)
            }
            _ => {
                let to = self.names.find(name.key().as_bytes(), &self.sessions)?;
                sender.remember_recipient(to);
                Some((to, self.sessions.get(to)?))
            }
        }
    }

    fn set_status<T: Table>(&mut self, id: ConnId, status: Status, out: &mut T, now: &Now) {
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

    fn refused<T: Table>(&mut self, from: ConnId, refusal: &Refusal<'_>, out: &mut T) {
        let registers = refusal.verb == Some(Verb::Register);
        let allowed = registers
            || matches!(
                refusal.verb,
                None | Some(Verb::Ping | Verb::Pong | Verb::Help | Verb::Bye)
            );
        if !allowed && self.sessions.get(from).is_none() {
            return refuse(out, from, refusal.id, refusal.verb, &not_registered());
        }
        let fault = Fault {
            code: refusal.code,
            message: refusal.message.clone(),
            field: refusal.field,
            to_raw: refusal.to_raw,
            hint: refusal.hint,
        };
        refuse(out, from, refusal.id, refusal.verb, &fault);
        if registers {
            self.count_try(from, out);
        }
    }

    fn gone<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let Some(mut session) = self.sessions.remove(id) else {
            return;
        };
        if !planted::is(planted::Fault::WatcherKept) {
            self.presence.forget_watcher(id, &mut session);
        }
        self.claims.forget(id, &session);
        if self.names.remove(&session, id) {
            self.presence.changed(
                session.key(),
                session.name(),
                Status::Offline,
                &self.limits,
                out,
                now,
            );
        }
    }
}
