//! NATS core: every user subscribes to a subject of its own name.

use memchr::memchr;

use crate::dialect::{Decoded, Dialect, Mail, Role, Step, name, number};

pub struct Nats;

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\",\"protocol\":1}\r\n";

impl Dialect for Nats {
    fn enter(&self, user: u32, _: Role) -> Vec<Step> {
        let enter = format!("{CONNECT}SUB {} 1\r\nPING\r\n", name(user));
        vec![
            Step::new("", b"INFO ", b"\r\n"),
            Step::new(enter, b"PONG", b"\r\n"),
        ]
    }

    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            format!("PUB {} {}\r\n", name(mail.to), mail.payload.len()).as_bytes(),
        );
        out.extend_from_slice(mail.payload);
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Decoded::Partial;
        };
        let line = &bytes[..end];
        if !line.starts_with(b"MSG ") {
            return control(line, end + 1);
        }
        let size = line
            .strip_suffix(b"\r")
            .and_then(|line| line.rsplit(|byte| *byte == b' ').next())
            .and_then(number);
        let Some(size) = size else {
            return Decoded::Broken;
        };
        let (start, stop) = (end + 1, end + 1 + size as usize);
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
}

fn control(line: &[u8], length: usize) -> Decoded<'_> {
    match line.get(..4) {
        Some(b"PING") => Decoded::Ping {
            length,
            answer: b"PONG\r\n",
        },
        Some(b"INFO" | b"PONG" | b"+OK\r") => Decoded::Reply { length },
        Some(b"-ERR") => Decoded::Refused { length },
        _ => Decoded::Broken,
    }
}
