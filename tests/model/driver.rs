//! An engine and the reference in lockstep: every call goes to both, and afterwards they must agree about each
//! connection and each byte that its peer was sent. Owns the peers' ends and the clock.

use std::collections::{BTreeMap, HashSet};

use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};

use super::conn::{Client, NEVER, Phase};
use super::relay::{Did, Relay, token};

pub struct Driver {
    pub engine: Engine<Memory>,
    pub model: Relay,
    pub ends: BTreeMap<u64, End>,
    /// Connections that got a slot which another had before.
    pub reuses: u64,
    /// Frames that peers received, all of them as the reference said.
    pub frames: u64,
    /// When the engine last asked to be woken.
    pub wake: u64,
    keys: HashSet<u32>,
}

/// A peer.
pub struct End {
    pub far: Far,
    pub id: ConnId,
    /// Sent, and not read by the server yet.
    outbox: Vec<u8>,
    /// Received, and not yet a whole line.
    got: Vec<u8>,
}

impl Driver {
    pub fn new(config: &Config, capacity: usize) -> Driver {
        let mut given = 0;
        let tokens = move || {
            given += 1;
            token(given - 1)
        };
        let mut driver = Driver {
            engine: Engine::new(config, capacity, Box::new(tokens)),
            model: Relay::new(config, capacity),
            ends: BTreeMap::new(),
            reuses: 0,
            frames: 0,
            wake: NEVER,
            keys: HashSet::new(),
        };
        driver.advance(10_000);
        driver
    }

    pub fn advance(&mut self, ms: u64) {
        self.model.now += ms;
        self.model.unix = 1_795_344_000_000 + self.model.now;
        self.engine.advance(self.model.now, self.model.unix);
    }

    /// A new connection, if there is a place for it.
    pub fn connect(&mut self, window: usize) -> Option<u64> {
        let admitted = self.engine.judge(&Peer::unix()).is_ok();
        assert_eq!(admitted, self.model.admits(), "who may connect");
        if !admitted {
            return None;
        }
        let (near, far) = pair(window);
        let id = self.engine.connect(near, Peer::unix());
        self.reuses += u64::from(!self.keys.insert(id.key));
        let serial = self.model.connect();
        assert_eq!(id.serial, serial);
        let (outbox, got) = Default::default();
        self.ends.insert(
            serial,
            End {
                far,
                id,
                outbox,
                got,
            },
        );
        Some(serial)
    }

