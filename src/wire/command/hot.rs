//! A `privateMessage` in its usual form → [`Request`], in one pass that validates everything.
//!
//! None decides nothing: `cold` does. What is accepted here is accepted there, as the same [`Request`].

use super::reader::Reader;
use super::scalar::{self, MAX_WORD_BYTES};
use super::{Command, PrivateMessage, Raw, Request};
use crate::wire::name::Name;

/// Accepts known keys without escapes, each once, in any order, with a name in ASCII.
#[inline]
pub(super) fn private_message(line: &[u8]) -> Option<Request<'_>> {
    let mut reader = Reader::new(line);
    let mut draft = Draft::default();
    if reader.word(USUAL_START).is_some() {
        draft.mark(Key::Type);
    } else {
        reader.token(b'{')?;
    }
    draft.field(&mut reader)?;
    while reader.another(b'}')? {
        draft.field(&mut reader)?;
    }
    reader.skip_space();
    if reader.rest().is_empty() {
        draft.finish()
    } else {
        None
    }
}

/// How most clients begin: one comparison instead of a key and a value.
const USUAL_START: &[u8] = b"{\"type\":\"privateMessage\",";

/// The fields found so far.
#[derive(Default)]
struct Draft<'a> {
    /// One bit for each key that was read.
    seen: u8,
    id: Option<Raw<'a>>,
    to: Option<(Name<'a>, Raw<'a>)>,
    message: Option<Raw<'a>>,
    message_id: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    reply_to: Option<Raw<'a>>,
}

impl<'a> Draft<'a> {
    /// Reads a key and its value. None: not known here, not valid, or given before.
    #[inline]
    fn field(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let key = reader.key()?;
        if self.has(key) {
            return None;
        }
        self.mark(key);
        match key {
            Key::Type => reader.word(b"\"privateMessage\"")?,
            Key::ToUsername => self.to = Some(reader.name()?),
            Key::Message => self.message = Some(reader.value()?),
            Key::Id => self.id = Some(reader.id()?),
            Key::MessageId => self.message_id = Some(reader.short_string(1)?),
            Key::Kind => self.kind = Some(reader.short_string(0)?),
            Key::ReplyTo => self.reply_to = Some(reader.positive()?),
            Key::Ephemeral => reader.word(b"true").or_else(|| reader.word(b"false"))?,
        }
        Some(())
    }

    #[inline]
    fn mark(&mut self, key: Key) {
        self.seen |= 1 << key as u8;
    }

    #[inline]
    fn has(&self, key: Key) -> bool {
        self.seen & (1 << key as u8) != 0
    }

    #[inline]
    fn finish(self) -> Option<Request<'a>> {
        if !self.has(Key::Type) {
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
            unavailable: None,
        };
        Some(Request {
            id: self.id,
            command: Command::PrivateMessage(command),
        })
    }
}

#[derive(Clone, Copy)]
enum Key {
    Type,
    ToUsername,
    Message,
    Id,
    MessageId,
    Kind,
    ReplyTo,
    Ephemeral,
}

/// The values of this command.
impl<'a> Reader<'a> {
    /// A known key and its colon, to the first byte of the value.
    #[inline]
    fn key(&mut self) -> Option<Key> {
        self.token(b'"')?;
        let rest = self.rest();
        let known =
            |key: Key, text: &'static [u8]| rest.starts_with(text).then_some((key, text.len()));
        let (key, len) = match rest.first()? {
            b't' => known(Key::ToUsername, b"toUsername\"").or_else(|| known(Key::Type, b"type\"")),
            b'm' => {
                known(Key::Message, b"message\"").or_else(|| known(Key::MessageId, b"messageId\""))
            }
            b'i' => known(Key::Id, b"id\""),
            b'k' => known(Key::Kind, b"kind\""),
            b'r' => known(Key::ReplyTo, b"replyTo\""),
            b'e' => known(Key::Ephemeral, b"ephemeral\""),
            _ => None,
        }?;
        self.at += len;
        self.token(b':')?;
        self.skip_space();
        Some(key)
    }

    /// And the same with its quotes.
    #[inline]
    fn name(&mut self) -> Option<(Name<'a>, Raw<'a>)> {
        let start = self.at;
        self.at += 1;
        let name = Name::leading_ascii(self.rest())?;
        self.at += name.as_str().len() + 1;
        let raw = self.since(start)?;
        scalar::unquoted(raw.0).map(|_| (name, raw))
    }

    #[inline]
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
                super::super::cold::decode(line.as_bytes()).as_ref().ok()
            );
            assert!(private_message(line.as_bytes()).is_some(), "{line}");
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
