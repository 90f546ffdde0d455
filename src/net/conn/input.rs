//! What was read of one connection and not yet handled. Knows no commands.

use crate::config::Limits;
use crate::net::conn::{Conn, Transport};
use crate::net::pool::Pool;
use crate::net::timers::NEVER;

impl<S: Transport> Conn<S> {
    /// Copies what was carried to the end of `room`, and gives its memory back.
    #[inline]
    pub fn load(&mut self, room: &mut [u8], pool: &mut Pool) -> usize {
        if self.carry.is_empty() {
            return 0;
        }
        let carry = std::mem::take(&mut self.carry);
        let start = room.len().saturating_sub(carry.len());
        let loaded = room
            .get_mut(start..)
            .filter(|end| end.len() == carry.len())
            .map_or(0, |end| {
                end.copy_from_slice(&carry);
                carry.len()
            });
        pool.give_kept(carry);
        loaded
    }

    /// Adds `new` to the line that is carried, if there is one and it neither ends there nor grows over the limit.
    pub fn extend(&mut self, new: &[u8], limits: &Limits) -> bool {
        let bound = self.bounds(limits).line;
        if self.carry.is_empty() || !self.lines.go_on(new, self.carry.len(), bound) {
            return false;
        }
        if self.carry.capacity() - self.carry.len() < new.len() {
            // In steps: neither a copy for each byte nor twice the limit.
            self.carry
                .reserve_exact((new.len() + self.carry.len() / 4).min(bound));
        }
        self.carry.extend_from_slice(new);
        true
    }

    /// Keeps `rest` for later. `held`: it may hold whole lines, and reading stops.
    pub fn store(
        &mut self,
        rest: &[u8],
        held: bool,
        ended_a_line: bool,
        now_ms: u64,
        pool: &mut Pool,
    ) {
        self.held = held;
        if held {
            self.lines.rewind();
            self.line_since_ms = NEVER;
        } else if !self.lines.in_progress(rest.len()) {
            self.line_since_ms = NEVER;
        } else if ended_a_line || self.line_since_ms == NEVER {
            self.line_since_ms = now_ms;
        }
        if let (true, Some(rare)) = (ended_a_line || held, &mut self.rare)
            && let Some(heartbeat) = &mut rare.heartbeat
        {
            heartbeat.heard_ms = now_ms;
            heartbeat.pinged = false;
        }
        if !rest.is_empty() {
            self.carry = pool.take_for(rest.len());
            self.carry.extend_from_slice(rest);
        }
    }

    /// Nothing more of its input is handled.
    pub(in crate::net) fn forget_input(&mut self) {
        self.carry = Vec::new();
        self.line_since_ms = NEVER;
        self.held = false;
        if let Some(rare) = &mut self.rare {
            rare.heartbeat = None;
        }
    }
}
