//! What clients read, held against the ledger.

use privmsgd::wire::code::{Code, Deliver, Goodbye, Stage};
use serde_json::Value;

use crate::ledger::What;
use crate::link::Asked;
use crate::world::World;

/// What is not merged yet.
pub const PAST: bool = false;

impl World {
    /// The client of `number` reads up to `max` lines.
    pub fn read(&mut self, number: u64, max: usize) {
        for _ in 0..max {
            let Some(link) = self.links.get_mut(&number) else {
                return;
            };
            let Some(line) = link.read_line() else {
                break;
            };
            self.say(format_args!("#{number} < {line}"));
            self.lines += 1;
            let json: Value = serde_json::from_str(&line).expect("a frame is JSON");
            assert!(
                self.links[&number].goodbye.is_none(),
                "goodbye is the last line"
            );
            self.frame(number, &line, &json);
        }
        let link = self.links.get_mut(&number).expect("a link");
        link.is_over |= link.is_at_end();
    }

    fn frame(&mut self, number: u64, line: &str, json: &Value) {
        let kind = json["type"].as_str().expect("a type");
        match kind {
            "hello" | "ping" | "presence" | "conversation" => {}
            "registered" => self.registered(number, json),
            "accepted" => self.accepted(number, json),
            "privateMessage" if json["replay"] == true => self.replayed(number, line, json),
            "privateMessage" if json["pos"].is_null() => self.ephemeral(number, line, json),
            "privateMessage" | "receipt" | "messageChanged" | "readElsewhere" => {
                self.stream(number, line, json);
            }
            "sessionNotice" if json["pos"].is_u64() => self.stream(number, line, json),
            "sessionNotice" => {}
            "synced" => self.synced(number, json),
            "typing" => {
                self.ledger.person(json["from"].as_str().expect("from"));
            }
            "ok" | "done" | "pong" => self.answered(number, json),
            "errorMessage" => self.refused(number, json),
            "goodbye" => self.goodbye(number, json),
            other => panic!("what is {other}?"),
        }
    }

    /// The command that a terminal reply is to. I8: there is one to each.
    fn take_asked(&mut self, number: u64, json: &Value) -> Option<Asked> {
        let id = json["id"].as_u64()?;
        let link = self.links.get_mut(&number).expect("a link");
        let asked = link.asked.remove(&id);
        Some(asked.unwrap_or_else(|| panic!("I8: nothing is owed to id {id}")))
    }

    fn registered(&mut self, number: u64, json: &Value) {
        let asked = self.take_asked(number, json).expect("register has an id");
        assert!(matches!(asked, Asked::Register), "{asked:?}");
        let link = self.links.get_mut(&number).expect("a link");
        assert!(!link.is_registered, "registered once");
        link.is_registered = true;
        let (person, device, deliver) = (link.person, link.device.clone(), link.deliver);
        assert_eq!(json["username"], self.ledger.people[person].name.as_str());
        if deliver == Deliver::None {
            assert!(
                json["pos"].is_null() && json["device"].is_null(),
                "it has no device"
            );
            return;
        }
        assert_eq!(json["device"], device.as_str());
        let (head, acked) = (number_of(json, "pos"), number_of(json, "ackedPos"));
        assert!(acked <= head && self.ledger.people[person].head >= head);
        let memo = self.memos.entry((person, device.clone())).or_default();
        memo.resume_token = json["resumeToken"].as_str().map(str::to_owned);
        let epoch = json["epoch"].as_u64().expect("an epoch");
        assert!(
            memo.epoch.is_none_or(|known| known == epoch),
            "no backup was restored"
        );
        memo.epoch = Some(epoch);
        let link = self.links.get_mut(&number).expect("a link");
        let from = match (json["resumed"].as_bool(), link.after) {
            (Some(true), Some(after)) => acked.min(after),
            (None, None) => acked,
            other => panic!("resumed is {other:?}"),
        };
        (link.from, link.last_pos, link.head) = (from, from, head);
    }

