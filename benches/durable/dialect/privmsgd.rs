//! privmsgd: one JSON object per line. Names are proved by tokens that the benchmark signs: the first one makes the account.

use std::time::UNIX_EPOCH;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use memchr::memchr;
use serde_json::json;

use super::{Dialect, Ear, Step, not_understood, number, recipient, sender};
use crate::Outcome;
use crate::ledger::TEXT_BYTES;

/// What the server checks tokens with.
pub const SECRET: &[u8; 32] = b"a secret of the benchmark: known";
pub const AUDIENCE: &str = "bench";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privmsgd {
    /// Messages are stored.
    Stored,
    /// `ephemeral` ones, by accounts.
    Ephemeral,
    /// The same lines in open mode.
    Open,
}

const HEAD: &[u8] = br#"{"type":"privateMessage","from":"s"#;
const MIDDLE: &[u8] = br#"","message":""#;
const TIME: &[u8] = br#"","time":""#;
const TIME_BYTES: usize = "2026-11-22T10:40:07.412Z".len();
const DIGITS: usize = 6;

/// The line that registers; `deliver`: `ack` or `none`.
pub fn register(name: &str, deliver: &str) -> String {
    let expires = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()) + 86_400;
    let claims = json!({"sub": name, "aud": AUDIENCE, "exp": expires});
    let key = EncodingKey::from_secret(SECRET);
    let token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default();
    format!(
        "{{\"type\":\"register\",\"username\":\"{name}\",\"token\":\"{token}\",\"deliver\":\"{deliver}\"}}\n"
    )
}

impl Privmsgd {
    fn enter(self, name: &str, deliver: &str) -> Vec<Step> {
        let register = match self {
            Privmsgd::Open => format!("{{\"type\":\"register\",\"username\":\"{name}\"}}\n"),
            _ => register(name, deliver),
        };
        let synced = self != Privmsgd::Open && deliver == "ack";
        let last: &[u8] = if synced {
            b"\"synced\""
        } else {
            b"\"registered\""
        };
        vec![
            Step::new("", b"\"hello\"", b"\n"),
            Step::new(register, last, b"\n"),
        ]
    }
}

impl Dialect for Privmsgd {
    /// Send-only: it has no device, and is sent neither copies nor receipts.
    fn sender(&self, pair: u32) -> Vec<Step> {
        self.enter(&sender(pair), "none")
    }

    fn recipient(&self, pair: u32) -> Vec<Step> {
        self.enter(&recipient(pair), "ack")
    }

    fn send(&self, pair: u32, number: u64, text: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"privateMessage","toUsername":""#);
        out.extend_from_slice(recipient(pair).as_bytes());
        out.extend_from_slice(MIDDLE);
        out.extend_from_slice(text);
        match self {
            Privmsgd::Stored => {
                out.extend_from_slice(format!("\",\"id\":{number}}}\n").as_bytes());
            }
            _ => out.extend_from_slice(b"\",\"ephemeral\":true}\n"),
        }
    }

    fn accepts(&self) -> bool {
        *self == Privmsgd::Stored
    }

    /// Its `seq` is the conversation's, in which nobody else writes.
    fn answer(&self, pair: u32, bytes: &[u8]) -> Outcome<Option<(usize, Option<u64>)>> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Ok(None);
        };
        let told = accepted(&bytes[..end], pair);
        let Some((id, seq)) = told else {
            return not_understood(bytes);
        };
        match seq == id + 1 {
            true => Ok(Some((end + 1, Some(id)))),
            false => Err(format!("message {id} has the number {seq}")),
        }
    }

    fn hear(
        &self,
        pair: u32,
        ear: &mut Ear,
        bytes: &[u8],
        took: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<usize> {
        let mut used = 0;
        while let Some(end) = memchr(b'\n', &bytes[used..]) {
            let line = &bytes[used..used + end];
            used += end + 1;
            let Some((text, rest)) = message(line, pair) else {
                if !line.starts_with(br#"{"type":"ok","id":0,"#) {
                    return not_understood(line);
                }
                ear.confirmed = true;
                continue;
            };
            took(text)?;
            ear.taken += 1;
            if *self == Privmsgd::Stored {
                let Some(position) = position(rest, ear.taken) else {
                    return not_understood(line);
                };
                if position <= ear.position {
                    return Err(format!("position {position} after {}", ear.position));
                }
                ear.position = position;
                ear.due_count += 1;
            } else if rest != b"}" {
                return not_understood(line);
            }
        }
        Ok(used)
    }

    fn acknowledge(&self, _: u32, ear: &mut Ear, out: &mut Vec<u8>) {
        if std::mem::take(&mut ear.due_count) > 0 {
            let position = ear.position;
            out.extend_from_slice(format!("{{\"type\":\"ack\",\"pos\":{position}}}\n").as_bytes());
        }
    }

    /// The same `ack` again, now with an `id`: its reply comes when the cursor is there.
    fn confirm(&self, _: u32, ear: &mut Ear, out: &mut Vec<u8>) {
        if *self != Privmsgd::Stored || ear.taken == 0 {
            ear.confirmed = true;
        } else if !std::mem::replace(&mut ear.asked, true) {
            let position = ear.position;
            out.extend_from_slice(
                format!("{{\"type\":\"ack\",\"pos\":{position},\"id\":0}}\n").as_bytes(),
            );
        }
    }
}

/// `id` and `seq`.
fn accepted(line: &[u8], pair: u32) -> Option<(u64, u64)> {
    let rest = line.strip_prefix(br#"{"type":"accepted","id":"#)?;
    let (id, rest) = count(rest)?;
    let rest = rest.strip_prefix(br#","toUsername":"r"#)?;
    let (to, rest) = rest.split_at_checked(DIGITS)?;
    let (seq, _time) = count(rest.strip_prefix(br#"","seq":"#)?)?;
    (number(to)? == u64::from(pair)).then_some((id, seq))
}

/// The text, if it is from this sender, and what follows the time.
pub fn message(line: &[u8], sender: u32) -> Option<(&[u8], &[u8])> {
    let (from, rest) = line.strip_prefix(HEAD)?.split_at_checked(DIGITS)?;
    let rest = rest.strip_prefix(MIDDLE)?;
    let (text, rest) = rest.split_at_checked(TEXT_BYTES)?;
    let rest = rest.strip_prefix(TIME)?.get(TIME_BYTES..)?;
    (number(from)? == u64::from(sender)).then_some((text, rest.strip_prefix(b"\"")?))
}

/// What `pos` says, if `seq` is this and nothing else stands there.
pub fn position(rest: &[u8], seq: u64) -> Option<u64> {
    let (told, rest) = count(rest.strip_prefix(b",\"seq\":")?)?;
    let (position, rest) = count(rest.strip_prefix(b",\"pos\":")?)?;
    (told == seq && rest == b"}").then_some(position)
}

/// The number at the front, and the rest.
fn count(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    Some((number(&bytes[..end])?, &bytes[end..]))
}
