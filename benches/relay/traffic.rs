//! Who sends what to whom, written out beforehand, and the check of every byte of it that arrives.
//! Knows neither sockets nor protocols.

use std::ops::Range;

use crate::dialect::{Dialect, Mail, number};

/// The shape of a load.
pub struct Shape {
    /// One message stream each: the sender's and the receiver's user.
    pub streams: Vec<(u32, u32)>,
    /// Messages of one stream that may be on their way, at most.
    pub window: u32,
    /// Bytes of a message's text.
    pub payload: usize,
}

/// A numbered sequence of messages from one user to another.
struct Stream {
    sender: u32,
    from: u32,
    to: u32,
    received: u32,
    /// Its place among its sender's streams.
    turn: u64,
}

/// A connection's lines, each stream's turn by turn, again and again.
pub struct Sender {
    pub user: u32,
    /// Its place among the connections.
    pub client: u32,
    ring: Vec<u8>,
    line: usize,
    at: usize,
    streams: u64,
    /// Lines that may be written, from the beginning.
    allowed: u64,
    /// Bytes that may be written now.
    pending: usize,
    /// In the list of senders to be written to.
    pub dirty: bool,
}

impl Sender {
    /// What may be written now: in two parts where the ring ends.
    pub fn pending(&self) -> (&[u8], &[u8]) {
        let first = self.pending.min(self.ring.len() - self.at);
        let second = (self.pending - first).min(self.at);
        (&self.ring[self.at..self.at + first], &self.ring[..second])
    }

    pub fn wrote(&mut self, count: usize) {
        self.pending -= count;
        self.at = (self.at + count) % self.ring.len();
    }

    fn allow(&mut self, lines: u32) {
        self.allowed += u64::from(lines);
        self.pending += self.line * lines as usize;
    }

    /// How many lines the stream whose turn it is may have sent.
    #[inline]
    fn allowed_to(&self, turn: u64) -> u64 {
        match self.streams {
            1 => self.allowed,
            streams => (self.allowed + streams - 1 - turn) / streams,
        }
    }

    pub fn has_pending(&self) -> bool {
        self.pending > 0
    }
}

pub struct Traffic {
    streams: Vec<Stream>,
    pub senders: Vec<Sender>,
    /// The end of every payload, after [`HEAD_BYTES`].
    filler: Vec<u8>,
    /// How a stream's numbers are written; they begin anew after the last.
    numbers: Vec<[u8; NUMBER_BYTES]>,
    pub sent: u64,
    pub received: u64,
    pub stopped: bool,
}

const STREAM_BYTES: usize = 6;
const NUMBER_BYTES: usize = 9;
/// A payload begins with its stream, a dash and its number.
const HEAD_BYTES: usize = STREAM_BYTES + NUMBER_BYTES;

impl Traffic {
    pub fn new<D: Dialect>(dialect: &D, shape: &Shape) -> Self {
        assert!(
            shape.payload > HEAD_BYTES,
            "a payload has room for its head"
        );
        let depth = (shape.window + shape.window / 4 + 1).max(8);
        let mut traffic = Traffic {
            streams: Vec::new(),
            senders: Vec::new(),
            filler: (HEAD_BYTES..shape.payload)
                .map(|at| b"etaoin shrdlu cmfwyp vbgkjq xz"[at % 30])
                .collect(),
            numbers: (0..depth).map(digits).collect(),
            sent: 0,
            received: 0,
            stopped: false,
        };
        for &(from, to) in &shape.streams {
            let sender = traffic.sender(from);
            let streams = &mut traffic.senders[sender as usize].streams;
            *streams += 1;
            traffic.streams.push(Stream {
                sender,
                from,
                to,
                received: 0,
                turn: *streams - 1,
            });
        }
        traffic.write_lines(dialect);
        traffic
    }

    /// The first messages of some streams. Of a sender's streams, all must begin together.
    pub fn begin(&mut self, streams: Range<usize>, window: u32) {
        for stream in &mut self.streams[streams] {
            self.senders[stream.sender as usize].allow(window);
            self.sent += u64::from(window);
        }
    }

    /// The connection that sends a stream.
    pub fn client(&self, stream: usize) -> u32 {
        self.senders[self.streams[stream].sender as usize].client
    }

    /// A message arrived at `user`: checks it and, unless stopped, lets its sender send the next. Returns the
    /// sender, or what is wrong.
    #[inline]
    pub fn arrived(
        &mut self,
        user: u32,
        from: Option<u32>,
        payload: &[u8],
    ) -> Result<u32, &'static str> {
        let Some((head, rest)) = payload.split_first_chunk::<HEAD_BYTES>() else {
            return Err("length");
        };
        let stream = number(&head[..STREAM_BYTES]).ok_or("sender")?;
        let stream = self.streams.get_mut(stream as usize).ok_or("sender")?;
        if stream.to != user || from.is_some_and(|from| from != stream.from) {
            return Err("sender or recipient");
        }
        let expected = stream.received as usize % self.numbers.len();
        if head[STREAM_BYTES..] != self.numbers[expected] {
            return Err("order or uniqueness");
        }
        if rest != self.filler {
            return Err("length or text");
        }
        let sender = &mut self.senders[stream.sender as usize];
        if u64::from(stream.received) >= sender.allowed_to(stream.turn) {
            return Err("uniqueness");
        }
        stream.received += 1;
        self.received += 1;
        if !self.stopped {
            self.sent += 1;
            sender.allow(1);
        }
        Ok(stream.sender)
    }

    fn sender(&mut self, user: u32) -> u32 {
        let known = self
            .senders
            .last()
            .is_some_and(|sender| sender.user == user);
        if !known {
            self.senders.push(Sender {
                user,
                client: 0,
                ring: Vec::new(),
                line: 0,
                at: 0,
                streams: 0,
                allowed: 0,
                pending: 0,
                dirty: false,
            });
        }
        self.senders.len() as u32 - 1
    }

    fn write_lines<D: Dialect>(&mut self, dialect: &D) {
        let mut payload = vec![0; HEAD_BYTES];
        payload.extend_from_slice(&self.filler);
        for (number, digits) in self.numbers.iter().enumerate() {
            for (index, stream) in self.streams.iter().enumerate() {
                payload[..STREAM_BYTES].copy_from_slice(format!("{index:06}").as_bytes());
                payload[STREAM_BYTES..HEAD_BYTES].copy_from_slice(digits);
                let sender = &mut self.senders[stream.sender as usize];
                let before = sender.ring.len();
                dialect.encode(
                    &Mail {
                        from: stream.from,
                        to: stream.to,
                        number: number as u32,
                        payload: &payload,
                    },
                    &mut sender.ring,
                );
                let line = sender.ring.len() - before;
                assert!(before == 0 || line == sender.line, "lines of one length");
                sender.line = line;
            }
        }
    }
}

fn digits(number: u32) -> [u8; NUMBER_BYTES] {
    let mut digits = [b'-'; NUMBER_BYTES];
    digits[1..].copy_from_slice(format!("{number:08}").as_bytes());
    digits
}
