//! One connection of the metrics listener: a request in, an answer out. Knows neither the poller nor what is told.

use std::io::ErrorKind;

use crate::net::conn::Transport;
use crate::net::scrape::http::{self, MAX_REQUEST_BYTES, Request, Status};

pub struct Conn<S> {
    pub stream: S,
    /// From connecting to the end of the answer, in monotonic ms.
    pub deadline_ms: u64,
    /// An event said so since the last try; the first try needs none.
    pub may_read: bool,
    pub may_write: bool,
    input: Vec<u8>,
    /// Empty until the request is complete.
    out: Vec<u8>,
    /// So much of `out` is written.
    sent: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum State {
    Waits,
    Over,
}

const CHUNK_BYTES: usize = 1_024;

impl<S: Transport> Conn<S> {
    pub fn new(stream: S, deadline_ms: u64) -> Self {
        Conn {
            stream,
            deadline_ms,
            may_read: true,
            may_write: true,
            input: Vec::new(),
            out: Vec::new(),
            sent: 0,
        }
    }

    /// Goes on as far as it can. `tell` makes the answer to a request, once.
    pub fn turn(&mut self, tell: impl FnOnce(Result<Request<'_>, Status>) -> Vec<u8>) -> State {
        if self.out.is_empty() {
            if !self.read() {
                return State::Over;
            }
            let Some(asked) = http::request(&self.input) else {
                return State::Waits;
            };
            self.out = tell(asked);
        }
        self.write()
    }

    /// Reads up to the end of the request; whether there can still be one.
    fn read(&mut self) -> bool {
        let mut chunk = [0; CHUNK_BYTES];
        while self.may_read && self.input.len() < MAX_REQUEST_BYTES {
            match self.stream.read(&mut chunk) {
                // What came before it may be a request.
                Ok(0) => return http::request(&self.input).is_some(),
                Ok(count) => self.input.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
                Err(_) => return false,
            }
        }
        true
    }

    fn write(&mut self) -> State {
        while self.may_write {
            let rest = self.out.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                return self.bury(&mut [0; CHUNK_BYTES]);
            }
            match self.stream.write(rest) {
                Ok(0) => return State::Over,
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_write = false,
                Err(_) => return State::Over,
            }
        }
        State::Waits
    }

    /// What the peer has sent beyond its request is read away, so that no reset destroys the answer.
    fn bury(&mut self, scratch: &mut [u8]) -> State {
        let _ = self.stream.shutdown_write();
        let _ = self.stream.read(scratch);
        State::Over
    }
}
