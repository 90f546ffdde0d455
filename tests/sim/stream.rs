//! Frames of a mailbox, held against the ledger.

use privmsgd::wire::code::{Deliver, Stage};
use serde_json::Value;

use crate::ledger::What;
use crate::reading::{number_of, raw};
use crate::world::World;

impl World {
    /// A frame with a position: it is in the log, nothing before it was left out, nothing comes twice without a word.
    pub fn stream(&mut self, number: u64, line: &str, json: &Value) {
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

    pub fn check_gap(&self, person: usize, device: &str, after: u64, before: u64) {
        let log = &self.ledger.people[person].log;
        for (pos, logged) in log.range(after + 1..before) {
            let due = self.ledger.is_due(person, device, logged);
            assert!(
                !due || *pos <= self.ledger.taken(person),
                "{pos} was left out: {:?}",
                logged.what
            );
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
}
