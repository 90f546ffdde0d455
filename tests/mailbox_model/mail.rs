//! Mailboxes in the reference: what each session is owed of its own, and how a session ends. What is in them is the
//! book's affair.

use privmsgd::mailbox::{Answer, Entry, Event, Opening, Reach};
use privmsgd::wire::code::Verb;
use privmsgd::wire::frame::Frame;
use serde_json::Value;

use super::reference::{Reference, key, reply, stamp};

/// How far a session has come.
#[derive(Default)]
pub struct Mailbox {
    at: u64,
    is_live: bool,
    synced: bool,
    until: Option<u64>,
}

impl Reference {
    pub(super) fn open_mail(&mut self, id: u64, opening: &Opening) {
        let session = self
            .peers
            .get_mut(&id)
            .and_then(|peer| peer.session.as_mut());
        let session = session.expect("a session");
        session.mail.at = opening.from;
        let head = self.heads.entry(session.key.clone()).or_default();
        *head = (*head).max(opening.head);
        if opening.from >= *head {
            self.is_live(id);
        }
    }

    /// It has everything.
    fn is_live(&mut self, id: u64) {
        let session = self
            .peers
            .get_mut(&id)
            .and_then(|peer| peer.session.as_mut());
        let session = session.expect("a session");
        let mail = &mut session.mail;
        (mail.at, mail.is_live) = (self.heads[&session.key], true);
        let at = mail.at;
        if !std::mem::replace(&mut mail.synced, true) {
            self.owe(id, format!("{{\"type\":\"synced\",\"pos\":{at}}}"));
        }
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        let key = key(entry.owner.as_str());
        self.heads.insert(key.clone(), entry.pos);
        for id in self.sessions(&key) {
            let session = self
                .peers
                .get_mut(&id)
                .and_then(|peer| peer.session.as_mut());
            let session = session.expect("a session");
            if !session.mail.is_live {
                continue;
            }
            session.mail.at = entry.pos;
            if entry.not_for.as_deref() != Some(&session.device) {
                self.owe_entry(id, entry);
            }
        }
    }

    fn owe_entry(&mut self, id: u64, entry: &Entry) {
        let session = self.peers[&id].session.as_ref().expect("a session");
        if let Event::Message(message) = &entry.event {
            let is_own = message.to.is_some();
            assert_eq!(is_own, key(message.from.as_str()) == session.key && is_own);
        }
        assert_eq!(key(entry.owner.as_str()), session.key);
        self.owe(id, text(&Frame::Entry(entry)));
    }

    pub(super) fn mail_answer(&mut self, id: u64, verb: Verb, answer: &Answer) {
        if self.peers[&id].is_over {
            return;
        }
        match answer {
            Answer::Fetched(fetched) => {
                for entry in &fetched.entries {
                    self.owe_entry(id, entry);
                    let session = self
                        .peers
                        .get_mut(&id)
                        .and_then(|peer| peer.session.as_mut());
                    session.expect("a session").mail.at = entry.pos;
                }
                if fetched.complete {
                    self.is_live(id);
                }
            }
            _ if verb == Verb::Ack => {}
            Answer::History { .. } | Answer::Watch(_) | Answer::Export { .. } => {
                self.waited_for(id, answer);
            }
            _ if verb == Verb::Account || verb == Verb::History => self.waited_for(id, answer),
            answer => {
                let peer = self.peers.get_mut(&id).expect("a peer");
                let line = peer.posted.pop_front().expect("a command");
                assert_eq!(line["type"], verb.as_str());
                self.posted_answer(id, &line, answer);
            }
        }
    }

