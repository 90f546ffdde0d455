//! The generator's connections and its loop. Knows no protocol: a [`Dialect`] does.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};

use crate::dialect::{Decoded, Dialect, Role};
use crate::server::Server;
use crate::traffic::{Shape, Traffic};
use crate::wire::Wire;

struct Client {
    stream: Wire,
    user: u32,
    /// The beginning of a frame whose end has not come.
    carry: Vec<u8>,
    /// Its index among the senders.
    sender: Option<u32>,
    /// The last write took less than everything.
    blocked: bool,
    /// When the message that is on its way was sent; only where it is timed.
    sent_at: Option<Instant>,
}

pub struct Load<'a, D> {
    dialect: &'a D,
    address: SocketAddr,
    /// With which to speak TLS.
    tls: Option<Arc<ClientConfig>>,
    poller: OwnedFd,
    events: Vec<Event>,
    clients: Vec<Client>,
    scratch: Vec<u8>,
    /// Bytes read at once.
    read_bytes: usize,
    dirty: Vec<u32>,
    pub traffic: Traffic,
    pub counts: Counts,
    /// The user whose messages are timed: one at a time is on its way.
    pub timed: Option<u32>,
    pub latencies_ns: Vec<u32>,
    connected: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub replies: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

/// Bytes read at once, unless they are to be few.
const READ_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1_024;
/// Connections that come in together: some servers queue no more than ten.
const ENTERING: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);

pub type Outcome<T> = Result<T, String>;

impl<'a, D: Dialect> Load<'a, D> {
    pub fn new(dialect: &'a D, server: &Server, shape: &Shape) -> Outcome<Self> {
        Ok(Load {
            dialect,
            address: server.address,
            tls: server.tls.clone(),
            poller: epoll::create(CreateFlags::CLOEXEC).map_err(text)?,
            events: Vec::with_capacity(EVENTS),
            clients: Vec::new(),
            scratch: vec![0; 2 * READ_BYTES],
            read_bytes: READ_BYTES,
            dirty: Vec::new(),
            traffic: Traffic::new(dialect, shape),
            counts: Counts::default(),
            timed: None,
            latencies_ns: Vec::new(),
            connected: 0,
        })
    }

    /// Connects and registers users.
    pub fn enter(&mut self, users: &[(u32, Role)]) -> Outcome<()> {
        for group in users.chunks(ENTERING) {
            for (stream, &(user, _)) in self.admit(group)?.into_iter().zip(group) {
                self.watch(stream, user)?;
            }
        }
        for (index, sender) in self.traffic.senders.iter_mut().enumerate() {
            let client = users.iter().position(|(user, _)| *user == sender.user);
            sender.client = client.ok_or("a sender has not entered")? as u32;
            self.clients[sender.client as usize].sender = Some(index as u32);
        }
        Ok(())
    }

    /// Connects and registers users together, and leaves it to the caller what becomes of them.
    pub fn admit(&mut self, group: &[(u32, Role)]) -> Outcome<Vec<Wire>> {
        let mut streams = Vec::with_capacity(group.len());
        for _ in group {
            streams.push(self.connect().map_err(text)?);
        }
        let mut steps: Vec<_> = group
            .iter()
            .map(|(user, role)| self.dialect.enter(*user, *role).into_iter())
            .collect();
        loop {
            let now: Vec<_> = steps.iter_mut().map(Iterator::next).collect();
            if now.iter().all(Option::is_none) {
                return Ok(streams);
            }
            for (stream, step) in streams.iter_mut().zip(&now) {
                let bytes = step.as_ref().map_or(&[][..], |step| &step.send);
                stream.write_all(bytes).map_err(text)?;
            }
            for (stream, step) in streams.iter_mut().zip(now.iter().flatten()) {
                let mut got = Vec::new();
                while !step.is_answered(&got) {
                    match stream.read(&mut self.scratch).map_err(text)? {
                        0 => return Err(format!("refused at the door: {}", plain(&got))),
                        count => got.extend_from_slice(&self.scratch[..count]),
                    }
                }
            }
        }
    }

    /// Leaves as a client does, and waits until the server has seen it.
    pub fn leave(&mut self, mut streams: Vec<Wire>) {
        for stream in &mut streams {
            // A server may hang up first: then it is over too.
            let _ = stream.write_all(self.dialect.leave());
            stream.end();
        }
        for stream in &mut streams {
            while matches!(stream.read(&mut self.scratch), Ok(1..)) {}
        }
    }

    /// Lets some streams send their first messages.
    pub fn begin(&mut self, streams: Range<usize>, window: u32) -> Outcome<()> {
        self.traffic.begin(streams.clone(), window);
        for stream in streams {
            self.write(self.traffic.client(stream))?;
        }
        Ok(())
    }

    /// From here on, no connection keeps the others waiting for long.
    pub fn small_reads(&mut self) {
        self.read_bytes = 16 * 1024;
    }