    fn accepted(&mut self, number: u64, json: &Value) {
        let asked = self.take_asked(number, json);
        if let Some(Asked::Ephemeral(_)) = asked {
            return assert!(json["seq"].is_null(), "an ephemeral message has no number");
        }
        if json["seq"].is_null() {
            let index = self.of_message_id(json);
            return assert!(self.ledger.letters[index].ephemeral, "{index} has a number");
        }
        let seq = number_of(json, "seq");
        let index = match asked {
            Some(Asked::Edit(letter)) => {
                assert_eq!(self.ledger.letters[letter].seq, Some(seq));
                return;
            }
            Some(Asked::Send(letter)) => letter,
            Some(other) => panic!("accepted is no answer to {other:?}"),
            None => self.of_message_id(json),
        };
        let link = self.links.get_mut(&number).expect("a link");
        let id = json["id"].as_u64();
        while let Some((first, first_id)) = link.sends.pop_front() {
            if (first, first_id) == (index, id) {
                break;
            }
            let waits = first_id.is_some_and(|id| link.asked.contains_key(&id));
            assert!(!waits, "accepted {index} overtook {first}");
            assert!(!link.sends.is_empty(), "accepted {index} is one too many");
        }
        let letter = &mut self.ledger.letters[index];
        assert!(letter.seq.is_some(), "I1: accepted, and not durable");
        assert_eq!(letter.seq, Some(seq), "I2, I3: letter {index}");
        assert_eq!(letter.message_id.as_deref(), json["messageId"].as_str());
        letter.told = true;
        let to = letter.to;
        assert_eq!(json["toUsername"], self.ledger.people[to].name.as_str());
    }

    fn of_message_id(&self, json: &Value) -> usize {
        let text = json["messageId"].as_str().expect("an id or a messageId");
        let index = text.strip_prefix('k').and_then(|text| text.parse().ok());
        index.unwrap_or_else(|| panic!("nobody used {text}"))
    }

    fn answered(&mut self, number: u64, json: &Value) {
        let Some(asked) = self.take_asked(number, json) else {
            assert_eq!(json["type"], "done", "silence on success");
            return;
        };
        let kind = json["type"].as_str().expect("a type");
        match asked {
            Asked::History { rows, .. } => {
                assert_eq!(
                    (kind, json["count"].as_u64()),
                    ("done", Some(rows.len() as u64))
                );
                self.pages.push((rows, json["complete"] == true));
            }
            Asked::Block(whom) => {
                let me = self.links[&number].person;
                let person = &mut self.ledger.people[me];
                if person.blocks.contains(&whom) {
                    person.told_blocked.insert(whom);
                }
            }
            Asked::Other("conversations") => assert_eq!(kind, "done"),
            Asked::Other("ping") => assert_eq!(kind, "pong"),
            Asked::Delete(_) | Asked::Other(_) => assert_eq!(kind, "ok"),
            Asked::Ephemeral(_) => panic!("ok is no answer to a message"),
            other => panic!("{kind} is no answer to {other:?}"),
        }
    }

    fn refused(&mut self, number: u64, json: &Value) {
        let code = json["code"].as_str().and_then(Code::parse).expect("a code");
        let asked = self.take_asked(number, json);
        let verb = json["command"].as_str().unwrap_or_default();
        let fits = match code {
            Code::Overloaded | Code::RateLimited => true,
            Code::RecipientBusy => false,
            Code::MailboxFull => matches!(verb, "privateMessage" | "editMessage"),
            Code::NotAccepted => matches!(verb, "privateMessage" | "typing"),
            Code::NotFound => matches!(verb, "editMessage" | "deleteMessage" | "markRead"),
            Code::NotAllowed => verb == "editMessage" || verb == "deleteMessage",
            // A token that was overtaken by its successor; then it takes the password.
            Code::AuthFailed => verb == "register",
            // What was sent behind a register that failed.
            Code::NotRegistered => !self.links[&number].is_registered,
            Code::BadValue => verb == "ack" && self.links[&number].wrong_ack,
            Code::NotAvailable => {
                PAST || (verb == "ack" && self.links[&number].deliver == Deliver::None)
            }
            _ => false,
        };
        assert!(fits, "{code:?} is no answer to {verb}: {json}");
        let link = self.links.get_mut(&number).expect("a link");
        match asked {
            Some(Asked::Register) => {
                let memo = self
                    .memos
                    .entry((link.person, link.device.clone()))
                    .or_default();
                memo.resume_token = None;
            }
            Some(Asked::Send(_)) => link.sends.retain(|(_, id)| *id != json["id"].as_u64()),
            _ => {}
        }
    }

