//! Sessions in an engine without sockets: a million of them need no descriptor.

use std::net::{Ipv4Addr, SocketAddr};

use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::Sink;

pub struct Sessions<'a> {
    pub engine: Engine<Sink<'a>>,
    pub ids: Vec<ConnId>,
}

impl<'a> Sessions<'a> {
    pub fn new(capacity: usize) -> Self {
        let mut token = 0u128;
        let tokens = Box::new(move || {
            token += 0x9e37_79b9_7f4a_7c15;
            Some(token)
        });
        let mut engine = Engine::new(&Config::default(), capacity, tokens);
        engine.advance(1, 1_800_000_000_000);
        Sessions {
            engine,
            ids: Vec::with_capacity(capacity),
        }
    }

    /// A new connection that registers with `line`.
    pub fn register(&mut self, line: &'a [u8]) -> ConnId {
        let peer = Peer::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
        assert!(self.engine.judge(&peer).is_ok(), "there is no room");
        let id = self.engine.connect(Sink::default(), peer);
        self.ids.push(id);
        self.send(id, line);
        id
    }

    /// The engine reads `lines` of a connection.
    pub fn send(&mut self, id: ConnId, lines: &'a [u8]) {
        if let Some(sink) = self.engine.conns.stream_mut(id) {
            sink.give(lines);
        }
        self.engine.readable(id.key, false);
    }

    /// The rest of a turn. Returns when the next is due.
    pub fn end_turn(&mut self) -> u64 {
        self.engine.flush();
        self.engine.reap();
        let due = self.engine.tick();
        self.engine.resume();
        due
    }

    /// Bytes that the engine wrote to a connection so far.
    pub fn written(&mut self, id: ConnId) -> u64 {
        self.engine
            .conns
            .stream_mut(id)
            .map_or(0, |sink| sink.written)
    }
}
