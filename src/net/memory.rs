//! Transports without sockets, for tests, fuzzing and benchmarks: what a peer sends, takes and breaks off is in the
//! caller's hands. Knows no frames and no engine.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use crate::net::conn::Transport;

/// The server's end of a connection in memory. Its peer holds the [`Far`] end.
pub struct Memory(Rc<RefCell<Pipe>>);

/// The peer's end. It outlives the server's, so that what was written last can still be read.
pub struct Far(Rc<RefCell<Pipe>>);

/// What the server did with its end so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bytes read and bytes written.
    pub read: u64,
    pub written: u64,
    /// It read the end of input, or an error.
    pub end: bool,
    pub error: bool,
    /// It asked what has arrived, and heard of a reset.
    pub lost: bool,
    /// It ended its side.
    pub shut: bool,
    /// It let go of the connection.
    pub gone: bool,
}

#[derive(Default)]
struct Pipe {
    to_server: VecDeque<u8>,
    to_peer: VecDeque<u8>,
    /// Bytes that may wait for the peer: what a kernel would hold.
    window: usize,
    /// Bytes that one read or one write moves at most.
    step: usize,
    ended: bool,
    reset: bool,
    /// Of the bytes that the peer took, so many count as not arrived.
    withheld: u64,
    /// What has arrived cannot be told.
    obscure: bool,
    /// Something came for the server that no event has told of.
    readable: bool,
    /// A write took less than was offered: room is an event.
    starved: bool,
    seen: Seen,
}

/// Both ends of a new connection. `window`: bytes that may wait for the peer.
pub fn pair(window: usize) -> (Memory, Far) {
    let pipe = Rc::new(RefCell::new(Pipe {
        window,
        step: usize::MAX,
        ..Pipe::default()
    }));
    (Memory(Rc::clone(&pipe)), Far(pipe))
}

impl Far {
    pub fn send(&self, bytes: &[u8]) {
        let mut pipe = self.0.borrow_mut();
        if !pipe.ended && !pipe.reset {
            pipe.to_server.extend(bytes);
            pipe.readable |= !bytes.is_empty();
        }
    }

    /// Sends no more, and still reads.
    pub fn end(&self) {
        let mut pipe = self.0.borrow_mut();
        pipe.readable |= !pipe.ended;
        pipe.ended = true;
    }

    /// Both ways are dead at once; what was not read is lost.
    pub fn reset(&self) {
        let mut pipe = self.0.borrow_mut();
        pipe.to_server.clear();
        (pipe.reset, pipe.readable) = (true, true);
    }

    /// At most `max` bytes of what waits for the peer.
    pub fn take(&self, max: usize) -> Vec<u8> {
        let mut pipe = self.0.borrow_mut();
        let count = pipe.to_peer.len().min(max);
        pipe.to_peer.drain(..count).collect()
    }

    /// From here on the last `bytes` of what was taken count as not arrived, as what was not taken does.
    pub fn withhold(&self, bytes: u64) {
        self.0.borrow_mut().withheld = bytes;
    }

    /// From here on the server cannot tell what has arrived.
    pub fn obscure(&self, obscure: bool) {
        self.0.borrow_mut().obscure = obscure;
    }

    pub fn set_window(&self, bytes: usize) {
        self.0.borrow_mut().window = bytes;
    }

    /// From here on one read or write moves at most `bytes`, which are at least 1.
    pub fn set_step(&self, bytes: usize) {
        self.0.borrow_mut().step = bytes.max(1);
    }

    /// Whether an edge-triggered poller would now say "readable"; asking spends the edge.
    pub fn take_readable(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().readable)
    }

    /// Whether it would now say "writable"; asking spends the edge.
    pub fn take_writable(&self) -> bool {
        let mut pipe = self.0.borrow_mut();
        let room = pipe.reset || pipe.to_peer.len() < pipe.window;
        room && std::mem::take(&mut pipe.starved)
    }

    /// Bytes that the server has not read yet.
    pub fn unread(&self) -> usize {
        self.0.borrow().to_server.len()
    }

    pub fn is_reset(&self) -> bool {
        self.0.borrow().reset
    }

    pub fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    pub fn seen(&self) -> Seen {
        self.0.borrow().seen
    }
}

