//! Bytes → lines: the length limit, resynchronising after an overlong line, and telnet's in-band sequences.
//! Knows neither JSON nor sockets; the bytes stay in the caller's buffer.

use std::ops::Range;

use memchr::{memchr, memchr3};

/// "Interpret as command": never part of UTF-8, so it is telnet's wherever it stands.
const IAC: u8 = 0xff;
/// A subnegotiation longer than this is not one.
const MAX_SUBNEGOTIATION: usize = 256;

/// How far one connection's input has been looked at. All counts are bytes; a window is far below 4 GiB.
#[derive(Debug, Default)]
pub struct Lines {
    /// Of the unparsed bytes, how many from the front hold no line end and no telnet sequence.
    /// Never more than the caller's window holds.
    seen: u32,
    /// How much of an overlong line was thrown away so far; 0 unless `skipping`.
    skipped: u32,
    skipping: bool,
    /// Whether a first line was found: only before it a byte order mark is ignored.
    begun: bool,
}

/// The bounds of one line, in bytes without its line end.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub line: usize,
    pub skipped: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Where the line stands in the buffer, without its line end.
    Line(Range<usize>),
    /// A line went over the limit: said once, then the rest of it is skipped unseen.
    TooLong,
    /// More was skipped of one line than is bearable.
    FarTooLong,
    /// What to answer to telnet negotiation.
    Telnet(Vec<u8>),
}

impl Lines {
    /// The next piece of `buffer[window]`; what was consumed leaves the window's front, stripped telnet
    /// sequences its end. `None`: the window holds the beginning of a line, or nothing.
    pub fn next(
        &mut self,
        buffer: &mut [u8],
        window: &mut Range<usize>,
        bounds: Bounds,
    ) -> Option<Piece> {
        loop {
            let unseen = buffer.get(window.start + self.seen as usize..window.end)?;
            let Some(offset) = memchr3(b'\n', IAC, 0, unseen) else {
                self.seen = window.len() as u32;
                return self.unended(buffer, window, bounds);
            };
            let at = window.start + self.seen as usize + offset;
            match buffer.get(at) {
                Some(&IAC) => {
                    let (text_end, end, replies) = strip_telnet(buffer, at..window.end);
                    window.end = end;
                    self.seen = (at - window.start) as u32;
                    if !replies.is_empty() {
                        return Some(Piece::Telnet(replies));
                    }
                    if text_end == at && end > at {
                        return self.unended(buffer, window, bounds);
                    }
                }
                Some(0) if at == window.start || buffer.get(at - 1) != Some(&b'\r') => {
                    self.seen = (at + 1 - window.start) as u32;
                }
                _ => {
                    let line = window.start..at;
                    window.start = at + 1;
                    self.seen = 0;
                    if let Some(piece) = self.ended(buffer, line, bounds) {
                        return Some(piece);
                    }
                }
            }
        }
    }

    /// The line that the peer's end of input ends, if it had begun one.
    pub fn last(
        &mut self,
        buffer: &[u8],
        window: &mut Range<usize>,
        bounds: Bounds,
    ) -> Option<Piece> {
        let rest = buffer.get(window.clone())?;
        // From there on it is a telnet sequence that will not be finished.
        let text = memchr(IAC, rest).unwrap_or(rest.len());
        let line = window.start..window.start + text;
        window.start = window.end;
        self.seen = 0;
        if line.is_empty() {
            None
        } else {
            self.ended(buffer, line, bounds)
        }
    }

    /// Whether a line has begun whose end is still to come, given what is left in the window.
    pub fn in_progress(&self, left: usize) -> bool {
        left > 0 || self.skipping
    }

    /// Whether the window begins with a line of which nothing was looked at yet.
    #[inline]
    pub fn is_at_start(&self) -> bool {
        self.seen == 0 && !self.skipping
    }

    /// Whether a first line has begun to be looked at.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// Whether `new`, behind a line's first `kept` bytes, only goes on with it, within `bound`. Then it counts as seen.
    pub fn go_on(&mut self, new: &[u8], kept: usize, bound: usize) -> bool {
        let goes_on = self.begun
            && self.seen as usize == kept
            && kept + new.len() <= bound
            && memchr3(b'\n', IAC, 0, new).is_none();
        self.seen += if goes_on { new.len() as u32 } else { 0 };
        goes_on
    }

