//! Connections whose output is followed: what of it has arrived, and who has room again. Knows no frames and no rules.

use crate::id::ConnId;
use crate::net::conn::{Arrived, CloseReason, Conn, Phase, Transport};
use crate::net::conns::Conns;

impl<S: Transport> Conns<S> {
    /// From here on the output of `id` is counted, and [`Conns::next_ended`] tells of its end.
    pub fn follow(&mut self, id: ConnId) {
        if let Some(conn) = self.get_mut(id) {
            conn.follow();
        }
    }

    /// Nobody wants to know any more what of its output arrives.
    pub fn unfollow(&mut self, id: ConnId) {
        self.let_go(id);
        if let Some(conn) = self.get_mut(id) {
            conn.followed = false;
        }
    }

    /// Where its output ends: bytes since it is followed.
    pub fn output_end(&self, id: ConnId) -> u64 {
        self.get(id).map_or(0, Conn::output_end)
    }

    /// What of its output has arrived. An error found by asking ends the connection.
    pub fn arrived(&mut self, id: ConnId) -> Arrived {
        let Some(conn) = self.get_mut(id) else {
            return Arrived::Lost;
        };
        let was_broken = conn.broken;
        let arrived = conn.arrived();
        if arrived == Arrived::Lost && !was_broken {
            self.cut(id.key, CloseReason::Lost);
        }
        arrived
    }

    /// Ends one that waits, after its goodbye, for nothing but what of it arrives.
    pub fn let_go(&mut self, id: ConnId) {
        if self
            .get(id)
            .is_some_and(|conn| conn.phase == Phase::Lingering && conn.eof)
        {
            self.cut(id.key, CloseReason::Lost);
        }
    }

    /// Whether less than `bytes` wait for `to`, and not too many for all together. What was queued in this turn is
    /// written first if that may help.
    pub fn space(&mut self, to: ConnId, bytes: usize) -> bool {
        if self.queue_bytes > self.limits.total_queue_bytes {
            return false;
        }
        let open = |conn: &&Conn<S>| conn.phase == Phase::Open;
        match self.get(to).filter(open).map(Conn::backlog) {
            None => return false,
            Some(backlog) if backlog < bytes => return true,
            Some(_) => self.write_now(to.key),
        }
        self.get(to)
            .filter(open)
            .is_some_and(|conn| conn.backlog() < bytes)
    }

    /// [`Conns::next_roomy`] tells of `id` once at most `room_bytes` of its output wait. False: that is so already.
    pub fn await_room(&mut self, id: ConnId) -> bool {
        let room = self.room_bytes();
        match self.get_mut(id) {
            Some(conn) if conn.backlog() > room => {
                conn.set_hungry();
                true
            }
            _ => false,
        }
    }

    /// The next connection that has room again.
    pub fn next_roomy(&mut self) -> Option<ConnId> {
        self.roomy.pop()
    }

    /// The next followed connection that is no more, and what of its output had arrived when it ended in order.
    pub fn next_ended(&mut self) -> Option<(ConnId, Arrived)> {
        self.ended.pop()
    }

    /// Whether the router is not told of everybody yet who has ended.
    pub fn has_ended(&self) -> bool {
        !(self.doomed.is_empty() && self.ended.is_empty())
    }

    pub(super) fn room_bytes(&self) -> usize {
        self.limits.delivery_queue_bytes / 4
    }

    /// Something of the output was written.
    pub(super) fn fed(&mut self, key: u32) {
        let room = self.room_bytes();
        if let Some(conn) = self.slots.get_mut(key as usize)
            && conn.is_fed(room)
        {
            let serial = conn.serial;
            self.roomy.push(ConnId { key, serial });
        }
    }

    /// The last question about a followed connection: it is about to be no more.
    pub(super) fn note_end(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize)
            && conn.followed
        {
            let arrived = match conn.eof {
                true => conn.arrived(),
                false => Arrived::Lost,
            };
            let serial = conn.serial;
            self.ended.push((ConnId { key, serial }, arrived));
        }
    }
}
