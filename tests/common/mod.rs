//! The harness: a real daemon, real sockets, transcripts.
//!
//! ```ignore
//! transcript(|at| {
//!     let mut alice = at.register("Alice");
//!     let mut bob = at.register("Bob");
//!     alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
//!     bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
//! });
//! ```
//!
//! Nothing here waits without a bound, and nothing sleeps where an event tells the same.
#![allow(dead_code, unused_imports)]

mod bare;
mod client;
mod daemon;
mod http;
mod pattern;
mod play;
mod program;

pub use bare::bare;
pub use client::Client;
pub use daemon::{Address, Daemon, PASSWORD, Setup};
pub use http::{Answer, get, get_over};
pub use pattern::{Bindings, check, fill};
pub use play::{Block, Step, blocks, play, play_with};
pub use program::Program;

/// How the bytes that a client sends are cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Everything given to one `send` in one write.
    Whole,
    /// One write per line.
    Line,
    /// One write per byte.
    Byte,
}

impl Chunking {
    pub const ALL: [Chunking; 3] = [Chunking::Whole, Chunking::Line, Chunking::Byte];

    pub fn cut(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Chunking::Whole => vec![bytes],
            Chunking::Line => bytes.split_inclusive(|&byte| byte == b'\n').collect(),
            Chunking::Byte => bytes.chunks(1).collect(),
        }
    }
}

/// A running daemon and the chunking that its clients use.
pub struct Stage {
    pub daemon: Daemon,
    pub chunking: Chunking,
}

impl Stage {
    pub fn new(setup: &Setup, chunking: Chunking) -> Stage {
        Stage {
            daemon: Daemon::start(setup),
            chunking,
        }
    }

    /// A connection of which nothing was read, not even `hello`.
    pub fn dial(&self, who: &str) -> Client {
        Client::dial(self.daemon.address(), who, self.chunking)
    }

    /// A connection that has read `hello`.
    pub fn connect(&self, who: &str) -> Client {
        let mut client = self.dial(who);
        client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
        client
    }

    /// A connection that holds `name`.
    pub fn register(&self, name: &str) -> Client {
        let mut client = self.connect(name);
        client.register(name);
        client
    }
}

/// Plays `script` against a fresh daemon under every chunking.
pub fn transcript(script: impl Fn(&Stage)) {
    transcript_with(&Setup::new(), script);
}

/// The same with a daemon that was set up otherwise.
pub fn transcript_with(setup: &Setup, script: impl Fn(&Stage)) {
    for chunking in Chunking::ALL {
        eprintln!("--- chunking: {chunking:?}");
        script(&Stage::new(setup, chunking));
    }
}

/// The string member `key` of a JSON line.
pub fn text_of(line: &str, key: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("a frame is JSON");
    match &value[key] {
        serde_json::Value::String(text) => text.clone(),
        other => panic!("{key} is {other} in {line}"),
    }
}
