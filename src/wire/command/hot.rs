//! A `privateMessage` in its usual form → [`Request`], in one pass that validates everything.
//!
//! None decides nothing: `cold` does. What is accepted here is accepted there, as the same [`Request`].

use std::ops::Range;

use super::reader::Reader;
use super::scalar::{self, MAX_WORD_BYTES};
use super::{Command, PrivateMessage, Raw, Request};
use crate::wire::name::Name;

/// Accepts known keys without escapes, each once, in any order, with a name in ASCII.
#[inline]
pub(super) fn private_message(line: &[u8]) -> Option<Request<'_>> {
    let mut reader = Reader::new(line);
    let mut draft = Draft::default();
    if reader.has_word(USUAL_START) {
        draft.has_type = true;
    } else {
        reader.token(b'{')?;
    }
    loop {
        draft.field(&mut reader)?;
        if !reader.another(b'}')? {
            break;
        }
    }
    reader.skip_space();
    if reader.rest().is_empty() {
        draft.finish()
    } else {
        None
    }
}

/// How the last message of a sender was written up to its text. The next one usually begins the same: then all that is
/// left to validate is the text and what follows it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where that beginning stands in the caller's buffer, the opening quote of the message included.
    start: Range<usize>,
    /// Where `toUsername` with its quotes stands in it.
    to: Range<usize>,
    /// Whether that beginning says `"ephemeral":true`.
    ephemeral: bool,
}

/// A line read by its [`Shape`].
#[derive(Clone, Debug, PartialEq)]
pub struct Like<'a> {
    pub id: Option<Raw<'a>>,
    pub message: PrivateMessage<'a>,
    /// Bytes of the line with its line end.
    pub length: usize,
}

impl Shape {
    /// Of `request`, which was read from the line at `at` of the caller's buffer. None: it may have fields before its
    /// message that mean something, besides type, recipient and, right before the message, `ephemeral`; or its message
    /// is no string.
    #[inline]
    pub fn of(request: &Request<'_>, line: &[u8], at: usize) -> Option<Self> {
        let Command::PrivateMessage(message) = &request.command else {
            return None;
        };
        let offset = |raw: Raw<'_>| (raw.0.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
        let (to, text) = (offset(message.to_raw), offset(message.message));
        let others = [
            request.id,
            message.message_id,
            message.kind,
            message.reply_to,
        ];
        let only_these = others.into_iter().flatten().all(|raw| offset(raw) > text);
        let is_plain_name =
            matches!(message.to_raw.0, [b'"', name @ .., b'"'] if name == message.to.as_bytes());
        if to > text
            || text >= line.len()
            || !only_these
            || !is_plain_name
            || message.message.0.first() != Some(&b'"')
        {
            return None;
        }
        let to_end = to + message.to_raw.0.len();
        let is_ephemeral_first = line.get(to_end..text) == Some(EPHEMERAL_FIRST);
        if message.expires_in_s.is_some() || message.ephemeral != is_ephemeral_first {
            return None;
        }
        Some(Shape {
            start: at..at + text + 1,
            to: to..to_end,
            ephemeral: message.ephemeral,
        })
    }

    /// The line that `buffer[window]` begins with, if it has this shape and ends there with `}` and LF. None decides nothing. The line holds nothing but valid UTF-8 without control bytes.
    #[inline]
    pub fn next<'a>(&self, buffer: &'a [u8], window: &Range<usize>) -> Option<Like<'a>> {
        let bytes = buffer.get(window.clone())?;
        if !bytes.starts_with(buffer.get(self.start.clone())?) {
            return None;
        }
        let mut reader = Reader::new(bytes);
        reader.at = self.start.len() - 1;
        let message = reader.string()?;
        let id = match reader.has_word(b",\"id\":") || reader.has_word(b", \"id\": ") {
            true => Some(reader.id()?),
            false => None,
        };
        reader.word(b"}\n")?;
        let to_raw = Raw(bytes.get(self.to.clone())?);
        let to = Name::of_shape(scalar::unquoted(to_raw.0)?);
        let message = PrivateMessage {
            to,
            to_raw,
            message,
            message_id: None,
            kind: None,
            reply_to: None,
            ephemeral: self.ephemeral,
            expires_in_s: None,
        };
        Some(Like {
            id,
            message,
            length: reader.at,
        })
    }
}

