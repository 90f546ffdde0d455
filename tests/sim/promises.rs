//! What must hold of what the store commits. Knows no bytes.

use privmsgd::mailbox::{self, Entry, Mail};
use privmsgd::wire::code::{AcceptFrom, Evidence, Stage};

use crate::ledger::{Device, Ledger, Logged, What};

impl Ledger {
    pub fn check_acceptance(&self, from: usize, to: usize) {
        let allowed = self.people[to].allows.contains(&from);
        let fits = match self.people[to].accept_from {
            Some(AcceptFrom::Allowed) => allowed,
            Some(AcceptFrom::Known) => allowed || self.knows(to, from),
            _ => true,
        };
        assert!(fits, "{to} does not take messages of {from}");
    }

    /// The sender's other devices get a copy.
    pub fn check_copies(&self, from: usize, mail: &Mail, entries: &[Entry]) {
        let mine = mail.from.device.as_deref();
        let devices = self.people[from].devices.iter();
        let others = devices.filter(|(name, device)| device.exists && Some(name.as_str()) != mine);
        let copies = entries
            .iter()
            .filter(|entry| self.person(entry.owner.as_str()) == from);
        let copies: Vec<&Entry> = copies.collect();
        assert!(
            copies.len() == 1 || others.count() == 0,
            "a copy for the other devices"
        );
        for copy in copies {
            assert_eq!(copy.not_for.as_deref(), mine, "whom the copy is not for");
        }
    }

    /// What is told of a message, in a log or in a history, is true.
    pub fn check_message(&self, owner: usize, index: usize, message: &mailbox::Message) {
        let letter = &self.letters[index];
        assert_eq!(
            letter.seq,
            Some(message.seq),
            "the number of letter {index}"
        );
        assert_eq!(self.person(message.from.as_str()), letter.from, "I5");
        assert!(
            owner == letter.from || owner == letter.to,
            "{owner} has nothing to do with it"
        );
        assert!(
            !(letter.blocked && owner == letter.to),
            "who is blocked does not reach"
        );
    }

    /// I4: what a receipt says is true, and may be told.
    pub fn check_receipt(&self, owner: usize, with: usize, receipt: (Stage, u64, Evidence)) {
        let (stage, up_to, by) = receipt;
        let who = &self.people[with];
        assert!(
            !self.blocks(with, owner) && !self.blocks(owner, with),
            "a receipt across a block"
        );
        let talk = self.talk(owner, with);
        assert!(
            up_to as usize <= talk.len(),
            "a receipt for what was never sent"
        );
        if stage == Stage::Read {
            assert!(who.read_receipts, "a read receipt that nobody wants");
            let read = who.read_sent.get(&owner).copied().unwrap_or(0);
            assert!(up_to <= read, "I4: nobody read {up_to}");
            return;
        }
        assert!(
            who.delivery_receipts && self.knows(with, owner),
            "a receipt that nobody wants"
        );
        let mut said = by == Evidence::Transport;
        for index in &talk[..up_to as usize] {
            let letter = &self.letters[*index];
            // A receipt says nothing of what a block took away.
            if letter.to != with || letter.blocked || letter.was_hidden_by_block {
                continue;
            }
            let entry = who
                .log
                .iter()
                .find(|(_, logged)| logged.what == What::Message(*index));
            let (pos, logged) = entry.expect("it is in the log");
            // `by` is how the last proof came; some of it may have arrived by another.
            let mut devices = who.devices.values();
            let has_it = devices.any(|device| device.has(*pos));
            said |= who.devices.values().any(|device| device.says(*pos));
            assert!(
                has_it || logged.optional || self.is_gone(*index),
                "I4: {with} does not have letter {index}"
            );
        }
        assert!(said, "I4: no client said so");
    }

    pub fn is_expired(&self, index: usize) -> bool {
        let expires = self.letters[index].expires;
        expires.is_some_and(|at| at <= self.unix_ms)
    }

    /// Whether a message may have been taken away.
    pub fn is_gone(&self, index: usize) -> bool {
        let letter = &self.letters[index];
        letter.deleted || !letter.hidden.is_empty() || self.is_expired(index)
    }

    /// Up to where every device of `person` has everything: that need not be kept, whatever `after` asks for.
    pub fn taken(&self, person: usize) -> u64 {
        let known = &self.people[person];
        let devices = known.devices.iter().filter(|(_, device)| device.exists);
        let taken = devices.map(|(name, device)| {
            // Behind what it has acknowledged, its own doings are nothing to it.
            let behind = known.log.range(device.acked + 1..);
            let next = behind
                .into_iter()
                .find(|(_, logged)| self.is_due(person, name, logged));
            next.map_or(known.head, |(pos, _)| pos - 1)
        });
        taken.min().unwrap_or(0)
    }

    /// Whether an entry must still be delivered to `device` of `person`.
    pub fn is_due(&self, person: usize, device: &str, logged: &Logged) -> bool {
        let is_back = match &logged.what {
            What::Message(letter) | What::Changed(letter) => {
                let hidden = self.letters[*letter].was_hidden_by_block;
                self.is_gone(*letter) || (hidden && self.letters[*letter].to == person)
            }
            _ => false,
        };
        logged.not_for.as_deref() != Some(device) && !logged.optional && !is_back
    }
}

impl Device {
    /// Whether there is proof that it has what is at `pos`.
    fn has(&self, pos: u64) -> bool {
        self.says(pos) || (self.has_begun(pos) && self.transported >= pos)
    }

    fn says(&self, pos: u64) -> bool {
        self.has_begun(pos) && self.ack_sent >= pos
    }

    fn has_begun(&self, pos: u64) -> bool {
        self.began.is_some_and(|began| began < pos)
    }
}
