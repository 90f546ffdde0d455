//! One connection: lines out, lines in, each within a time. Knows no JSON.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// How long a line may take to come.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// Longer than the longest frame of any server that is checked.
const LONGEST: usize = 4 * 1024 * 1024;

pub struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of `buffer`, given out already.
    used: usize,
}

/// Why there is no line.
#[derive(Debug, PartialEq, Eq)]
pub enum NoLine {
    Nothing,
    Closed,
    Reset,
    TooLong,
    NotUtf8,
}

impl NoLine {
    pub fn as_str(&self) -> &'static str {
        match self {
            NoLine::Nothing => "nothing came",
            NoLine::Closed => "the connection ended",
            NoLine::Reset => "the connection was reset",
            NoLine::TooLong => "a line without end came",
            NoLine::NotUtf8 => "something that is not UTF-8 came",
        }
    }
}

impl Conn {
    pub fn dial(address: SocketAddr) -> io::Result<Conn> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Conn {
            stream,
            buffer: Vec::new(),
            used: 0,
        })
    }

    /// Whoever has hung up is met when the next line is read.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self.stream.write_all(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("the server does not read".into())
            }
            _ => Ok(()),
        }
    }

    pub fn end_input(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    pub fn line(&mut self) -> Result<String, NoLine> {
        self.line_within(PATIENCE)
    }

    pub fn line_within(&mut self, patience: Duration) -> Result<String, NoLine> {
        let until = Instant::now() + patience;
        let mut looked = self.used;
        loop {
            let fresh = self.buffer.get(looked..).unwrap_or_default();
            if let Some(length) = fresh.iter().position(|&byte| byte == b'\n') {
                let line = self.buffer[self.used..looked + length].to_vec();
                self.used = looked + length + 1;
                return String::from_utf8(line).map_err(|_| NoLine::NotUtf8);
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            looked = self.buffer.len();
            if looked > LONGEST {
                return Err(NoLine::TooLong);
            }
            self.read(until)?;
        }
    }

    fn read(&mut self, until: Instant) -> Result<(), NoLine> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
            return Err(NoLine::Nothing);
        }
        let mut room = [0; 16 * 1024];
        match self.stream.read(&mut room) {
            Ok(0) => Err(NoLine::Closed),
            Ok(count) => {
                self.buffer.extend_from_slice(&room[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(NoLine::Nothing)
            }
            Err(_) => Err(NoLine::Reset),
        }
    }
}
