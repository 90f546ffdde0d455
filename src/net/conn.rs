//! One transport, its buffers and its deadlines. Knows no other connection and no JSON.
//!
//! The poller watches every transport for reading, writing and urgent data from the start and that never changes:
//! events are edges, so what is not wanted now costs nothing, and there is no state in which a wake-up was forgotten.

mod deadlines;

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

pub use deadlines::Expiry;

use crate::config::Limits;
use crate::net::admit::Peer;
use crate::net::lines::{Bounds, Lines};
use crate::net::pace::{Errors, Pace};
use crate::net::pool::Pool;
use crate::net::timers::NEVER;
use crate::wire::code::Goodbye;

/// What a connection's bytes go through. Reading and writing never block.
pub trait Transport: Read + Write {
    /// Ends our side: the peer reads everything that was written and then the end.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// What the last reads led to besides bytes; asking forgets it.
    #[inline]
    fn news(&mut self) -> News {
        News::default()
    }

    /// Why it failed, where the system has no error for it.
    fn complaint(&mut self) -> Option<Box<str>> {
        None
    }
}

/// What a transport with a layer of its own tells besides bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// There is more to read, and no event will say so.
    pub more: bool,
    /// Writing was not possible before, and is now.
    pub writable: bool,
    /// The peer speaks without the layer: nothing of what it sent is passed on, and what is written goes out bare.
    pub plain: bool,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The server says goodbye and flushes.
    Said(Goodbye),
    /// The peer reset the connection, or it died underway.
    Lost,
    /// The TLS handshake did not come to its end in time.
    Handshake,
    /// Ended at once, without a word: its queue was full, or no time was left.
    Cut(Goodbye),
}

impl CloseReason {
    pub fn as_str(self) -> &'static str {
        match self {
            CloseReason::Said(code) | CloseReason::Cut(code) => code.as_str(),
            CloseReason::Lost => "connection lost",
            CloseReason::Handshake => "TLS handshake too slow",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    /// Goodbye was said; what is queued is written as long as that makes progress.
    Flushing,
    /// All was written; the peer's bytes are read and thrown away, so that no reset destroys the last line.
    Lingering,
    /// Waits for the end of the turn.
    Dead,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    Bytes(usize),
    /// Nothing now: an event will come.
    Nothing,
    End,
    Lost,
}

/// An idle one should cost little: what few connections need is in `rare`. What a message needs of its recipient comes
/// first, in one cache line.
#[repr(C, align(64))]
pub struct Conn<S> {
    pub serial: u64,
    /// Frames; `out[sent..]` are still to be written. No capacity while there are none.
    pub(super) out: Vec<u8>,
    /// Less than 4 GiB, as all bounds of queues are.
    pub(super) sent: u32,
    pub(super) phase: Phase,
    pub registered: bool,
    /// In the list of connections to write to.
    pub(super) dirty: bool,
    /// The last write took less than everything: only an event says when to try again.
    pub(super) blocked: bool,
    /// Senders are told `recipientBusy`.
    pub(super) busy: bool,
    /// Whether `stalled_since_ms` is set.
    stalls: bool,
    /// In the list of connections to read from without waiting for an event.
    pub(super) ready: bool,
    /// Reading stopped for our own reasons: input may be waiting without an event to come.
    held: bool,
    /// A question of its is with others: its next line waits for the answer.
    pub(super) pending: bool,
    /// Held to the rate of commands.
    pub limited: bool,
    pub(super) stream: S,
    /// The peer's side has ended.
    pub eof: bool,
    pub lines: Lines,
    /// What was read and not yet handled: part of a line or, while `held`, whole ones. No capacity while empty.
    carry: Vec<u8>,
    /// Since when a line is awaiting its end; [`NEVER`]: none is.
    line_since_ms: u64,
    /// Since when the peer has taken nothing of `out`; [`NEVER`] while a write has not left anything.
    stalled_since_ms: u64,
    /// The entry in the timers.
    pub(super) armed_ms: u64,
    pub pace: Pace,
    rare: Option<Box<Rare>>,
    pub peer: Peer,
    /// Since when, in seconds of the monotonic clock.
    pub connected_s: u32,
}

struct Rare {
    errors: Errors,
    heartbeat: Option<Heartbeat>,
    /// When flushing or lingering ends whatever happens.
    until_ms: u64,
    /// Bytes that may still be thrown away while lingering.
    linger_bytes: usize,
}

#[derive(Clone, Copy)]
struct Heartbeat {
    every_ms: u32,
    pinged: bool,
    heard_ms: u64,
}

impl Default for Rare {
    fn default() -> Self {
        Rare {
            errors: Errors::default(),
            heartbeat: None,
            until_ms: NEVER,
            linger_bytes: 0,
        }
    }
}

impl<S: Transport> Conn<S> {
    pub fn new(stream: S, serial: u64, peer: Peer, limited: bool) -> Self {
        Conn {
            stream,
            serial,
            peer,
            connected_s: 0,
            phase: Phase::Open,
            out: Vec::new(),
            sent: 0,
            carry: Vec::new(),
            lines: Lines::default(),
            line_since_ms: NEVER,
            stalled_since_ms: NEVER,
            armed_ms: NEVER,
            pace: Pace::default(),
            rare: None,
            registered: false,
            limited,
            eof: false,
            dirty: false,
            ready: false,
            blocked: false,
            busy: false,
            stalls: false,
            held: false,
            pending: false,
        }
    }

