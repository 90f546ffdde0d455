//! One connection of one client: two kernels with a wire between them, and what the client knows. Knows no rules.

use std::collections::{BTreeMap, VecDeque};

use privmsgd::id::ConnId;
use privmsgd::net::memory::Far;
use privmsgd::wire::code::Deliver;

/// Bytes that the client's kernel holds while it does not read.
const INBOX: usize = 3_000;

/// A command that has an `id`, and whose terminal reply is owed.
#[derive(Clone, Debug)]
pub enum Asked {
    Register,
    Send(usize),
    Ephemeral(usize),
    Edit(usize),
    Delete(usize),
    History {
        with: usize,
        rows: Vec<(u64, u64)>,
    },
    /// Whom.
    Block(usize),
    Other(&'static str),
}

pub struct Link {
    pub far: Far,
    pub id: ConnId,
    pub person: usize,
    pub device: String,
    pub deliver: Deliver,
    pub window: u64,
    /// Written by the client, and on its way.
    pub outbox: VecDeque<u8>,
    /// Arrived at the client's kernel; and the line that is being read, for what has arrived and for what was read.
    inbox: VecDeque<u8>,
    taken: u64,
    arriving: Vec<u8>,
    reading: Vec<u8>,
    /// Stream frames: when they arrived.
    pub arrivals: BTreeMap<u64, u64>,
    pub next_id: u64,
    pub asked: BTreeMap<u64, Asked>,
    /// Letters in the order in which they were sent and have an answer to come; and the `id`s they went with.
    pub sends: VecDeque<(usize, Option<u64>)>,
    pub is_registered: bool,
    /// When its session began, among all.
    pub opened: u64,
    /// What its `register` said.
    pub after: Option<u64>,
    /// What `registered` said; and the last position since then.
    pub from: u64,
    pub head: u64,
    pub last_pos: u64,
    pub synced: Option<u64>,
    pub ack_sent: u64,
    /// Read, and not acknowledged by the client.
    pub unacked: VecDeque<u64>,
    pub is_partitioned: bool,
    pub is_stalled: bool,
    /// It was one of both, some time.
    pub was_slow: bool,
    /// The client ended its side, or reset the connection; when.
    pub fin: bool,
    pub reset_at: Option<u64>,
    pub said_bye: bool,
    /// Since when nothing more is written by the client.
    pub ended_ms: Option<u64>,
    /// It acknowledged what it was never sent.
    pub wrong_ack: bool,
    pub goodbye: Option<String>,
    /// Its server is dead.
    pub is_orphan: bool,
    /// Nothing will come any more.
    pub is_over: bool,
}

impl Link {
    pub fn new(far: Far, id: ConnId, person: usize, device: &str, deliver: Deliver) -> Link {
        Link {
            far,
            id,
            person,
            device: device.to_owned(),
            deliver,
            window: 256,
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
            taken: 0,
            arriving: Vec::new(),
            reading: Vec::new(),
            arrivals: BTreeMap::new(),
            next_id: 1,
            asked: BTreeMap::new(),
            sends: VecDeque::new(),
            is_registered: false,
            opened: 0,
            after: None,
            from: 0,
            head: 0,
            last_pos: 0,
            synced: None,
            ack_sent: 0,
            unacked: VecDeque::new(),
            is_partitioned: false,
            is_stalled: false,
            was_slow: false,
            fin: false,
            reset_at: None,
            said_bye: false,
            ended_ms: None,
            wrong_ack: false,
            goodbye: None,
            is_orphan: false,
            is_over: false,
        }
    }

    /// Whether the client may still write.
    pub fn can_write(&self) -> bool {
        !self.fin
            && !self.said_bye
            && self.reset_at.is_none()
            && !self.is_over
            && self.goodbye.is_none()
    }

    pub fn write(&mut self, line: &str) {
        self.outbox.extend(line.as_bytes());
        self.outbox.push_back(b'\n');
    }

    /// Up to `max` bytes of the client's reach the server's kernel. The end follows the last one.
    pub fn carry_up(&mut self, max: usize) {
        if self.is_partitioned || self.reset_at.is_some() {
            return;
        }
        let count = self.outbox.len().min(max);
        let bytes: Vec<u8> = self.outbox.drain(..count).collect();
        self.far.send(&bytes);
        if self.fin && self.outbox.is_empty() && !self.far.has_ended() {
            self.far.end();
        }
    }

    /// Up to `max` bytes of the server's reach the client's kernel, which takes no more than it has room for. Returns the
    /// positions whose frames have arrived whole.
    pub fn carry_down(&mut self, max: usize, now: u64) -> Vec<u64> {
        if self.is_partitioned || self.reset_at.is_some() {
            return Vec::new();
        }
        let room = INBOX.saturating_sub(self.inbox.len()).min(max);
        let bytes = self.far.take(room);
        self.taken += bytes.len() as u64;
        self.inbox.extend(&bytes);
        let mut arrived = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => arrived.extend(pos_of(&std::mem::take(&mut self.arriving))),
                byte => self.arriving.push(byte),
            }
        }
        for pos in &arrived {
            self.arrivals.insert(*pos, now);
        }
        arrived
    }

    /// The next whole line that the client reads.
    pub fn read_line(&mut self) -> Option<String> {
        if self.is_stalled || self.reset_at.is_some() {
            return None;
        }
        while let Some(byte) = self.inbox.pop_front() {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.reading);
                    return Some(String::from_utf8(line).expect("UTF-8"));
                }
                byte => self.reading.push(byte),
            }
        }
        None
    }

    pub fn cut(&mut self, now: u64) {
        if self.reset_at.is_none() {
            self.reset_at = Some(now);
            self.far.reset();
            self.is_over = true;
        }
    }

    /// Whether everything that the server will ever say was read, and it is gone.
    pub fn is_at_end(&self) -> bool {
        let seen = self.far.seen();
        (seen.gone || seen.shut) && self.taken == seen.written && self.inbox.is_empty()
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        let nothing = self.outbox.is_empty() && self.inbox.is_empty();
        self.is_over || (nothing && self.taken == self.far.seen().written)
    }
}

/// The position of a stream frame.
fn pos_of(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).expect("UTF-8");
    if line.starts_with("{\"type\":\"registered\"") || line.starts_with("{\"type\":\"synced\"") {
        return None;
    }
    let (_, rest) = line.split_once(",\"pos\":")?;
    let end = rest
        .find(|byte: char| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
