//! A connection without a session: `hello`, then one question and its answer at a time. For what is done before a name is
//! registered.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::address::Address;
use super::error::{Error, Kind};
use super::event::{End, Lost};
use super::frame::{Frame, Hello};
use super::link::{Link, NO_GREETING, NoLink, left};
use super::profile::Trust;
use crate::escape;
use crate::ops::exit::reason;

pub struct Dialogue {
    link: Link,
    pub hello: Hello,
}

impl Dialogue {
    /// Up to `hello`.
    pub fn open(address: &Address, trust: &Trust, patience: Duration) -> Result<Dialogue, Error> {
        let start = Instant::now();
        // No system connects in no time.
        if patience.is_zero() {
            return Err(too_late(patience));
        }
        let link = Link::dial(address, trust, patience).map_err(|no| match no {
            NoLink::Unreachable(why) => Error::from(End::NoConnection(why)),
            NoLink::Untrusted(why) => Error::from(End::Trust(why)),
        })?;
        let mut dialogue = Dialogue {
            link,
            hello: Hello::default(),
        };
        match dialogue.frame(String::new(), left(start, patience))? {
            Frame::Hello(hello) => dialogue.hello = hello,
            _ => return Err(wrong_server()),
        }
        Ok(dialogue)
    }

    /// What a person is to be told, once: the server's certificate was not known, and is remembered now.
    pub fn news(&mut self) -> Option<String> {
        self.link.news()
    }

    /// Sends a line, and waits for the frame that answers it.
    pub fn ask(&mut self, line: String, patience: Duration) -> Result<Frame, Error> {
        match self.frame(line, patience)? {
            Frame::Error(error) => Err(Lost::Refused(error.frame).into()),
            frame => Ok(frame),
        }
    }

    fn frame(&mut self, line: String, patience: Duration) -> Result<Frame, Error> {
        let (start, mut out) = (Instant::now(), line.into_bytes());
        loop {
            if let Some(line) = self.link.line(LONGEST_LINE) {
                let line = line.map_err(|_| wrong_server())?;
                match Frame::parse(&line) {
                    None => return Err(wrong_server()),
                    Some(Frame::Other) => continue,
                    Some(Frame::Goodbye(goodbye)) => {
                        return Err(Error::from(End::Goodbye {
                            code: escape::plain(&goodbye.code, 64),
                            message: escape::plain(&goodbye.message, 500),
                        }));
                    }
                    Some(frame) => return Ok(frame),
                }
            }
            let left = left(start, patience);
            if left.is_zero() {
                return Err(too_late(patience));
            }
            self.link.turn(&mut out, left).map_err(|error| {
                let greeted = !self.hello.server_name.is_empty();
                let what = match error.kind() {
                    ErrorKind::UnexpectedEof if !greeted => NO_GREETING.into(),
                    _ => format!("the connection was lost: {}", reason(&error)),
                };
                Error::new(Kind::NoConnection, what, "")
            })?;
        }
    }
}

fn too_late(patience: Duration) -> Error {
    let what = format!("no answer within {} s", patience.as_secs_f32());
    Error::new(Kind::Timeout, what, "")
}

fn wrong_server() -> Error {
    End::WrongServer("what answers there is no privmsgd".into()).into()
}

/// More than any frame before a name is registered.
const LONGEST_LINE: usize = 64 * 1024;