    pub fn register(&mut self, heartbeat_ms: Option<u32>, now_ms: u64) {
        self.registered = true;
        if let Some(every_ms) = heartbeat_ms {
            self.rare().heartbeat = Some(Heartbeat {
                every_ms,
                pinged: false,
                heard_ms: now_ms,
            });
        }
    }

    /// One more refused line; whether that is too many.
    pub fn count_error(&mut self, limits: &Limits, now_ms: u64) -> bool {
        self.rare().errors.add(limits, now_ms)
    }

    /// One read into `room`, which is not empty.
    pub fn read(&mut self, room: &mut [u8]) -> Got {
        loop {
            return match self.stream.read(room) {
                Ok(0) => Got::End,
                Ok(count) => Got::Bytes(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Got::Nothing,
                Err(_) => Got::Lost,
            };
        }
    }

    /// What the last read led to besides bytes.
    #[inline]
    pub fn news(&mut self) -> News {
        self.stream.news()
    }

    pub fn complaint(&mut self) -> Option<Box<str>> {
        self.stream.complaint()
    }

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

    /// The peer took `count` bytes of `out`.
    #[inline]
    pub(super) fn took(&mut self, count: usize, now_ms: u64) {
        self.sent += count as u32;
        if self.backlog() > 0 {
            (self.stalls, self.stalled_since_ms) = (true, now_ms);
        }
    }

    pub(super) fn took_nothing(&mut self, now_ms: u64) {
        self.stalls = true;
        self.stalled_since_ms = self.stalled_since_ms.min(now_ms);
    }

    /// Hands over `out`, all of which was written.
    #[inline]
    pub(super) fn give_buffer(&mut self) -> Vec<u8> {
        self.sent = 0;
        self.unstall();
        std::mem::take(&mut self.out)
    }

    /// Moves what is still to be written to the front if it is at most `short` bytes, or no more than was written.
    pub(super) fn move_rest(&mut self, short: usize) {
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

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// Bytes read in one turn. Those of a stranger are few: all of them are kept when its lines must wait.
    pub fn read_share(&self, limits: &Limits) -> usize {
        if self.registered {
            limits.read_budget_bytes
        } else {
            limits
                .read_budget_bytes
                .min(limits.max_unregistered_line_bytes)
        }
    }

    /// The bytes that the peer has not yet been given, up to which its lines are handled.
    fn output_bound(&self, limits: &Limits) -> usize {
        if self.registered {
            limits.queue_soft_bytes
        } else {
            limits.unregistered_queue_bytes
        }
    }

    /// Whether its lines wait: for an answer, because its own output is over the bound, or because it went too fast.
    pub fn must_wait(&self, limits: &Limits, now_ms: u64) -> bool {
        self.pending
            || self.backlog() > self.output_bound(limits)
            || self.must_slow_down(limits, now_ms)
    }

    /// Whether reading, once stopped, may go on.
    pub fn may_resume(&self, limits: &Limits, now_ms: u64) -> bool {
        !self.pending
            && self.backlog() <= self.output_bound(limits) / 2
            && !self.must_slow_down(limits, now_ms)
    }

    fn must_slow_down(&self, limits: &Limits, now_ms: u64) -> bool {
        self.limited && self.pace.open_at_ms(limits) > now_ms
    }

    pub fn bounds(&self, limits: &Limits) -> Bounds {
        let line = if self.registered {
            limits.max_line_bytes
        } else {
            limits.max_unregistered_line_bytes
        };
        Bounds {
            line,
            skipped: limits.max_skipped_bytes,
        }
    }

    /// Goodbye was said: what was read is forgotten, what is queued is written until `until_ms`.
    pub(super) fn begin_flush(&mut self, until_ms: u64) {
        self.forget_input();
        self.phase = Phase::Flushing;
        if until_ms != NEVER {
            // It stalls already: the time it is given is what counts now.
            self.unstall();
            self.rare().until_ms = until_ms;
        }
    }

    /// After goodbye: nothing is waited for after `until_ms`.
    pub(super) fn hurry(&mut self, until_ms: u64) {
        self.rare().until_ms = until_ms;
    }

    /// Goodbye was written: up to `bytes` of what the peer still sends are thrown away until `until_ms`.
    pub(super) fn begin_linger(&mut self, until_ms: u64, bytes: usize) {
        self.phase = Phase::Lingering;
        let rare = self.rare();
        rare.until_ms = rare.until_ms.min(until_ms);
        rare.linger_bytes = bytes;
    }

    /// Throws away what the peer still sends; whether that is over.
    pub(super) fn discard(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match self.read(scratch) {
                Got::Nothing => return false,
                Got::Bytes(count) if self.rare().linger_bytes > count => {
                    self.rare().linger_bytes -= count
                }
                _ => return true,
            }
        }
    }

    /// Nothing more of its input is handled.
    pub(super) fn forget_input(&mut self) {
        self.carry = Vec::new();
        self.line_since_ms = NEVER;
        self.held = false;
        if let Some(rare) = &mut self.rare {
            rare.heartbeat = None;
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The unwritten part of `out`.
    pub(super) fn unsent(&self) -> Range<usize> {
        self.sent as usize..self.out.len()
    }
}