    fn waited_for(&mut self, id: u64, answer: &Answer) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        let pending = peer.pending.take().expect("a command");
        let line = &pending.line;
        let reply = reply(line);
        match answer {
            Answer::History { messages, complete } => {
                for message in messages {
                    let mut replay = text(&Frame::Replay { id: None, message });
                    replay.insert_str(replay.len() - 1, &reply);
                    self.owe(id, replay);
                }
                self.owe(id, format!("{{\"type\":\"done\"{reply},\"command\":\"history\",\"count\":{},\"complete\":{complete}}}", messages.len()));
            }
            Answer::Watch(permitted) => self.watch(id, line, permitted[0]),
            Answer::Export { lines, next } => {
                for line in lines {
                    self.owe(id, String::from_utf8_lossy(line).into_owned());
                }
                match next {
                    Some(_) => self.wait(id, pending.line),
                    None => self.owe(id, format!("{{\"type\":\"done\"{reply},\"command\":\"account\",\"count\":3,\"complete\":true}}")),
                }
            }
            Answer::Ok => self.ok(id, line),
            Answer::Refused(refused) => self.refuse(id, line, refused.code.as_str()),
            other => panic!("{other:?}"),
        }
    }

    fn posted_answer(&mut self, id: u64, line: &Value, answer: &Answer) {
        match answer {
            Answer::Accepted(accepted) => {
                if !line["id"].is_null() {
                    let (to, seq) = (accepted.to.as_str(), accepted.seq);
                    let time = stamp(accepted.time_unix_ms);
                    self.owe(id, format!("{{\"type\":\"accepted\"{},\"toUsername\":\"{to}\",\"seq\":{seq},\"time\":\"{time}\"}}", reply(line)));
                }
            }
            Answer::Ok => self.ok(id, line),
            Answer::Reach(Reach::Open(who)) => {
                let session = self
                    .peers
                    .get_mut(&id)
                    .and_then(|peer| peer.session.as_mut());
                let session = session.expect("a session");
                session.asked_ways -= 1;
                session.way = Some(who.as_str().to_owned());
                self.go(id, line);
            }
            Answer::Refused(refused) => {
                if line["type"] == "typing" || !line["ephemeral"].is_null() {
                    let session = self
                        .peers
                        .get_mut(&id)
                        .and_then(|peer| peer.session.as_mut());
                    session.expect("a session").asked_ways -= 1;
                }
                self.refuse(id, line, refused.code.as_str());
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn post(&mut self, id: u64, line: Value) {
        self.peers
            .get_mut(&id)
            .expect("a peer")
            .posted
            .push_back(line);
    }

    /// What is not stored: at once if it is known that it may, else when that was asked.
    pub(super) fn pass(&mut self, id: u64, line: Value) {
        // An `accepted` overtakes no other.
        let overtakes = line["type"] == "privateMessage"
            && !line["id"].is_null()
            && self
                .peers
                .get(&id)
                .is_some_and(|peer| !peer.posted.is_empty());
        let session = self
            .peers
            .get_mut(&id)
            .and_then(|peer| peer.session.as_mut());
        let session = session.expect("a session");
        let to = key(line["toUsername"].as_str().expect("a name"));
        let is_known = session.way.as_ref().is_some_and(|way| key(way) == to);
        if is_known && session.asked_ways == 0 && !overtakes {
            return self.go(id, &line);
        }
        session.asked_ways += 1;
        self.post(id, line);
    }

    /// It goes to whoever is there.
    fn go(&mut self, from: u64, line: &Value) {
        let session = self.peers[&from].session.as_ref().expect("a session");
        let (sender, invisible) = (session.shown.clone(), session.invisible);
        let to = session.way.clone().expect("a way");
        let devices = |at: &Self, name: &str| -> Vec<u64> {
            let all = at.sessions(&key(name)).into_iter();
            all.filter(|id| !at.device(*id).is_empty()).collect()
        };
        let (there, time) = (devices(self, &to), stamp(self.unix));
        if line["type"] == "typing" {
            for id in there.into_iter().filter(|_| !invisible) {
                self.owe(id, format!("{{\"type\":\"typing\",\"from\":\"{sender}\"}}"));
            }
            return self.ok(from, line);
        }
        let text = &line["message"];
        let frame = |more: &str| {
            format!(
                "{{\"type\":\"privateMessage\",\"from\":\"{sender}\",\"message\":{text},\"time\":\"{time}\"{more}}}"
            )
        };
        for id in &there {
            self.owe(*id, frame(""));
        }
        if !there.is_empty() && key(&to) != key(&sender) {
            for id in devices(self, &sender).into_iter().filter(|id| *id != from) {
                self.owe(id, frame(&format!(",\"to\":\"{to}\"")));
            }
        }
        if !line["id"].is_null() {
            let reply = reply(line);
            self.owe(
                from,
                format!(
                    "{{\"type\":\"accepted\"{reply},\"toUsername\":\"{to}\",\"time\":\"{time}\"}}"
                ),
            );
        }
    }

    /// It has sent its last line.
    pub(super) fn end(&mut self, id: u64, code: &'static str, reply: Value) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        if peer.is_over || peer.ending.is_some() {
            return;
        }
        if peer.session.is_none() {
            return self.close(id, code, reply);
        }
        peer.ending = Some((code, reply));
        self.go_on_ending(id);
    }

    pub(super) fn go_on_ending(&mut self, id: u64) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        let (Some((code, reply)), Some(session)) = (peer.ending.clone(), &mut peer.session) else {
            return;
        };
        if !peer.posted.is_empty() || peer.pending.is_some() {
            return;
        }
        if !session.device.is_empty() {
            let head = self.heads[&session.key];
            let mail = &mut session.mail;
            let until = *mail.until.get_or_insert(head);
            if mail.at < until {
                return;
            }
            let at = mail.at;
            if !std::mem::replace(&mut mail.synced, true) {
                self.owe(id, format!("{{\"type\":\"synced\",\"pos\":{at}}}"));
            }
        }
        self.close(id, code, reply);
    }
}

fn text(frame: &Frame<'_>) -> String {
    let mut line = Vec::new();
    frame.write(&mut line);
    line.pop();
    String::from_utf8(line).expect("UTF-8")
}
