//! A TLS connection as a transport: one session between a socket and a caller. Knows nothing of what goes through it.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::{Interest, Registry, Token, event::Source};
use rustls::ServerConfig;

use super::marks::Marks;
use super::session::{MAX_KEPT_BYTES, Session, Sink};
use super::{INPUT_BYTES, Layer, RECORD_OVERHEAD, SEAL_BYTES, Scratch};
use crate::net::conn::{News, Transport};

/// Ciphertext read in one call at most: small records are many for little plain text.
const READ_BYTES: usize = 64 * 1024;
/// Read at once at least, however small the room for plain text is.
const MIN_READ_BYTES: usize = 4 * 1024;
/// The first byte of every connection that speaks TLS: a handshake record.
const HANDSHAKE: u8 = 0x16;
/// Ciphertext that waits for the socket at most: one batch, and answers to the peer.
const MAX_UNSENT_BYTES: usize = SEAL_BYTES + 32 * 1024;

pub struct Tls<S> {
    socket: S,
    layer: Layer,
    session: Session,
    phase: Phase,
    news: News,
    /// Decrypted and not yet read; at most one record. No capacity while empty.
    plain: Vec<u8>,
    /// How much of `plain` was read.
    read: usize,
    /// Ciphertext that the socket did not take. No capacity while empty.
    unsent: Vec<u8>,
    /// Bytes of plain text in `unsent` that the caller was not told of as written: it offers them again, in front.
    owed: usize,
    /// `None`: nobody has asked what has arrived.
    marks: Option<Box<Marks>>,
    complaint: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    /// The peer sends no more.
    Ended,
    /// It never spoke TLS: bytes pass as they are.
    Plain,
    Failed,
}