    /// Goes on for `time`.
    pub fn run(&mut self, time: Duration) -> Outcome<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Sends nothing new, and waits for all that is on its way.
    pub fn finish(&mut self) -> Outcome<()> {
        self.traffic.stopped = true;
        let end = Instant::now() + PATIENCE;
        let missing = |load: &Self| {
            let replies = u64::from(load.dialect.replies());
            load.traffic.sent.abs_diff(load.traffic.received)
                + (replies * load.traffic.sent).abs_diff(load.counts.replies)
        };
        while missing(self) > 0 {
            if Instant::now() > end {
                return Err(format!("{} messages or replies never came", missing(self)));
            }
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Outcome<()> {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        self.events.clear();
        match epoll::wait(
            &self.poller,
            spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Err(rustix::io::Errno::INTR) | Ok(_) => {}
            Err(error) => return Err(text(error)),
        }
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let (client, flags) = (event.data.u64() as u32, event.flags);
            if flags.contains(EventFlags::OUT) {
                self.unblock(client)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(client)?;
                while self.clients[client as usize].stream.has_more() {
                    self.read(client)?;
                }
            }
        }
        self.events = events;
        let mut dirty = std::mem::take(&mut self.dirty);
        for client in dirty.drain(..) {
            self.write(client)?;
        }
        self.dirty = dirty;
        Ok(())
    }

    fn read(&mut self, index: u32) -> Outcome<()> {
        let client = &mut self.clients[index as usize];
        let carried = client.carry.len();
        self.scratch[..carried].copy_from_slice(&client.carry);
        client.carry.clear();
        let count = match client
            .stream
            .read(&mut self.scratch[carried..carried + self.read_bytes])
        {
            Ok(0) => return Err("the server hung up".into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(text(error)),
        };
        self.counts.bytes_received += count as u64;
        let scratch = std::mem::take(&mut self.scratch);
        let bytes = &scratch[..carried + count];
        let used = self.take(index, bytes);
        if let Ok(used) = used {
            self.clients[index as usize]
                .carry
                .extend_from_slice(&bytes[used..]);
        }
        self.scratch = scratch;
        used.map(drop)
    }

    /// Handles all whole frames; returns how many bytes they were.
    fn take(&mut self, index: u32, bytes: &[u8]) -> Outcome<usize> {
        let user = self.clients[index as usize].user;
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self.dialect.decode(rest) {
                Decoded::Partial => return Ok(at),
                Decoded::Message {
                    length,
                    from,
                    payload,
                } => {
                    let sender = self
                        .traffic
                        .arrived(user, from, payload)
                        .map_err(|what| format!("wrong {what}: {}", plain(&rest[..length])))?;
                    self.wake(sender);
                    at += length;
                }
                Decoded::Reply { length } => {
                    self.counts.replies += 1;
                    at += length;
                }
                Decoded::Ping { length, answer } => {
                    let stream = &mut self.clients[index as usize].stream;
                    stream.write_all(answer).map_err(text)?;
                    at += length;
                }
                Decoded::Refused { length } => {
                    return Err(format!("refused: {}", plain(&rest[..length])));
                }
                Decoded::Broken => return Err(format!("not understood: {}", plain(rest))),
            }
        }
    }

    /// A message of `sender` has arrived.
    #[inline]
    fn wake(&mut self, sender: u32) {
        let sender = &mut self.traffic.senders[sender as usize];
        let client = sender.client;
        if Some(sender.user) == self.timed
            && let Some(sent_at) = self.clients[client as usize].sent_at.take()
        {
            self.latencies_ns.push(sent_at.elapsed().as_nanos() as u32);
        }
        if sender.has_pending() && !std::mem::replace(&mut sender.dirty, true) {
            self.dirty.push(client);
        }
    }

    fn write(&mut self, index: u32) -> Outcome<()> {
        let client = &mut self.clients[index as usize];
        let Some(sender) = client.sender else {
            return Ok(());
        };
        let sender = &mut self.traffic.senders[sender as usize];
        sender.dirty = false;
        if client.blocked || !sender.has_pending() {
            return Ok(());
        }
        if Some(client.user) == self.timed {
            client.sent_at = Some(Instant::now());
        }
        let (first, second) = sender.pending();
        let wrote = if second.is_empty() {
            client.stream.write(first)
        } else {
            client
                .stream
                .write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
        };
        match wrote {
            Ok(count) => {
                sender.wrote(count);
                self.counts.bytes_sent += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(text(error)),
        }
        if sender.has_pending() {
            client.blocked = true;
            self.interest(index, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    fn unblock(&mut self, index: u32) -> Outcome<()> {
        self.clients[index as usize].blocked = false;
        self.interest(index, EventFlags::IN)?;
        self.write(index)
    }

    fn interest(&self, index: u32, flags: EventFlags) -> Outcome<()> {
        let stream = &self.clients[index as usize].stream;
        epoll::modify(
            &self.poller,
            stream,
            EventData::new_u64(u64::from(index)),
            flags,
        )
        .map_err(text)
    }

    fn watch(&mut self, mut stream: Wire, user: u32) -> Outcome<()> {
        stream.never_block().map_err(text)?;
        let index = self.clients.len() as u64;
        epoll::add(
            &self.poller,
            &stream,
            EventData::new_u64(index),
            EventFlags::IN,
        )
        .map_err(text)?;
        self.clients.push(Client {
            stream,
            user,
            carry: Vec::new(),
            sender: None,
            blocked: false,
            sent_at: None,
        });
        Ok(())
    }

    /// From many addresses of the loopback, so that ports do not run out.
    fn connect(&mut self) -> std::io::Result<Wire> {
        let host = Ipv4Addr::new(127, 0, 1, (self.connected % 200) as u8 + 1);
        self.connected += 1;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((host, 0)).into())?;
        socket.set_tcp_nodelay(true)?;
        socket.connect(&self.address.into())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Wire::new(socket.into(), self.tls.as_ref())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The beginning of received bytes, for people.
fn plain(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(120)].escape_ascii().to_string()
}
