//! A connected socket of any kind. Knows nothing of what goes through it.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token, event::Source};

use crate::net::conn::{News, Transport};
use crate::net::sys;
use crate::net::tls::Layer;
#[cfg(feature = "tls")]
use crate::net::tls::Tls;

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<Tls<TcpStream>>),
}

impl Transport for TcpStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    /// A connection that was reset has nothing out any more: whether it was is asked afterwards.
    fn unacknowledged(&mut self) -> io::Result<Option<u64>> {
        let out = sys::unacknowledged(&*self)?;
        match self.take_error()? {
            Some(error) => Err(error),
            None => Ok(Some(out)),
        }
    }
}

impl Stream {
    /// The same connection with TLS between it and the caller.
    pub fn over_tls(self, layer: &Layer) -> io::Result<Stream> {
        match self {
            #[cfg(feature = "tls")]
            Stream::Tcp(stream) => Ok(Stream::Tls(Box::new(layer.wrap(stream)?))),
            #[cfg(not(feature = "tls"))]
            Stream::Tcp(stream) => layer.wrap(stream),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Stream {
    /// Whose process connected; `None`: over TCP that cannot be known.
    pub fn peer_uid(&self) -> Option<u32> {
        match self {
            Stream::Unix(stream) => {
                let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
                Some(peer.uid.as_raw())
            }
            _ => None,
        }
    }
}

impl Transport for Stream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown_write(),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.shutdown_write(),
        }
    }

    fn unacknowledged(&mut self) -> io::Result<Option<u64>> {
        match self {
            Stream::Tcp(stream) => stream.unacknowledged(),
            // Memory, not bytes, is what it counts: only none of it says something.
            Stream::Unix(stream) => {
                let out = sys::unacknowledged(&*stream)?;
                match stream.take_error()? {
                    Some(error) => Err(error),
                    None => Ok((out == 0).then_some(0)),
                }
            }
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.unacknowledged(),
        }
    }

    #[inline]
    fn news(&mut self) -> News {
        match self {
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.news(),
            _ => News::default(),
        }
    }

    fn complaint(&mut self) -> Option<Box<str>> {
        match self {
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.complaint(),
            _ => None,
        }
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(to),
            Stream::Unix(stream) => stream.read(to),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.read(to),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(from),
            Stream::Unix(stream) => stream.write(from),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(to, token, interest),
            Stream::Unix(stream) => stream.register(to, token, interest),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(to, token, interest),
            Stream::Unix(stream) => stream.reregister(to, token, interest),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(from),
            Stream::Unix(stream) => stream.deregister(from),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.deregister(from),
        }
    }
}
