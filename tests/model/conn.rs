//! One connection as protocol.md has it: lines, what waits for its peer, deadlines. Knows no names and no rules.

use std::collections::{BTreeSet, VecDeque};

use privmsgd::config::Limits;

pub const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Open,
    /// Goodbye is queued.
    Flushing {
        until: u64,
    },
    /// Goodbye is written, the peer's end is awaited.
    Lingering {
        until: u64,
        left: u64,
    },
    Dead,
}

/// One frame that the peer must get next.
#[derive(Debug)]
pub struct Expected {
    pub bytes: Vec<u8>,
    /// Frames of one group may come in any order among themselves; 0: in its place.
    pub group: u64,
}

#[derive(Debug)]
pub enum Piece {
    Line(Vec<u8>),
    TooLong,
    FarTooLong,
}

/// What has come due.
#[derive(Debug, PartialEq)]
pub enum Due {
    Slow,
    Line,
    Ping,
    Silent,
    Cut,
}

pub struct Session {
    pub shown: String,
    pub key: String,
    pub status: &'static str,
    pub since: u64,
    pub token: u128,
    /// The token that this session was taken over with.
    pub previous: Option<u128>,
    pub watching: BTreeSet<String>,
    /// Refused claims since the holder was told, and when it may be told again.
    pub claims: Option<(u32, u64)>,
}

pub struct Beat {
    pub every: u64,
    pub heard: u64,
    pub pinged: bool,
}

pub struct Client {
    pub phase: Phase,
    pub session: Option<Session>,
    pub tries: u32,
    pub expected: VecDeque<Expected>,
    /// Bytes of all frames so far, and bytes of them that the transport took.
    pub queued: u64,
    pub written: u64,
    pub busy: bool,
    pub blocked: bool,
    pub stalled_since: u64,
    pub carry: Vec<u8>,
    pub held: bool,
    pub eof: bool,
    pub line_since: u64,
    pub errors: (u64, u32),
    pub beat: Option<Beat>,
    begun: bool,
    skipping: bool,
    skipped: usize,
}

impl Client {
    pub fn new() -> Client {
        Client {
            phase: Phase::Open,
            session: None,
            tries: 0,
            expected: VecDeque::new(),
            queued: 0,
            written: 0,
            busy: false,
            blocked: false,
            stalled_since: NEVER,
            carry: Vec::new(),
            held: false,
            eof: false,
            line_since: NEVER,
            errors: (0, 0),
            beat: None,
            begun: false,
            skipping: false,
            skipped: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub fn backlog(&self) -> u64 {
        self.queued - self.written
    }

    /// Whether its lines may be handled: §11, rule 2.
    pub fn may_read(&self, limits: &Limits) -> bool {
        let bound = match self.session {
            Some(_) => limits.queue_soft_bytes,
            None => limits.unregistered_queue_bytes,
        };
        self.is_open() && self.backlog() <= bound as u64
    }

    pub fn max_line(&self, limits: &Limits) -> usize {
        match self.session {
            Some(_) => limits.max_line_bytes,
            None => limits.max_unregistered_line_bytes,
        }
    }

    /// Whether what came so far may be lines; `None`: it is TLS.
    pub fn first_bytes(&self) -> Option<bool> {
        match self.carry.as_slice() {
            _ if self.begun => Some(true),
            [] | [0x16] => Some(false),
            [0x16, 0x03, ..] => None,
            _ => Some(true),
        }
    }

    pub fn next_piece(&mut self, limits: &Limits) -> Option<Piece> {
        let limit = self.max_line(limits);
        loop {
            let ends = |&at: &usize| match self.carry[at] {
                b'\n' => true,
                0 => at > 0 && self.carry[at - 1] == b'\r',
                _ => false,
            };
            let Some(end) = (0..self.carry.len()).find(ends) else {
                return self.unended(limit, limits.max_skipped_bytes);
            };
            let line: Vec<u8> = self.carry.drain(..=end).take(end).collect();
            if let Some(piece) = self.ended(line, limit) {
                return Some(piece);
            }
        }
    }

    /// The last line at the end of input.
    pub fn last_piece(&mut self, limits: &Limits) -> Option<Piece> {
        let line = std::mem::take(&mut self.carry);
        match line.is_empty() {
            true => None,
            false => self.ended(line, self.max_line(limits)),
        }
    }

    /// Whether a line has begun that has not ended.
    pub fn in_line(&self) -> bool {
        self.skipping || !self.carry.is_empty()
    }

    fn ended(&mut self, mut line: Vec<u8>, limit: usize) -> Option<Piece> {
        if std::mem::take(&mut self.skipping) {
            self.skipped = 0;
            return None;
        }
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        Some(match line.len() > limit {
            true => Piece::TooLong,
            false => Piece::Line(line),
        })
    }

    fn unended(&mut self, limit: usize, bearable: usize) -> Option<Piece> {
        let slack = if self.begun { 1 } else { 4 };
        if !self.skipping && self.carry.len() <= limit + slack {
            return None;
        }
        let keep = usize::from(self.carry.ends_with(b"\r"));
        let dropped = self.carry.len() - keep;
        self.skipped += dropped;
        self.carry.drain(..dropped);
        let more = dropped > 0;
        self.begun = true;
        if !std::mem::replace(&mut self.skipping, true) {
            return Some(Piece::TooLong);
        }
        (more && self.skipped > bearable).then_some(Piece::FarTooLong)
    }

    pub fn forget_input(&mut self) {
        self.carry.clear();
        self.held = false;
        self.line_since = NEVER;
        self.beat = None;
    }

    /// One more refused line at `now`; whether that is too many.
    pub fn count_error(&mut self, limits: &Limits, now: u64) -> bool {
        if self.errors.1 == 0 || now - self.errors.0 >= 10_000 {
            self.errors = (now, 0);
        }
        self.errors.1 += 1;
        self.errors.1 >= limits.max_errors
    }

    pub fn deadline(&self, limits: &Limits) -> u64 {
        let slow = self.stalled_since.saturating_add(limits.stall_timeout_ms);
        match self.phase {
            Phase::Dead => NEVER,
            Phase::Flushing { until } => until.min(slow),
            Phase::Lingering { until, .. } => until,
            Phase::Open => slow
                .min(self.line_since.saturating_add(limits.line_timeout_ms))
                .min(self.silence()),
        }
    }

    /// What is due at `now`: the slow reader goes first, then the slow line, then silence.
    pub fn due(&mut self, limits: &Limits, now: u64) -> Option<Due> {
        if self.deadline(limits) > now {
            return None;
        }
        if !self.is_open() {
            return Some(Due::Cut);
        }
        if self.stalled_since.saturating_add(limits.stall_timeout_ms) <= now {
            return Some(Due::Slow);
        }
        if self.line_since.saturating_add(limits.line_timeout_ms) <= now {
            return Some(Due::Line);
        }
        let beat = self.beat.as_mut()?;
        match std::mem::replace(&mut beat.pinged, true) {
            false => Some(Due::Ping),
            true => Some(Due::Silent),
        }
    }

    fn silence(&self) -> u64 {
        match &self.beat {
            Some(beat) if !self.held => beat.heard + beat.every * if beat.pinged { 2 } else { 1 },
            _ => NEVER,
        }
    }
}
