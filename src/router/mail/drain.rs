//! The end of a session that has sent its last line: first every answer, then what waits in its mailbox, then goodbye.
//! Knows neither what was asked nor what waits.

use crate::id::ConnId;
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::Goodbye;
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

/// How a session is to end.
#[derive(Debug)]
pub struct Ending {
    code: Goodbye,
    reply: Option<Box<[u8]>>,
    /// Then it ends whatever it still lacks, in monotonic ms.
    pub(super) until_ms: u64,
}

/// How long a session that is overdue, and is owed an answer, is left alone once more.
const AGAIN_MS: u64 = 1_000;

impl Router {
    /// The connection sends no more: by its peer's end of input, or by `bye`.
    pub(in crate::router) fn end_session<T: Table>(
        &mut self,
        id: ConnId,
        code: Goodbye,
        reply: Option<Raw<'_>>,
        out: &mut T,
        now: &Now,
    ) {
        let until_ms = now.mono_ms.saturating_add(self.limits.last_delivery_ms);
        let member = self.member_mut(id);
        let Some(member) = member else {
            return out.close(id, code, reply);
        };
        if code == Goodbye::Drained
            && let Some(delivery) = &mut member.delivery
        {
            delivery.proof.ended = true;
        }
        if member.ending.is_none() {
            member.ending = Some(Box::new(Ending {
                code,
                reply: reply.map(|reply| reply.0.into()),
                until_ms,
            }));
        }
        out.end_lines(id);
        self.wake(id);
        self.go_on_ending(id, out, now);
    }

    /// Ends a session that has sent its last line, once nothing is owed to it.
    pub(in crate::router) fn go_on_ending<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let awaited = out.awaited(id);
        let Some(member) = self.member_mut(id) else {
            return;
        };
        if member.ending.is_none() || awaited > 0 {
            return;
        }
        if let Some(delivery) = member.delivery.as_deref_mut() {
            if delivery.until.is_none() {
                delivery.until = Some(delivery.head);
                if !delivery.is_drained() {
                    // Its window does not count any more.
                    return self.catch_up(id, out, now);
                }
            }
            if !delivery.is_drained() {
                return;
            }
            let pos = delivery.at;
            if !std::mem::replace(&mut delivery.synced, true) {
                out.send(id, &Frame::Synced { pos });
            }
        }
        self.say_goodbye(id, out);
    }

    /// What it still lacks of its mailbox stays there. Its answers it gets all the same: `goodbye` vouches for them.
    pub(super) fn end_overdue<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let awaited = out.awaited(id);
        let member = self.member_mut(id);
        let Some(ending) = member.and_then(|member| member.ending.as_mut()) else {
            return;
        };
        if ending.until_ms > now.mono_ms {
            return;
        }
        if awaited > 0 {
            ending.until_ms = now.mono_ms.saturating_add(AGAIN_MS);
            return;
        }
        self.say_goodbye(id, out);
    }

    fn say_goodbye<T: Table>(&mut self, id: ConnId, out: &mut T) {
        let member = self.member_mut(id);
        if let Some(ending) = member.and_then(|member| member.ending.take()) {
            out.close(id, ending.code, ending.reply.as_deref().map(Raw));
        }
    }
}
