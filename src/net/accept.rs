//! Taking new connections: a bounded number a turn, and never stuck when descriptors run out.
//! Knows no names and no JSON.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use crate::engine::Engine;
use crate::net::admit::{Peer, Refused};
use crate::net::conn::{CloseReason, Transport};
use crate::net::listen::Listener;
use crate::net::stream::Stream;
use crate::net::timers::NEVER;
use crate::net::tls::Layer;
use crate::ops::exit::reason;
use crate::wire::code::Goodbye;
use crate::wire::frame::Frame;

pub struct Acceptor {
    listeners: Vec<Listener>,
    /// Which of them may have connections waiting: their edge is spent, so this must not be forgotten.
    waiting: Vec<bool>,
    /// For listeners that speak TLS.
    tls: Option<Layer>,
    /// Held open so that, when no descriptor is left, one can be had to say so.
    reserve: Option<File>,
    /// When to try again after the system gave no descriptor at all, in monotonic ms.
    retry_ms: u64,
}

/// What TLS has for a client that is refused before a handshake, which would cost more than it is worth: the fatal
/// alert `internal_error`.
const TLS_REFUSAL: &[u8] = &[0x15, 3, 3, 0, 2, 2, 80];
/// How long to leave a system alone that has no descriptors even for a refusal.
const RETRY_MS: u64 = 100;

enum Accepted {
    One,
    None,
    Failed,
}

impl Acceptor {
    /// Listener `n` is registered as token `first_token + n`.
    pub fn new(
        mut listeners: Vec<Listener>,
        tls: Option<Layer>,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(registry, Token(first_token + index))?;
        }
        Ok(Acceptor {
            waiting: vec![true; listeners.len()],
            listeners,
            tls,
            reserve: reserve(),
            retry_ms: NEVER,
        })
    }

    /// An event came for listener `index`.
    pub fn mark(&mut self, index: usize) {
        if let Some(waiting) = self.waiting.get_mut(index) {
            *waiting = true;
        }
    }

    /// Takes from each listener what waits there, up to one turn's share, which is smaller where TLS is spoken.
    pub fn turn(&mut self, engine: &mut Engine<Stream>, tls_share: u32, registry: &Registry) {
        if self.retry_ms != NEVER && self.retry_ms > engine.conns.now_ms {
            return;
        }
        self.retry_ms = NEVER;
        for index in 0..self.listeners.len() {
            if !self.waiting.get(index).is_some_and(|waiting| *waiting) {
                continue;
            }
            let share = match self.listeners.get(index).is_some_and(|one| one.is_tls) {
                true => tls_share,
                false => engine.conns.limits.accepts_per_turn,
            };
            for _ in 0..share {
                match self.accept(index, engine, registry) {
                    Accepted::One => {}
                    Accepted::None => {
                        self.waiting[index] = false;
                        break;
                    }
                    Accepted::Failed => {
                        self.retry_ms = engine.conns.now_ms + RETRY_MS;
                        return;
                    }
                }
            }
        }
    }

    /// When connections may be waiting for which no event will come, in monotonic ms; 0: now.
    pub fn next_deadline(&self) -> u64 {
        match self.waiting.contains(&true) {
            true if self.retry_ms == NEVER => 0,
            true => self.retry_ms,
            false => NEVER,
        }
    }

    /// Listens no more. Sockets that the service manager keeps open go on collecting connections for the next process.
    pub fn close(&mut self) {
        self.listeners.clear();
        self.waiting.clear();
        self.retry_ms = NEVER;
    }

    /// Whether it takes connections: it listens, and the system has descriptors for them.
    pub fn is_accepting(&self) -> bool {
        !self.listeners.is_empty() && self.retry_ms == NEVER
    }

    pub fn tls(&self) -> Option<&Layer> {
        self.tls.as_ref()
    }

    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    fn accept(
        &mut self,
        index: usize,
        engine: &mut Engine<Stream>,
        registry: &Registry,
    ) -> Accepted {
        let Some(listener) = self.listeners.get(index) else {
            return Accepted::None;
        };
        match listener.accept() {
            Ok((stream, peer)) => self.admit(stream, peer, engine, registry),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Accepted::None,
            Err(error) if is_out_of_descriptors(&error) => {
                return self.refuse_with_reserve(index, engine);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let address = listener.address.clone();
                engine.say(format_args!(
                    "cannot accept on {address}: {}",
                    reason(&error)
                ));
                return Accepted::Failed;
            }
        }
        Accepted::One
    }

    fn admit(
        &self,
        mut stream: Stream,
        peer: Peer,
        engine: &mut Engine<Stream>,
        registry: &Registry,
    ) {
        if let Err(why) = engine.judge(&peer) {
            return refuse(stream, &peer, why, engine);
        }
        if peer.is_encrypted() {
            stream = match self.tls.as_ref().map(|layer| stream.over_tls(layer)) {
                Some(Ok(stream)) => stream,
                // Said by name where the listener was made; a connection without TLS must not pass for one with it.
                _ => return,
            };
        }
        let id = engine.connect(stream, peer);
        // Edge-triggered, and for everything from the start: it is never registered anew.
        let interest = Interest::READABLE
            .add(Interest::WRITABLE)
            .add(Interest::PRIORITY);
        let registered = engine
            .conns
            .stream_mut(id)
            .map(|stream| registry.register(stream, Token(id.key as usize), interest));
        if !matches!(registered, Some(Ok(()))) {
            engine.conns.cut(id.key, CloseReason::Lost);
        }
    }

    fn refuse_with_reserve(&mut self, index: usize, engine: &mut Engine<Stream>) -> Accepted {
        drop(self.reserve.take());
        let accepted = self.listeners.get(index).map(Listener::accept);
        let outcome = match accepted {
            Some(Ok((stream, peer))) => {
                refuse(stream, &peer, Refused::NoDescriptors, engine);
                Accepted::One
            }
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Accepted::None,
            _ => Accepted::Failed,
        };
        self.reserve = reserve();
        outcome
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == code)
}

/// Errors that accept(2) passes on from the connection it was to return: the next one is unharmed.
fn is_of_one_connection(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    error.kind() == ErrorKind::Interrupted
        || [
            Errno::CONNABORTED,
            Errno::PROTO,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NOPROTOOPT,
            Errno::NONET,
            Errno::OPNOTSUPP,
            Errno::PERM,
        ]
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == code)
}

/// Says why in one line. What the client already sent is read away, so that no reset destroys the line.
fn refuse(mut stream: Stream, peer: &Peer, why: Refused, engine: &mut Engine<Stream>) {
    engine.conns.tally.refused(why);
    engine.say(format_args!(
        "connection from {peer} refused: {}",
        why.as_str()
    ));
    let mut line = Vec::with_capacity(160);
    match peer.is_encrypted() {
        true => line.extend_from_slice(TLS_REFUSAL),
        false => Frame::Goodbye {
            id: None,
            code: Goodbye::ServerFull,
            after_ms: Some(5_000),
            instead: None,
        }
        .write(&mut line),
    }
    // The line fits into any socket's buffer; a peer that is gone already needs none.
    let _ = stream.write(&line);
    let _ = stream.shutdown_write();
    let _ = stream.read(&mut [0; 4_096]);
}
