//! One transport, its buffers and its deadlines. Knows no other connection and no JSON.
//!
//! The poller watches every transport for reading, writing and urgent data from the start and that never changes:
//! events are edges, so what is not wanted now costs nothing, and there is no state in which a wake-up was forgotten.

mod deadlines;
mod followed;
mod input;
mod output;

use std::io::{self, ErrorKind, Read, Write};

pub use deadlines::Expiry;
pub use followed::Arrived;

use crate::config::Limits;
use crate::net::admit::Peer;
use crate::net::conn::followed::{Follow, Waits};
use crate::net::lines::{Bounds, Lines};
use crate::net::pace::{Errors, Pace};
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

    /// How many of the bytes that it took have not arrived at the peer's system; `None`: that cannot be told. After an
    /// error the connection is lost, and no reading before it proves anything of what was out then.
    fn unacknowledged(&mut self) -> io::Result<Option<u64>> {
        Ok(None)
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
    /// Its next line waits: for an answer, because too many are awaited, or because it is the last that counts.
    pub(super) pending: bool,
    /// Held to the rate of commands.
    pub limited: bool,
    /// Its output is counted: somebody wants to know what of it has arrived, and when there is room for more.
    pub(super) followed: bool,
    pub(super) stream: S,
    /// The peer's side has ended.
    pub eof: bool,
    /// Reading or writing failed: it did not end in order.
    pub(super) broken: bool,
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
    waits: Waits,
    follow: Follow,
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
            waits: Waits::default(),
            follow: Follow::default(),
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
            followed: false,
            broken: false,
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
                Err(_) => {
                    self.broken = true;
                    Got::Lost
                }
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

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
