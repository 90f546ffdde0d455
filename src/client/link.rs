//! One connection to a server, over TCP, TLS or a UNIX socket: bytes out, lines in, each wait with a bound. Knows no JSON and
//! no session.

#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "link/without_tls.rs"]
pub mod tls;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, TcpKeepalive};

use super::address::Address;
use super::profile::Trust;
use crate::ops::exit::reason;

pub struct Link {
    io: Io,
    /// Read, and not given out yet.
    incoming: Vec<u8>,
    /// What of `incoming` is known to hold no line end.
    looked: usize,
    news: Option<String>,
}

enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<tls::Tls>),
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLink {
    Unreachable(String),
    /// The server is not to be trusted.
    Untrusted(String),
}

impl Link {
    /// Waits at most `patience` for each address of the host and for the handshake.
    pub fn dial(address: &Address, trust: &Trust, patience: Duration) -> Result<Link, NoLink> {
        let failed = |error: io::Error| {
            NoLink::Unreachable(format!("cannot connect to {address}: {}", reason(&error)))
        };
        let mut news = None;
        let io = match address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).map_err(failed)?;
                stream.set_nonblocking(true).map_err(failed)?;
                Io::Unix(stream)
            }
            Address::Tcp { host, port } => {
                let stream = dial_tcp(host, *port, patience).map_err(failed)?;
                stream.set_nonblocking(true).map_err(failed)?;
                Io::Tcp(stream)
            }
            Address::Tls { host, port } => {
                let stream = dial_tcp(host, *port, patience).map_err(failed)?;
                let (tls, told) = tls::Tls::shake(stream, address, host, trust, patience)?;
                news = told;
                Io::Tls(Box::new(tls))
            }
        };
        Ok(Link {
            io,
            incoming: Vec::new(),
            looked: 0,
            news,
        })
    }

    /// What a person is to be told, once: the server's certificate was not known, and is remembered now.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Writes of `out` what goes, taking it off its front, and reads what has come; waits at most `patience` for either.
    /// Fails when the connection is at its end.
    pub fn turn(&mut self, out: &mut Vec<u8>, patience: Duration) -> io::Result<()> {
        self.write(out)?;
        let Some(awaited) = self.awaited(!out.is_empty()) else {
            return self.read();
        };
        if wait(&mut [awaited], patience)? {
            self.write(out)?;
            self.read()?;
        }
        Ok(())
    }

    /// What a turn waits for; `None`: it does not wait.
    pub fn awaited(&self, has_output: bool) -> Option<PollFd<'_>> {
        if self.io.has_plaintext() {
            return None;
        }
        let mut wanted = PollFlags::IN;
        if has_output || self.io.wants_write() {
            wanted |= PollFlags::OUT;
        }
        Some(PollFd::from_borrowed_fd(self.io.as_fd(), wanted))
    }

    /// The next line without its end. `Err`: it is longer than `longest`, or not UTF-8.
    pub fn line(&mut self, longest: usize) -> Option<Result<String, &'static str>> {
        let rest = self.incoming.get(self.looked..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', rest) else {
            self.looked = self.incoming.len();
            let is_long = self.looked > longest;
            return is_long.then_some(Err("the server sends a line that does not end"));
        };
        let mut line: Vec<u8> = self.incoming.drain(..=self.looked + at).collect();
        self.looked = 0;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > longest {
            return Some(Err("the server sends a line that is too long"));
        }
        Some(String::from_utf8(line).map_err(|_| "the server sends what is not UTF-8"))
    }

    /// As TLS has it, or simply: nothing more is sent.
    pub fn end_output(&mut self) {
        let _ = match &mut self.io {
            Io::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            Io::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
            Io::Tls(tls) => tls.end_output(),
        };
    }

    fn write(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while !out.is_empty() || self.io.wants_write() {
            match self.io.write(out) {
                Ok(count) => drop(out.drain(..count.min(out.len()))),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // What the server said before it ended is still to be read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    out.clear();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut room = [0; ROOM];
        match self.io.read(&mut room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.incoming
                    .extend_from_slice(room.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
                _ => Err(error),
            },
        }
    }
}

impl Io {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Io::Tcp(stream) => stream.read(room),
            Io::Unix(stream) => stream.read(room),
            Io::Tls(tls) => tls.read(room),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Io::Tcp(stream) => stream.write(bytes),
            Io::Unix(stream) => stream.write(bytes),
            Io::Tls(tls) => tls.write(bytes),
        }
    }

    /// Records are sealed and not written yet.
    fn wants_write(&self) -> bool {
        matches!(self, Io::Tls(tls) if tls.wants_write())
    }

    /// There is something to read that the socket will not announce.
    fn has_plaintext(&self) -> bool {
        matches!(self, Io::Tls(tls) if tls.has_plaintext())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Io::Tcp(stream) => stream.as_fd(),
            Io::Unix(stream) => stream.as_fd(),
            Io::Tls(tls) => tls.as_fd(),
        }
    }
}

/// Whether any is ready; a signal ends the wait, too.
pub fn wait(fds: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let patience = Timespec::try_from(patience).ok();
    match poll(fds, patience.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// One address of the host after the other.
fn dial_tcp(host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                prepare(&stream)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A peer that has vanished is found by TCP.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// The time that is left of `patience` that began at `start`.
pub fn left(start: Instant, patience: Duration) -> Duration {
    patience.saturating_sub(start.elapsed())
}

/// What a connection ends with on which the server has said nothing.
pub const NO_GREETING: &str =
    "the server hung up before its greeting; if it speaks TLS there, write tls:HOST:PORT";
const ROOM: usize = 16 * 1024;
const USER_TIMEOUT: Duration = Duration::from_secs(30);