    pub fn send(&mut self, id: u64, bytes: &[u8]) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        if !end.far.is_reset() && !end.far.has_ended() {
            end.far.send(bytes);
            end.outbox.extend_from_slice(bytes);
        }
    }

    pub fn end(&mut self, id: u64) {
        if let Some(end) = self.ends.get(&id) {
            end.far.end();
        }
    }

    pub fn reset(&mut self, id: u64) {
        if let Some(end) = self.ends.get_mut(&id) {
            end.far.reset();
            end.outbox.clear();
        }
    }

    /// An event for a slot, whoever has it now.
    pub fn readable_key(&mut self, key: u32, more: bool) {
        match self.engine.conns.id(key) {
            Some(id) => self.readable(id.serial, more),
            None => self.engine.readable(key, more),
        }
    }

    pub fn readable(&mut self, id: u64, more: bool) {
        self.flush_in_time();
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        let before = end.far.seen();
        self.engine.readable(end.id.key, more);
        let after = end.far.seen();
        let count = (after.read - before.read) as usize;
        let read: Vec<u8> = end.outbox.drain(..count).collect();
        let did = Did {
            read: &read,
            end: after.end && !before.end,
            error: after.error && !before.error,
        };
        self.model.pump(id, did);
        self.check();
    }

    pub fn writable(&mut self, id: u64) {
        if let Some(end) = self.ends.get(&id) {
            self.engine.writable(end.id.key);
            self.model.writable(id);
        }
    }

    /// The events of an edge-triggered poller.
    pub fn events(&mut self) -> bool {
        let ids: Vec<u64> = self.ends.keys().copied().collect();
        let mut any = false;
        for id in ids {
            if self.ends[&id].far.take_writable() {
                self.writable(id);
                any = true;
            }
            let far = &self.ends[&id].far;
            if far.take_readable() {
                let flags = far.has_ended() || far.is_reset();
                self.readable(id, flags);
                any = true;
            }
        }
        any
    }

    /// What remains of a turn after its events. Whether anything is left to do at once.
    pub fn end_turn(&mut self) -> bool {
        for id in self.engine.conns.take_ready() {
            if self.engine.conns.get(id).is_some() {
                self.readable(id.serial, true);
            }
        }
        self.flush();
        self.reap();
        self.tick();
        self.engine.conns.has_work()
    }

    pub fn tick(&mut self) {
        self.flush_in_time();
        self.wake = self.engine.tick();
        self.model.tick();
        let due = self.model.next_deadline();
        assert!(self.wake <= due, "wakes at {} and {due} is due", self.wake);
        self.check();
    }

    /// The peer takes at most `max` bytes.
    pub fn take(&mut self, id: u64, max: usize) -> usize {
        let Some(end) = self.ends.get_mut(&id) else {
            return 0;
        };
        let bytes = end.far.take(max);
        end.got.extend_from_slice(&bytes);
        if let Some(client) = self.model.clients.get_mut(&id) {
            self.frames += received(id, &mut end.got, client);
        }
        bytes.len()
    }

    pub fn take_all(&mut self) -> usize {
        let ids: Vec<u64> = self.ends.keys().copied().collect();
        ids.into_iter().map(|id| self.take(id, usize::MAX)).sum()
    }

    pub fn flush(&mut self) {
        let before: Vec<(u64, u64)> = self
            .ends
            .iter()
            .map(|(id, end)| (*id, end.far.seen().written))
            .collect();
        self.engine.flush();
        let took: Vec<(u64, u64, bool)> = before
            .into_iter()
            .map(|(id, written)| {
                let far = &self.ends[&id].far;
                (id, far.seen().written - written, far.is_reset())
            })
            .collect();
        self.model.flushed(&took);
        self.check();
    }

    /// The relay writes in the midst of a turn that has queued 128 KiB; the reference knows no such moment, so it never
    /// comes to that. One call queues less than the other half: its input is bounded by `read_budget_bytes`.
    fn flush_in_time(&mut self) {
        if self.engine.conns.unflushed_bytes() > 64 * 1024 {
            self.flush();
        }
    }

    pub fn reap(&mut self) {
        self.engine.reap();
        for (id, mut client) in self.model.reap() {
            let mut end = self.ends.remove(&id).expect("a peer");
            assert!(end.far.seen().gone, "{id} is still held");
            end.got.extend(end.far.take(usize::MAX));
            self.frames += received(id, &mut end.got, &mut client);
            if client.backlog() == 0 && !end.far.is_reset() {
                assert!(
                    client.expected.is_empty(),
                    "{id} misses {:?}",
                    client.expected
                );
                assert!(
                    end.far.seen().shut || !client.eof,
                    "{id} was not told the end"
                );
            }
        }
        self.check();
    }

    /// Whether both agree about every connection.
    pub fn check(&self) {
        let (conns, names) = self.engine.population();
        assert_eq!(conns, self.model.clients.len(), "connections");
        assert_eq!(names, self.model.names.len(), "names");
        assert!(!self.engine.is_broken());
        for (id, client) in &self.model.clients {
            let conn = self
                .engine
                .conns
                .get(self.ends[id].id)
                .expect("a connection");
            assert_eq!(conn.is_open(), client.is_open(), "{id} is open");
            if client.phase != Phase::Dead {
                assert_eq!(conn.backlog() as u64, client.backlog(), "{id} is owed");
            }
        }
    }

    /// Events, turns and reading until nothing moves: then nothing may be left waiting without a reason.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            let events = self.events();
            let busy = self.end_turn();
            if !events && !busy && self.take_all() == 0 {
                return self.check_nothing_is_stuck();
            }
        }
        panic!("it never comes to rest");
    }

    /// The same, where peers that take nothing may keep some from moving.
    pub fn settle_until_blocked(&mut self) {
        while self.events() | self.end_turn() {}
    }

    pub fn reload(&mut self, config: &Config) {
        self.engine.reload(config);
        self.model.config = config.clone();
    }

    /// Everybody leaves; the engine must be as it was at first.
    pub fn leave(&mut self) {
        let ids: Vec<u64> = self.ends.keys().copied().collect();
        for id in &ids {
            self.ends[id].far.set_window(usize::MAX);
            self.ends[id].far.set_step(usize::MAX);
            // A peer that was starved and has room now.
            self.writable(*id);
        }
        self.settle();
        ids.iter().for_each(|id| self.end(*id));
        self.settle();
        self.advance(self.model.config.limits.linger_ms);
        self.tick();
        self.settle();
        assert_eq!(self.engine.population(), (0, 0));
        assert!(self.ends.is_empty() && self.model.clients.is_empty());
        assert_eq!(self.engine.conns.queue_bytes(), 0);
        assert_eq!(self.engine.conns.timers.next(), NEVER);
        assert!(!self.engine.conns.has_work());
        assert_eq!(self.wake, NEVER, "something is still due");
    }

    fn check_nothing_is_stuck(&self) {
        for (id, end) in &self.ends {
            let open = self.model.clients[id].is_open();
            let unread = end.far.unread();
            assert!(!open || unread == 0, "{id}: {unread} bytes are never read");
            assert!(
                !open || self.model.clients[id].backlog() == 0,
                "{id}: bytes are never written"
            );
            assert!(!open || !end.far.has_ended(), "{id}: its end is never seen");
            assert!(!open || !self.model.clients[id].held, "{id} waits for ever");
        }
    }
}

/// Compares whole lines with what is expected; how many there were.
fn received(id: u64, got: &mut Vec<u8>, client: &mut Client) -> u64 {
    let mut count = 0;
    while let Some(end) = got.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = got.drain(..=end).collect();
        let shown = String::from_utf8_lossy(&line).into_owned();
        let group = client.expected.front().map(|first| first.group);
        let at = client
            .expected
            .iter()
            .position(|one| one.bytes == line && (one.group != 0 && Some(one.group) == group));
        let first = client
            .expected
            .front()
            .map(|one| String::from_utf8_lossy(&one.bytes));
        match (first.as_deref() == Some(shown.as_str()), at) {
            (true, _) => drop(client.expected.pop_front()),
            (false, Some(at)) => drop(client.expected.remove(at)),
            _ => panic!("{id} got\n{shown}and not\n{}", first.unwrap_or_default()),
        }
        count += 1;
    }
    count
}
