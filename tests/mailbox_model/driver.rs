//! An engine in mailbox mode and the reference in lockstep. Answers come when the schedule says so, in any order.

use std::collections::{BTreeMap, VecDeque};

use privmsgd::accounts::{Ask, Asker, Done, Job};
use privmsgd::config::{Config, Limits};
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::mailbox::{self, Mail};
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};
use serde_json::Value;

use crate::desk::Book;
use crate::reference::{Owed, Reference, key};

pub struct Driver {
    pub engine: Engine<Memory>,
    pub reference: Reference,
    pub ends: BTreeMap<u64, End>,
    book: Book,
    /// Asked, in order, and not looked at yet.
    jobs: VecDeque<Job>,
    /// Answered, and not told yet: they are told in this order, which is the one of the answers.
    pub dones: VecDeque<Done>,
    now: u64,
    /// Lines that peers received, all of them as the reference said.
    pub lines: u64,
}

pub struct End {
    pub far: Far,
    id: ConnId,
    /// Sent, and not read by the server yet.
    outbox: Vec<u8>,
    got: Vec<u8>,
}

pub const PASSWORD: &str = "pw";

pub fn config(signup_open: bool) -> Config {
    let mut config = Config {
        data: Some("in memory".into()),
        limits: Limits {
            presence_interval_ms: 0,
            claim_notice_interval_ms: 0,
            ..Limits::default()
        },
        ..Config::default()
    };
    config.accounts.signup_open = signup_open;
    config
}

impl Driver {
    pub fn new(signup_open: bool) -> Driver {
        let mut given = 0;
        let tokens = move || {
            given += 1;
            Some(given)
        };
        let mut driver = Driver {
            engine: Engine::new(&config(signup_open), 100, Box::new(tokens)),
            reference: Reference::new(signup_open),
            ends: BTreeMap::new(),
            book: Book::with(&["Alice", "Bob", "Carol"], &[PASSWORD]),
            jobs: VecDeque::new(),
            dones: VecDeque::new(),
            now: 0,
            lines: 0,
        };
        driver.advance(10_000);
        driver
    }

    pub fn advance(&mut self, ms: u64) {
        self.now += ms;
        let unix = 1_795_344_000_000 + self.now;
        (self.reference.unix, self.book.unix_ms) = (unix, unix);
        self.engine.advance(self.now, unix);
    }

    pub fn connect(&mut self) -> u64 {
        assert!(self.engine.judge(&Peer::unix()).is_ok());
        let (near, far) = pair(usize::MAX);
        let id = self.engine.connect(near, Peer::unix());
        self.reference.connect(id.serial);
        let (outbox, got) = Default::default();
        self.ends.insert(
            id.serial,
            End {
                far,
                id,
                outbox,
                got,
            },
        );
        id.serial
    }

    pub fn send(&mut self, id: u64, bytes: &str) {
        let end = self.ends.get_mut(&id).expect("a peer");
        if !end.far.is_reset() && !end.far.has_ended() {
            end.far.send(bytes.as_bytes());
            end.outbox.extend_from_slice(bytes.as_bytes());
        }
    }

    pub fn reset(&mut self, id: u64) {
        let end = self.ends.get_mut(&id).expect("a peer");
        end.far.reset();
        end.outbox.clear();
    }

