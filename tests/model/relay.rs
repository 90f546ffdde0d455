//! The reference: what the relay owes whom after each thing that happens, in lockstep with an engine and written
//! without it. This file has the life of connections; `rules.rs` the commands, `presence.rs` who watches whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use privmsgd::config::Config;
use privmsgd::time::Stamp;

use super::conn::{Beat, Client, Due, Expected, NEVER, Phase, Piece};
use super::frames::{Value, frame, goodbye, hello};
use super::presence::Watched;

pub struct Relay {
    pub config: Config,
    pub capacity: usize,
    pub now: u64,
    pub unix: u64,
    /// By serial; serials are given in the order of connecting, from 1.
    pub clients: BTreeMap<u64, Client>,
    pub names: HashMap<String, u64>,
    pub(super) watched: HashMap<String, Watched>,
    pub(super) due: BTreeSet<(u64, String)>,
    pub(super) claims_due: BTreeSet<(u64, u64)>,
    pub(super) tokens: u64,
    last: u64,
    live: usize,
    /// Since when, of those whose time to register runs.
    unregistered: BTreeMap<u64, u64>,
    registered: Vec<u64>,
    doomed: Vec<u64>,
    group: u64,
    groups: u64,
}

/// What one call of the engine did with a transport.
#[derive(Clone, Copy, Debug, Default)]
pub struct Did<'a> {
    pub read: &'a [u8],
    pub end: bool,
    pub error: bool,
}

/// The `n`th token that an engine under test is given; now and then there is none.
pub fn token(n: u64) -> Option<u128> {
    let mut state = n;
    let word = super::choice::next(&mut state);
    (n % 61 != 60).then_some(u128::from(word) << 64 | u128::from(n + 1))
}

impl Relay {
    pub fn new(config: &Config, capacity: usize) -> Relay {
        Relay {
            config: config.clone(),
            capacity,
            now: 0,
            unix: 0,
            clients: BTreeMap::new(),
            names: HashMap::new(),
            watched: HashMap::new(),
            due: BTreeSet::new(),
            claims_due: BTreeSet::new(),
            tokens: 0,
            last: 0,
            live: 0,
            unregistered: BTreeMap::new(),
            registered: Vec::new(),
            doomed: Vec::new(),
            group: 0,
            groups: 0,
        }
    }

    pub fn stamp(&self) -> String {
        Stamp::new(self.unix).as_str().to_owned()
    }

    /// Whether a connection may come in: `None` if not.
    pub fn admits(&mut self) -> bool {
        if self.live < self.capacity {
            return true;
        }
        let Some((&oldest, _)) = self.unregistered.first_key_value() else {
            return false;
        };
        let crowded = self.is_crowded();
        if crowded {
            self.unregistered.remove(&oldest);
            self.close(oldest, "registrationTimeout", None);
            let now = self.now;
            if let Some(client) = self.clients.get_mut(&oldest) {
                client.phase = Phase::Flushing { until: now };
            }
        }
        crowded
    }

    pub fn connect(&mut self) -> u64 {
        self.last += 1;
        self.live += 1;
        self.clients.insert(self.last, Client::new());
        self.unregistered.insert(self.last, self.now);
        let line = hello(&self.config);
        self.send(self.last, line);
        self.last
    }

    /// One call of `readable`, given what it read.
    pub fn pump(&mut self, id: u64, did: Did<'_>) {
        let limits = self.config.limits.clone();
        let Some(client) = self.clients.get_mut(&id) else {
            return assert!(did.read.is_empty() && !did.end);
        };
        if !client.is_open() {
            return self.linger(id, did);
        }
        let was_held = client.held;
        let mut ended = was_held && self.lines(id);
        let client = &self.clients[&id];
        if !was_held || client.may_read(&limits) {
            ended |= self.input(id, did);
        } else {
            assert!(
                did.read.is_empty() && !did.end && !did.error,
                "read {did:?} while it must not"
            );
        }
        self.keep(id, ended);
        self.settle();
    }

