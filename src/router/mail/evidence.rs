//! Moving cursors: by what clients acknowledge, and by what the transport knows to have arrived, also of sessions that
//! are over. Knows no socket.

use crate::accounts::{Ask as Asked, Asker, Job};
use crate::id::ConnId;
use crate::mailbox::{self, Mail, Sender};
use crate::net::conns::Arrived;
use crate::planted;
use crate::router::fault::Fault;
use crate::router::mail::echo::{Echo, Purpose};
use crate::router::mail::{Delivery, Leaving};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Code, Deliver, Evidence, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

/// Between two looks at what has arrived of a session that is over.
const LOOK_MS: u64 = 20;

impl Router {
    /// `ack`: everything up to `pos` has arrived.
    pub(in crate::router) fn ack<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        pos: u64,
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        let delivery = self.delivery_mut(from);
        let (told, acked) = delivery.map_or((0, 0), |delivery| (delivery.told, delivery.acked));
        if pos > told.max(acked) {
            return Err(Fault {
                field: Some("pos"),
                ..Fault::new(
                    Code::BadValue,
                    "nothing with this pos was sent on this connection",
                )
            });
        }
        let moves = pos > acked;
        if let (true, Some(_)) = (moves, id) {
            let by = Evidence::Client;
            let ask = mailbox::Ask::Ack { pos, by };
            self.post(from, Echo::of(id), Verb::Ack, ask, 0, out)?;
        }
        let mut is_first = false;
        // Where the cursor stays, what was sent again from before it leaves the window all the same.
        if let Some(delivery) = self.delivery_mut(from) {
            delivery.arrived(pos);
            delivery.proof.said(pos);
            if moves {
                is_first = delivery.ack == 0 && id.is_none();
                delivery.ack = if id.is_some() { 0 } else { pos };
            }
        }
        if let (true, Some(mailbox)) = (is_first, &mut self.mailbox) {
            mailbox.post.acks.push(from);
        }
        if let (false, Some(id)) = (moves, id) {
            let command = Verb::Ack;
            out.send(from, &Frame::Ok { id, command });
        }
        self.catch_up(from, out, now);
        Ok(())
    }

    /// Puts the last acknowledgement of each session in this turn.
    pub fn put_acks<T: Table>(&mut self, out: &mut T) {
        let Some(mailbox) = &mut self.mailbox else {
            return;
        };
        let mut acks = std::mem::take(&mut mailbox.post.acks);
        for id in acks.drain(..) {
            self.put_ack(id, out);
        }
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.post.acks = acks;
        }
    }

    fn put_ack<T: Table>(&mut self, id: ConnId, out: &mut T) {
        let Some(from) = self.sender(id) else { return };
        let pos = self
            .delivery_mut(id)
            .map_or(0, |delivery| std::mem::take(&mut delivery.ack));
        if pos > 0 {
            tell_ack(id, from, pos, Evidence::Client, out);
        }
    }

    /// An acknowledgement was not stored: the next one stands for it too.
    pub(super) fn ack_failed(&mut self, id: ConnId) {
        if let Some(delivery) = self.delivery_mut(id) {
            delivery.acked = 0;
        }
    }

    /// Looks what of a session's output has arrived. What has leaves the window; once it has held, the cursor moves.
    pub(super) fn look<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let arrived = out.arrived(id);
        let Some(from) = self.sender(id) else { return };
        let Some(delivery) = self.delivery_mut(id) else {
            return;
        };
        if let Some(pos) = read(delivery, arrived, now) {
            tell_ack(id, from, pos, Evidence::Transport, out);
        }
        self.wake(id);
        self.catch_up(id, out, now);
    }

    /// A session whose window is full: whether there is room in it now. Of what clients acknowledge only they know more.
    pub(super) fn look_for_window<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) -> bool {
        let is_auto = |delivery: &&mut Delivery| delivery.deliver == Deliver::Auto;
        if self.delivery_mut(id).filter(is_auto).is_none() {
            return false;
        }
        let arrived = out.arrived(id);
        let Some(from) = self.sender(id) else {
            return false;
        };
        let Some(delivery) = self.delivery_mut(id) else {
            return false;
        };
        let proven = read(delivery, arrived, now);
        let has_window = delivery.window() > 0;
        if let Some(pos) = proven {
            tell_ack(id, from, pos, Evidence::Transport, out);
        }
        self.wake(id);
        has_window
    }

    /// The session is over; the connection may not be. What it was sent may still be found to have arrived.
    pub(in crate::router) fn leave_mail<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        self.put_ack(id, out);
        let Some(from) = self.sender(id) else { return };
        let Some(member) = self.member_mut(id) else {
            return;
        };
        member.ending = None;
        let Some(mut delivery) = member.delivery.take() else {
            return;
        };
        let Some(mailbox) = &mut self.mailbox else {
            return;
        };
        mailbox.post.due.remove(&(delivery.wake_ms, id));
        if delivery.is_unproven() {
            delivery.wake_ms = now.mono_ms + LOOK_MS;
            mailbox.post.due.insert((delivery.wake_ms, id));
            mailbox.post.leaving.insert(id, Leaving { from, delivery });
        } else {
            tell_left(from, delivery.told, out);
            out.unfollow(id);
        }
    }

    /// Looks again after a session that is over.
    pub(super) fn look_after<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let Some(mailbox) = &mut self.mailbox else {
            return;
        };
        let Some(leaving) = mailbox.post.leaving.get_mut(&id) else {
            return;
        };
        let delivery = &mut leaving.delivery;
        let from = leaving.from.clone();
        let proven = read(delivery, out.arrived(id), now);
        delivery.wake_ms = now.mono_ms + LOOK_MS;
        mailbox.post.due.insert((delivery.wake_ms, id));
        let is_settled = !delivery.is_unproven();
        if let Some(pos) = proven {
            tell_ack(id, from, pos, Evidence::Transport, out);
        }
        if is_settled {
            out.let_go(id);
        }
    }

    /// The connection of a session is no more. `arrived`: of its output, if the peer ended it in order.
    pub(in crate::router) fn ended<T: Table>(
        &mut self,
        id: ConnId,
        arrived: Arrived,
        out: &mut T,
        now: &Now,
    ) {
        let Some(mailbox) = &mut self.mailbox else {
            return;
        };
        let Some(mut leaving) = mailbox.post.leaving.remove(&id) else {
            return;
        };
        mailbox.post.due.remove(&(leaving.delivery.wake_ms, id));
        leaving.delivery.proof.ended = true;
        if let Some(pos) = read(&mut leaving.delivery, arrived, now) {
            tell_ack(id, leaving.from.clone(), pos, Evidence::Transport, out);
        }
        tell_left(leaving.from, leaving.delivery.told, out);
    }
}