/// How most clients begin: one comparison instead of a key and a value.
const USUAL_START: &[u8] = b"{\"type\":\"privateMessage\",";

/// What stands between recipient and text in a line that a shape can be ephemeral by.
const EPHEMERAL_FIRST: &[u8] = b",\"ephemeral\":true,\"message\":";

/// The fields found so far.
#[derive(Default)]
struct Draft<'a> {
    has_type: bool,
    ephemeral: Option<bool>,
    id: Option<Raw<'a>>,
    to: Option<(Name<'a>, Raw<'a>)>,
    message: Option<Raw<'a>>,
    message_id: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    reply_to: Option<Raw<'a>>,
}

impl<'a> Draft<'a> {
    /// Reads a key and its value. None: not known here, not valid, or given before.
    #[inline(always)]
    fn field(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        reader.token(b'"')?;
        match reader.peek()? {
            b'm' if reader.has_word(b"message\"") => {
                once(&mut self.message, reader.colon()?.value()?)
            }
            b't' if reader.has_word(b"toUsername\"") => once(&mut self.to, reader.colon()?.name()?),
            b'i' if reader.has_word(b"id\"") => once(&mut self.id, reader.colon()?.id()?),
            b't' if reader.has_word(b"type\"") => {
                reader.colon()?.word(b"\"privateMessage\"")?;
                flag(&mut self.has_type)
            }
            b'm' if reader.has_word(b"messageId\"") => {
                once(&mut self.message_id, reader.colon()?.short_string(1)?)
            }
            b'k' if reader.has_word(b"kind\"") => {
                once(&mut self.kind, reader.colon()?.short_string(0)?)
            }
            b'r' if reader.has_word(b"replyTo\"") => {
                once(&mut self.reply_to, reader.colon()?.positive()?)
            }
            b'e' if reader.has_word(b"ephemeral\"") => {
                once(&mut self.ephemeral, reader.colon()?.boolean()?)
            }
            _ => None,
        }
    }

    #[inline]
    fn finish(self) -> Option<Request<'a>> {
        if !self.has_type {
            return None;
        }
        let ((to, to_raw), message) = (self.to?, self.message?);
        let (message_id, kind, reply_to) = (self.message_id, self.kind, self.reply_to);
        let command = PrivateMessage {
            to,
            to_raw,
            message,
            message_id,
            kind,
            reply_to,
            ephemeral: self.ephemeral.unwrap_or(false),
            expires_in_s: None,
        };
        Some(Request {
            id: self.id,
            command: Command::PrivateMessage(command),
        })
    }
}

#[inline(always)]
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value);
    Some(())
}

#[inline(always)]
fn flag(slot: &mut bool) -> Option<()> {
    let first = !*slot;
    *slot = true;
    first.then_some(())
}

/// The values of this command.
impl<'a> Reader<'a> {
    /// From after a key to its value.
    #[inline(always)]
    fn colon(&mut self) -> Option<&mut Self> {
        self.token(b':')?;
        self.skip_space();
        Some(self)
    }

    fn boolean(&mut self) -> Option<bool> {
        let is_true = self.has_word(b"true");
        (is_true || self.has_word(b"false")).then_some(is_true)
    }

    /// A name in ASCII, and the same as sent.
    #[inline]
    fn name(&mut self) -> Option<(Name<'a>, Raw<'a>)> {
        let start = self.at;
        self.at += 1;
        let name = Name::leading_ascii(self.rest())?;
        self.at += name.as_bytes().len() + 1;
        let raw = self.since(start)?;
        scalar::unquoted(raw.0).map(|_| (name, raw))
    }

