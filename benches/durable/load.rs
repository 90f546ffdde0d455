//! The generator: pairs of a sender and a recipient each, in one thread and one loop. Knows no protocol: a [`Dialect`]
//! does. A sender has a window of messages that are not accepted (or, where nothing is accepted, have not arrived).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::Outcome;
use crate::dialect::{Dialect, Ear, Step, plain};
use crate::ledger::{Ledger, text};

/// When no further messages are sent.
#[derive(Clone, Copy)]
pub enum Until {
    Time(Duration),
    /// Messages of each sender.
    Count(u64),
}

struct Client {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    carry: Vec<u8>,
    out: Vec<u8>,
    written: usize,
}

struct Pair {
    sender: Client,
    recipient: Client,
    ear: Ear,
    ledger: Ledger,
    /// Has to be written to at the end of the turn.
    dirty: bool,
}

impl Pair {
    fn client(&mut self, sender: bool) -> &mut Client {
        match sender {
            true => &mut self.sender,
            false => &mut self.recipient,
        }
    }
}

impl Client {
    fn flush(&mut self) -> Outcome<()> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(told(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }
}

pub struct Load<'a, D> {
    dialect: &'a D,
    poll: Poll,
    pairs: Vec<Pair>,
    dirty: Vec<u32>,
    scratch: Vec<u8>,
    /// Messages of one sender that may be under way, and that it may send in all.
    window: u64,
    limit: u64,
    pub totals: Totals,
    /// From the write of a message to the read of its acceptance.
    pub latencies_ns: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub sent: u64,
    pub accepted: u64,
    pub arrived: u64,
    pub confirmed: u64,
}

const READ_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1_024;
/// A server that does nothing for so long has lost something.
const PATIENCE: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(5);