    /// One call of `flush`: what the transport of each took, and whether it is broken.
    pub fn flushed(&mut self, took: &[(u64, u64, bool)]) {
        for &(id, bytes, broken) in took {
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            let dirty = client.backlog() > 0 && !client.blocked && client.phase != Phase::Dead;
            if !dirty {
                assert_eq!(bytes, 0, "wrote for {id} what was not owed");
                continue;
            }
            client.written += bytes;
            match broken {
                true => self.cut(id),
                false => self.wrote(id, bytes),
            }
        }
        self.settle();
    }

    pub fn writable(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.blocked = false;
        }
    }

    /// One call of `tick`.
    pub fn tick(&mut self) {
        let ids: Vec<u64> = self.clients.keys().copied().collect();
        for id in ids {
            while let Some(due) = self.due_of(id) {
                match due {
                    Due::Slow => self.close(id, "slowConsumer", None),
                    Due::Line => self.close(id, "lineTimeout", None),
                    Due::Silent => self.close(id, "heartbeat", None),
                    Due::Cut => self.cut(id),
                    Due::Ping => {
                        let time = self.stamp();
                        self.send(id, frame("ping", None, &[("time", Value::Text(&time))]));
                    }
                }
            }
        }
        while let Some((&id, &since)) = self.unregistered.first_key_value() {
            let limits = &self.config.limits;
            let patience = match self.is_crowded() {
                true => limits.crowded_register_timeout_ms,
                false => limits.register_timeout_ms,
            };
            if since + patience > self.now {
                break;
            }
            self.unregistered.remove(&id);
            self.close(id, "registrationTimeout", None);
        }
        self.tell_due();
        self.settle();
    }

    /// Slots are freed; what was still owed to whom.
    pub fn reap(&mut self) -> Vec<(u64, Client)> {
        let dead: Vec<u64> = self
            .clients
            .iter()
            .filter(|(_, client)| client.phase == Phase::Dead)
            .map(|(id, _)| *id)
            .collect();
        self.live -= dead.len();
        dead.into_iter()
            .filter_map(|id| Some((id, self.clients.remove(&id)?)))
            .collect()
    }

    pub fn send(&mut self, id: u64, bytes: Vec<u8>) {
        let hard = self.config.limits.queue_hard_bytes as u64;
        let group = self.group;
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.is_open()) else {
            return;
        };
        client.queued += bytes.len() as u64;
        client.expected.push_back(Expected { bytes, group });
        if client.backlog() > hard {
            self.cut(id);
        }
    }

    pub fn close(&mut self, id: u64, code: &str, reply: Option<&str>) {
        self.close_after(id, code, reply, None);
    }

    pub fn close_after(&mut self, id: u64, code: &str, reply: Option<&str>, after: Option<u64>) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.is_open()) else {
            return;
        };
        let bytes = goodbye(reply, code, after);
        client.queued += bytes.len() as u64;
        client.expected.push_back(Expected { bytes, group: 0 });
        let until = match code {
            "slowConsumer" => self.now + self.config.limits.linger_ms,
            _ => NEVER,
        };
        client.phase = Phase::Flushing { until };
        if until != NEVER {
            client.stalled_since = NEVER;
        }
        client.forget_input();
        self.doomed.push(id);
    }

    pub(super) fn registered(&mut self, id: u64, heartbeat: Option<u64>) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.beat = heartbeat.map(|every| Beat {
            every,
            heard: now,
            pinged: false,
        });
        self.registered.push(id);
    }

    /// Everybody concerned learns of new sessions and of the ended.
    pub fn settle(&mut self) {
        for id in std::mem::take(&mut self.registered) {
            self.unregistered.remove(&id);
        }
        self.groups += 1;
        self.group = self.groups;
        while let Some(id) = self.doomed.pop() {
            self.unregistered.remove(&id);
            self.gone(id);
        }
        self.group = 0;
    }

    /// When something must happen by itself.
    pub fn next_deadline(&self) -> u64 {
        let limits = &self.config.limits;
        let patience = match self.is_crowded() {
            true => limits.crowded_register_timeout_ms,
            false => limits.register_timeout_ms,
        };
        let clients = self.clients.values().map(|client| client.deadline(limits));
        let register = self.unregistered.values().map(|since| since + patience);
        let presence = self.due.first().map(|(at, _)| *at);
        let claims = self.claims_due.first().map(|(at, _)| *at);
        let all = clients.chain(register).chain(presence).chain(claims);
        all.min().unwrap_or(NEVER)
    }

    fn due_of(&mut self, id: u64) -> Option<Due> {
        self.clients
            .get_mut(&id)?
            .due(&self.config.limits, self.now)
    }

    fn is_crowded(&self) -> bool {
        self.unregistered.len() * 2 > self.capacity
    }

    fn input(&mut self, id: u64, did: Did<'_>) -> bool {
        let limits = self.config.limits.clone();
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        client.carry.extend_from_slice(did.read);
        if did.error {
            self.cut(id);
        } else if did.end {
            client.eof = true;
            if client.may_read(&limits)
                && let Some(piece) = client.last_piece(&limits)
            {
                self.piece(id, piece);
            }
            self.close(id, "drained", None);
        } else if !did.read.is_empty() {
            match client.first_bytes() {
                None => self.close(id, "tlsOnPlainPort", None),
                Some(true) => return self.lines(id),
                Some(false) => {}
            }
        }
        false
    }

    /// Handles lines while they may be handled; whether one ended.
    fn lines(&mut self, id: u64) -> bool {
        let limits = self.config.limits.clone();
        let mut ended = false;
        while let Some(client) = self
            .clients
            .get_mut(&id)
            .filter(|one| one.may_read(&limits))
        {
            let Some(piece) = client.next_piece(&limits) else {
                break;
            };
            ended |= matches!(piece, Piece::Line(_));
            self.piece(id, piece);
        }
        ended
    }

    fn keep(&mut self, id: u64, ended: bool) {
        let (limits, now) = (self.config.limits.clone(), self.now);
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.is_open()) else {
            return;
        };
        client.held = !client.may_read(&limits);
        if client.held || !client.in_line() {
            client.line_since = NEVER;
        } else if ended || client.line_since == NEVER {
            client.line_since = now;
        }
        if let (true, Some(beat)) = (ended || client.held, &mut client.beat) {
            (beat.heard, beat.pinged) = (now, false);
        }
    }

    fn linger(&mut self, id: u64, did: Did<'_>) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Phase::Lingering { left, .. } = &mut client.phase else {
            return assert!(did.read.is_empty() && !did.end && !did.error);
        };
        let read = did.read.len() as u64;
        let over = read >= *left || did.end || did.error;
        *left = left.saturating_sub(read);
        if over {
            self.cut(id);
        }
    }

    fn wrote(&mut self, id: u64, bytes: u64) {
        let (limits, now) = (self.config.limits.clone(), self.now);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.stalled_since = match bytes {
            0 => client.stalled_since.min(now),
            _ => now,
        };
        let left = client.backlog();
        client.busy &= left > limits.queue_soft_bytes as u64 / 2;
        if left > 0 {
            client.blocked = true;
            return;
        }
        client.stalled_since = NEVER;
        if let Phase::Flushing { until } = client.phase {
            if client.eof {
                return self.cut(id);
            }
            client.phase = Phase::Lingering {
                until: until.min(now + limits.linger_ms),
                left: limits.linger_bytes as u64,
            };
        }
    }

    fn cut(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let was = std::mem::replace(&mut client.phase, Phase::Dead);
        client.forget_input();
        if was == Phase::Open {
            self.doomed.push(id);
        }
    }
}
