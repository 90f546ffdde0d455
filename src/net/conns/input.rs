//! What came in and was not handled yet: kept, held back, counted. Knows no commands and no rules.

use crate::id::ConnId;
use crate::net::conn::{CloseReason, Phase, Transport};
use crate::net::conns::Conns;
use crate::net::lines::{Bounds, Lines};

impl<S: Transport> Conns<S> {
    /// The line state of a connection whose lines may be handled now.
    #[inline]
    pub fn reading(&mut self, id: ConnId) -> Option<(&mut Lines, Bounds)> {
        let conn = self
            .slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial)?;
        let bounds = conn.bounds(&self.limits);
        (conn.is_open() && !conn.must_wait(&self.limits, self.now_ms))
            .then_some((&mut conn.lines, bounds))
    }

    /// Takes `cost` from the connection's bucket of commands.
    #[inline]
    pub fn charge(&mut self, id: ConnId, cost: u32) {
        if let Some(conn) = self
            .slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.limited)
        {
            conn.pace.charge(cost, &self.limits, self.now_ms);
        }
    }

    /// One more refused line; whether that is too many.
    pub fn count_error(&mut self, id: ConnId) -> bool {
        let Conns {
            slots,
            limits,
            now_ms,
            ..
        } = self;
        let conn = slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial);
        conn.is_some_and(|conn| conn.count_error(limits, *now_ms))
    }

    /// Copies what `id` kept to the end of `room`; how many bytes that is.
    #[inline]
    pub fn load(&mut self, id: ConnId, room: &mut [u8]) -> usize {
        let conn = self
            .slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial);
        conn.map_or(0, |conn| conn.load(room, &mut self.pool))
    }

    /// Adds `new` to the unfinished line that `id` keeps, if there is one and they only go on with it.
    #[inline]
    pub fn extend(&mut self, id: ConnId, new: &[u8]) -> bool {
        let Conns { slots, limits, .. } = self;
        let conn = slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial);
        conn.is_some_and(|conn| conn.extend(new, limits))
    }

    /// Stops reading from `id`: what it keeps stays kept.
    pub fn hold(&mut self, id: ConnId) {
        self.store(id, &[], false);
    }

    /// Keeps `rest` of `id`'s input for later.
    #[inline]
    pub fn store(&mut self, id: ConnId, rest: &[u8], ended_a_line: bool) {
        let held = self.reading(id).is_none();
        let Some(conn) = self
            .slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial && conn.is_open())
        else {
            return;
        };
        let was_held = conn.is_held();
        conn.store(rest, held, ended_a_line, self.now_ms, &mut self.pool);
        if held || was_held || conn.lines.in_progress(rest.len()) {
            self.arm(id.key);
        }
    }

    /// Reads on after goodbye; ends the connection when that is over.
    pub fn linger(&mut self, key: u32, scratch: &mut [u8]) {
        let Some(conn) = self
            .slots
            .get_mut(key as usize)
            .filter(|conn| conn.phase == Phase::Lingering)
        else {
            return;
        };
        if conn.discard(scratch) && (!conn.eof || conn.all_arrived()) {
            self.cut(key, CloseReason::Lost);
        } else if conn.news().more {
            self.mark_ready(key);
        }
    }
}
