//! What is not stored: `ephemeral` messages and `typing`, which go to whoever is there, or nowhere. Whether they may is
//! asked once for each recipient. Knows no rule about who may.

use crate::id::ConnId;
use crate::mailbox::{Answer, Ask, Reach, Who};
use crate::net::conns::Load;
use crate::router::devices::ring;
use crate::router::fault::{Fault, not_registered, refuse};
use crate::router::mail::answer::tell_refused;
use crate::router::mail::echo::{Echo, Purpose};
use crate::router::messages::would_overtake;
use crate::router::session::{NOBODY, Session};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Goodbye, Verb};
use crate::wire::command::{PrivateMessage, Raw};
use crate::wire::frame::Frame;
use crate::wire::name::Name;

/// What a session knows of the one to whom it sent last what is not stored.
#[derive(Debug)]
pub struct Way {
    to: Option<Who>,
    is_open: bool,
    /// Of [`super::Post`] when it was told.
    generation: u64,
    /// One of the recipient's sessions, if it is still there.
    first: ConnId,
    /// Questions about it that are not answered: what is sent meanwhile is asked about too, and keeps its order.
    asked: u32,
}

impl Default for Way {
    fn default() -> Self {
        Way {
            to: None,
            is_open: false,
            generation: 0,
            first: NOBODY,
            asked: 0,
        }
    }
}

