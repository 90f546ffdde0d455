//! One transport, its buffers and its deadlines. Knows no other connection and no JSON.
//!
//! The poller watches every transport for reading, writing and urgent data from the start and that never changes:
//! events are edges, so what is not wanted now costs nothing, and there is no state in which a wake-up was forgotten.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

use crate::config::Limits;
use crate::net::admit::Peer;
use crate::net::lines::{Bounds, Lines};
use crate::net::pace::{Errors, Pace};
use crate::net::timers::NEVER;
use crate::wire::code::Goodbye;

/// What a connection's bytes go through. Reading and writing never block.
pub trait Transport: Read + Write {
    /// Ends our side: the peer reads everything that was written and then the end.
    fn shutdown_write(&mut self) -> io::Result<()>;
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The server says goodbye and flushes.
    Said(Goodbye),
    /// The peer reset the connection, or it died underway.
    Lost,
    /// Ended at once, without a word: its queue was full, or no time was left.
    Cut(Goodbye),
}

impl CloseReason {
    pub fn as_str(self) -> &'static str {
        match self {
            CloseReason::Said(code) | CloseReason::Cut(code) => code.as_str(),
            CloseReason::Lost => "connection lost",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    /// Goodbye was said; what is queued is written until `until_ms`, or as long as it makes progress.
    Flushing {
        until_ms: u64,
    },
    /// All was written; the peer's bytes are read and thrown away, so that no reset destroys the last line.
    Lingering {
        until_ms: u64,
        left: usize,
    },
    /// Waits for the end of the turn.
    Dead,
}

/// What a deadline that has come asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Close(Goodbye),
    /// No time is left to say anything.
    Cut,
    Resume,
    Ping,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    Bytes(usize),
    /// Nothing now: an event will come.
    Nothing,
    End,
    Lost,
}

pub struct Conn<S> {
    pub(super) stream: S,
    pub serial: u64,
    pub peer: Peer,
    pub(super) phase: Phase,
    /// Frames; `out[sent..]` are still to be written. No capacity while there are none.
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    /// What was read and not yet handled: part of a line or, while `held`, whole ones. No capacity while empty.
    carry: Vec<u8>,
    pub lines: Lines,
    /// Since when a line is awaiting its end; [`NEVER`]: none is.
    line_since_ms: u64,
    /// Since when the peer has taken nothing of `out`; [`NEVER`] while there is nothing to take.
    pub(super) stalled_since_ms: u64,
    /// The entry in the timers.
    pub(super) armed_ms: u64,
    pub pace: Pace,
    pub errors: Errors,
    heartbeat: Option<Heartbeat>,
    pub registered: bool,
    /// Held to the rate of commands.
    pub limited: bool,
    /// The peer's side has ended.
    pub eof: bool,
    /// In the list of connections to write to.
    pub(super) dirty: bool,
    /// In the list of connections to read from without waiting for an event.
    pub(super) ready: bool,
    /// The last write took less than everything: only an event says when to try again.
    pub(super) blocked: bool,
    /// Senders are told `recipientBusy`.
    pub(super) busy: bool,
    /// Reading stopped for our own reasons: input may be waiting without an event to come.
    held: bool,
}

#[derive(Clone, Copy)]
struct Heartbeat {
    every_ms: u32,
    pinged: bool,
    heard_ms: u64,
}

impl<S: Transport> Conn<S> {
    pub fn new(stream: S, serial: u64, peer: Peer, limited: bool) -> Self {
        Conn {
            stream,
            serial,
            peer,
            phase: Phase::Open,
            out: Vec::new(),
            sent: 0,
            carry: Vec::new(),
            lines: Lines::default(),
            line_since_ms: NEVER,
            stalled_since_ms: NEVER,
            armed_ms: NEVER,
            pace: Pace::default(),
            errors: Errors::default(),
            heartbeat: None,
            registered: false,
            limited,
            eof: false,
            dirty: false,
            ready: false,
            blocked: false,
            busy: false,
            held: false,
        }
    }