    /// The caller keeps whole lines for later: nothing of them counts as seen.
    pub fn rewind(&mut self) {
        self.seen = 0;
    }

    fn ended(&mut self, buffer: &[u8], mut line: Range<usize>, bounds: Bounds) -> Option<Piece> {
        if std::mem::take(&mut self.skipping) {
            self.skipped = 0;
            return None;
        }
        if !std::mem::replace(&mut self.begun, true)
            && buffer[line.clone()].starts_with(b"\xef\xbb\xbf")
        {
            line.start += 3;
        }
        if buffer[line.clone()].ends_with(b"\r") {
            line.end -= 1;
        }
        Some(if line.len() > bounds.line {
            Piece::TooLong
        } else {
            Piece::Line(line)
        })
    }

    /// `seen` bytes of the window were looked at and hold no end; what follows them is telnet's and unfinished.
    fn unended(
        &mut self,
        buffer: &[u8],
        window: &mut Range<usize>,
        bounds: Bounds,
    ) -> Option<Piece> {
        if !self.skipping {
            // A CR may still turn out to belong to the line end, a byte order mark to nothing.
            if self.seen as usize <= bounds.line + 1 + if self.begun { 0 } else { 3 } {
                return None;
            }
            self.skipping = true;
            self.begun = true;
            self.skip(buffer, window);
            return Some(Piece::TooLong);
        }
        let more = self.skip(buffer, window);
        (more && self.skipped as usize > bounds.skipped).then_some(Piece::FarTooLong)
    }

    /// Drops what was seen but for a CR at its end, which may belong to the line end; whether that was anything.
    fn skip(&mut self, buffer: &[u8], window: &mut Range<usize>) -> bool {
        let seen = window.start..window.start + self.seen as usize;
        let ends_with_cr = buffer.get(seen).is_some_and(|seen| seen.ends_with(b"\r"));
        let dropped = self.seen - u32::from(ends_with_cr);
        self.skipped = self.skipped.saturating_add(dropped);
        window.start += dropped as usize;
        self.seen = 0;
        dropped > 0
    }
}

/// Moves everything behind telnet's sequences up, in one pass from the first of them. Returns where the text now
/// ends, where the unfinished sequence behind it does, and the replies owed.
fn strip_telnet(buffer: &mut [u8], range: Range<usize>) -> (usize, usize, Vec<u8>) {
    let (mut from, mut to, end) = (range.start, range.start, range.end);
    let mut replies = Vec::new();
    while from < end {
        if buffer[from] != IAC {
            buffer[to] = buffer[from];
            (from, to) = (from + 1, to + 1);
            continue;
        }
        let Some((length, reply)) = sequence(&buffer[from..end]) else {
            buffer.copy_within(from..end, to);
            return (to, to + end - from, replies);
        };
        replies.extend(reply.into_iter().flatten());
        from += length;
    }
    (to, to, replies)
}