impl Router {
    /// An `ephemeral` message. The envelope is the sender's.
    pub(in crate::router) fn pass_on<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        message: &PrivateMessage<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let has_to_wait = would_overtake(from, id, message, out);
        let way = self.knows_way(from, &message.to);
        if let Some(is_open) = way.filter(|_| !has_to_wait) {
            return self.pass(from, id, message, is_open, out, now);
        }
        let echo = Echo::whole(id, message);
        let bytes = message.message.0.len();
        self.ask_way(from, echo, Verb::PrivateMessage, &message.to, bytes, out)
    }

    pub(in crate::router) fn pass_typing<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        name: &Name<'a>,
        to_raw: Raw<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        if let Some(is_open) = self.knows_way(from, name) {
            return self.type_to(from, id, is_open, out);
        }
        self.ask_way(from, Echo::to(id, to_raw), Verb::Typing, name, 0, out)
    }

    /// The answer to what was asked for an `ephemeral` message or for `typing`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what was asked, and what was answered"
    )]
    pub(super) fn reached<T: Table>(
        &mut self,
        id: ConnId,
        purpose: Purpose,
        echo: &Echo<'_>,
        answer: &Answer,
        is_there: bool,
        out: &mut T,
        now: &Now,
    ) {
        let generation = self.generation();
        let Some(member) = self.member_mut(id) else {
            return;
        };
        let verb = match purpose {
            Purpose::Typing => Verb::Typing,
            _ => Verb::PrivateMessage,
        };
        let way = &mut member.way;
        way.asked = way.asked.saturating_sub(1);
        let (who, is_open) = match answer {
            Answer::Reach(Reach::Open(who)) => (who, true),
            Answer::Reach(Reach::Swallowed(who)) => (who, false),
            Answer::Refused(refused) if is_there => {
                return tell_refused(id, echo, verb, refused, out);
            }
            Answer::Refused(_) => return,
            _ => return out.close(id, Goodbye::InternalError, echo.id()),
        };
        way.to = Some(who.clone());
        (way.is_open, way.generation, way.first) = (is_open, generation, NOBODY);
        let Ok(to) = Name::parse(who.as_str()) else {
            return;
        };
        let done = match echo.message(to) {
            _ if !is_there => return,
            Some(message) => {
                self.set_envelope(id, now);
                self.pass(id, echo.id(), &message, is_open, out, now)
            }
            None => self.type_to(id, echo.id(), is_open, out),
        };
        if let Err(fault) = done {
            refuse(out, id, echo.id(), Some(verb), &fault);
        }
    }

    /// The one session that an `ephemeral` message goes to, if `from` sent one there just before and neither account has
    /// another session: what most of them are.
    #[inline]
    pub(in crate::router) fn known_way(
        &self,
        from: ConnId,
        sender: &Session,
        name: &Name<'_>,
    ) -> Option<(ConnId, &Session)> {
        let member = sender.member()?;
        let way = &member.way;
        let recipient = self.sessions.get(way.first)?;
        let other = recipient.member()?;
        let is_known = way.is_open && way.asked == 0 && way.generation == self.generation();
        let are_alone = member.next == from && other.next == way.first && other.device.is_some();
        (is_known && are_alone && recipient.name_bytes() == name.as_bytes())
            .then_some((way.first, recipient))
    }

    /// Whether what is not stored may reach `name`; `None`: that has to be asked.
    fn knows_way(&self, from: ConnId, name: &Name<'_>) -> Option<bool> {
        let way = &self.sessions.get(from)?.member()?.way;
        if way.asked > 0 || way.generation != self.generation() {
            return None;
        }
        let to = way.to.as_ref()?;
        (to.as_bytes() == name.as_bytes() || to.key() == name.key()).then_some(way.is_open)
    }

    fn ask_way<'a, T: Table>(
        &mut self,
        from: ConnId,
        echo: Echo<'a>,
        verb: Verb,
        to: &Name<'a>,
        bytes: usize,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let to = to.clone().into_owned();
        self.post(from, echo, verb, Ask::Reach { to }, bytes, out)?;
        if let Some(member) = self.member_mut(from) {
            member.way.asked = member.way.asked.saturating_add(1);
        }
        Ok(())
    }

    /// To every device of whom the way of `from` leads to, and a copy to each other one of the sender, as far as they
    /// have room. If nobody is there, or none of it may leave, it is accepted all the same.
    fn pass<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        message: &PrivateMessage<'a>,
        is_open: bool,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let first = self.first_on_way(from).filter(|_| is_open);
        let sender = self.sessions.get(from).ok_or_else(not_registered)?;
        let member = sender.member().ok_or_else(not_registered)?;
        if let Some(first) = first {
            self.pass_to_all(from, first, message, out, now);
        }
        let to = member.way.to.as_deref();
        if let Some(to) = to
            && (id.is_some() || message.message_id.is_some())
        {
            out.send(
                from,
                &Frame::Accepted {
                    id,
                    message_id: message.message_id,
                    to: to.as_str(),
                    time: now.stamp,
                },
            );
        }
        self.messages += 1;
        Ok(())
    }

    fn pass_to_all<T: Table>(
        &self,
        from: ConnId,
        first: ConnId,
        message: &PrivateMessage<'_>,
        out: &mut T,
        now: &Now,
    ) {
        let (Some(sender), Some(recipient)) = (self.sessions.get(from), self.sessions.get(first))
        else {
            return;
        };
        let frame = Frame::PrivateMessage {
            envelope: &self.envelope,
            message,
        };
        let mut is_there = false;
        for device in self.devices(first) {
            is_there |= out.offer(device, &frame) == Load::Fits;
        }
        if !is_there || recipient.key() == sender.key() {
            return;
        }
        let copy = Frame::Copy {
            from: sender.name(),
            message,
            time: now.stamp,
            to: recipient.name(),
        };
        for device in self.devices(from).filter(|device| *device != from) {
            out.offer(device, &copy);
        }
    }

    /// To whichever device has room. From somebody invisible nothing leaves.
    fn type_to<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        is_open: bool,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let first = self.first_on_way(from).filter(|_| is_open);
        let sender = self.sessions.get(from).ok_or_else(not_registered)?;
        let is_seen = sender.member().is_some_and(|member| !member.invisible);
        let typing = Frame::Typing {
            from: sender.name(),
        };
        if let Some(first) = first.filter(|_| is_seen) {
            for device in self.devices(first) {
                out.offer(device, &typing);
            }
        }
        if let Some(id) = id {
            let command = Verb::Typing;
            out.send(from, &Frame::Ok { id, command });
        }
        Ok(())
    }

    /// A session of the one to whom the way of `from` leads, remembered for the next time.
    #[inline]
    fn first_on_way(&mut self, from: ConnId) -> Option<ConnId> {
        let way = &self.sessions.get(from)?.member()?.way;
        let to = way.to.as_ref()?;
        let named = |session: &Session| session.name_bytes() == to.as_bytes();
        if self.sessions.get(way.first).is_some_and(named) {
            return Some(way.first);
        }
        let first = self.names.find(to.key().as_bytes(), &self.sessions)?;
        self.member_mut(from)?.way.first = first;
        Some(first)
    }

    /// The sessions linked with `first` that get something.
    fn devices(&self, first: ConnId) -> impl Iterator<Item = ConnId> + '_ {
        ring(&self.sessions, first).filter_map(|(id, session)| {
            let member = session.member()?;
            member.device.as_ref().map(|_| id)
        })
    }

    fn generation(&self) -> u64 {
        self.mailbox
            .as_ref()
            .map_or(0, |mailbox| mailbox.post.generation)
    }
}
