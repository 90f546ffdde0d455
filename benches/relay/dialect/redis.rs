//! Redis pub/sub: every receiver subscribes to a channel of its own name. RESP2 forbids a subscriber to publish, so
//! that senders are connections of their own that subscribe to nothing; who does both speaks RESP3.

use memchr::memchr;

use crate::dialect::{Decoded, Dialect, Mail, NAME_BYTES, Role, Step, name, number};

pub struct Redis;

impl Dialect for Redis {
    fn enter(&self, user: u32, role: Role) -> Vec<Step> {
        let subscribe = format!(
            "*2\r\n$9\r\nSUBSCRIBE\r\n${NAME_BYTES}\r\n{}\r\n",
            name(user)
        );
        let subscribed: &[u8] = b"subscribe\r\n";
        match role {
            Role::Sender => vec![Step::new("*1\r\n$4\r\nPING\r\n", b"+PONG", b"\r\n")],
            Role::Receiver => vec![Step::new(subscribe, subscribed, b":1\r\n")],
            Role::Both => vec![
                Step::new(
                    "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
                    b"modules\r\n",
                    b"*0\r\n",
                ),
                Step::new(subscribe, subscribed, b":1\r\n"),
            ],
        }
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        let head = format!(
            "*3\r\n$7\r\nPUBLISH\r\n${NAME_BYTES}\r\n{}\r\n${}\r\n",
            name(mail.to),
            mail.payload.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(mail.payload);
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        /// After it: the channel's name, and the length of the payload.
        const HEAD: &[u8] = b"3\r\n$7\r\nmessage\r\n$7\r\n";
        match bytes.first() {
            None => return Decoded::Partial,
            Some(b'*' | b'>') => {}
            Some(kind) => return reply(*kind, bytes),
        }
        let start = 1 + HEAD.len() + NAME_BYTES + 3;
        if bytes.len() < start {
            return Decoded::Partial;
        }
        if &bytes[1..1 + HEAD.len()] != HEAD {
            return Decoded::Broken;
        }
        let Some(line) = memchr(b'\r', &bytes[start..]) else {
            return Decoded::Partial;
        };
        let Some(size) = number(&bytes[start..start + line]) else {
            return Decoded::Broken;
        };
        let (start, stop) = (start + line + 2, start + line + 2 + size as usize);
        match bytes.get(start..stop + 2) {
            None => Decoded::Partial,
            Some(rest) if rest.ends_with(b"\r\n") => Decoded::Message {
                length: stop + 2,
                from: None,
                payload: &bytes[start..stop],
            },
            Some(_) => Decoded::Broken,
        }
    }

    fn replies(&self) -> bool {
        true
    }
}

/// `:1`: one receiver got it. Any other number means that nobody, or too many, did.
#[inline]
fn reply(kind: u8, bytes: &[u8]) -> Decoded<'_> {
    let Some(end) = memchr(b'\n', bytes) else {
        return Decoded::Partial;
    };
    let length = end + 1;
    match kind {
        b':' if &bytes[..length] == b":1\r\n" => Decoded::Reply { length },
        b':' | b'-' => Decoded::Refused { length },
        _ => Decoded::Broken,
    }
}
