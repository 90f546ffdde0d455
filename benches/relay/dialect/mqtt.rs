//! MQTT 3.1.1, QoS 0: every user subscribes to a topic of its own name.

use crate::dialect::{Decoded, Dialect, Mail, NAME_BYTES, Role, Step, name};

pub struct Mqtt;

const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const NAME_LENGTH: [u8; 2] = [0, NAME_BYTES as u8];

fn packet(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let mut left: usize = body.iter().map(|part| part.len()).sum();
    let mut packet = vec![kind];
    loop {
        let more = if left > 127 { 0x80 } else { 0 };
        packet.push((left % 128) as u8 | more);
        left /= 128;
        if left == 0 {
            break;
        }
    }
    body.iter().for_each(|part| packet.extend_from_slice(part));
    packet
}

impl Dialect for Mqtt {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let name = name(user);
        // Protocol level 4, clean session, no keep-alive.
        let hello: &[u8] = b"\0\x04MQTT\x04\x02\0\0";
        let connect = packet(CONNECT, &[hello, &NAME_LENGTH, name.as_bytes()]);
        let subscribe = packet(SUBSCRIBE, &[&[0, 1], &NAME_LENGTH, name.as_bytes(), &[0]]);
        vec![
            Step::new(connect, b"\x20\x02\0\0", b""),
            Step::new(subscribe, b"\x90\x03\0\x01\0", b""),
        ]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        let to = name(mail.to);
        out.extend_from_slice(&packet(
            PUBLISH,
            &[&NAME_LENGTH, to.as_bytes(), mail.payload],
        ));
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        let (mut size, mut at) = (0, 1);
        loop {
            let Some(byte) = bytes.get(at) else {
                return Decoded::Partial;
            };
            size |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
            if at > 4 {
                return Decoded::Broken;
            }
        }
        let length = at + size;
        let Some(body) = bytes.get(at..length) else {
            return Decoded::Partial;
        };
        match (bytes[0], body.get(2 + NAME_BYTES..)) {
            (PUBLISH, Some(payload)) if body[..2] == NAME_LENGTH => Decoded::Message {
                length,
                from: None,
                payload,
            },
            _ => Decoded::Broken,
        }
    }

    fn leave(&self) -> &'static [u8] {
        b"\xe0\0"
    }
}