    fn goodbye(&mut self, number: u64, json: &Value) {
        let code = json["code"]
            .as_str()
            .and_then(Goodbye::parse)
            .expect("a code");
        assert!(
            !matches!(
                code,
                Goodbye::InternalError | Goodbye::TooManyErrors | Goodbye::Revoked
            ),
            "nobody gave reason for {code:?}"
        );
        self.take_asked(number, json);
        let link = self.links.get_mut(&number).expect("a link");
        link.goodbye = Some(code.as_str().to_owned());
        if !matches!(code, Goodbye::Bye | Goodbye::Drained) {
            return;
        }
        assert!(
            link.asked.is_empty(),
            "I8: {:?} had no answer before goodbye",
            link.asked
        );
        let overdue = self.engine.conns.limits.last_delivery_ms;
        let late = link.ended_ms.is_some_and(|at| self.now >= at + overdue);
        if link.is_registered && link.deliver != Deliver::None && !late {
            assert!(link.synced.is_some(), "a drain comes after what waits");
        }
    }

    fn ephemeral(&mut self, number: u64, line: &str, json: &Value) {
        let person = self.links[&number].person;
        let (index, _) = self.ledger.letter_of(&raw(line, "message"));
        let letter = &self.ledger.letters[index];
        assert!(
            letter.ephemeral && json["seq"].is_null(),
            "it is no ephemeral one"
        );
        let is_copy = json["to"].is_string() && letter.from == person;
        assert!(
            is_copy || letter.to == person,
            "B13: letter {index} came to somebody else"
        );
        assert_eq!(
            json["from"],
            self.ledger.people[letter.from].name.as_str(),
            "I5"
        );
        assert!(!letter.forbidden, "who is blocked does not reach");
    }

    /// A frame with a position: it is in the log, nothing before it was left out, nothing comes twice without a word.
    fn stream(&mut self, number: u64, line: &str, json: &Value) {
        let pos = number_of(json, "pos");
        let link = &self.links[&number];
        let (person, device, before) = (link.person, link.device.clone(), link.last_pos);
        assert!(
            link.is_registered && link.deliver != Deliver::None,
            "it has no mailbox"
        );
        assert!(pos > before, "{pos} after {before}: positions rise");
        self.check_gap(person, &device, before, pos);
        let logged = self.ledger.people[person].log.get(&pos);
        let logged = logged
            .unwrap_or_else(|| panic!("I1: {pos} is not durable"))
            .clone();
        assert_ne!(
            logged.not_for.as_deref(),
            Some(device.as_str()),
            "its own doing"
        );
        self.check_frame(person, &logged.what, line, json);
        let marked = json["redelivered"] == true;
        let opened = self.links[&number].opened;
        let before = self
            .ledger
            .device(person, &device)
            .read
            .entry(pos)
            .or_default();
        let again = before
            .iter()
            .any(|(session, marked)| *session <= opened || !*marked);
        assert!(marked || !again, "{pos} came again without a word");
        before.push((opened, marked));
        // Of the newest session: then an older one may have been sent it.
        let newest = self.ledger.device(person, &device).opened_at;
        let link = self.links.get_mut(&number).expect("a link");
        assert!(
            !marked || pos <= newest,
            "{pos} is new and never came before"
        );
        link.last_pos = pos;
        link.unacked.push_back(pos);
        let memo = self.memos.entry((person, device)).or_default();
        memo.last_read = memo.last_read.max(pos);
        let link = &self.links[&number];
        if link.deliver == Deliver::Ack && link.ended_ms.is_none() {
            let out = link.unacked.len() as u64;
            assert!(
                out <= link.window,
                "{out} frames are out, the window is {}",
                link.window
            );
        }
    }

    fn check_gap(&self, person: usize, device: &str, after: u64, before: u64) {
        let log = &self.ledger.people[person].log;
        for (pos, logged) in log.range(after + 1..before) {
            let due = self.ledger.is_due(person, device, logged);
            assert!(!due, "{pos} was left out: {:?}", logged.what);
        }
    }

