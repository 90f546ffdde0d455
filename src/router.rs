//! The rules: who has which name, who may say what to whom, and what the answer is.
//! Knows no sockets, no JSON, no threads and no clock; time comes in as [`Now`].

mod accounts;
mod answers;
mod devices;
mod fault;
mod holders;
mod mail;
mod messages;
mod names;
mod policy;
mod presence;
mod register;
mod session;
mod table;

pub use policy::Policy;
pub use table::Table;

use crate::config::Limits;
use crate::id::ConnId;
use crate::net::conns::{Arrived, MAX_RESERVED};
use crate::planted;
use crate::router::accounts::Mailbox;
use crate::router::fault::{Fault, not_available, not_registered, refuse};
use crate::router::names::Names;
use crate::router::policy::Greetings;
use crate::router::presence::Presence;
use crate::router::register::Claims;
use crate::router::session::{NOBODY, Session, Sessions};
use crate::time::{Now, Stamp};
use crate::wire::code::{Goodbye, Mode, NoticeKind, Status, Verb};
use crate::wire::command::{Command, PrivateMessage, Raw, Refusal, Request};
use crate::wire::frame::{Envelope, Frame};

/// What a connection's bytes go through, and who may read them on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// Nobody: within this machine.
    Local,
    /// Everybody.
    #[default]
    Plain,
    /// Nobody: encrypted.
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
    /// What it asked to be told of by [`Table::await_room`].
    Room,
    /// A followed connection is no more. What of its output had arrived, if its peer ended it in order.
    Ended(Arrived),
}

const STORES_NOTHING: &str = "this server runs in open mode: it stores nothing";

/// Yields unguessable numbers, never 0; `None`: no randomness can be had now.
pub type Tokens = Box<dyn FnMut() -> Option<u128>>;

pub struct Router {
    limits: Limits,
    greetings: Greetings,
    /// `None`: open mode.
    mailbox: Option<Box<Mailbox>>,
    sessions: Sessions,
    names: Names,
    presence: Presence,
    claims: Claims,
    tokens: Tokens,
    /// Of the last message, and whose it was: the next one is usually the same sender's.
    envelope: Envelope,
    sender: ConnId,
    /// Messages taken for their recipients so far.
    messages: u64,
}

impl Router {
    /// `capacity`: connections at once.
    pub fn new(policy: Policy, tokens: Tokens, capacity: usize) -> Self {
        let mailbox = policy
            .accounts
            .map(|rules| Box::new(Mailbox::new(rules, capacity)));
        let told = match mailbox {
            Some(_) => NoticeKind::AuthFailures,
            None => NoticeKind::ClaimRefused,
        };
        Router {
            limits: policy.limits,
            greetings: policy.greetings,
            mailbox,
            sessions: Sessions::with_capacity(capacity.min(MAX_RESERVED)),
            names: Names::default(),
            presence: Presence::default(),
            claims: Claims::new(told),
            tokens,
            envelope: Envelope::new(b"", Stamp::new(0)),
            sender: NOBODY,
            messages: 0,
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
            Input::Connected(channel) => self.connected(id, channel, out),
            Input::Refused(refusal) => self.refused(id, refusal, out),
            Input::HalfClosed => self.end_session(id, Goodbye::Drained, None, out, now),
            Input::Gone => self.gone(id, out, now),
            Input::Room => self.has_room(id, out, now),
            Input::Ended(arrived) => self.ended(id, arrived, out, now),
        }
    }

    /// Does what has become due. Returns when something is due next, in monotonic ms.
    pub fn tick<T: Table>(&mut self, out: &mut T, now: &Now) -> u64 {
        let presence = self.presence.tick(&self.limits, out, now);
        let mail = self.tick_mail(out, now);
        presence
            .min(mail)
            .min(self.claims.tick(&self.limits, &mut self.sessions, out, now))
    }

    /// Takes new limits and rules, from the next command on, and the greetings that name them. The mode stays.
    pub fn reload(&mut self, policy: Policy) {
        self.limits = policy.limits;
        self.greetings = policy.greetings;
        if let (Some(mailbox), Some(rules)) = (&mut self.mailbox, policy.accounts) {
            mailbox.rules = rules;
        }
    }

    /// The name that a connection has registered.
    pub fn name(&self, id: ConnId) -> Option<&str> {
        self.sessions.get(id).map(Session::name)
    }

    /// Messages taken for their recipients so far: queued for their connections, or stored.
    pub fn messages(&self) -> u64 {
        self.messages
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
        if self.mailbox.is_some() {
            return self.is_ring_sound(id) && self.presence.is_sound(id, self.sessions.get(id));
        }
        let mapped = self.sessions.get(id).is_none_or(|session| {
            self.names.find(session.key().as_bytes(), &self.sessions) == Some(id)
        });
        mapped && self.presence.is_sound(id, self.sessions.get(id))
    }

    fn connected<T: Table>(&mut self, id: ConnId, channel: Channel, out: &mut T) {
        self.sessions.connected(id);
        let mut nonce = None;
        if let Some(mailbox) = &mut self.mailbox {
            nonce = (self.tokens)().map(u128::to_be_bytes);
            mailbox.connected(id, channel, nonce);
        }
        let line = self.greetings.of(channel);
        out.send(id, &Frame::Hello { line, nonce });
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
                    mode: self.mode(),
                },
            ),
            Command::Bye => self.end_session(from, Goodbye::Bye, id, out, now),
            Command::Account(account) => return self.account(from, id, account, out),
            _ if self.sessions.get(from).is_none() => return Err(not_registered()),
            Command::PrivateMessage(message) => {
                return self.private_message(from, id, message, out, now);
            }
            Command::Typing { to, to_raw } if self.mailbox.is_some() => {
                return self.pass_typing(from, id, to, *to_raw, out);
            }
            Command::Typing { to, to_raw } => self.typing(from, to, *to_raw, out)?,
            Command::Watch { usernames } => {
                return self.watch_if_permitted(from, id, usernames, out, now);
            }
            Command::Unwatch { usernames } => self.unwatch(from, usernames),
            Command::SetStatus(status) => self.set_status(from, *status, out, now),
            Command::Ack { pos } => return self.ack(from, id, *pos, out, now),
            Command::Mail(mail) => return self.mail(from, id, mail, out),
            Command::Mailbox(_) => return Err(not_available(STORES_NOTHING, None)),
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

    fn refused<T: Table>(&mut self, from: ConnId, refusal: &Refusal<'_>, out: &mut T) {
        let registers = refusal.verb == Some(Verb::Register);
        let allowed = registers
            || matches!(
                refusal.verb,
                None | Some(Verb::Ping | Verb::Pong | Verb::Help | Verb::Bye)
            )
            || (refusal.verb == Some(Verb::Account) && self.signup_open());
        if !allowed && self.sessions.get(from).is_none() {
            return refuse(out, from, refusal.id, refusal.verb, &not_registered());
        }
        let fault = Fault {
            code: refusal.code,
            message: refusal.message.clone(),
            field: refusal.field,
            to_raw: refusal.to_raw,
            hint: refusal.hint,
            retry_after_ms: None,
        };
        refuse(out, from, refusal.id, refusal.verb, &fault);
        if registers {
            self.count_try(from, out);
        }
    }

    fn mode(&self) -> Mode {
        match self.mailbox {
            Some(_) => Mode::Mailbox,
            None => Mode::Open,
        }
    }

    fn gone<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        if self.mailbox.is_some() {
            return self.device_gone(id, out, now);
        }
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
