//! Messages and typing: who is reached by a name, and what the sender is told. Knows no sockets and no JSON.

use crate::id::ConnId;
use crate::planted;
use crate::router::fault::{Fault, not_available, not_registered, offered, unknown_user};
use crate::router::session::Session;
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::Mode;
use crate::wire::command::{PrivateMessage, Raw};
use crate::wire::frame::{Envelope, Frame};
use crate::wire::name::Name;

impl Router {
    #[inline]
    pub(super) fn private_message<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        message: &PrivateMessage<'a>,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let sender = self.sessions.get(from).ok_or_else(not_registered)?;
        set_envelope(&mut self.envelope, &mut self.sender, from, sender, now);
        if message.expires_in_s.is_some() && self.mode() == Mode::Open {
            let text = "messages do not expire in open mode";
            return Err(not_available(text, Some("expiresIn")));
        }
        if message.ephemeral
            && !would_overtake(from, id, message, out)
            && let Some((to, recipient)) = self.known_way(from, sender, &message.to)
        {
            let frame = Frame::PrivateMessage {
                envelope: &self.envelope,
                message,
            };
            // Whoever has no room misses it.
            out.offer(to, &frame);
            accepted(out, from, id, message, recipient, now);
            self.messages += 1;
            return Ok(());
        }
        let Some((to, recipient)) = self.recipient(sender, &message.to) else {
            return match self.mailbox {
                Some(_) if message.ephemeral => self.pass_on(from, id, message, out, now),
                Some(_) => self.store(from, id, message, out),
                None => Err(unknown_user(&message.to, message.to_raw)),
            };
        };
        let frame = Frame::PrivateMessage {
            envelope: &self.envelope,
            message,
        };
        offered(out.offer(to, &frame), &message.to, message.to_raw)?;
        accepted(out, from, id, message, recipient, now);
        self.messages += 1;
        Ok(())
    }

    /// The envelope is the one of `from` from here on.
    pub(super) fn set_envelope(&mut self, from: ConnId, now: &Now) {
        if let Some(sender) = self.sessions.get(from) {
            set_envelope(&mut self.envelope, &mut self.sender, from, sender, now);
        }
    }

    pub(super) fn typing<'a, T: Table>(
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

    /// Whom `name` reaches: in mailbox mode more than one, hence nobody here. Whom one wrote to last is found
    /// without the map.
    #[inline(always)]
    fn recipient(&self, sender: &Session, name: &Name<'_>) -> Option<(ConnId, &Session)> {
        let last = sender.last_recipient();
        match self.sessions.get(last) {
            Some(session) if session.name_bytes() == name.as_bytes() => Some((last, session)),
            other => self.another_recipient(sender, name, other.is_some()),
        }
    }

    /// `last_lives`: whom `sender` wrote to last is still there.
    #[inline(never)]
    fn another_recipient(
        &self,
        sender: &Session,
        name: &Name<'_>,
        last_lives: bool,
    ) -> Option<(ConnId, &Session)> {
        let last = sender.last_recipient();
        if planted::is(planted::Fault::SlotIsIdentity) && !last_lives && last.serial > 0 {
            return self.sessions.at(last.key);
        }
        if self.mailbox.is_some() {
            return None;
        }
        let to = self.names.find(name.key().as_bytes(), &self.sessions)?;
        sender.remember_recipient(to);
        Some((to, self.sessions.get(to)?))
    }
}

#[inline(always)]
fn set_envelope(
    envelope: &mut Envelope,
    whose: &mut ConnId,
    from: ConnId,
    sender: &Session,
    now: &Now,
) {
    if *whose != from {
        *whose = from;
        envelope.set_sender(sender.name_bytes());
    }
    if *envelope.time() != now.stamp {
        envelope.set_time(now.stamp);
    }
}

/// Whether an `accepted` at once would come before those of messages that are being stored.
#[inline]
pub(super) fn would_overtake<T: Table>(
    from: ConnId,
    id: Option<Raw<'_>>,
    message: &PrivateMessage<'_>,
    out: &T,
) -> bool {
    (id.is_some() || message.message_id.is_some()) && out.awaited(from) > 0
}

/// Answers a message that asked for it, by an `id` or a `messageId`.
#[inline]
pub(super) fn accepted<T: Table>(
    out: &mut T,
    from: ConnId,
    id: Option<Raw<'_>>,
    message: &PrivateMessage<'_>,
    recipient: &Session,
    now: &Now,
) {
    let message_id = message.message_id;
    if id.is_some() || message_id.is_some() {
        let accepted = Frame::Accepted {
            id,
            message_id,
            to: recipient.name(),
            time: now.stamp,
        };
        out.send(from, &accepted);
    }
}