/// Of the loopback, many addresses, so that ports do not run out.
pub fn connect(address: SocketAddr, number: u32) -> io::Result<std::net::TcpStream> {
    let host = Ipv4Addr::new(127, 0, 1, (number % 200) as u8 + 1);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((host, 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    socket.connect(&address.into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

impl<'a, D: Dialect> Load<'a, D> {
    /// Everybody comes in, one after the other.
    pub fn new(dialect: &'a D, address: SocketAddr, pairs: u32) -> Outcome<Self> {
        let mut load = Load {
            dialect,
            poll: Poll::new().map_err(told)?,
            pairs: Vec::new(),
            dirty: Vec::new(),
            scratch: vec![0; READ_BYTES],
            window: 0,
            limit: 0,
            totals: Totals::default(),
            latencies_ns: Vec::new(),
        };
        dialect.prepare(&|| connect(address, 0).map_err(told))?;
        for pair in 0..pairs {
            let recipient = enter(address, pair, dialect.recipient(pair))?;
            let sender = enter(address, pair, dialect.sender(pair))?;
            load.watch(pair, sender, recipient)?;
        }
        Ok(load)
    }

    fn watch(
        &mut self,
        pair: u32,
        sender: std::net::TcpStream,
        recipient: std::net::TcpStream,
    ) -> Outcome<()> {
        let client = |stream, place| -> io::Result<Client> {
            let mut stream = TcpStream::from_std(stream);
            let token = Token(2 * pair as usize + place);
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, token, interest)?;
            Ok(Client {
                stream,
                carry: Vec::new(),
                out: Vec::new(),
                written: 0,
            })
        };
        let mut recipient = client(recipient, 1).map_err(told)?;
        self.dialect.listen(pair, &mut recipient.out);
        recipient.flush()?;
        self.pairs.push(Pair {
            sender: client(sender, 0).map_err(told)?,
            recipient,
            ear: Ear::default(),
            ledger: Ledger::default(),
            dirty: false,
        });
        Ok(())
    }

    /// Returns how long it took until everything was accepted, delivered and acknowledged.
    pub fn run(&mut self, window: u64, until: Until) -> Outcome<Duration> {
        let start = Instant::now();
        self.limit = match until {
            Until::Time(_) => u64::MAX,
            Until::Count(count) => count,
        };
        self.window = window;
        for pair in 0..self.pairs.len() {
            self.fill(pair)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        let (mut before, mut moved) = (self.totals, start);
        while !self.is_over()? {
            let now = self.turn(&mut events)?;
            if let Until::Time(time) = until
                && now.duration_since(start) >= time
            {
                self.limit = 0;
            }
            if self.totals != before {
                (before, moved) = (self.totals, now);
            } else if now.duration_since(moved) > PATIENCE {
                return Err(format!("nothing comes any more: {before:?}"));
            }
        }
        Ok(start.elapsed())
    }

    /// Asks the recipients' last question when its time has come.
    fn is_over(&mut self) -> Outcome<bool> {
        let Totals {
            sent,
            accepted,
            arrived,
            ..
        } = self.totals;
        if self.limit == u64::MAX
            || sent < self.limit * self.pairs.len() as u64
            || arrived != sent
            || (self.dialect.accepts() && accepted != sent)
        {
            return Ok(false);
        }
        for (pair, one) in (0..).zip(&mut self.pairs) {
            if !one.ear.confirmed {
                self.dialect
                    .confirm(pair, &mut one.ear, &mut one.recipient.out);
                one.recipient.flush()?;
                self.totals.confirmed += u64::from(one.ear.confirmed);
            }
        }
        Ok(self.pairs.iter().all(|pair| pair.ear.confirmed))
    }

    fn turn(&mut self, events: &mut Events) -> Outcome<Instant> {
        match self.poll.poll(events, Some(TURN)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(told(error)),
            _ => {}
        }
        let now = Instant::now();
        for event in events.iter() {
            let (pair, place) = (event.token().0 / 2, event.token().0 % 2);
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                while self.read(pair, place == 0)? {}
            }
            if event.is_writable() {
                self.pairs[pair].client(place == 0).flush()?;
            }
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for pair in dirty.drain(..) {
            self.pairs[pair as usize].dirty = false;
            self.fill(pair as usize)?;
        }
        self.dirty = dirty;
        Ok(now)
    }

    /// Whether there may be more to read.
    fn read(&mut self, index: usize, from_sender: bool) -> Outcome<bool> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let client = self.pairs[index].client(from_sender);
        let carried = client.carry.len();
        if scratch.len() < carried + READ_BYTES {
            scratch.resize(carried + READ_BYTES, 0);
        }
        scratch[..carried].copy_from_slice(&client.carry);
        client.carry.clear();
        let space = scratch.len() - carried;
        let (count, more) = match client.stream.read(&mut scratch[carried..]) {
            Ok(0) => {
                return Err(format!(
                    "the server hung up: {}",
                    plain(&scratch[..carried])
                ));
            }
            Ok(count) => (count, count == space),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (0, false),
            Err(error) => return Err(told(error)),
        };
        let bytes = &scratch[..carried + count];
        let used = match from_sender {
            true => self.take_answers(index, bytes)?,
            false => self.take_messages(index, bytes)?,
        };
        let client = self.pairs[index].client(from_sender);
        client.carry.extend_from_slice(&bytes[used..]);
        self.scratch = scratch;
        Ok(more)
    }

    fn take_answers(&mut self, index: usize, bytes: &[u8]) -> Outcome<usize> {
        let now = Instant::now();
        let mut used = 0;
        while let Some((length, told)) = self.dialect.answer(index as u32, &bytes[used..])? {
            used += length;
            let took_ns = self.pairs[index].ledger.accept(told, now)?;
            self.latencies_ns.push(took_ns);
            self.totals.accepted += 1;
        }
        if used > 0 {
            self.wake(index);
        }
        Ok(used)
    }

    fn take_messages(&mut self, index: usize, bytes: &[u8]) -> Outcome<usize> {
        let pair = &mut self.pairs[index];
        let (ledger, totals) = (&mut pair.ledger, &mut self.totals);
        let was_confirmed = pair.ear.confirmed;
        let used = self
            .dialect
            .hear(index as u32, &mut pair.ear, bytes, &mut |text| {
                totals.arrived += 1;
                ledger.arrive(index as u32, text)
            })?;
        totals.confirmed += u64::from(pair.ear.confirmed && !was_confirmed);
        self.dialect
            .acknowledge(index as u32, &mut pair.ear, &mut pair.recipient.out);
        pair.recipient.flush()?;
        if !self.dialect.accepts() {
            self.wake(index);
        }
        Ok(used)
    }

    /// Writes as many messages as the window has room for.
    fn fill(&mut self, index: usize) -> Outcome<()> {
        let pair = &mut self.pairs[index];
        let (now, done) = match self.dialect.accepts() {
            true => (Some(Instant::now()), pair.ledger.accepted),
            false => (None, pair.ledger.arrived),
        };
        while pair.ledger.sent < self.limit.min(done + self.window) {
            let number = pair.ledger.send(now);
            let text = text(index as u32, number);
            self.dialect
                .send(index as u32, number, &text, &mut pair.sender.out);
            self.totals.sent += 1;
        }
        pair.sender.flush()
    }

    fn wake(&mut self, index: usize) {
        if !std::mem::replace(&mut self.pairs[index].dirty, true) {
            self.dirty.push(index as u32);
        }
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn enter(address: SocketAddr, pair: u32, steps: Vec<Step>) -> Outcome<std::net::TcpStream> {
    let mut stream = connect(address, pair).map_err(told)?;
    for step in steps {
        stream.write_all(&step.send).map_err(told)?;
        let (mut got, mut scratch) = (Vec::new(), [0; 4096]);
        while !step.is_answered(&got) {
            match stream.read(&mut scratch) {
                Ok(count) if count > 0 => got.extend_from_slice(&scratch[..count]),
                _ => return Err(format!("refused at the door: {}", plain(&got))),
            }
        }
    }
    stream.set_nonblocking(true).map_err(told)?;
    Ok(stream)
}
