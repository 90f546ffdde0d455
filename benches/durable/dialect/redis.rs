//! Redis streams: a stream for each recipient, with a consumer group. Senders `XADD`, recipients `XREADGROUP … BLOCK` and
//! `XACK` what one reply brought, in one write with the next `XREADGROUP`.

use std::io::{Read, Write};
use std::net::TcpStream;

use memchr::memchr;

use super::{Dialect, Ear, Step, not_understood, number, plain, recipient};
use crate::Outcome;

pub struct Redis {
    pub pairs: u32,
}

/// An array of bulk strings, as commands are.
fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        bulk(word, out);
    }
}

fn bulk(word: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

fn read_group(pair: u32, out: &mut Vec<u8>) {
    let stream = recipient(pair);
    let words: [&[u8]; 9] = [
        b"XREADGROUP",
        b"GROUP",
        b"g",
        b"c",
        b"BLOCK",
        b"0",
        b"STREAMS",
        stream.as_bytes(),
        b">",
    ];
    command(&words, out);
}

impl Dialect for Redis {
    fn prepare(&self, connect: &dyn Fn() -> Outcome<TcpStream>) -> Outcome<()> {
        let mut stream = connect()?;
        for pair in 0..self.pairs {
            let name = recipient(pair);
            let mut bytes = Vec::new();
            let words: [&[u8]; 6] = [
                b"XGROUP",
                b"CREATE",
                name.as_bytes(),
                b"g",
                b"$",
                b"MKSTREAM",
            ];
            command(&words, &mut bytes);
            stream
                .write_all(&bytes)
                .map_err(|error| error.to_string())?;
            let mut answer = [0; 5];
            stream
                .read_exact(&mut answer)
                .map_err(|error| error.to_string())?;
            if &answer != b"+OK\r\n" {
                return not_understood(&answer);
            }
        }
        Ok(())
    }

    fn sender(&self, _: u32) -> Vec<Step> {
        vec![Step::new("*1\r\n$4\r\nPING\r\n", b"+PONG", b"\r\n")]
    }

    fn recipient(&self, pair: u32) -> Vec<Step> {
        self.sender(pair)
    }

    fn listen(&self, pair: u32, out: &mut Vec<u8>) {
        read_group(pair, out);
    }

    fn send(&self, pair: u32, _: u64, text: &[u8], out: &mut Vec<u8>) {
        let stream = recipient(pair);
        command(&[b"XADD", stream.as_bytes(), b"*", b"m", text], out);
    }

    /// The entry's id: they come in the order of the commands.
    fn answer(&self, _: u32, bytes: &[u8]) -> Outcome<Option<(usize, Option<u64>)>> {
        let mut reply = Reply { bytes, at: 0 };
        match reply.bulk() {
            Ok(_) => Ok(Some((reply.at, None))),
            Err(Stop::Partial) => Ok(None),
            Err(Stop::Wrong(what)) => Err(what),
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
        while used < bytes.len() {
            let mut reply = Reply { bytes, at: used };
            match hear_one(&mut reply, pair, ear, took) {
                Ok(()) => used = reply.at,
                Err(Stop::Partial) => break,
                Err(Stop::Wrong(what)) => return Err(what),
            }
        }
        Ok(used)
    }

    fn acknowledge(&self, pair: u32, ear: &mut Ear, out: &mut Vec<u8>) {
        if ear.due_count == 0 {
            return;
        }
        out.extend_from_slice(format!("*{}\r\n", 3 + ear.due_count).as_bytes());
        bulk(b"XACK", out);
        bulk(recipient(pair).as_bytes(), out);
        bulk(b"g", out);
        out.append(&mut ear.due);
        ear.due_count = 0;
        read_group(pair, out);
    }

    /// Every `XACK` is answered with how many it acknowledged.
    fn confirm(&self, _: u32, ear: &mut Ear, _: &mut Vec<u8>) {
        ear.confirmed = ear.acknowledged == ear.taken;
    }
}

fn hear_one(
    reply: &mut Reply<'_>,
    pair: u32,
    ear: &mut Ear,
    took: &mut dyn FnMut(&[u8]) -> Outcome<()>,
) -> Result<(), Stop> {
    let start = reply.at;
    if reply.bytes[start] == b':' {
        ear.acknowledged += reply.count(b':')?;
        return Ok(());
    }
    // A long reply comes in parts: only a whole one is acted on.
    entries(reply, pair, &mut |_, _| Ok(()))?;
    reply.at = start;
    entries(reply, pair, &mut |id, text| {
        bulk(id, &mut ear.due);
        ear.due_count += 1;
        ear.taken += 1;
        took(text)
    })
}

/// What is done with an id and a text.
type Took<'a> = dyn FnMut(&[u8], &[u8]) -> Outcome<()> + 'a;

/// One reply to `XREADGROUP`.
fn entries(reply: &mut Reply<'_>, pair: u32, took: &mut Took<'_>) -> Result<(), Stop> {
    reply.array_of(1)?;
    reply.array_of(2)?;
    if reply.bulk()? != recipient(pair).as_bytes() {
        return Err(Stop::Wrong("a message for somebody else".into()));
    }
    for _ in 0..reply.count(b'*')? {
        reply.array_of(2)?;
        let id = reply.bulk()?;
        reply.array_of(2)?;
        reply.bulk()?;
        took(id, reply.bulk()?).map_err(Stop::Wrong)?;
    }
    Ok(())
}

/// Why a reply could not be taken.
enum Stop {
    /// Not all of it is here.
    Partial,
    Wrong(String),
}

/// RESP2, as far as it is spoken here.
struct Reply<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reply<'a> {
    /// `:5`, `*5` or `$5`.
    fn count(&mut self, kind: u8) -> Result<u64, Stop> {
        let rest = &self.bytes[self.at..];
        let end = memchr(b'\n', rest).ok_or(Stop::Partial)?;
        let digits = rest[..end]
            .strip_prefix(&[kind])
            .and_then(|line| line.strip_suffix(b"\r"));
        let count = digits.and_then(number).ok_or_else(|| self.wrong())?;
        self.at += end + 1;
        Ok(count)
    }

    fn array_of(&mut self, length: u64) -> Result<(), Stop> {
        match self.count(b'*')? {
            count if count == length => Ok(()),
            _ => Err(self.wrong()),
        }
    }

    fn bulk(&mut self) -> Result<&'a [u8], Stop> {
        let length = self.count(b'$')? as usize;
        let bulk = self.bytes[self.at..]
            .get(..length + 2)
            .ok_or(Stop::Partial)?;
        let bulk = bulk.strip_suffix(b"\r\n").ok_or_else(|| self.wrong())?;
        self.at += length + 2;
        Ok(bulk)
    }

    fn wrong(&self) -> Stop {
        Stop::Wrong(format!("not understood: {}", plain(self.bytes)))
    }
}