    fn check_frame(&mut self, person: usize, what: &What, line: &str, json: &Value) {
        match what {
            What::Message(index) => {
                assert_eq!(json["type"], "privateMessage");
                self.check_message(person, *index, line, json);
            }
            What::Changed(index) => {
                assert_eq!(json["type"], "messageChanged");
                assert_eq!(json["seq"].as_u64(), self.ledger.letters[*index].seq);
            }
            What::Receipt(stage, with, up_to) => {
                let name = self.ledger.people[*with].name.as_str();
                assert_eq!(json["withUsername"], name);
                assert_eq!(json["stage"], stage.as_str());
                assert_eq!(json["upToSeq"].as_u64(), Some(*up_to));
                assert!(*stage != Stage::Read || json["by"] == "client");
            }
            What::Other => {
                assert!(json["type"] == "readElsewhere" || json["type"] == "sessionNotice")
            }
        }
    }

    /// A message, or the hole where it was, as `person` is shown it.
    pub fn check_message(&self, person: usize, index: usize, line: &str, json: &Value) {
        let letter = &self.ledger.letters[index];
        assert_eq!(json["seq"].as_u64(), letter.seq, "I3: letter {index}");
        assert_eq!(
            json["from"],
            self.ledger.people[letter.from].name.as_str(),
            "I5"
        );
        assert!(
            person == letter.from || person == letter.to,
            "B13: letter {index}"
        );
        let Some(why) = json["removed"].as_str() else {
            let (found, version) = self.ledger.letter_of(&raw(line, "message"));
            assert_eq!(found, index, "another message than that of its number");
            assert!(
                version == letter.shown || letter.past.contains(&version),
                "no such text yet"
            );
            assert!(
                !(letter.blocked && person == letter.to),
                "who is blocked does not reach"
            );
            return;
        };
        let fits = match why {
            "deleted" => letter.deleted || letter.hidden.contains(&person),
            "expired" => letter.expires.is_some_and(|at| at <= self.ledger.unix_ms),
            "blocked" => person == letter.to && (letter.blocked || letter.was_hidden_by_block),
            _ => false,
        };
        assert!(fits, "letter {index} is not {why}");
    }

    fn replayed(&mut self, number: u64, line: &str, json: &Value) {
        let id = json["id"].as_u64().expect("history has an id here");
        let person = self.links[&number].person;
        let asked = self
            .links
            .get_mut(&number)
            .expect("a link")
            .asked
            .get_mut(&id);
        let Some(Asked::History { with, rows }) = asked else {
            panic!("nobody asked for this history");
        };
        let (seq, with) = (number_of(json, "seq"), *with);
        let to_seq = json["toSeq"].as_u64().unwrap_or(seq);
        assert!(
            rows.last().is_none_or(|(_, last)| *last < seq),
            "history ascends"
        );
        rows.push((seq, to_seq));
        let talk = self.ledger.talk(person, with).to_vec();
        for seq in seq..=to_seq {
            let index = *talk
                .get(seq as usize - 1)
                .expect("I1: history shows what is durable");
            match to_seq == number_of(json, "seq") {
                true => self.check_message(person, index, line, json),
                false => assert!(!json["removed"].is_null(), "a hole says why"),
            }
        }
    }

    fn synced(&mut self, number: u64, json: &Value) {
        let pos = number_of(json, "pos");
        let link = &self.links[&number];
        assert!(link.synced.is_none(), "synced once");
        let (person, device) = (link.person, link.device.clone());
        let end = pos.max(link.head);
        self.check_gap(person, &device, link.last_pos, end + 1);
        assert!(pos >= link.last_pos);
        self.links.get_mut(&number).expect("a link").synced = Some(pos);
    }
}

pub fn number_of(json: &Value, field: &str) -> u64 {
    json[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field} in {json}"))
}

/// A field's value as it stands in the line. Nothing here holds an escaped quote.
pub fn raw(line: &str, field: &str) -> String {
    let (_, rest) = line
        .split_once(&format!(",\"{field}\":\""))
        .expect("a text");
    let (text, _) = rest.split_once('"').expect("its end");
    format!("\"{text}\"")
}
