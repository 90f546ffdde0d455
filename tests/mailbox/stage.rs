//! An engine without sockets and a desk whose answers come when the test says so: turns, time, windows and what has
//! arrived are in its hand.

use std::collections::VecDeque;

use privmsgd::accounts::{Ask, Done, Job};
use privmsgd::config::{Config, Limits};
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::mailbox;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};
use privmsgd::wire::name::Name;
use serde_json::Value;

use crate::desk::{Book, Cursor};
use crate::house::PEOPLE;

pub struct Stage {
    pub engine: Engine<Memory>,
    pub book: Book,
    pub jobs: VecDeque<Job>,
    pub dones: VecDeque<Done>,
    /// Questions are not looked at, and answers not told, unless the test does so.
    pub is_held: bool,
    now_ms: u64,
}

pub struct Session {
    pub far: Far,
    pub id: ConnId,
    got: Vec<u8>,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Limits)) -> Stage {
        let mut config = Config {
            data: Some("in memory".into()),
            ..Config::default()
        };
        change(&mut config.limits);
        let mut token = 0;
        let tokens = move || {
            token += 1;
            Some(token)
        };
        let mut stage = Stage {
            engine: Engine::new(&config, 1_000, Box::new(tokens)),
            book: Book::with(&PEOPLE, &["pw"]),
            jobs: VecDeque::new(),
            dones: VecDeque::new(),
            is_held: false,
            now_ms: 0,
        };
        stage.advance(10_000);
        stage
    }

    pub fn connect(&mut self) -> Session {
        let (far, id) = self.dial();
        let mut session = Session {
            far,
            id,
            got: Vec::new(),
        };
        self.turn();
        assert_eq!(session.line()["type"], "hello");
        session
    }

    fn dial(&mut self) -> (Far, ConnId) {
        let (near, far) = pair(usize::MAX);
        let id = self.engine.connect(near, Peer::unix());
        (far, id)
    }

    /// A session of which `registered` was read; `more`: further fields.
    pub fn register(&mut self, name: &str, device: &str, more: &str) -> Session {
        let mut session = self.connect();
        session.say(&format!(
            r#"{{"type":"register","username":"{name}","password":"pw","device":"{device}"{more}}}"#
        ));
        self.turn();
        let line = session.line();
        assert_eq!(line["type"], "registered", "{line}");
        session
    }

    /// Until nothing moves: reads, asks and answers, writes.
    pub fn turn(&mut self) {
        for _ in 0..50 {
            self.engine.resume();
            for id in self.engine.conns.ids().collect::<Vec<_>>() {
                self.engine.readable(id.key, true);
            }
            self.step();
        }
    }

    /// One turn of the loop without reading.
    pub fn step(&mut self) {
        self.jobs.extend(self.engine.take_jobs());
        if !self.is_held {
            self.answer_all();
        }
        self.engine.flush();
        self.engine.reap();
        self.engine.tick();
    }

    /// The book looks at the oldest question; the answer waits to be told.
    pub fn answer_one(&mut self) {
        if let Some(job) = self.jobs.pop_front() {
            self.dones.push_back(self.book.answer(&job));
        }
    }

    pub fn tell_one(&mut self) {
        if let Some(done) = self.dones.pop_front() {
            self.engine.done(&done);
        }
    }

    pub fn answer_all(&mut self) {
        while !self.jobs.is_empty() {
            self.answer_one();
        }
        while !self.dones.is_empty() {
            self.tell_one();
        }
    }

    pub fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        let unix_ms = 1_795_344_000_000 + self.now_ms;
        self.book.unix_ms = unix_ms;
        self.engine.advance(self.now_ms, unix_ms);
    }

    pub fn advance_to(&mut self, ms: u64) {
        self.advance(ms.saturating_sub(self.now_ms));
    }

    /// Time passes, and whatever falls due in it happens.
    pub fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.advance(10);
            self.engine.tick();
            self.step();
        }
        self.turn();
    }

    pub fn cursor(&self, name: &str, device: &str) -> Cursor {
        let name = Name::parse(name).expect("a name");
        let id = self.book.post.find(&name).expect("an account");
        self.book.post.boxes[&id].devices[device]
    }

    /// What is asked of mailboxes and waits to be looked at.
    pub fn asked(&self) -> Vec<&mailbox::Ask> {
        let mails = self.jobs.iter().filter_map(|job| match &job.ask {
            Ask::Mail(mail) => Some(&mail.ask),
            _ => None,
        });
        mails.collect()
    }

    /// `count` messages from `name` to `to`, by a session of their own.
    pub fn write_to(&mut self, name: &str, to: &str, count: usize, text: &str) {
        let mut sender = self.connect();
        sender.say(&format!(
            r#"{{"type":"register","username":"{name}","password":"pw","deliver":"none"}}"#
        ));
        for _ in 0..count {
            sender.say(&format!(
                r#"{{"type":"privateMessage","toUsername":"{to}","message":"{text}"}}"#
            ));
            if sender.far.unread() > 100_000 {
                self.turn();
            }
        }
        sender.say(r#"{"type":"bye"}"#);
        self.turn();
        assert_eq!(sender.line()["type"], "registered");
        assert_eq!(sender.line()["type"], "goodbye");
        sender.far.end();
        self.turn();
    }
}

impl Session {
    pub fn say(&self, line: &str) {
        self.far.send(format!("{line}\n").as_bytes());
    }

    /// The next line.
    pub fn line(&mut self) -> Value {
        self.next().expect("a line")
    }

    pub fn next(&mut self) -> Option<Value> {
        self.got.extend(self.far.take(usize::MAX));
        let end = self.got.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.got.drain(..=end).take(end).collect();
        Some(serde_json::from_slice(&line).expect("JSON"))
    }

    pub fn lines(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Of each line the type, and behind it its `pos`, if it has one.
    pub fn seen(&mut self) -> Vec<String> {
        let lines = self.lines();
        let seen = lines.iter().map(|line| {
            let kind = line["type"].as_str().expect("a type");
            match line["pos"].as_u64() {
                Some(pos) => format!("{kind} {pos}"),
                None => kind.to_owned(),
            }
        });
        seen.collect()
    }
}
