//! Getting queued frames out: buffers from a pool, one write a turn, and who has to wait.
//! Knows no frames and no rules.

use std::io::ErrorKind;

use crate::net::conn::{CloseReason, Phase, Transport};
use crate::net::conns::Conns;
use crate::net::pool::Pool;
use crate::planted;
use crate::wire::code::Goodbye;

/// What one turn queues before some of it is written. Measured with 100 pairs and 1 kB messages.
const FLUSH_AHEAD_BYTES: usize = 128 * 1024;
/// A rest of so many bytes is moved to the front after each write: what was written takes no room beside it.
/// A longer one only when that moves no more than was written.
const SHORT_BYTES: usize = 32 * 1024;
/// What a buffer in use counts as besides what is in it: so that no more are taken in one turn than the pool keeps.
const BUFFER_COST_BYTES: usize = 1024;

impl<S: Transport> Conns<S> {
    /// Writes ahead of the turn's end once so much was queued in it that it would leave the cache before it is written.
    #[inline]
    pub fn flush_ahead(&mut self) {
        if self.unflushed_bytes >= FLUSH_AHEAD_BYTES {
            self.flush();
        }
    }

    /// Queued since the last flush, with the cost of the buffers taken for it.
    pub fn unflushed_bytes(&self) -> usize {
        self.unflushed_bytes
    }

    /// One write to each connection that has something to be written.
    pub fn flush(&mut self) {
        self.unflushed_bytes = 0;
        let mut dirty = std::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            self.write(key);
        }
        // What a flush makes dirty (nothing today) must not be lost with the list.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        // A buffer grows by doubling: that alone must not cost anybody a connection before senders were told to wait.
        let slack = (self.limits.total_queue_bytes / 20).max(self.limits.queue_hard_bytes);
        if self.queue_bytes > self.limits.total_queue_bytes + slack {
            self.evict_largest_queue();
        }
    }

    /// Appends to the output; what waits there then, in bytes.
    #[inline]
    pub(super) fn append(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let Some(conn) = self.slots.get_mut(key as usize) else {
            return 0;
        };
        let before = conn.out.capacity();
        if before == 0 {
            conn.out = self.pool.take();
            self.unflushed_bytes += BUFFER_COST_BYTES;
        }
        let length = conn.out.len();
        write(&mut conn.out);
        self.unflushed_bytes += conn.out.len() - length;
        self.queue_bytes += conn.out.capacity() - before;
        if !std::mem::replace(&mut conn.dirty, true) {
            self.dirty.push(key);
        }
        conn.backlog()
    }

    fn write(&mut self, key: u32) {
        let Some(conn) = self.slots.get_mut(key as usize) else {
            return;
        };
        conn.dirty = false;
        if conn.blocked || conn.phase == Phase::Dead {
            return;
        }
        let wrote = loop {
            match conn.stream.write(&conn.out[conn.unsent()]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => break other,
            }
        };
        match wrote {
            Ok(count) => {
                self.tally.sent_bytes += count as u64;
                conn.took(count, self.now_ms);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => conn.took_nothing(self.now_ms),
            Err(_) => {
                conn.broken = true;
                return self.cut(key, CloseReason::Lost);
            }
        }
        let left = conn.backlog();
        conn.busy &=
            left > self.limits.queue_soft_bytes / 2 || planted::is(planted::Fault::AlwaysBusy);
        if left == 0 {
            reclaim(conn.give_buffer(), &mut self.queue_bytes, &mut self.pool);
        } else {
            conn.blocked = true;
            conn.move_rest(SHORT_BYTES);
        }
        if left > 0 || conn.phase != Phase::Open || conn.is_held() || conn.followed {
            self.written(key, left);
        }
    }

    /// Writes to `key` before the turn's end.
    pub(super) fn write_now(&mut self, key: u32) {
        // It stays in the list of those to be written to, where it is found with nothing to write.
        let was_dirty = self.slots.get(key as usize).is_some_and(|conn| conn.dirty);
        if was_dirty {
            self.write(key);
            if let Some(conn) = self.slots.get_mut(key as usize) {
                conn.dirty = true;
            }
        }
    }

    /// After a write that left something, or that somebody waited for.
    fn written(&mut self, key: u32, left: usize) {
        if left > 0 {
            self.arm(key);
        }
        self.fed(key);
        let Some(conn) = self.slots.get(key as usize) else {
            return;
        };
        match conn.phase {
            Phase::Flushing if left == 0 => self.finish(key),
            Phase::Open if conn.is_held() && conn.may_resume(&self.limits, self.now_ms) => {
                self.mark_ready(key)
            }
            Phase::Open if conn.is_held() => self.arm(key),
            _ => {}
        }
    }

    /// Gives back the buffer for one that fits: what is queued will wait.
    pub fn fit_output(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize) {
            let fitting = conn.out.as_slice().to_vec();
            self.queue_bytes += fitting.capacity();
            let buffer = std::mem::replace(&mut conn.out, fitting);
            reclaim(buffer, &mut self.queue_bytes, &mut self.pool);
        }
    }

    /// Forgets what is queued: the peer could not read it.
    pub fn forget_output(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize) {
            conn.blocked = false;
            reclaim(conn.give_buffer(), &mut self.queue_bytes, &mut self.pool);
        }
    }

    /// Goodbye is written: ends our side and awaits the peer's.
    fn finish(&mut self, key: u32) {
        let Some(conn) = self.slots.get_mut(key as usize) else {
            return;
        };
        let failed = conn.stream.shutdown_write().is_err();
        conn.broken |= failed;
        // Nothing more comes; what is on its way is awaited only if somebody wants to know of it.
        let eof = conn.eof;
        if failed || eof && conn.all_arrived() {
            return self.cut(key, CloseReason::Lost);
        }
        conn.begin_linger(
            self.now_ms + self.limits.linger_ms,
            self.limits.linger_bytes,
        );
        self.arm(key);
        if !eof {
            self.mark_ready(key);
        }
    }

    /// Accepted cost: one pass over the table, only when all buffers together are over their bound.
    fn evict_largest_queue(&mut self) {
        let largest = self
            .slots
            .iter()
            .max_by_key(|(_, conn)| conn.out.capacity())
            .map(|(key, _)| key as u32);
        if let Some(key) = largest {
            self.tally.evicted_for_queues += 1;
            self.cut(key, CloseReason::Cut(Goodbye::SlowConsumer));
        }
    }
}

/// A buffer is in use no more.
#[inline]
fn reclaim(buffer: Vec<u8>, queue_bytes: &mut usize, pool: &mut Pool) {
    *queue_bytes -= buffer.capacity();
    pool.give(buffer);
}