/// The length of the sequence that `bytes` begin with, and the answer to it. `None`: not all of it is here.
fn sequence(bytes: &[u8]) -> Option<(usize, Option<[u8; 3]>)> {
    const SE: u8 = 240;
    const SB: u8 = 250;
    const WILL: u8 = 251;
    const WONT: u8 = 252;
    const DO: u8 = 253;
    const DONT: u8 = 254;
    match *bytes.get(1)? {
        SB => match bytes
            .iter()
            .take(MAX_SUBNEGOTIATION)
            .zip(&bytes[1..])
            .position(|pair| pair == (&IAC, &SE))
        {
            Some(at) => Some((at + 2, None)),
            None if bytes.len() > MAX_SUBNEGOTIATION => Some((2, None)),
            None => None,
        },
        DO => bytes.get(2).map(|&option| (3, Some([IAC, WONT, option]))),
        WILL => bytes.get(2).map(|&option| (3, Some([IAC, DONT, option]))),
        WONT | DONT => bytes.get(2).map(|_| (3, None)),
        _ => Some((2, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        line: 8,
        skipped: 32,
    };

    /// Feeds `input` in pieces of `chunk` bytes, as the engine does, and writes down what comes out.
    fn run(input: &[u8], chunk: usize, at_end: bool) -> Vec<String> {
        let (mut lines, mut carry, mut out) = (Lines::default(), Vec::new(), Vec::new());
        let mut take = |piece: Piece, buffer: &[u8]| {
            out.push(match piece {
                Piece::Line(range) => String::from_utf8_lossy(&buffer[range]).into_owned(),
                Piece::Telnet(bytes) => bytes.iter().map(|b| format!("<{b:02x}>")).collect(),
                other => format!("{other:?}"),
            })
        };
        for bytes in input.chunks(chunk) {
            let mut buffer = std::mem::take(&mut carry);
            buffer.extend_from_slice(bytes);
            let mut window = 0..buffer.len();
            while let Some(piece) = lines.next(&mut buffer, &mut window, BOUNDS) {
                take(piece, &buffer);
            }
            carry = buffer[window].to_vec();
            assert!(
                carry.len() <= BOUNDS.line + 4 || carry.contains(&IAC),
                "carries {carry:?}"
            );
        }
        if at_end {
            let mut window = 0..carry.len();
            if let Some(piece) = lines.last(&carry, &mut window, BOUNDS) {
                take(piece, &carry);
            }
        }
        out
    }

    fn every_chunking(input: &[u8], expected: &[&str]) {
        for chunk in 1..=input.len() {
            let out = run(input, chunk, true);
            // Negotiation is answered as it is seen: in one piece or several.
            let joined = |words: &[String]| words.join("|").replace(">|<", "><");
            let expected: Vec<String> = expected.iter().map(|s| s.to_string()).collect();
            assert_eq!(joined(&out), joined(&expected), "in chunks of {chunk}");
        }
    }

    #[test]
    fn lines_end_with_lf_or_cr_lf_or_cr_nul() {
        every_chunking(
            b"one\ntwo\r\nthree\r\0\n\nlast",
            &["one", "two", "three", "", "", "last"],
        );
    }

    #[test]
    fn only_the_first_byte_order_mark_is_ignored() {
        every_chunking(b"\xef\xbb\xbfone\n\xef\xbb\xbf\n", &["one", "\u{feff}"]);
    }

    #[test]
    fn a_line_of_the_limit_passes_and_one_byte_more_is_one_error() {
        every_chunking(
            b"12345678\r\n123456789\nnext\n",
            &["12345678", "TooLong", "next"],
        );
        every_chunking(b"\xef\xbb\xbf12345678\r\n", &["12345678"]);
        every_chunking(b"aaaaaaaaaaaaaaaaaaaa\nok\n", &["TooLong", "ok"]);
    }

    #[test]
    fn the_end_of_a_skipped_line_is_found_wherever_it_is_cut() {
        every_chunking(b"aaaaaaaaaaaaaaaaaaaa\r\0ok\n", &["TooLong", "ok"]);
        every_chunking(
            b"aaaaaaaaaaaaaaaaaaaa\xff\xf4a\xff\xfa\n\xff\xf0b\nok\n",
            &["TooLong", "ok"],
        );
        every_chunking(
            b"12345678\xff\xfa\x18\x01\xff\xf0\nok\n",
            &["12345678", "ok"],
        );
    }

    #[test]
    fn the_last_line_ends_where_telnet_did_not() {
        every_chunking(b"a\xff\xfa\x18\nb", &["a"]);
        every_chunking(b"a\nb\xff", &["a", "b"]);
        every_chunking(b"a\xff\xf4\nb\xff", &["a", "b"]);
    }

    #[test]
    fn what_is_skipped_is_bounded() {
        let out = run(&[b'x'; 100], 7, false);
        assert_eq!(out.first().map(String::as_str), Some("TooLong"));
        assert!(out[1..].iter().all(|piece| piece == "FarTooLong") && out.len() > 1);
    }

    #[test]
    fn telnet_sequences_vanish_and_negotiation_is_declined() {
        every_chunking(b"a\xff\xf4\xff\xfd\x06b\n", &["<ff><fc><06>", "ab"]);
        every_chunking(
            b"\xff\xfb\x01\xff\xfa\x18\x01\n\xff\xf0x\n",
            &["<ff><fe><01>", "x"],
        );
        every_chunking(b"\xff\xfc\x01\xff\xfe\x01y\n", &["y"]);
    }

    #[test]
    fn a_subnegotiation_without_end_is_not_waited_for() {
        let mut input = vec![IAC, 250];
        input.extend([b'z'; 400]);
        input.push(b'\n');
        assert_eq!(
            run(&input, 1, true).first().map(String::as_str),
            Some("TooLong")
        );
    }
}
