//! What one connection still has to write, how its peer takes it, and how it ends. Knows no frames.

use std::ops::Range;

use crate::config::Limits;
use crate::net::conn::{Conn, Got, Phase, Transport};
use crate::net::timers::NEVER;

impl<S: Transport> Conn<S> {
    /// The peer took `count` bytes of `out`.
    #[inline]
    pub(in crate::net) fn took(&mut self, count: usize, now_ms: u64) {
        self.sent += count as u32;
        if self.followed {
            self.count(count);
        }
        if self.backlog() > 0 {
            (self.stalls, self.stalled_since_ms) = (true, now_ms);
        }
    }

    pub(in crate::net) fn took_nothing(&mut self, now_ms: u64) {
        self.stalls = true;
        self.stalled_since_ms = self.stalled_since_ms.min(now_ms);
    }

    /// Hands over `out`, all of which was written.
    #[inline]
    pub(in crate::net) fn give_buffer(&mut self) -> Vec<u8> {
        self.sent = 0;
        self.unstall();
        std::mem::take(&mut self.out)
    }

    /// Moves what is still to be written to the front if it is at most `short` bytes, or no more than was written.
    pub(in crate::net) fn move_rest(&mut self, short: usize) {
        let left = self.backlog();
        if left <= short || self.sent as usize >= left {
            self.out.drain(..self.sent as usize);
            self.sent = 0;
        }
    }

    /// Touches nothing beyond the first cache line of who never stalled.
    #[inline]
    fn unstall(&mut self) {
        if std::mem::take(&mut self.stalls) {
            self.stalled_since_ms = NEVER;
        }
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.out.len() - self.sent as usize
    }

    /// The unwritten part of `out`.
    pub(in crate::net) fn unsent(&self) -> Range<usize> {
        self.sent as usize..self.out.len()
    }

    /// The bytes that the peer has not yet been given, up to which its lines are handled.
    pub(super) fn output_bound(&self, limits: &Limits) -> usize {
        if self.registered {
            limits.queue_soft_bytes
        } else {
            limits.unregistered_queue_bytes
        }
    }

    /// Goodbye was said: what was read is forgotten, what is queued is written until `until_ms`.
    pub(in crate::net) fn begin_flush(&mut self, until_ms: u64) {
        self.forget_input();
        self.phase = Phase::Flushing;
        if until_ms != NEVER {
            // It stalls already: the time it is given is what counts now.
            self.unstall();
            self.rare().until_ms = until_ms;
        }
    }

    /// After goodbye: nothing is waited for after `until_ms`.
    pub(in crate::net) fn hurry(&mut self, until_ms: u64) {
        self.rare().until_ms = until_ms;
    }

    /// Goodbye was written: up to `bytes` of what the peer still sends are thrown away until `until_ms`.
    pub(in crate::net) fn begin_linger(&mut self, until_ms: u64, bytes: usize) {
        self.phase = Phase::Lingering;
        let rare = self.rare();
        rare.until_ms = rare.until_ms.min(until_ms);
        rare.linger_bytes = bytes;
    }

    /// Throws away what the peer still sends; whether that is over.
    pub(in crate::net) fn discard(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match self.read(scratch) {
                Got::Nothing => return false,
                Got::Bytes(count) if self.rare().linger_bytes > count => {
                    self.rare().linger_bytes -= count
                }
                got => {
                    self.eof |= got == Got::End;
                    return true;
                }
            }
        }
    }
}