impl<S: Transport> Tls<S> {
    pub(super) fn new(socket: S, layer: Layer, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Tls {
            socket,
            layer,
            session: Session::new(config).map_err(io::Error::other)?,
            phase: Phase::Handshake,
            news: News::default(),
            plain: Vec::new(),
            read: 0,
            unsent: Vec::new(),
            owed: 0,
            marks: None,
            complaint: None,
        })
    }

    /// Reads, decrypts and answers until `sink` is full, the socket has no more, or one call's share is used up.
    fn fill(&mut self, sink: &mut Sink<'_>, scratch: &mut Scratch) -> io::Result<()> {
        let mut budget = READ_BYTES;
        while !sink.is_full() && matches!(self.phase, Phase::Handshake | Phase::Open) {
            if self.phase == Phase::Handshake && !self.layer.has_steps() || budget == 0 {
                self.news.more = true;
                return Ok(());
            }
            let (mut fresh, mut is_short) = (0, false);
            if self.session.is_hungry {
                let left = sink.room.len() - sink.filled;
                let share = left.max(MIN_READ_BYTES).saturating_add(RECORD_OVERHEAD);
                let share = share.min(INPUT_BYTES);
                let end = MAX_KEPT_BYTES + share;
                let room = scratch.input.get_mut(MAX_KEPT_BYTES..end);
                match self.socket.read(room.unwrap_or_default()) {
                    Ok(0) => return self.end(),
                    Ok(count) => fresh = count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
                is_short = fresh < share;
                if self.phase == Phase::Handshake {
                    self.layer.take_step();
                }
            }
            budget = budget.saturating_sub(fresh);
            self.feed(fresh, sink, scratch)?;
            // A short read was all there is, and the caller reads again if an event told of more than that. One that
            // brings no plain text is not seen by the caller: then the socket itself must say that it is empty.
            if is_short && sink.filled > 0 && self.session.is_hungry {
                return Ok(());
            }
        }
        Ok(())
    }

    fn feed(&mut self, fresh: usize, sink: &mut Sink<'_>, scratch: &mut Scratch) -> io::Result<()> {
        if self.session.is_untouched()
            && self.phase == Phase::Handshake
            && scratch.input.get(MAX_KEPT_BYTES) != Some(&HANDSHAKE)
        {
            self.phase = Phase::Plain;
            self.news.plain = true;
            return Ok(());
        }
        let kept = scratch
            .input
            .get_mut(..MAX_KEPT_BYTES)
            .map_or(0, |room| self.session.load(room));
        let window = MAX_KEPT_BYTES - kept..MAX_KEPT_BYTES + fresh;
        let input = scratch.input.get_mut(window).unwrap_or_default();
        scratch.output.clear();
        let fed = self.session.feed(input, fresh, sink, &mut scratch.output);
        let sent = self.send(&scratch.output);
        if let Err(fault) = fed {
            // What the peer still sends must not destroy the alert by a reset.
            let _ = self.socket.shutdown_write();
            let _ = self.socket.read(&mut scratch.input);
            return Err(self.fail(fault.to_string()));
        }
        sent?;
        if self.phase == Phase::Handshake && !self.session.is_handshaking() {
            self.phase = Phase::Open;
            self.news.writable = true;
        }
        if self.session.has_ended {
            self.phase = match self.phase {
                Phase::Handshake => return Err(self.fail("the peer closed it".into())),
                _ => Phase::Ended,
            };
        }
        Ok(())
    }

    /// The socket has come to its end. Without close_notify it is taken as one all the same: a line that was cut off
    /// is no command, so an end forged underway makes nothing happen that was not sent.
    fn end(&mut self) -> io::Result<()> {
        if self.phase == Phase::Handshake {
            return Err(self.fail("the peer left".into()));
        }
        self.phase = Phase::Ended;
        Ok(())
    }

    fn fail(&mut self, why: String) -> io::Error {
        self.phase = Phase::Failed;
        self.complaint = Some(why.into());
        ErrorKind::InvalidData.into()
    }

    /// Decrypted bytes that an earlier read had no room for.
    fn take_plain(&mut self, room: &mut [u8]) -> usize {
        let rest = self.plain.get(self.read..).unwrap_or_default();
        let count = rest.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.read += count;
        if self.read == self.plain.len() {
            (self.plain, self.read) = (Vec::new(), 0);
        }
        count
    }

    /// Sends what answers the peer, after all that waits.
    fn send(&mut self, ciphertext: &[u8]) -> io::Result<()> {
        let sent = match self.unsent.is_empty() && !ciphertext.is_empty() {
            true => self.offer(ciphertext)?,
            false => 0,
        };
        let rest = ciphertext.get(sent..).unwrap_or_default();
        self.unsent.extend_from_slice(rest);
        match self.unsent.len() > MAX_UNSENT_BYTES {
            true => Err(self.fail("the peer asks and does not read".into())),
            false => Ok(()),
        }
    }

    /// One write; how much the socket took.
    fn offer(&mut self, ciphertext: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket.write(ciphertext) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Ok(count) => {
                    if let Some(marks) = &mut self.marks {
                        marks.sent(count);
                    }
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Offers what waits. Returns how much plain text counts as written by it; all of `owed` once nothing waits.
    fn flush_unsent(&mut self) -> io::Result<usize> {
        if self.unsent.is_empty() {
            return Ok(0);
        }
        let unsent = std::mem::take(&mut self.unsent);
        let sent = self.offer(&unsent)?;
        if sent < unsent.len() {
            self.unsent = unsent;
            self.unsent.drain(..sent);
        }
        Ok(self.settle(sent))
    }

    /// Of what is owed, how much counts as written after `sent` bytes of ciphertext were: a peer that reads slowly is
    /// seen to read, and the last byte counts with the last record.
    fn settle(&mut self, sent: usize) -> usize {
        let told = match self.unsent.is_empty() {
            true => self.owed,
            false => sent.min(self.owed.saturating_sub(1)),
        };
        self.owed -= told;
        if let Some(marks) = &mut self.marks {
            marks.told(told);
        }
        told
    }

    /// Seals `plain` in as few records as it takes, and writes them in one go.
    fn seal(&mut self, plain: &[u8], scratch: &mut Scratch) -> io::Result<usize> {
        scratch.output.clear();
        match self.session.seal(plain, &mut scratch.output) {
            Ok(true) => {}
            Ok(false) => return Ok(0),
            Err(fault) => return Err(self.fail(fault.to_string())),
        }
        self.owed = plain.len();
        let sent = self.offer(&scratch.output)?;
        let rest = scratch.output.get(sent..).unwrap_or_default();
        self.unsent.extend_from_slice(rest);
        if let Some(marks) = &mut self.marks {
            marks.sealed(self.unsent.len(), self.owed);
        }
        Ok(self.settle(sent))
    }
}

impl<S: Transport> Read for Tls<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let filled = self.take_plain(room);
        if filled == room.len() {
            return Ok(filled);
        }
        let mut sink = Sink {
            room,
            filled,
            excess: Vec::new(),
        };
        let layer = self.layer.clone();
        let filled = match self.phase {
            Phase::Plain => return self.socket.read(sink.room),
            Phase::Failed => Err(ErrorKind::InvalidData.into()),
            _ => self.fill(&mut sink, &mut layer.0.scratch.borrow_mut()),
        };
        (self.plain, self.read) = (sink.excess, 0);
        match (sink.filled, filled) {
            (0, Ok(())) if self.phase == Phase::Ended => Ok(0),
            (0, Ok(())) => Err(ErrorKind::WouldBlock.into()),
            (0, Err(error)) => Err(error),
            (filled, result) => {
                // What came before the end is handled first; the end is found by reading again.
                if result.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
                    self.phase = Phase::Failed;
                }
                self.news.more |= self.phase != Phase::Open;
                Ok(filled)
            }
        }
    }
}

