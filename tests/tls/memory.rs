//! An engine under TLS without sockets, with the edges that an edge-triggered poller would see, and nothing else: what
//! gets stuck here would be stuck there.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};
use privmsgd::net::tls::{Layer, Tls, load};
use rustls::{ClientConfig, ClientConnection};

use crate::files::Pair;

pub struct Stage {
    pub engine: Engine<Tls<Memory>>,
    pub layer: Layer,
    client: Arc<ClientConfig>,
    now_ms: u64,
    /// Turns that were taken without an event because the engine asked for them.
    pub busy_turns: u64,
}

/// A client, and the bytes that it wants to send but that were not given to the server.
pub struct Client {
    pub tls: ClientConnection,
    pub far: Far,
    pub key: u32,
    /// Decrypted.
    pub seen: Vec<u8>,
}

impl Stage {
    pub fn new(files: &Pair) -> Stage {
        Stage::with_client(files, files.client())
    }

    pub fn with_client(files: &Pair, client: Arc<ClientConfig>) -> Stage {
        let identity = load(&files.config()).unwrap_or_else(|error| panic!("{error}"));
        let mut token = 0;
        let tokens = Box::new(move || {
            token += 1;
            Some(token)
        });
        Stage {
            engine: Engine::new(&Config::default(), 100, tokens),
            layer: Layer::new(identity),
            client,
            now_ms: 0,
            busy_turns: 0,
        }
    }

    /// A client that has not begun.
    pub fn spare_client(&self) -> ClientConnection {
        let name = "localhost".try_into().expect("a name");
        ClientConnection::new(self.client.clone(), name).expect("a client")
    }

    pub fn connect(&mut self, window: usize) -> Client {
        let (near, far) = pair(window);
        let near = self.layer.wrap(near).expect("a connection");
        let id = self.engine.connect(near, Peer::unix().over_tls());
        Client {
            tls: self.spare_client(),
            far,
            key: id.key,
            seen: Vec::new(),
        }
    }

    /// Turns for as long as an event or unfinished work asks for one.
    pub fn settle(&mut self, clients: &[&Client]) {
        for _ in 0..100_000 {
            if self.turn(clients) {
                return;
            }
        }
        panic!("the engine never rests");
    }

    /// One turn; whether there was nothing to do.
    pub fn turn(&mut self, clients: &[&Client]) -> bool {
        self.layer.begin_turn(8);
        self.engine.advance(self.now_ms, self.now_ms);
        let mut quiet = self.engine.tick() != 0;
        self.busy_turns += u64::from(!quiet);
        self.engine.resume();
        for client in clients {
            if client.far.take_writable() {
                self.engine.writable(client.key);
                quiet = false;
            }
            if client.far.take_readable() {
                self.engine.readable(client.key, client.far.has_ended());
                quiet = false;
            }
        }
        self.engine.flush();
        self.engine.reap();
        quiet
    }

    pub fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.engine.advance(self.now_ms, self.now_ms);
    }
}

impl Client {
    /// What it has to send.
    pub fn outgoing(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).expect("memory");
        }
        out
    }

    /// Takes what the server sent.
    pub fn take(&mut self) {
        let mut bytes = &self.far.take(usize::MAX)[..];
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).expect("memory");
            self.tls.process_new_packets().expect("good TLS");
            let mut plain = [0; 4_096];
            loop {
                match self.tls.reader().read(&mut plain) {
                    Ok(0) => break,
                    Ok(count) => self.seen.extend_from_slice(&plain[..count]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// One record for each of `parts`.
    pub fn seal(&mut self, parts: &[&[u8]]) -> Vec<u8> {
        let mut out = self.outgoing();
        for part in parts {
            self.tls.writer().write_all(part).expect("room");
            out.extend(self.outgoing());
        }
        out
    }

    /// The lines that came since this was last asked.
    pub fn lines(&mut self) -> Vec<String> {
        self.take();
        let end = self
            .seen
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.seen.drain(..end).collect();
        String::from_utf8(lines)
            .expect("UTF-8")
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// Both flights of the handshake, whole.
pub fn shake_hands(stage: &mut Stage, client: &mut Client) {
    for _ in 0..3 {
        let out = client.outgoing();
        client.far.send(&out);
        stage.settle(&[client]);
        client.take();
    }
    assert!(!client.tls.is_handshaking());
}