/// Takes a reading of what has arrived; up to where the cursor moves by it.
fn read(delivery: &mut Delivery, arrived: Arrived, now: &Now) -> Option<u64> {
    let pos = match arrived {
        Arrived::UpTo(_) if planted::is(planted::Fault::WrittenIsArrived) => {
            delivery.arrived_bytes(u64::MAX)
        }
        Arrived::UpTo(end) => delivery.arrived_bytes(end),
        Arrived::Unknown => None,
        Arrived::Lost => {
            delivery.proof.lost();
            return None;
        }
    };
    let proven = delivery.proof.read(pos, now.mono_ms);
    delivery.proof.plan(delivery.is_out(), now.mono_ms);
    if let Some(pos) = proven {
        delivery.acked = delivery.acked.max(pos);
    }
    proven
}

fn tell_ack<T: Table>(id: ConnId, from: Sender, pos: u64, by: Evidence, out: &mut T) {
    let purpose = match by {
        Evidence::Client => Purpose::Ack,
        Evidence::Transport => Purpose::Proof,
    };
    let mail = Mail {
        from,
        reply: Echo::default().pack(purpose),
        verb: Verb::Ack,
        ask: mailbox::Ask::Ack { pos, by },
    };
    out.tell(Job {
        asker: Asker::Conn(id),
        ask: Asked::Mail(Box::new(mail)),
    });
}

pub(in crate::router) fn tell_left<T: Table>(from: Sender, sent: u64, out: &mut T) {
    let mail = Mail {
        from,
        reply: None,
        verb: Verb::Ack,
        ask: mailbox::Ask::Left { sent },
    };
    out.tell(Job {
        asker: Asker::Nobody,
        ask: Asked::Mail(Box::new(mail)),
    });
}