impl<S: Transport> Write for Tls<S> {
    /// What was sealed and does not fit into the socket counts as not yet written: the caller offers it again, in front
    /// of the same bytes, when the socket takes more.
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self.phase {
            Phase::Plain => return self.socket.write(from),
            Phase::Failed => return Err(ErrorKind::BrokenPipe.into()),
            _ => {}
        }
        let layer = self.layer.clone();
        let mut scratch = layer.0.scratch.borrow_mut();
        let mut written = self.flush_unsent()?.min(from.len());
        while self.unsent.is_empty() && written < from.len() && self.phase != Phase::Handshake {
            let rest = from.get(written..).unwrap_or_default();
            let batch = rest.get(..SEAL_BYTES).unwrap_or(rest);
            match self.seal(batch, &mut scratch)? {
                0 => break,
                count => written += count,
            }
        }
        match written {
            0 if !from.is_empty() => Err(ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Transport> Transport for Tls<S> {
    /// With close_notify, as far as the socket takes it now.
    fn shutdown_write(&mut self) -> io::Result<()> {
        if matches!(self.phase, Phase::Open | Phase::Ended) && self.unsent.is_empty() {
            let layer = self.layer.clone();
            let mut scratch = layer.0.scratch.borrow_mut();
            scratch.output.clear();
            if let Ok(true) = self.session.close(&mut scratch.output) {
                let _ = self.offer(&scratch.output);
            }
        }
        self.socket.shutdown_write()
    }

    /// The socket counts ciphertext: what has arrived of it is whole records of plain text.
    fn unacknowledged(&mut self) -> io::Result<Option<u64>> {
        let Some(out) = self.socket.unacknowledged()? else {
            return Ok(None);
        };
        let (unsent, owed) = (self.unsent.len(), self.owed);
        let marks = self
            .marks
            .get_or_insert_with(|| Box::new(Marks::new(out, unsent, owed)));
        Ok(Some(marks.unacknowledged(out)))
    }

    fn news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    fn complaint(&mut self) -> Option<Box<str>> {
        self.complaint.take()
    }
}

impl<S: Source> Source for Tls<S> {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket.register(to, token, interest)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket.reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.socket.deregister(from)
    }
}
