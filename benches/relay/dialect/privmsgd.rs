//! privmsgd: one JSON object per line.

use memchr::memchr;

use crate::dialect::{Decoded, Dialect, Mail, NAME_BYTES, Role, Step, name, user};

/// How the client's library writes JSON, and whether it asks for a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privmsgd {
    /// With a space after each colon and comma, as Python's `json.dumps` does.
    pub spaces: bool,
    pub id: bool,
}

const HEAD: &[u8] = br#"{"type":"privateMessage","from":""#;
const MIDDLE: &[u8] = br#"","message":""#;
const TAIL: &[u8] = br#"","time":""#;
const TIME_BYTES: usize = "2026-11-22T10:40:07.412Z".len();
const END: &[u8] = b"\"}";

impl Dialect for Privmsgd {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let register = format!(
            "{{\"type\":\"register\",\"username\":\"{}\"}}\n",
            name(user)
        );
        vec![
            Step::new("", b"\"hello\"", b"\n"),
            Step::new(register, b"\"registered\"", b"\n"),
        ]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        let space = if self.spaces { " " } else { "" };
        let to = name(mail.to);
        out.extend_from_slice(
            format!("{{\"type\":{space}\"privateMessage\",{space}\"toUsername\":{space}\"{to}\",{space}\"message\":{space}\"")
                .as_bytes(),
        );
        out.extend_from_slice(mail.payload);
        if self.id {
            let id = 100_000 + mail.number % 900_000;
            out.extend_from_slice(format!("\",{space}\"id\":{space}{id}}}\n").as_bytes());
        } else {
            out.extend_from_slice(b"\"}\n");
        }
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Decoded::Partial;
        };
        let length = end + 1;
        let line = &bytes[..end];
        match line.strip_prefix(HEAD) {
            Some(rest) => message(rest, length).unwrap_or(Decoded::Broken),
            None if line.starts_with(br#"{"type":"accepted""#) => Decoded::Reply { length },
            None if line.starts_with(br#"{"type":"errorMessage""#) => Decoded::Refused { length },
            None => Decoded::Broken,
        }
    }

    fn replies(&self) -> bool {
        self.id
    }
}

#[inline]
fn message(rest: &[u8], length: usize) -> Option<Decoded<'_>> {
    let from = user(rest);
    let rest = rest.get(NAME_BYTES..)?.strip_prefix(MIDDLE)?;
    let rest = rest.strip_suffix(END)?;
    let (rest, _time) = rest.split_at_checked(rest.len().checked_sub(TIME_BYTES)?)?;
    Some(Decoded::Message {
        length,
        from,
        payload: rest.strip_suffix(TAIL)?,
    })
}
