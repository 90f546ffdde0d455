//! NATS JetStream: one stream in files, a subject for each recipient, a durable push consumer on it whose messages are
//! acknowledged one by one. Every publish asks for the stream's acknowledgement, which comes to a subject of its number.

use std::io::{Read, Write};
use std::net::TcpStream;

use memchr::memchr;
use serde_json::{Value, json};

use super::{Dialect, Ear, Step, not_understood, number, recipient, sender};
use crate::Outcome;

pub struct Nats {
    pub pairs: u32,
}

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\",\"protocol\":1}\r\n";
const PING: &[u8] = b"PING\r\n";
/// Subscriptions of a recipient: its messages, and answers to its questions.
const MESSAGES: &[u8] = b"1";
const ANSWERS: &[u8] = b"2";

impl Dialect for Nats {
    fn prepare(&self, connect: &dyn Fn() -> Outcome<TcpStream>) -> Outcome<()> {
        let mut stream = connect()?;
        let enter = format!("{CONNECT}SUB setup 1\r\n");
        stream
            .write_all(enter.as_bytes())
            .map_err(|error| error.to_string())?;
        let config = json!({
            "name": "S", "subjects": ["m.*"], "storage": "file", "retention": "limits", "num_replicas": 1,
        });
        ask(&mut stream, "STREAM.CREATE.S", &config)?;
        for pair in 0..self.pairs {
            let name = recipient(pair);
            let config = json!({"stream_name": "S", "config": {
                "durable_name": name, "deliver_subject": format!("d.{name}"), "filter_subject": format!("m.{name}"),
                "deliver_policy": "all", "replay_policy": "instant", "ack_policy": "explicit",
                "ack_wait": 600_000_000_000_u64, "max_ack_pending": 100_000,
            }});
            ask(
                &mut stream,
                &format!("CONSUMER.DURABLE.CREATE.S.{name}"),
                &config,
            )?;
        }
        Ok(())
    }

    fn sender(&self, pair: u32) -> Vec<Step> {
        enter(&format!("SUB a.{}.* 1\r\n", sender(pair)))
    }

    fn recipient(&self, pair: u32) -> Vec<Step> {
        let name = recipient(pair);
        enter(&format!("SUB d.{name} 1\r\nSUB i.{name} 2\r\n"))
    }

    fn send(&self, pair: u32, number: u64, text: &[u8], out: &mut Vec<u8>) {
        let (from, to, length) = (sender(pair), recipient(pair), text.len());
        let _ = write!(out, "PUB m.{to} a.{from}.{number:010} {length}\r\n");
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    /// A ping, which comes once after two seconds, needs no answer for an hour.
    fn answer(&self, _: u32, bytes: &[u8]) -> Outcome<Option<(usize, Option<u64>)>> {
        let pinged = if bytes.starts_with(PING) {
            PING.len()
        } else {
            0
        };
        let Some(frame) = Frame::take(&bytes[pinged..])? else {
            return Ok(None);
        };
        let told = frame.subject.rsplit(|byte| *byte == b'.').next();
        let Some(told) = told.and_then(number) else {
            return not_understood(bytes);
        };
        if !frame.payload.starts_with(b"{\"stream\":\"S\"") {
            return not_understood(bytes);
        }
        Ok(Some((pinged + frame.length, Some(told))))
    }

    fn hear(
        &self,
        _: u32,
        ear: &mut Ear,
        bytes: &[u8],
        took: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<usize> {
        let mut used = 0;
        loop {
            if bytes[used..].starts_with(PING) {
                used += PING.len();
                ear.due.extend_from_slice(b"PONG\r\n");
            }
            let Some(frame) = Frame::take(&bytes[used..])? else {
                return Ok(used);
            };
            used += frame.length;
            match frame.subscription {
                MESSAGES => {
                    took(frame.payload)?;
                    ear.taken += 1;
                    ear.due.extend_from_slice(b"PUB ");
                    ear.due.extend_from_slice(frame.reply);
                    ear.due.extend_from_slice(b" 4\r\n+ACK\r\n");
                }
                ANSWERS => {
                    ear.asked = false;
                    let info: Value =
                        serde_json::from_slice(frame.payload).map_err(|error| error.to_string())?;
                    let floor = info
                        .pointer("/ack_floor/consumer_seq")
                        .and_then(Value::as_u64);
                    ear.confirmed = floor == Some(ear.taken);
                }
                _ => return not_understood(bytes),
            }
        }
    }

    fn acknowledge(&self, _: u32, ear: &mut Ear, out: &mut Vec<u8>) {
        out.append(&mut ear.due);
    }

    fn confirm(&self, pair: u32, ear: &mut Ear, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut ear.asked, true) {
            let name = recipient(pair);
            let _ = write!(out, "PUB $JS.API.CONSUMER.INFO.S.{name} i.{name} 0\r\n\r\n");
        }
    }
}

fn enter(subscribe: &str) -> Vec<Step> {
    vec![
        Step::new("", b"INFO ", b"\r\n"),
        Step::new(format!("{CONNECT}{subscribe}PING\r\n"), b"PONG", b"\r\n"),
    ]
}

/// Asks the server to make something, and waits until it has.
fn ask(stream: &mut TcpStream, what: &str, config: &Value) -> Outcome<()> {
    let config = config.to_string();
    let request = format!("PUB $JS.API.{what} setup {}\r\n{config}\r\n", config.len());
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut got = Vec::new();
    let mut scratch = [0; 4096];
    loop {
        while let Some(end) = memchr(b'\n', &got)
            && !got.starts_with(b"MSG ")
        {
            got.drain(..=end);
        }
        if let Some(frame) = Frame::take(&got)? {
            let answer = String::from_utf8_lossy(frame.payload);
            return match answer.contains("\"error\"") {
                true => Err(format!("{what}: {answer}")),
                false => Ok(()),
            };
        }
        match stream
            .read(&mut scratch)
            .map_err(|error| error.to_string())?
        {
            0 => return Err("the server hung up".into()),
            count => got.extend_from_slice(&scratch[..count]),
        }
    }
}

/// `MSG subject sid [reply] bytes`, and the bytes.
struct Frame<'a> {
    length: usize,
    subject: &'a [u8],
    subscription: &'a [u8],
    /// Empty: none.
    reply: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// `None`: not all of it is here.
    fn take(bytes: &'a [u8]) -> Outcome<Option<Self>> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Ok(None);
        };
        let mut words = bytes[..end].split(|byte| matches!(byte, b' ' | b'\r'));
        let (b"MSG", Some(subject), Some(subscription), Some(third), Some(fourth)) = (
            words.next().unwrap_or(b""),
            words.next(),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return not_understood(bytes);
        };
        // The end of the line is an empty word.
        let (reply, length) = match fourth {
            b"" => (&b""[..], third),
            length => (third, length),
        };
        let Some(length) = number(length) else {
            return not_understood(bytes);
        };
        let (start, stop) = (end + 1, end + 1 + length as usize);
        if bytes.len() < stop + 2 {
            return Ok(None);
        }
        Ok(Some(Frame {
            length: stop + 2,
            subject,
            subscription,
            reply,
            payload: &bytes[start..stop],
        }))
    }
}
