//! One connection without a socket: what a turn may cost, and what may wait.

use std::collections::VecDeque;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

use log::LevelFilter;

use super::*;
use crate::accounts::{Refused, Secret};
use crate::admin::{BUDGET, Client, Status};
use crate::ops::health::{Check, Health};
use crate::wire::code::Code;
use crate::wire::name::Name;

/// A peer that takes `room` bytes more.
#[derive(Default)]
struct Peer {
    to_read: VecDeque<u8>,
    written: Vec<u8>,
    room: usize,
}

impl Read for Peer {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.to_read.is_empty() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.to_read.read(to),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let count = from.len().min(self.room);
        self.room -= count;
        self.written.extend(from.iter().take(count));
        match count {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Peer {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A daemon with many clients, none in every third slot.
#[derive(Default)]
struct Crowd {
    slots: u32,
    shown: std::cell::Cell<usize>,
    said: Vec<String>,
}

impl House for Crowd {
    fn health(&self) -> Health {
        Health::from(vec![Check::ok("accepting", "it does")])
    }

    fn status(&self) -> Status<'_> {
        unreachable!("nobody asks")
    }

    fn clients(
        &self,
        from: u32,
        limit: usize,
        slots: usize,
        show: &mut dyn FnMut(&Client<'_>),
    ) -> Option<u32> {
        let stop = self.slots.min(from + slots as u32);
        let mut left = limit;
        for slot in from..stop {
            if left == 0 {
                return Some(slot);
            }
            if slot % 3 > 0 {
                left -= 1;
                self.shown.set(self.shown.get() + 1);
                show(&Client {
                    serial: slot.into(),
                    name: Some("Somebody"),
                    address: "127.0.0.1:1",
                    tls: false,
                    device: None,
                    connected: "",
                    queue_bytes: 0,
                    ending: false,
                });
            }
        }
        (stop < self.slots).then_some(stop)
    }

    fn kick(&mut self, _: &Name<'_>) -> usize {
        0
    }

    fn set_level(&mut self, _: LevelFilter) {}

    fn reload(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn drain(&mut self) {}

    fn say(&mut self, line: Arguments<'_>) {
        self.said.push(line.to_string());
    }
}

/// One connection and all it needs.
struct Scene {
    conn: Conn<Peer>,
    house: Crowd,
    data: Option<PathBuf>,
    jobs: Vec<Job>,
    now_ms: u64,
}

impl Scene {
    fn new(request: &str) -> Scene {
        let peer = Peer {
            to_read: request.bytes().collect(),
            room: usize::MAX,
            ..Peer::default()
        };
        Scene {
            conn: Conn::new(peer, 7, 0),
            house: Crowd::default(),
            data: Some("/d".into()),
            jobs: Vec::new(),
            now_ms: 0,
        }
    }

    fn turn(&mut self) -> State {
        self.conn.turn(&mut Turn {
            house: &mut self.house,
            data: self.data.as_deref(),
            jobs: &mut self.jobs,
            budget: BUDGET,
            now_ms: self.now_ms,
        })
    }

    fn written(&self) -> &str {
        std::str::from_utf8(&self.conn.stream.written).unwrap()
    }
}

#[test]
fn a_turn_shows_at_most_a_thousand_of_a_hundred_thousand_clients() {
    let mut scene = Scene::new("{\"command\":\"clients\"}\n");
    scene.house.slots = 150_000;
    let mut turns = 0;
    loop {
        let before = scene.house.shown.get();
        let state = scene.turn();
        assert!(scene.house.shown.get() - before <= BUDGET);
        turns += 1;
        if state == State::Waits {
            break;
        }
    }
    assert!((100..200).contains(&turns), "{turns} turns");
    assert_eq!(scene.written().lines().count(), 100_001);
    assert!(scene.written().ends_with("}\n{\"done\":true}\n"));
}

#[test]
fn nothing_is_made_that_nobody_takes() {
    let mut scene = Scene::new(&"{\"command\":\"clients\"}\n".repeat(1_000));
    scene.house.slots = 150_000;
    scene.conn.stream.room = 10;
    while scene.turn() == State::More {}
    let shown = scene.house.shown.get();
    assert!(scene.conn.out.capacity() < 4 * MAX_QUEUE_BYTES);
    assert!(scene.conn.input.len() <= MAX_REQUEST_BYTES + CHUNK_BYTES);
    assert_eq!(scene.turn(), State::Waits);
    assert_eq!(scene.house.shown.get(), shown);
    // It takes some, and the list goes on where it stood.
    scene.conn.stream.room = MAX_QUEUE_BYTES;
    scene.conn.may_write = true;
    while scene.turn() == State::More {}
    assert!(scene.house.shown.get() > shown);
    let serials = scene.written().lines().map_while(|line| line.get(10..11));
    assert!(serials.count() > 100);
    scene.conn.expire(IDLE_MS);
    assert_eq!(scene.turn(), State::Over);
}

#[test]
fn an_account_request_is_a_job_and_its_answer_the_reply() {
    let add = r#"{"command":"account","action":"add","name":"Bob","password":"hunter2"}"#;
    let mut scene = Scene::new(&format!("{add}\n{add}\n{{\"command\":\"x\"}}\n"));
    assert_eq!(scene.turn(), State::Waits);
    let operator = Operator::Add {
        username: Name::parse("Bob").unwrap(),
        credential: Some(crate::accounts::NewCredential::Password(Secret::new(
            b"hunter2",
        ))),
    };
    let job = Job {
        asker: Asker::Admin(7),
        ask: Ask::Operator(operator),
    };
    assert_eq!(scene.jobs, [job]);
    assert_eq!(scene.house.said, ["admin: account add Bob"]);
    scene.conn.answer(Answer::Ok, 5);
    assert_eq!(scene.turn(), State::Waits);
    scene.conn.answer(
        Answer::Refused(Refused {
            code: Code::NameTaken,
            message: "there is an account of this name",
            field: None,
            retry_after_ms: None,
        }),
        5,
    );
    // Nothing is asked any more: this goes nowhere.
    scene.conn.answer(Answer::Ok, 5);
    assert_eq!(scene.turn(), State::Waits);
    let wanted = "{\"done\":true}\n\
        {\"error\":\"there is an account of this name\",\"code\":\"nameTaken\"}\n\
        {\"error\":\"there is no such command\",\"code\":\"unknownCommand\"}\n";
    assert_eq!(scene.written(), wanted);
}

#[test]
fn another_directory_or_none_is_no_job() {
    let list = r#"{"command":"account","action":"list","data":"/e"}"#;
    let mut scene = Scene::new(&format!("{list}\n{list}\n"));
    assert_eq!(scene.turn(), State::Waits);
    assert!(scene.written().contains("\"otherData\""));
    scene.data = None;
    scene.conn.stream.to_read.extend(list.bytes());
    scene.conn.stream.to_read.push_back(b'\n');
    scene.conn.may_read = true;
    scene.turn();
    assert!(scene.written().ends_with("\"code\":\"openMode\"}\n"));
    assert!(scene.jobs.is_empty());
}

#[test]
fn lists_of_accounts_are_lines_and_nothing_waits_for_ever() {
    let list = "{\"command\":\"account\",\"action\":\"list\"}\n";
    let mut scene = Scene::new(&list.repeat(2));
    scene.turn();
    let account = |keys| Account {
        username: Name::parse("Zoë").unwrap(),
        created_unix_ms: 0,
        seen_unix_ms: None,
        disabled: false,
        has_password: true,
        keys,
        devices: 2,
    };
    scene
        .conn
        .answer(Answer::Accounts((0..2_500).map(account).collect()), 0);
    assert_eq!(scene.turn(), State::More);
    assert_eq!(scene.written().lines().count(), BUDGET);
    while scene.turn() == State::More {}
    let first = scene.written().lines().next().unwrap();
    let wanted = "{\"name\":\"Zoë\",\"created\":\"1970-01-01T00:00:00.000Z\",\"lastSeen\":null,\
        \"disabled\":false,\"password\":true,\"keys\":0,\"devices\":2}";
    assert_eq!(first, wanted);
    assert_eq!(scene.written().lines().count(), 2_501);
    assert_eq!(scene.conn.deadline_ms, ANSWER_MS);
    scene.conn.expire(ANSWER_MS);
    assert_eq!(scene.turn(), State::Over);
    assert!(
        scene
            .written()
            .ends_with("the outcome is unknown\",\"code\":\"timeout\"}\n")
    );
}
