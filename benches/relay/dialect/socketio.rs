//! Socket.IO 5 in Engine.IO 4 in WebSocket, against the tutorial's server. Client frames are masked, as they must be,
//! with a key of zeros: the server undoes the mask all the same, and the lines can be written beforehand.

use crate::dialect::{Decoded, Dialect, Mail, NAME_BYTES, Role, Step, name, user};

pub struct SocketIo;

const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// A text frame, final.
const TEXT: u8 = 0x81;
const HEAD: &[u8] = br#"42["privateMessage",{"from":""#;
const MIDDLE: &[u8] = br#"","message":""#;
const TAIL: &[u8] = br#"","time":""#;

fn frame(text: &[u8], out: &mut Vec<u8>) {
    const MASKED: u8 = 0x80;
    out.push(TEXT);
    match text.len() {
        small @ ..=125 => out.push(MASKED | small as u8),
        large => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(large as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(text);
}

fn framed(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame(text.as_bytes(), &mut out);
    out
}

impl Dialect for SocketIo {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let name = name(user);
        // The tutorial's server does not answer `register`: a message to oneself shows that it is done.
        let mut register = framed(&format!("42[\"register\",\"{name}\"]"));
        let oneself =
            format!("42[\"privateMessage\",{{\"toUsername\":\"{name}\",\"message\":\"inside\"}}]");
        frame(oneself.as_bytes(), &mut register);
        vec![
            Step::new(UPGRADE, b"0{\"sid\"", b"}"),
            Step::new(framed("40"), b"40{\"sid\"", b"}"),
            Step::new(register, b"\"inside\"", b"}]"),
        ]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        let mut text = format!(
            "42[\"privateMessage\",{{\"toUsername\":\"{}\",\"message\":\"",
            name(mail.to)
        )
        .into_bytes();
        text.extend_from_slice(mail.payload);
        text.extend_from_slice(b"\"}]");
        frame(&text, out);
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        let (start, size) = match bytes.get(1) {
            None => return Decoded::Partial,
            Some(126) => match bytes.get(2..4) {
                None => return Decoded::Partial,
                Some(size) => (4, usize::from(u16::from_be_bytes([size[0], size[1]]))),
            },
            Some(small @ ..=125) => (2, usize::from(*small)),
            Some(_) => return Decoded::Broken,
        };
        let length = start + size;
        let Some(text) = bytes.get(start..length) else {
            return Decoded::Partial;
        };
        if bytes[0] != TEXT {
            return Decoded::Broken;
        }
        match text {
            b"2" => Decoded::Ping {
                length,
                answer: b"\x81\x81\0\0\0\x003",
            },
            _ if text.starts_with(b"42[\"errorMessage\"") => Decoded::Refused { length },
            _ => message(text, length).unwrap_or(Decoded::Broken),
        }
    }
}

/// The time is the server's locale's: of any length, without a quote.
#[inline]
fn message(text: &[u8], length: usize) -> Option<Decoded<'_>> {
    let rest = text.strip_prefix(HEAD)?;
    let from = user(rest);
    let rest = rest.get(NAME_BYTES..)?.strip_prefix(MIDDLE)?;
    let rest = rest.strip_suffix(b"\"}]")?;
    let time = memchr::memrchr(b'"', rest)?;
    Some(Decoded::Message {
        length,
        from,
        payload: rest.get(..time + 1)?.strip_suffix(TAIL)?,
    })
}
