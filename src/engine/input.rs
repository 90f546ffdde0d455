//! From one read to the router: bytes, lines, commands. Knows no rule and no other connection.

use std::ops::Range;

use crate::engine::{Engine, first_bytes};
use crate::id::ConnId;
use crate::net::conn::{CloseReason, Conn, Got, News, Transport};
use crate::net::conns::Conns;
use crate::net::lines::Piece;
use crate::planted;
use crate::router::{Input, Router};
use crate::time::Now;
use crate::wire::code::Goodbye;
use crate::wire::command::{self, Like, Refusal, Shape};

impl<S: Transport> Engine<S> {
    /// Handles what was held back, then what one read brings. New bytes are read to `front` of the scratch buffer; what
    /// was kept of an unfinished line is put before them once its end has come.
    pub(super) fn pump(&mut self, id: ConnId, more: bool) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        if !conn.is_open() {
            return self.conns.linger(id.key, &mut self.scratch);
        }
        let held = conn.is_held();
        let (mut window, mut ended_a_line) = (self.front..self.front, false);
        if held {
            window = self.load(id);
            ended_a_line = self.lines(id, &mut window);
        } else if self.conns.reading(id).is_none() {
            return self.conns.hold(id);
        }
        if !held || self.conns.reading(id).is_some() {
            match self.read(id, more || held) {
                Got::Nothing if !held => return,
                Got::Bytes(count) if !held && self.only_continues(id, count) => return,
                Got::Nothing => {}
                Got::Bytes(count) => {
                    window = if held {
                        self.moved_to_front(window)
                    } else {
                        self.load(id)
                    };
                    window.end += count;
                    ended_a_line |=
                        self.first_bytes_pass(id, &window) && self.lines(id, &mut window);
                }
                Got::End => {
                    window = if held { window } else { self.load(id) };
                    self.end_of_input(id, &mut window);
                }
                Got::Lost => self.conns.cut(id.key, CloseReason::Lost),
            }
        }
        let rest = self.scratch.get(window).unwrap_or_default();
        self.conns.store(id, rest, ended_a_line);
        self.settle();
    }

    /// One read to the front. What did not fit into this turn's share is read in the next.
    fn read(&mut self, id: ConnId, more: bool) -> Got {
        let Some(conn) = self.conns.get(id) else {
            return Got::Nothing;
        };
        let end = (self.front + conn.read_share(&self.conns.limits)).min(self.scratch.len());
        let (Some(conn), Some(room)) = (
            self.conns.get_mut(id),
            self.scratch.get_mut(self.front..end),
        ) else {
            return Got::Nothing;
        };
        let (got, full) = (conn.read(room), room.len());
        let news = conn.news();
        if let Got::Bytes(count) = got {
            self.conns.tally.received_bytes += count as u64;
            if more || count == full {
                self.conns.mark_ready(id.key);
            }
        }
        if news != News::default() || got == Got::Lost {
            self.layer_news(id, news);
        }
        got
    }

    /// What a layer under the plain text has to say after a read.
    #[cold]
    fn layer_news(&mut self, id: ConnId, news: News) {
        if news.more {
            self.conns.mark_ready(id.key);
        }
        if news.writable {
            self.admit.shook_hands(id.serial);
            self.conns.writable(id.key);
        }
        if news.plain {
            self.admit.shook_hands(id.serial);
            self.conns.forget_output(id.key);
            self.conns.close(id, Goodbye::PlainOnTlsPort, None, None);
        }
        if let Some(why) = self.conns.get_mut(id).and_then(Conn::complaint) {
            let what = match self.admit.is_handshaking(id.serial) {
                true => "TLS handshake failed",
                false => "TLS failed",
            };
            self.say(format_args!("conn {}: {what}: {why}", id.serial));
        }
    }

    /// Whether the `count` bytes just read only go on with a line whose end is still to come. Then they were added to
    /// what is kept, so that a line in many pieces is not copied for each.
    fn only_continues(&mut self, id: ConnId, count: usize) -> bool {
        let new = self
            .scratch
            .get(self.front..self.front + count)
            .unwrap_or_default();
        self.conns.extend(id, new)
    }

    /// What was kept, placed right before the front.
    fn load(&mut self, id: ConnId) -> Range<usize> {
        let kept = self
            .scratch
            .get_mut(..self.front)
            .map_or(0, |room| self.conns.load(id, room));
        self.front - kept..self.front
    }

    fn moved_to_front(&mut self, window: Range<usize>) -> Range<usize> {
        let start = self.front - window.len();
        if start != window.start {
            self.scratch.copy_within(window, start);
        }
        start..self.front
    }

    /// Whether what a connection begins with may be a line; ends it if it is TLS.
    fn first_bytes_pass(&mut self, id: ConnId, window: &Range<usize>) -> bool {
        if self.conns.get(id).is_none_or(|conn| conn.lines.begun()) {
            return true;
        }
        match first_bytes::is_tls(self.scratch.get(window.clone()).unwrap_or_default()) {
            Some(true) => self.conns.close(id, Goodbye::TlsOnPlainPort, None, None),
            Some(false) => return true,
            None => {}
        }
        false
    }

    /// Handles the lines in the window until there is none, or no more may be handled; whether one ended.
    fn lines(&mut self, id: ConnId, window: &mut Range<usize>) -> bool {
        let mut ended_a_line = false;
        let mut shape = None;
        while let Some((lines, bounds)) = self.conns.reading(id) {
            if lines.is_at_start() && self.line_like(id, shape.as_ref(), window, bounds.line) {
                ended_a_line = true;
                continue;
            }
            let Some((lines, _)) = self.conns.reading(id) else {
                break;
            };
            let Some(piece) = lines.next(&mut self.scratch, window, bounds) else {
                break;
            };
            ended_a_line |= matches!(piece, Piece::Line(_));
            shape = self.piece(id, piece, bounds.line);
        }
        ended_a_line
    }

    /// Handles the line that the window begins with if it has the shape of the one before, which a busy sender's lines
    /// have: they are read without being looked for first. Whether it did.
    #[inline]
    fn line_like(
        &mut self,
        id: ConnId,
        shape: Option<&Shape>,
        window: &mut Range<usize>,
        limit: usize,
    ) -> bool {
        let Some(Like {
            id: reply,
            message,
            length,
        }) = shape.and_then(|shape| shape.next(&self.scratch, window))
        else {
            return false;
        };
        if length > limit {
            return false;
        }
        window.start += length;
        self.conns.charge(id, 1);
        self.router.input(
            id,
            Input::Message(reply, &message),
            &mut self.conns,
            &self.now,
        );
        true
    }

    /// Returns the shape of the line that it was.
    #[inline]
    fn piece(&mut self, id: ConnId, piece: Piece, limit: usize) -> Option<Shape> {
        match piece {
            Piece::Line(range) => return self.line(id, range),
            Piece::Telnet(replies) => self.conns.send_bytes(id.key, &replies),
            Piece::FarTooLong => self.conns.close(id, Goodbye::LineTooLong, None, None),
            Piece::TooLong => {
                let refusal = Refusal::line_too_long(limit);
                refuse(&mut self.router, &mut self.conns, &self.now, id, &refusal);
            }
        }
        None
    }

    #[inline]
    fn line(&mut self, id: ConnId, range: Range<usize>) -> Option<Shape> {
        let line = self.scratch.get(range.clone()).unwrap_or_default();
        if line.first() != Some(&b'{') {
            if first_bytes::is_blank(line) {
                return None;
            }
            if first_bytes::is_http(line) && self.router.name(id).is_none() {
                self.conns.close(id, Goodbye::NotHttp, None, None);
                return None;
            }
        }
        #[cfg(debug_assertions)]
        if self.debug_hooks {
            debug_hook(line);
        }
        match command::decode_in(self.mode, line) {
            Ok(request) => {
                self.conns.charge(id, request.command.cost());
                self.router
                    .input(id, Input::Command(&request), &mut self.conns, &self.now);
                Shape::of(&request, line, range.start)
            }
            Err(refusal) => {
                self.conns.charge(id, 1);
                refuse(&mut self.router, &mut self.conns, &self.now, id, &refusal);
                None
            }
        }
    }

    /// The peer sends no more. A last line without a line end counts as one. While the answer to a line is awaited, the
    /// end is too: it is read again after that.
    fn end_of_input(&mut self, id: ConnId, window: &mut Range<usize>) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.eof = true;
        }
        if !planted::is(planted::Fault::LastLineLost)
            && let Some((lines, bounds)) = self.conns.reading(id)
            && let Some(piece) = lines.last(&self.scratch, window, bounds)
        {
            self.piece(id, piece, bounds.line);
        }
        if self.conns.get(id).is_some_and(|conn| conn.is_pending()) {
            return;
        }
        self.router
            .input(id, Input::HalfClosed, &mut self.conns, &self.now);
    }
}

/// A line that is no command, which may borrow from the scratch buffer: hence not the whole engine.
fn refuse<S: Transport>(
    router: &mut Router,
    conns: &mut Conns<S>,
    now: &Now,
    id: ConnId,
    refusal: &Refusal<'_>,
) {
    router.input(id, Input::Refused(refusal), conns, now);
    if refusal.code.bad_line() && conns.count_error(id) {
        conns.close(id, Goodbye::TooManyErrors, None, None);
    }
}

#[cfg(debug_assertions)]
fn debug_hook(line: &[u8]) {
    match line {
        br#"{"type":"debugPanic"}"# => panic!("asked to"),
        br#"{"type":"debugStall"}"# => std::thread::sleep(std::time::Duration::from_secs(20)),
        _ => {}
    }
}
