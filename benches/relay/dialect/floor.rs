//! The floor (floor.c): a header of three words, then the payload. Nothing to parse.

use crate::dialect::{Decoded, Dialect, Mail, Role, Step};

pub struct Floor;

const HEADER_BYTES: usize = 12;
/// To nobody: "I am `from`".
const ENTER: u32 = u32::MAX;

fn header(length: u32, to: u32, from: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&to.to_le_bytes());
    bytes[8..].copy_from_slice(&from.to_le_bytes());
    bytes
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

impl Dialect for Floor {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let hello = header(HEADER_BYTES as u32, ENTER, user);
        // The answer is the same header.
        vec![Step::new(hello, b"\x0c\0\0\0\xff\xff\xff\xff", b"")]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        let length = (HEADER_BYTES + mail.payload.len()) as u32;
        out.extend_from_slice(&header(length, mail.to, mail.from));
        out.extend_from_slice(mail.payload);
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        if bytes.len() < HEADER_BYTES {
            return Decoded::Partial;
        }
        let length = word(bytes, 0) as usize;
        if length < HEADER_BYTES {
            return Decoded::Broken;
        }
        match bytes.get(HEADER_BYTES..length) {
            None => Decoded::Partial,
            Some(payload) => Decoded::Message {
                length,
                from: Some(word(bytes, 8)),
                payload,
            },
        }
    }
}
