//! IRC: every user is a nick. A line holds at most 512 bytes, so that large payloads have no place in it.

use memchr::memchr;

use crate::dialect::{Decoded, Dialect, Mail, NAME_BYTES, Role, Step, name, user};

pub struct Irc;

impl Dialect for Irc {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let nick = name(user);
        let hello = format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n");
        vec![
            // The message of the day ends the welcome, or that there is none does.
            Step::new(hello, b" 422 ", b"\r\n"),
            Step::new("PING :inside\r\n", b"inside", b"\r\n"),
        ]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PRIVMSG {} :", name(mail.to)).as_bytes());
        out.extend_from_slice(mail.payload);
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Decoded::Partial;
        };
        let length = end + 1;
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        if line.starts_with(b"PING ") {
            return Decoded::Ping {
                length,
                answer: b"PONG :here\r\n",
            };
        }
        message(line, length).unwrap_or(Decoded::Refused { length })
    }

    fn leave(&self) -> &'static [u8] {
        b"QUIT\r\n"
    }
}

/// `:u000001!~u000001@host PRIVMSG u000002 :payload`
#[inline]
fn message(line: &[u8], length: usize) -> Option<Decoded<'_>> {
    let line = line.strip_prefix(b":")?;
    let from = user(line);
    let rest = line.get(memchr(b' ', line)?..)?;
    let rest = rest.strip_prefix(b" PRIVMSG ")?;
    let payload = rest.get(NAME_BYTES..)?.strip_prefix(b" :")?;
    Some(Decoded::Message {
        length,
        from,
        payload,
    })
}