    pub fn readable(&mut self, id: u64) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        let before = end.far.seen();
        self.engine.readable(end.id.key, true);
        let after = end.far.seen();
        let count = (after.read - before.read) as usize;
        let read: Vec<u8> = end.outbox.drain(..count).collect();
        let (end, error) = (after.end && !before.end, after.error && !before.error);
        self.reference.read(id, &read, end, error);
        self.take_jobs();
        self.check();
    }

    /// The book looks at the oldest question.
    pub fn answer_one(&mut self) {
        if let Some(job) = self.jobs.pop_front() {
            self.dones.push_back(self.book.answer(&job));
        }
    }

    /// Hands the oldest answer on.
    pub fn tell(&mut self) {
        if let Some(done) = self.dones.pop_front() {
            self.give(&done);
        }
    }

    pub fn give(&mut self, done: &Done) {
        self.engine.done(done);
        self.reference.done(done);
        self.take_jobs();
        self.check();
    }

    /// Whether somebody awaits an answer.
    pub fn is_asked(&self) -> bool {
        !(self.jobs.is_empty() && self.dones.is_empty())
    }

    /// All that was asked is answered, in order.
    pub fn answer_all(&mut self) {
        while !self.jobs.is_empty() {
            self.answer_one();
        }
        while !self.dones.is_empty() {
            self.tell();
        }
    }

    pub fn end_turn(&mut self) {
        for id in self.engine.conns.take_ready() {
            if self.engine.conns.get(id).is_some() {
                self.readable(id.serial);
            }
        }
        self.engine.flush();
        self.find_resets();
        self.engine.flush();
        self.receive();
        self.engine.reap();
        self.engine.tick();
        self.find_resets();
        self.engine.flush();
        self.take_jobs();
        self.bury();
        self.check();
    }

    /// A reset may be found by writing, or by looking what has arrived; who learns of it gets that in the next flush.
    fn find_resets(&mut self) {
        let reset: Vec<ConnId> = self
            .ends
            .values()
            .filter(|end| end.far.is_reset())
            .map(|end| end.id)
            .collect();
        for id in reset {
            let is_open = self.engine.conns.get(id).is_some_and(|conn| conn.is_open());
            if !is_open && !self.reference.peers[&id.serial].is_over {
                self.reference.over(id.serial);
            }
        }
    }

    fn bury(&mut self) {
        let gone: Vec<u64> = self
            .ends
            .iter()
            .filter(|(_, end)| end.far.seen().gone)
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            let end = self.ends.remove(&id).expect("a peer");
            let peer = self.reference.peers.remove(&id).expect("a peer");
            assert!(peer.is_over, "{id} ended too early");
            assert!(
                peer.owed.is_empty() || end.far.is_reset(),
                "{id} misses {:?}",
                peer.owed
            );
        }
    }

    /// Until nothing moves: whoever still waits is awaiting an answer.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            for id in self.ends.keys().copied().collect::<Vec<_>>() {
                self.readable(id);
            }
            self.end_turn();
        }
    }

    fn take_jobs(&mut self) {
        for job in self.engine.take_jobs() {
            if let Ask::Mail(mail) = &job.ask {
                self.check_mail(job.asker, mail);
                self.jobs.push_back(job);
                continue;
            }
            let Asker::Conn(id) = job.asker else {
                panic!("{job:?}")
            };
            let peer = &self.reference.peers[&id.serial];
            let line = &peer.pending.as_ref().expect("it waits").line;
            let verb = line["type"].as_str().expect("a type");
            match &job.ask {
                Ask::Register {
                    username, device, ..
                } => {
                    let wanted = line["device"].as_str().unwrap_or("default");
                    let name = line["username"].as_str().expect("a name");
                    assert_eq!((verb, device.as_ref()), ("register", wanted));
                    assert_eq!(username.as_str(), name);
                }
                Ask::SetPassword { device, .. } => {
                    let session = peer.session.as_ref().expect("a session");
                    assert_eq!(session.device, device.as_ref());
                }
                other => assert_eq!(verb, "account", "{other:?}"),
            }
            self.jobs.push_back(job);
        }
    }

    /// What is asked of a mailbox is what a session still waits for; what is told of it comes from whoever had one.
    fn check_mail(&self, asker: Asker, mail: &Mail) {
        let Asker::Conn(id) = asker else {
            assert!(matches!(mail.ask, mailbox::Ask::Left { .. }));
            return;
        };
        let told = matches!(mail.ask, mailbox::Ask::Ack { .. });
        let Some(peer) = self.reference.peers.get(&id.serial).filter(|_| !told) else {
            return;
        };
        let asks = |line: &Value| line["type"] == mail.verb.as_str();
        let pending = peer.pending.as_ref().map(|pending| &pending.line);
        let waits = pending.into_iter().chain(&peer.posted).any(asks);
        assert!(waits || peer.is_over || matches!(mail.ask, mailbox::Ask::Fetch { .. }));
    }

    fn receive(&mut self) {
        for (id, end) in &mut self.ends {
            end.got.extend(end.far.take(usize::MAX));
            let owed = &mut self.reference.peers.get_mut(id).expect("a peer").owed;
            while let Some(at) = end.got.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = end.got.drain(..=at).take(at).collect();
                let line = String::from_utf8(line).expect("UTF-8");
                let first = owed.pop_front();
                assert!(
                    first.as_ref().is_some_and(|owed| is(&line, owed)),
                    "{id} got {line} and not {first:?}"
                );
                self.lines += 1;
            }
            assert!(
                owed.is_empty() || end.far.is_reset(),
                "{id} misses {owed:?}"
            );
        }
    }

    /// Both agree about who is there, and each account's sessions hang together.
    fn check(&self) {
        let (_, names) = self.engine.population();
        assert_eq!(names, self.reference.name_count(), "names");
        assert!(!self.engine.is_broken());
        for (id, end) in &self.ends {
            let peer = &self.reference.peers[id];
            assert!(self.engine.is_sound(end.id), "{id}");
            let Some(conn) = self.engine.conns.get(end.id) else {
                continue;
            };
            assert_eq!(conn.is_open(), !peer.is_over, "{id} is open");
            if conn.is_open() {
                let waits = peer.pending.is_some() || peer.ending.is_some();
                assert_eq!(conn.is_pending(), waits, "{id} waits");
                assert_eq!(conn.registered, peer.session.is_some(), "{id} has a name");
            }
            let Some(session) = &peer.session else {
                continue;
            };
            if session.device.is_empty() {
                continue;
            }
            let same = self
                .reference
                .sessions(&session.key)
                .into_iter()
                .filter(|other| {
                    let other = self.reference.peers[other].session.as_ref();
                    other.is_some_and(|other| other.device == session.device)
                });
            assert_eq!(same.count(), 1, "two sessions of one device");
            assert_eq!(session.key, key(&session.shown));
        }
    }
}

fn is(line: &str, owed: &Owed) -> bool {
    let json: Value = serde_json::from_str(line).expect("a frame is JSON");
    let of = |kind: &str| json["type"] == kind;
    match owed {
        Owed::Exactly(text) => line == text,
        Owed::Any(kind) => of(kind),
        Owed::Error(code, verb, id) => {
            of("errorMessage")
                && json["code"] == *code
                && json["command"] == **verb
                && json["id"] == *id
        }
        Owed::Goodbye(code, id) => of("goodbye") && json["code"] == *code && json["id"] == *id,
    }
}