    #[inline(always)]
    fn id(&mut self) -> Option<Raw<'a>> {
        if self.peek() == Some(&b'"') {
            return self.short_string(0);
        }
        self.integer()
    }

    fn positive(&mut self) -> Option<Raw<'a>> {
        self.integer()
            .filter(|raw| matches!(raw.0, [b'1'..=b'9', ..]))
    }

    /// Of at most 15 digits, all of which are exact. What follows them cannot be valid unless this is the number.
    #[inline]
    fn integer(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        let _ = self.has(b'-');
        let digits = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 || digits > 15 || (digits > 1 && self.peek() == Some(&b'0')) {
            return None;
        }
        self.at += digits;
        self.since(start)
    }

    #[inline]
    fn short_string(&mut self, min: usize) -> Option<Raw<'a>> {
        let raw = self.string()?;
        (min + 2..=MAX_WORD_BYTES + 2)
            .contains(&raw.0.len())
            .then_some(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_taken() {
        for line in [
            r#"{"type":"privateMessage","toUsername":"Bob","message":"hello"}"#,
            r#"{"message":"Salut Bob ! \u00e9 \ud83d\ude00 😀\n","id":"a","type":"privateMessage","toUsername":"Bob"}"#,
            r#" { "toUsername" : "Bob" , "message" : { "a" : [ 1.5e3, true, null, {} ] } , "type" : "privateMessage" } "#,
            r#"{"type":"privateMessage","toUsername":"B","message":[],"id":-1,"messageId":"m","kind":"","replyTo":9,"ephemeral":true}"#,
        ] {
            assert_eq!(
                private_message(line.as_bytes()).as_ref(),
                super::super::decode_cold(line.as_bytes()).as_ref().ok()
            );
            assert!(private_message(line.as_bytes()).is_some(), "{line}");
        }
    }

    /// The shape of `first`, and what is read by it of `second`.
    fn by_shape(first: &str, second: &str) -> Option<PrivateMessage<'static>> {
        let buffer: &[u8] = format!("{first}\n{second}\n").leak().as_bytes();
        let line = &buffer[..first.len()];
        let shape = Shape::of(&super::super::decode(line).unwrap(), line, 0)?;
        Some(
            shape
                .next(buffer, &(first.len() + 1..buffer.len()))?
                .message,
        )
    }

    #[test]
    fn a_shape_says_ephemeral_as_its_beginning_does() {
        let plain = r#"{"type":"privateMessage","toUsername":"Bob","message":"1"}"#;
        let first =
            r#"{"type":"privateMessage","toUsername":"Bob","ephemeral":true,"message":"1"}"#;
        let last = r#"{"type":"privateMessage","toUsername":"Bob","message":"1","ephemeral":true}"#;
        assert!(by_shape(first, first).unwrap().ephemeral);
        assert!(!by_shape(plain, plain).unwrap().ephemeral);
        assert_eq!(by_shape(last, plain), None);
        assert_eq!(by_shape(plain, last), None);
    }

    #[test]
    fn what_a_shape_cannot_say_has_none() {
        for field in [
            r#""expiresIn":5"#,
            r#""ephemer\u0061l":true"#,
            r#""x":{"ephemeral":true,"message":"y"},"ephemeral":true"#,
            r#""kind":"k""#,
            r#""replyTo":5"#,
        ] {
            let line =
                format!(r#"{{"type":"privateMessage","toUsername":"Bob",{field},"message":"1"}}"#);
            assert_eq!(by_shape(&line, &line), None, "{field}");
        }
    }

    #[test]
    fn whatever_is_cut_off_is_not_taken() {
        let line = r#"{"type":"privateMessage","toUsername":"Bob","message":["é\ud83d\ude00",1.5],"id":7}"#.as_bytes();
        for end in 0..line.len() {
            assert_eq!(private_message(&line[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn a_byte_is_special_at_every_place_of_a_block() {
        for len in 0..80 {
            for special in [0x00, 0x1f, 0x7f, 0x80, 0xff, b'"', b'\\'] {
                let mut line =
                    br#"{"type":"privateMessage","toUsername":"Bob","message":""#.to_vec();
                line.extend(std::iter::repeat_n(b'~', len));
                line.push(special);
                line.extend_from_slice(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}");
                assert_eq!(private_message(&line), None, "{special:02x} after {len}");
            }
        }
    }
}