impl Read for Memory {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.reset {
            pipe.seen.error = true;
            return Err(ErrorKind::ConnectionReset.into());
        }
        let count = pipe.to_server.len().min(to.len()).min(pipe.step);
        if count == 0 && !pipe.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.seen.end |= count == 0;
        pipe.seen.read += count as u64;
        for (slot, byte) in to.iter_mut().zip(pipe.to_server.drain(..count)) {
            *slot = byte;
        }
        // More than one read's share: a kernel would go on saying so.
        pipe.readable |= count == pipe.step && !pipe.to_server.is_empty();
        Ok(count)
    }
}

impl Write for Memory {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.reset {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = pipe.window.saturating_sub(pipe.to_peer.len());
        let count = from.len().min(room).min(pipe.step);
        pipe.starved |= count < from.len();
        if count == 0 && !from.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.to_peer.extend(from.iter().take(count));
        pipe.seen.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Memory {
    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut pipe = self.0.borrow_mut();
        pipe.seen.shut = true;
        match pipe.reset {
            true => Err(ErrorKind::NotConnected.into()),
            false => Ok(()),
        }
    }

    fn unacknowledged(&mut self) -> io::Result<Option<u64>> {
        let mut pipe = self.0.borrow_mut();
        pipe.seen.lost |= pipe.reset;
        let out = pipe.to_peer.len() as u64 + pipe.withheld;
        match (pipe.reset, pipe.obscure) {
            (true, _) => Err(ErrorKind::ConnectionReset.into()),
            (false, true) => Ok(None),
            (false, false) => Ok(Some(out)),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.borrow_mut().seen.gone = true;
    }
}

/// A peer that takes everything at once and of which only a count is kept, so that a million of them fit into a
/// benchmark. What it sends stays where the caller has it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Sink<'a> {
    /// Bytes written by the server.
    pub written: u64,
    input: &'a [u8],
}

impl<'a> Sink<'a> {
    /// What the server reads next; `input` of before must have been read.
    pub fn give(&mut self, input: &'a [u8]) {
        self.input = input;
    }
}

impl Read for Sink<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.input.read(to) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            other => other,
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.written += from.len() as u64;
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Sink<'_> {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_blocks_and_room_is_one_event() {
        let (mut near, far) = pair(4);
        assert_eq!(near.write(b"abcdef").unwrap(), 4);
        assert_eq!(near.write(b"ef").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(!far.take_writable());
        assert_eq!(far.take(3), b"abc");
        assert!(far.take_writable() && !far.take_writable());
        assert_eq!(near.write(b"efg").unwrap(), 3);
        assert!(!far.take_writable());
    }

    #[test]
    fn an_end_is_read_after_the_bytes_and_a_reset_before() {
        let (mut near, far) = pair(4);
        let mut room = [0; 8];
        far.send(b"abc");
        far.end();
        assert!(far.take_readable() && !far.take_readable());
        assert_eq!(near.read(&mut room).unwrap(), 3);
        assert_eq!(near.read(&mut room).unwrap(), 0);
        far.reset();
        assert!(near.read(&mut room).is_err() && near.write(b"x").is_err());
        assert!(far.take_readable() && !far.seen().gone);
        drop(near);
        assert!(far.seen().gone && far.seen().end);
    }

    #[test]
    fn a_sink_is_small_and_counts() {
        assert!(size_of::<Sink>() <= 24);
        let mut sink = Sink::default();
        sink.give(b"ab");
        assert_eq!(sink.read(&mut [0; 8]).unwrap(), 2);
        assert!(sink.read(&mut [0; 8]).is_err());
        sink.write_all(b"abc").unwrap();
        assert_eq!(sink.written, 3);
    }
}
