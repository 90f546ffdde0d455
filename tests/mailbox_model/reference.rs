//! Mailbox mode a second time, small: who is which device of whom, and what each connection is owed.
//! Knows no engine. What proves a name is the book's affair: an answer is taken as it comes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use privmsgd::accounts::{Answer, Asker, Done, Notice, Registered, Which};
use privmsgd::time::Stamp;
use serde_json::Value;

use super::mail::Mailbox;

/// One line that a peer must get next.
#[derive(Debug)]
pub enum Owed {
    Exactly(String),
    /// An `errorMessage`: code, command, `id`.
    Error(&'static str, String, Value),
    Goodbye(&'static str, Value),
    /// `hello`, or a list of commands.
    Any(&'static str),
}

#[derive(Default)]
pub struct Peer {
    carry: Vec<u8>,
    pub eof: bool,
    pub is_over: bool,
    tries: u32,
    pub pending: Option<Pending>,
    /// Commands that are not answered yet and let the next one pass.
    pub posted: VecDeque<Value>,
    /// How it ends once nothing is owed to it.
    pub ending: Option<(&'static str, Value)>,
    pub session: Option<Session>,
    pub(super) watching: BTreeSet<String>,
    pub owed: VecDeque<Owed>,
}

/// How a name looks to others, and since when.
pub(super) type Look = (&'static str, u64);

/// What waits for an answer.
pub struct Pending {
    pub line: Value,
}

pub struct Session {
    pub key: String,
    pub shown: String,
    /// Empty: it only sends.
    pub device: String,
    pub(super) status: &'static str,
    pub(super) invisible: bool,
    pub(super) mail: Mailbox,
    /// Whom it may reach without asking.
    pub(super) way: Option<String>,
    pub(super) asked_ways: usize,
}

#[derive(Default)]
pub(super) struct Name {
    pub sessions: Vec<u64>,
    pub since: u64,
}

pub(super) struct Watched {
    pub shown: String,
    pub status: &'static str,
    pub since: u64,
    /// Since when it is offline to a watcher that has not seen it otherwise: as long as it has watched.
    pub watchers: BTreeMap<u64, Option<u64>>,
}

pub struct Reference {
    pub unix: u64,
    pub peers: BTreeMap<u64, Peer>,
    pub(super) names: BTreeMap<String, Name>,
    pub(super) watched: BTreeMap<String, Watched>,
    pub signup_open: bool,
    /// Of each name that has a mailbox the last position.
    pub(super) heads: BTreeMap<String, u64>,
}

impl Reference {
    pub fn new(signup_open: bool) -> Reference {
        Reference {
            unix: 0,
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            watched: BTreeMap::new(),
            heads: BTreeMap::new(),
            signup_open,
        }
    }

    pub fn connect(&mut self, id: u64) {
        let mut peer = Peer::default();
        peer.owed.push_back(Owed::Any("hello"));
        self.peers.insert(id, peer);
    }

    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The engine read these bytes, and perhaps the end.
    pub fn read(&mut self, id: u64, bytes: &[u8], end: bool, error: bool) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.is_over) else {
            return;
        };
        peer.carry.extend_from_slice(bytes);
        peer.eof |= end;
        self.lines(id);
        // What was held back is handled before the error is read.
        if error && !self.peers[&id].is_over {
            self.over(id);
        }
    }

    fn lines(&mut self, id: u64) {
        loop {
            let peer = self.peers.get_mut(&id).expect("a peer");
            if peer.is_over || peer.pending.is_some() || peer.ending.is_some() {
                return;
            }
            let end = match peer.carry.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if peer.eof && !peer.carry.is_empty() => peer.carry.len(),
                None => break,
            };
            let line: Vec<u8> = peer.carry.drain(..end).collect();
            let line = serde_json::from_slice(&line).expect("a command");
            self.command(id, line);
        }
        if self.peers[&id].eof {
            self.end(id, "drained", Value::Null);
        }
    }

    /// The connection is no more, or ends: nobody reaches it.
    pub fn over(&mut self, id: u64) {
        self.leave(id);
        let peer = self.peers.get_mut(&id).expect("a peer");
        peer.is_over = true;
        (peer.pending, peer.ending) = (None, None);
    }

    pub fn done(&mut self, done: &Done) {
        match (done.asker, &done.answer) {
            (Asker::Conn(id), Answer::Mail { .. }) if !self.peers.contains_key(&id.serial) => {}
            (Asker::Conn(id), Answer::Mail { verb, answer, .. }) => {
                self.mail_answer(id.serial, *verb, answer);
            }
            (Asker::Conn(id), answer) => {
                let peer = self.peers.get_mut(&id.serial);
                let pending = peer.and_then(|peer| peer.pending.take());
                if let Some(pending) = pending {
                    self.answer(id.serial, &pending.line, answer);
                }
            }
            _ => {}
        }
        for entry in &done.entries {
            self.push(entry);
        }
        if let Some(ends) = &done.ends {
            let (key, before) = self.look(ends.username.as_str());
            for id in self.sessions(&key) {
                let device = self.device(id).to_owned();
                let ended = match &ends.which {
                    Which::All => true,
                    Which::Device(which) => device == which.as_ref(),
                    Which::AllBut(which) => device != which.as_ref(),
                };
                if ended {
                    self.unlink(id);
                    self.close(id, "revoked", Value::Null);
                }
            }
            self.restate(&key, ends.username.as_str(), before);
        }
        if let Some((name, Notice::AuthFailures(count))) = &done.notice {
            for id in self.sessions(&key(name.as_str())) {
                self.told_of_failures(id, *count);
            }
        }
        if let Asker::Conn(id) = done.asker
            && self.peers.contains_key(&id.serial)
        {
            self.go_on_ending(id.serial);
        }
    }

    fn answer(&mut self, id: u64, line: &Value, answer: &Answer) {
        match answer {
            Answer::Registered(registered) => self.registered(id, line, registered),
            Answer::Refused(refused) => self.refuse(id, line, refused.code.as_str()),
            Answer::Mail { .. } | Answer::Upkeep(_) => panic!("answered elsewhere"),
            Answer::Ok if line["id"].is_null() => {}
            Answer::Ok => self.ok(id, line),
            Answer::Devices(devices) => {
                let reply = reply(line);
                for device in devices {
                    let current = match self.device(id) == device.device.as_ref() {
                        true => ",\"current\":true",
                        false => "",
                    };
                    let (created, seen) =
                        (stamp(device.created_unix_ms), stamp(device.seen_unix_ms));
                    self.owe(
                        id,
                        format!(
                            "{{\"type\":\"device\"{reply},\"device\":\"{}\",\"createdAt\":\"{created}\",\"seenAt\":\"{seen}\"{current}}}",
                            device.device
                        ),
                    );
                }
                self.owe(
                    id,
                    format!(
                        "{{\"type\":\"done\"{reply},\"command\":\"account\",\"count\":{},\"complete\":true}}",
                        devices.len()
                    ),
                );
            }
            Answer::Accounts(_) => panic!("a client never asks for that"),
        }
    }

    fn registered(&mut self, id: u64, line: &Value, registered: &Registered) {
        let shown = registered.username.as_str().to_owned();
        let device = registered.device.to_string();
        let (key, before) = self.look(&shown);
        for older in self.sessions(&key) {
            if registered.mail.is_some() && self.device(older) == device {
                self.unlink(older);
                self.close(older, "replaced", Value::Null);
            }
        }
        let more = registered.mail.map_or(String::new(), |mail| {
            format!(
                ",\"resumeToken\":\"{:032x}\",\"device\":\"{device}\",\"epoch\":1,\"pos\":{},\"ackedPos\":{}",
                registered.resume_token, mail.head, mail.acked
            )
        });
        self.owe(
            id,
            format!(
                "{{\"type\":\"registered\"{},\"username\":\"{shown}\"{more}}}",
                reply(line)
            ),
        );
        let status = match line["status"].as_str() {
            Some("away") => "away",
            Some("invisible") => "offline",
            _ => "online",
        };
        let only_sends = registered.mail.is_none();
        self.peers.get_mut(&id).expect("a peer").session = Some(Session {
            key: key.clone(),
            shown: shown.clone(),
            device: if only_sends { String::new() } else { device },
            status: if only_sends { "offline" } else { status },
            invisible: status == "offline",
            mail: Mailbox::default(),
            way: None,
            asked_ways: 0,
        });
        let unix = self.unix;
        let name = self.names.entry(key.clone()).or_insert_with(|| Name {
            sessions: Vec::new(),
            since: unix,
        });
        name.sessions.push(id);
        self.restate(&key, &shown, before);
        if let Some(mail) = registered.mail {
            self.open_mail(id, &mail);
        }
        if registered.failures > 0 {
            self.told_of_failures(id, registered.failures);
        }
    }

    fn command(&mut self, id: u64, line: Value) {
        let verb = line["type"].as_str().expect("a type").to_owned();
        let has_session = self.peers[&id].session.is_some();
        match verb.as_str() {
            "register" if has_session => self.refuse(id, &line, "alreadyRegistered"),
            "register" if line.get("password").is_none() && line.get("resumeToken").is_none() => {
                self.refuse(id, &line, "authRequired");
            }
            "account" if line["action"] == "create" => match has_session {
                true => self.refuse(id, &line, "alreadyRegistered"),
                false if !self.signup_open => self.refuse(id, &line, "notAllowed"),
                false => self.wait(id, line),
            },
            "register" => self.wait(id, line),
            "ping" => {
                let (reply, time) = (reply(&line), stamp(self.unix));
                self.owe(
                    id,
                    format!("{{\"type\":\"pong\"{reply},\"time\":\"{time}\"}}"),
                );
            }
            "help" => {
                let peer = self.peers.get_mut(&id).expect("a peer");
                peer.owed.push_back(Owed::Any("help"));
            }
            "bye" => self.end(id, "bye", line["id"].clone()),
            _ if !has_session => self.refuse(id, &line, "notRegistered"),
            "account" if self.device(id).is_empty() && line["action"] != "export" => {
                self.refuse(id, &line, "notAllowed");
            }
            "account" | "watch" | "history" => self.wait(id, line),
            "privateMessage" if line["ephemeral"].is_null() => self.post(id, line),
            "privateMessage" | "typing" => self.pass(id, line),
            "markRead" => self.post(id, line),
            "setStatus" => {
                let session = self.peers[&id].session.as_ref().expect("a session");
                let shown = session.shown.clone();
                let (key, before) = self.look(&shown);
                let status = match line["status"].as_str() {
                    Some("away") => "away",
                    Some("invisible") => "offline",
                    _ => "online",
                };
                let peer = self.peers.get_mut(&id).expect("a peer");
                let session = peer.session.as_mut().expect("a session");
                session.invisible = status == "offline";
                if !session.device.is_empty() {
                    session.status = status;
                }
                self.restate(&key, &shown, before);
                self.ok(id, &line);
            }
            _ => self.refuse(id, &line, "notAvailable"),
        }
    }

    pub(super) fn wait(&mut self, id: u64, line: Value) {
        self.peers.get_mut(&id).expect("a peer").pending = Some(Pending { line });
    }

    pub(super) fn ok(&mut self, id: u64, line: &Value) {
        if !line["id"].is_null() {
            let verb = line["type"].as_str().expect("a type");
            self.owe(
                id,
                format!("{{\"type\":\"ok\"{},\"command\":\"{verb}\"}}", reply(line)),
            );
        }
    }

    pub(super) fn refuse(&mut self, id: u64, line: &Value, code: &'static str) {
        let verb = line["type"].as_str().expect("a type").to_owned();
        let peer = self.peers.get_mut(&id).expect("a peer");
        if peer.is_over {
            return;
        }
        let registers = verb == "register";
        peer.owed
            .push_back(Owed::Error(code, verb, line["id"].clone()));
        if registers {
            peer.tries += 1;
            if peer.tries >= 5 && peer.session.is_none() {
                self.close(id, "tooManyErrors", Value::Null);
            }
        }
    }

    pub(super) fn close(&mut self, id: u64, code: &'static str, reply: Value) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        if !peer.is_over {
            peer.owed.push_back(Owed::Goodbye(code, reply));
            self.over(id);
        }
    }

    fn told_of_failures(&mut self, id: u64, count: u32) {
        let line = self.notice("authFailures", &format!(",\"count\":{count}"));
        self.owe(id, line);
    }

    fn notice(&self, kind: &str, more: &str) -> String {
        let time = stamp(self.unix);
        format!("{{\"type\":\"sessionNotice\",\"kind\":\"{kind}\"{more},\"time\":\"{time}\"}}")
    }

    pub(super) fn owe(&mut self, id: u64, line: String) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        if !peer.is_over {
            peer.owed.push_back(Owed::Exactly(line));
        }
    }
}

pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(super) fn reply(line: &Value) -> String {
    match &line["id"] {
        Value::Null => String::new(),
        id => format!(",\"id\":{id}"),
    }
}

pub(super) fn stamp(unix_ms: u64) -> String {
    Stamp::new(unix_ms).as_str().to_owned()
}
