//! JSON's grammar as a cursor over bytes: each call moves past one piece if it is valid. Knows no field.
//!
//! Stricter than JSON where the protocol is: UTF-8, surrogates, bytes that drive terminals, depth. No white space but
//! space and TAB. After None the cursor stands anywhere.

use memchr::memchr2;

use super::scalar::hex4;
use super::{MAX_DEPTH, Raw};

/// `at` is at most the length of `line`, and everything before it was valid.
pub(super) struct Reader<'a> {
    line: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Reader { line, at: 0 }
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn has(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// The same after any white space.
    #[inline]
    pub(super) fn has_token(&mut self, byte: u8) -> bool {
        self.has(byte) || self.has_after_space(byte)
    }

    #[inline(never)]
    fn has_after_space(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.has(byte)
    }

    /// After a field or element: whether a comma follows, and with it one more, or `close`.
    #[inline]
    pub(super) fn another(&mut self, close: u8) -> Option<bool> {
        if self.has(b',') {
            return Some(true);
        }
        if self.has(close) {
            return Some(false);
        }
        let comma = self.has_after_space(b',');
        (comma || self.has(close)).then_some(comma)
    }

    #[inline]
    pub(super) fn token(&mut self, byte: u8) -> Option<()> {
        self.has_token(byte).then_some(())
    }

    #[inline]
    pub(super) fn has_word(&mut self, word: &'static [u8]) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    #[inline]
    pub(super) fn word(&mut self, word: &'static [u8]) -> Option<()> {
        self.has_word(word).then_some(())
    }

    /// Any value.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        match self.line.get(start)? {
            b'"' => return self.string(),
            _ => self.nested(1)?,
        }
        self.since(start)
    }

    /// Any value, inside of `depth` objects and arrays.
    fn nested(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' if depth == MAX_DEPTH => None,
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.has_token(b'}') {
            return Some(());
        }
        loop {
            self.skip_space();
            self.string()?;
            self.token(b':')?;
            self.skip_space();
            self.nested(depth)?;
            if !self.another(b'}')? {
                return Some(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.has_token(b']') {
            return Some(());
        }
        loop {
            self.skip_space();
            self.nested(depth)?;
            if !self.another(b']')? {
                return Some(());
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.has(b'-');
        if !self.has(b'0') {
            self.digits()?;
        }
        if self.has(b'.') {
            self.digits()?;
        }
        if self.has(b'e') || self.has(b'E') {
            let _ = self.has(b'+') || self.has(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// At least one.
    #[inline]
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// With its quotes.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        if !self.has(b'"') {
            return None;
        }
        let rest = self.rest();
        let end = memchr2(b'"', b'\\', rest)?;
        if rest.get(end) == Some(&b'"') && is_printable(rest.get(..end)?) {
            self.at += end + 1;
            return self.since(start);
        }
        self.string_with_more(start)
    }

    /// The rest of a string that has escapes or is not all in ASCII.
    #[inline(never)]
    fn string_with_more(&mut self, start: usize) -> Option<Raw<'a>> {
        loop {
            self.skip_plain();
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                0x80.. => self.beyond_ascii()?,
                _ => return None,
            }
        }
        self.at += 1;
        self.since(start)
    }

    /// To the first byte that is not plain, or to the line's end. Large steps while they last, then ever smaller ones.
    #[inline]
    fn skip_plain(&mut self) {
        let mut rest = self.rest();
        while let Some(after) = after_plain::<64>(rest) {
            rest = after;
        }
        rest = after_plain::<32>(rest).unwrap_or(rest);
        rest = after_plain::<16>(rest).unwrap_or(rest);
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            let marks = marks(u64::from_le_bytes(*word));
            if marks != 0 {
                self.at = self.line.len() - rest.len() + marks.trailing_zeros() as usize / 8;
                return;
            }
            rest = after;
        }
        let plain = rest
            .iter()
            .take_while(|byte| mark(**byte) & 0x80 == 0)
            .count();
        self.at = self.line.len() - rest.len() + plain;
    }

    fn escape(&mut self) -> Option<()> {
        let (len, rest) = match self.rest() {
            [
                _,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => (2, None),
            [_, b'u', rest @ ..] => (6, Some(rest)),
            _ => return None,
        };
        self.at += len;
        let Some(rest) = rest else { return Some(()) };
        match hex4(rest)? {
            (0xd800..=0xdbff, [b'\\', b'u', low @ ..]) => {
                self.at += 6;
                hex4(low).and_then(|(unit, _)| matches!(unit, 0xdc00..=0xdfff).then_some(()))
            }
            (0xd800..=0xdfff, _) => None,
            _ => Some(()),
        }
    }

    /// All characters up to the next in ASCII; U+0080 to U+009F drive terminals and are none.
    #[inline]
    fn beyond_ascii(&mut self) -> Option<()> {
        loop {
            self.at += match self.rest() {
                [0xc2, 0xa0..=0xbf, ..] | [0xc3..=0xdf, 0x80..=0xbf, ..] => 2,
                [0xe0, 0xa0..=0xbf, 0x80..=0xbf, ..]
                | [0xe1..=0xec | 0xee | 0xef, 0x80..=0xbf, 0x80..=0xbf, ..]
                | [0xed, 0x80..=0x9f, 0x80..=0xbf, ..] => 3,
                [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
                | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
                | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, ..] => 4,
                [0..=0x7f, ..] => return Some(()),
                _ => return None,
            };
        }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<&'a u8> {
        self.line.get(self.at)
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn since(&self, start: usize) -> Option<Raw<'a>> {
        self.line.get(start..self.at).map(Raw)
    }
}

/// Whether all bytes are of ASCII from space to tilde. Eight bytes at a time; the last eight overlap those before.
#[inline]
fn is_printable(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    };
    let words = bytes.as_chunks::<8>().0;
    let all = words
        .iter()
        .fold(unprintable(*last), |all, word| all | unprintable(*word));
    all & (ONES * 0x80) == 0
}

/// Top bits are set if a byte is not printable: a borrow or a carry only reaches another byte from one that is not.
#[inline]
fn unprintable(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES)
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// What follows the next `N` bytes if they are plain.
#[inline]
fn after_plain<const N: usize>(bytes: &[u8]) -> Option<&[u8]> {
    let (block, after) = bytes.split_first_chunk::<N>()?;
    (block.iter().fold(0, |all, byte| all | mark(*byte)) & 0x80 == 0).then_some(after)
}

/// Top bit: the byte ends a run of plain text, being `"`, `\`, below 0x20, or from 0x7f on.
#[inline]
fn mark(byte: u8) -> u8 {
    let quote = (byte ^ b'"').wrapping_sub(1);
    let backslash = (byte ^ b'\\').wrapping_sub(1);
    quote | backslash | byte.wrapping_sub(0x20) | byte.wrapping_add(1)
}

/// The same for eight bytes, little-endian, other bits zero. Exact up to the lowest mark: borrows and carries only
/// disturb those above it.
#[inline]
fn marks(bytes: u64) -> u64 {
    let quote = (bytes ^ (ONES * 0x22)).wrapping_sub(ONES);
    let backslash = (bytes ^ (ONES * 0x5c)).wrapping_sub(ONES);
    let control = bytes.wrapping_sub(ONES * 0x20);
    (quote | backslash | control | bytes.wrapping_add(ONES)) & (ONES * 0x80)
}