    pub fn register(&mut self, heartbeat_ms: Option<u32>, now_ms: u64) {
        self.registered = true;
        self.heartbeat = heartbeat_ms.map(|every_ms| Heartbeat {
            every_ms,
            pinged: false,
            heard_ms: now_ms,
        });
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

    /// Copies what was carried to the front of `scratch`, which has room for it, and gives its memory back.
    pub fn load(&mut self, scratch: &mut [u8]) -> usize {
        let carry = std::mem::take(&mut self.carry);
        match scratch.get_mut(..carry.len()) {
            Some(front) => front.copy_from_slice(&carry),
            None => return 0,
        }
        carry.len()
    }

    /// Keeps `rest` for later. `held`: it may hold whole lines, and reading stops.
    pub fn store(&mut self, rest: &[u8], held: bool, ended_a_line: bool, now_ms: u64) {
        self.held = held;
        if held {
            self.lines.rewind();
            self.line_since_ms = NEVER;
        } else if !self.lines.in_progress(rest.len()) {
            self.line_since_ms = NEVER;
        } else if ended_a_line || self.line_since_ms == NEVER {
            self.line_since_ms = now_ms;
        }
        if let (true, Some(heartbeat)) = (ended_a_line || held, &mut self.heartbeat) {
            heartbeat.heard_ms = now_ms;
            heartbeat.pinged = false;
        }
        if !rest.is_empty() {
            // Grows in steps, so that a byte at a time neither copies each time nor doubles the bound.
            self.carry.reserve_exact(rest.len().next_multiple_of(512));
            self.carry.extend_from_slice(rest);
        }
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.out.len() - self.sent
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The bytes that the peer has not yet been given, up to which its lines are handled.
    fn output_bound(&self, limits: &Limits) -> usize {
        if self.registered {
            limits.queue_soft_bytes
        } else {
            limits.unregistered_queue_bytes
        }
    }

    /// Whether its lines wait: its own output is over the bound, or it went too fast.
    pub fn must_wait(&self, limits: &Limits, now_ms: u64) -> bool {
        self.backlog() > self.output_bound(limits) || self.must_slow_down(limits, now_ms)
    }

    /// Whether reading, once stopped, may go on.
    pub fn may_resume(&self, limits: &Limits, now_ms: u64) -> bool {
        self.backlog() <= self.output_bound(limits) / 2 && !self.must_slow_down(limits, now_ms)
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

    /// When something is due next; [`NEVER`]: this connection waits for its peer alone.
    pub fn deadline(&self, limits: &Limits) -> u64 {
        let stalled = self
            .stalled_since_ms
            .saturating_add(limits.stall_timeout_ms);
        match self.phase {
            Phase::Dead => NEVER,
            Phase::Lingering { until_ms, .. } => until_ms,
            Phase::Flushing { until_ms } => until_ms.min(stalled),
            Phase::Open => {
                let line = self.line_since_ms.saturating_add(limits.line_timeout_ms);
                let pace = if self.held && self.limited {
                    self.pace.open_at_ms(limits)
                } else {
                    NEVER
                };
                // A pace that is over while the output is not: the flush resumes, not the clock.
                let pace = if self.backlog() > self.output_bound(limits) / 2 {
                    NEVER
                } else {
                    pace
                };
                stalled.min(line).min(pace).min(self.heartbeat_deadline())
            }
        }
    }

    /// What is due at `now_ms`.
    pub fn expire(&mut self, limits: &Limits, now_ms: u64) -> Option<Expiry> {
        if self.deadline(limits) > now_ms {
            return None;
        }
        if self.phase != Phase::Open {
            return Some(Expiry::Cut);
        }
        if self
            .stalled_since_ms
            .saturating_add(limits.stall_timeout_ms)
            <= now_ms
        {
            return Some(Expiry::Close(Goodbye::SlowConsumer));
        }
        if self.line_since_ms.saturating_add(limits.line_timeout_ms) <= now_ms {
            return Some(Expiry::Close(Goodbye::LineTimeout));
        }
        if self.heartbeat_deadline() > now_ms {
            return Some(Expiry::Resume);
        }
        match &mut self.heartbeat {
            Some(heartbeat) if !heartbeat.pinged => {
                heartbeat.pinged = true;
                Some(Expiry::Ping)
            }
            _ => Some(Expiry::Close(Goodbye::Heartbeat)),
        }
    }

    fn heartbeat_deadline(&self) -> u64 {
        match self.heartbeat {
            Some(beat) if !self.held => beat
                .heard_ms
                .saturating_add(u64::from(beat.every_ms) * if beat.pinged { 2 } else { 1 }),
            _ => NEVER,
        }
    }

    /// After goodbye was written: throws away what the peer still sends; whether that is over.
    pub(super) fn discard(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match (self.read(scratch), &mut self.phase) {
                (Got::Nothing, _) => return false,
                (Got::Bytes(count), Phase::Lingering { left, .. }) if *left > count => {
                    *left -= count
                }
                _ => return true,
            }
        }
    }

    /// Forgets what was read: goodbye was said.
    pub(super) fn forget_input(&mut self) {
        self.carry = Vec::new();
        self.line_since_ms = NEVER;
        self.heartbeat = None;
        self.held = false;
    }

    /// The unwritten part of `out`.
    pub(super) fn unsent(&self) -> Range<usize> {
        self.sent..self.out.len()
    }
}
