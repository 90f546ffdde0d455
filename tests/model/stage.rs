//! An engine and peers in memory without the reference, for what is counted rather than compared.

use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};

pub struct Stage {
    pub engine: Engine<Memory>,
}

pub struct Client {
    pub id: ConnId,
    pub far: Far,
}

pub const UNIX_MS: u64 = 1_795_344_007_412;
/// `UNIX_MS` as frames say it.
pub const TIME: &str = "2026-11-22T10:40:07.412Z";

impl Stage {
    pub fn new(config: &Config) -> Stage {
        let mut last = 0;
        let tokens = move || {
            last += 1;
            Some(last)
        };
        let mut engine = Engine::new(config, 1_000, Box::new(tokens));
        engine.advance(10_000, UNIX_MS);
        Stage { engine }
    }

    pub fn connect(&mut self) -> Client {
        let (near, far) = pair(usize::MAX);
        let id = self.engine.connect(near, Peer::unix());
        Client { id, far }
    }

    /// A session that has read what it was sent so far.
    pub fn register(&mut self, name: &str) -> Client {
        let client = self.connect();
        let line = format!("{{\"type\":\"register\",\"username\":\"{name}\"}}\n");
        self.give(&client, line.as_bytes());
        self.turn();
        let got = String::from_utf8(client.far.take(usize::MAX)).unwrap();
        assert!(got.contains("\"registered\""), "{got}");
        client
    }

    /// Bytes, and the event that tells of them.
    pub fn give(&mut self, client: &Client, bytes: &[u8]) {
        client.far.send(bytes);
        self.engine.readable(client.id.key, false);
    }

    /// Ends the client's input and waits until everything was handled.
    pub fn end(&mut self, client: &Client) {
        client.far.end();
        self.engine.readable(client.id.key, true);
        self.turn();
    }

    /// Turns until there is nothing left to do without an event.
    pub fn turn(&mut self) {
        loop {
            self.engine.resume();
            self.engine.flush();
            self.engine.reap();
            if self.engine.tick() > 0 {
                return;
            }
        }
    }
}

impl Client {
    /// What it received since it asked last.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.far.take(usize::MAX)).into_owned()
    }
}
