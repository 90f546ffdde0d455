//! What was promised, kept outside of the daemon: what each commit said, and what may follow from it. Knows no bytes.

use std::collections::{BTreeMap, BTreeSet};

use privmsgd::accounts::{AccountId, Answer, Ask, Done, Job};
use privmsgd::mailbox::{self, Change, Entry, Event, Mail, Relation};
use privmsgd::wire::code::{AcceptFrom, Evidence, Removed, Stage};

/// A message that a client wrote, or more than one of the same, if it was repeated.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub from: usize,
    pub to: usize,
    pub message_id: Option<String>,
    pub ephemeral: bool,
    /// JSON values: as it was sent, and as it was edited.
    pub bodies: Vec<String>,
    /// Which of them it has, and those that it had.
    pub shown: usize,
    pub past: BTreeSet<usize>,
    pub seq: Option<u64>,
    /// Who it was for had blocked who sent it.
    pub blocked: bool,
    pub deleted: bool,
    /// For whom alone.
    pub hidden: BTreeSet<usize>,
    /// It ends by itself then, in ms since 1970.
    pub expires: Option<u64>,
    /// As it was asked for.
    pub expires_in_s: Option<usize>,
    /// A client saw `accepted`.
    pub told: bool,
    /// An ephemeral one, written when the recipient knew that it blocks the sender, which it has done since then.
    pub forbidden: bool,
    /// It was edited when the recipient blocked the sender: it sees neither text.
    pub was_hidden_by_block: bool,
}

/// One entry of somebody's log.
#[derive(Clone, Debug)]
pub struct Logged {
    pub not_for: Option<String>,
    pub what: What,
    /// It may be left out: something newer says it too, or the message was taken back.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Message(usize),
    Changed(usize),
    Receipt(Stage, usize, u64),
    Other,
}

#[derive(Clone, Debug, Default)]
pub struct Device {
    pub exists: bool,
    /// The head of its log when its last session began.
    pub opened_at: u64,
    /// Where it began.
    pub began: Option<u64>,
    /// What the store was told: up to where it has everything.
    pub acked: u64,
    /// The highest `ack` or `after` that a client of it wrote.
    pub ack_sent: u64,
    /// The last position that lay with the peer's kernel for long enough, or with an end.
    pub transported: u64,
    /// What arrived at its kernel, and in which sessions a client of it has read it, marked as `redelivered` or not.
    pub arrived: BTreeSet<u64>,
    pub read: BTreeMap<u64, Vec<(u64, bool)>>,
}

#[derive(Default)]
pub struct Person {
    pub name: String,
    pub log: BTreeMap<u64, Logged>,
    pub head: u64,
    pub devices: BTreeMap<String, Device>,
    pub blocks: BTreeSet<usize>,
    /// A client of it was told so.
    pub told_blocked: BTreeSet<usize>,
    pub allows: BTreeSet<usize>,
    pub accept_from: Option<AcceptFrom>,
    pub delivery_receipts: bool,
    pub read_receipts: bool,
    /// With whom: the highest `markRead` that a client of it wrote without `private`.
    pub read_sent: BTreeMap<usize, u64>,
}

#[derive(Default)]
pub struct Ledger {
    pub people: Vec<Person>,
    pub letters: Vec<Letter>,
    pub talks: BTreeMap<(usize, usize), Vec<usize>>,
    pub unix_ms: u64,
    /// Counted, to see that something happens at all.
    pub accepted: u64,
    pub duplicates: u64,
    pub receipts: u64,
}

impl Ledger {
    pub fn new(names: &[&str]) -> Ledger {
        let person = |name: &&str| Person {
            name: (*name).to_owned(),
            delivery_receipts: true,
            ..Person::default()
        };
        Ledger {
            people: names.iter().map(person).collect(),
            ..Ledger::default()
        }
    }

    pub fn person(&self, name: &str) -> usize {
        let found = self.people.iter().position(|person| person.name == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    pub fn device(&mut self, person: usize, name: &str) -> &mut Device {
        self.people[person]
            .devices
            .entry(name.to_owned())
            .or_default()
    }

    pub fn talk(&self, a: usize, b: usize) -> &[usize] {
        let talk = self.talks.get(&(a.min(b), a.max(b)));
        talk.map_or(&[], Vec::as_slice)
    }

    /// The letter that a body belongs to, and which of its texts it is.
    pub fn letter_of(&self, body: &str) -> (usize, usize) {
        let text = body.trim_matches('"');
        let text = text.split(':').next().unwrap_or_default();
        let numbers = text.strip_prefix('m').and_then(|text| text.split_once('.'));
        let (letter, version) = numbers.unwrap_or_else(|| panic!("nobody wrote {body}"));
        let (letter, version) = (letter.parse().unwrap(), version.parse().unwrap());
        let written: &Letter = &self.letters[letter];
        assert_eq!(
            written.bodies[version], body,
            "a text was changed on its way"
        );
        (letter, version)
    }

    /// Whether `owner` has written to `peer`, or allows it.
    fn knows(&self, owner: usize, peer: usize) -> bool {
        let wrote = |letter: &usize| self.letters[*letter].from == owner;
        self.people[owner].allows.contains(&peer) || self.talk(owner, peer).iter().any(wrote)
    }

    fn blocks(&self, owner: usize, peer: usize) -> bool {
        self.people[owner].blocks.contains(&peer)
    }

    /// A job and what the store said of it, in the order of the commits. `who`: whose account it is.
    pub fn commit(&mut self, job: &Job, done: &Done, who: impl Fn(AccountId) -> usize) {
        match (&job.ask, &done.answer) {
            (Ask::Register { username, mail, .. }, Answer::Registered(registered)) => {
                self.add_all(&done.entries, None);
                let person = self.person(username.as_str());
                let Some(opening) = &registered.mail else {
                    return;
                };
                let after = mail.after.filter(|_| opening.resumed == Some(true));
                self.open(
                    person,
                    &registered.device,
                    opening,
                    after.map(|after| after.pos),
                );
            }
            (Ask::Mail(mail), Answer::Mail { answer, .. }) => {
                let from = who(mail.from.account);
                self.mail(from, mail, answer, &done.entries);
            }
            _ => self.add_all(&done.entries, None),
        }
    }

    fn open(
        &mut self,
        person: usize,
        device: &str,
        opening: &mailbox::Opening,
        after: Option<u64>,
    ) {
        let head = self.people[person].head;
        assert_eq!(opening.head, head, "the head of {device}'s log");
        assert!(opening.from <= opening.acked && opening.acked <= head);
        let known = self.device(person, device);
        (known.exists, known.opened_at) = (true, head);
        known.began.get_or_insert(opening.from);
        assert!(
            opening.acked >= known.acked.max(after.unwrap_or(0).min(head)),
            "{device}'s cursor went back to {}",
            opening.acked
        );
        let evidence = known
            .ack_sent
            .max(known.transported)
            .max(known.began.unwrap_or(0));
        known.acked = opening.acked;
        let log = &self.people[person].log;
        let skipped = log.iter().filter(|(pos, logged)| {
            let between = **pos > evidence && **pos <= opening.acked;
            between && self.is_due(person, device, logged)
        });
        let skipped: Vec<_> = skipped.collect();
        assert!(
            skipped.is_empty(),
            "{device}'s cursor passed {skipped:?} without evidence"
        );
    }

    fn mail(&mut self, from: usize, mail: &Mail, answer: &mailbox::Answer, entries: &[Entry]) {
        use mailbox::Answer as A;
        use mailbox::Ask as Q;
        match (&mail.ask, answer) {
            (Q::Send(letter), A::Accepted(accepted)) => {
                self.sent(from, mail, letter, accepted, entries);
            }
            (Q::Edit { with, seq, message }, A::Accepted(_)) => {
                let letter = self.at(from, with.as_str(), *seq);
                let (written, version) = self.letter_of(std::str::from_utf8(message).unwrap());
                assert_eq!((written, self.letters[letter].from), (letter, from));
                let hides = self.blocks(self.letters[letter].to, from);
                let edited = &mut self.letters[letter];
                edited.was_hidden_by_block |= hides;
                let before = std::mem::replace(&mut edited.shown, version);
                edited.past.insert(before);
                self.add_all(entries, None);
            }
            (
                Q::Delete {
                    with,
                    seq,
                    for_both,
                },
                A::Ok,
            ) => {
                let letter = self.at(from, with.as_str(), *seq);
                let deleted = &mut self.letters[letter];
                deleted.deleted |= *for_both && deleted.from == from;
                deleted.hidden.insert(from);
                self.add_all(entries, None);
            }
            (Q::Relate { with, relation }, A::Ok) => {
                let peer = self.person(with.as_str());
                let me = &mut self.people[from];
                match relation {
                    Relation::Block => me.blocks.insert(peer),
                    Relation::Unblock => me.blocks.remove(&peer),
                    Relation::Allow => me.allows.insert(peer),
                    Relation::Disallow => me.allows.remove(&peer),
                };
                if *relation == Relation::Unblock {
                    me.told_blocked.remove(&peer);
                    let reaches = |letter: &&mut Letter| (letter.from, letter.to) == (peer, from);
                    let letters = self.letters.iter_mut().filter(reaches);
                    letters.for_each(|letter| letter.forbidden = false);
                }
                self.add_all(entries, None);
            }
            (Q::Settings { .. }, A::Settings(settings)) => {
                let me = &mut self.people[from];
                me.accept_from = Some(settings.accept_from);
                me.delivery_receipts = settings.delivery_receipts;
                me.read_receipts = settings.read_receipts;
            }
            (Q::Ack { pos, .. }, A::Ok) => {
                self.add_all(entries, Some(from));
                let head = self.people[from].head;
                let device = mail.from.device.as_deref().unwrap_or_default();
                let known = self.device(from, device);
                known.acked = known.acked.max((*pos).min(head));
            }
            (Q::MarkRead { .. }, _) => self.add_all(entries, Some(from)),
            _ => self.add_all(entries, None),
        }
    }

    fn at(&self, me: usize, with: &str, seq: u64) -> usize {
        self.talk(me, self.person(with))[seq as usize - 1]
    }

    fn sent(
        &mut self,
        from: usize,
        mail: &Mail,
        sent: &mailbox::Letter,
        accepted: &mailbox::Accepted,
        entries: &[Entry],
    ) {
        let (index, _) = self.letter_of(std::str::from_utf8(&sent.message).unwrap());
        let to = self.letters[index].to;
        assert_eq!(self.letters[index].from, from, "I5: somebody else's letter");
        assert_eq!(self.person(accepted.to.as_str()), to);
        if self.letters[index].message_id.is_some()
            && let Some(seq) = self.letters[index].seq
        {
            assert!(accepted.duplicate, "I2: letter {index} was taken twice");
            assert_eq!(
                (accepted.seq, entries.len()),
                (seq, 0),
                "I2: letter {index}"
            );
            self.duplicates += 1;
            return;
        }
        assert!(!accepted.duplicate, "letter {index} was never taken before");
        assert!(self.letters[index].seq.is_none(), "it was written once");
        self.check_acceptance(from, to);
        let blocked = self.blocks(to, from);
        let talk = self.talks.entry((from.min(to), from.max(to))).or_default();
        talk.push(index);
        assert_eq!(accepted.seq, talk.len() as u64, "I3: numbers are dense");
        let letter = &mut self.letters[index];
        (letter.seq, letter.blocked) = (Some(accepted.seq), blocked);
        letter.expires = sent
            .expires_in_s
            .map(|s| accepted.time_unix_ms + u64::from(s) * 1_000);
        self.accepted += 1;
        self.add_all(entries, None);
        let reached = entries
            .iter()
            .filter(|entry| self.person(entry.owner.as_str()) == to);
        assert_eq!(
            reached.count(),
            usize::from(!blocked),
            "who it is for gets it once"
        );
        self.check_copies(from, mail, entries);
    }

    fn check_acceptance(&self, from: usize, to: usize) {
        let allowed = self.people[to].allows.contains(&from);
        let fits = match self.people[to].accept_from {
            Some(AcceptFrom::Allowed) => allowed,
            Some(AcceptFrom::Known) => allowed || self.knows(to, from),
            _ => true,
        };
        assert!(fits, "{to} does not take messages of {from}");
    }

    /// The sender's other devices get a copy.
    fn check_copies(&self, from: usize, mail: &Mail, entries: &[Entry]) {
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

    /// `by`: whose device has taken or read something, which is what receipts come from.
    pub fn add_all(&mut self, entries: &[Entry], by: Option<usize>) {
        for entry in entries {
            let owner = self.person(entry.owner.as_str());
            let what = self.what(owner, entry, by);
            let person = &mut self.people[owner];
            assert!(entry.pos > person.head, "positions only grow");
            assert!(!entry.redelivered, "it is new");
            person.head = entry.pos;
            let logged = Logged {
                not_for: entry.not_for.as_deref().map(str::to_owned),
                what,
                optional: false,
            };
            person.log.insert(entry.pos, logged);
        }
    }

    fn what(&mut self, owner: usize, entry: &Entry, by: Option<usize>) -> What {
        match &entry.event {
            Event::Message(message) => {
                let (letter, _) = self.letter_of(std::str::from_utf8(&message.body).unwrap());
                self.check_message(owner, letter, message);
                What::Message(letter)
            }
            Event::Changed {
                with, seq, change, ..
            } => {
                let letter = self.at(owner, with.as_str(), *seq);
                self.changed(owner, letter, change);
                What::Changed(letter)
            }
            Event::Receipt {
                with,
                stage,
                up_to_seq,
                by: evidence,
                ..
            } => {
                let with = self.person(with.as_str());
                assert!(by == Some(with) || by.is_none(), "a receipt from nowhere");
                self.check_receipt(owner, with, (*stage, *up_to_seq, *evidence));
                self.receipts += 1;
                What::Receipt(*stage, with, *up_to_seq)
            }
            Event::ReadElsewhere { .. } | Event::NewDevice { .. } => What::Other,
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

    /// Earlier words about the same message need not be told any more.
    fn changed(&mut self, owner: usize, letter: usize, change: &Change) {
        if *change == Change::Removed(Removed::Expired) {
            assert!(self.is_expired(letter), "letter {letter} has not expired");
        }
        for logged in self.people[owner].log.values_mut() {
            logged.optional |= logged.what == What::Changed(letter);
        }
    }

    /// I4: what a receipt says is true, and may be told.
    fn check_receipt(&self, owner: usize, with: usize, receipt: (Stage, u64, Evidence)) {
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
        for index in &talk[..up_to as usize] {
            let letter = &self.letters[*index];
            if letter.to != with || letter.blocked {
                continue;
            }
            let entry = who
                .log
                .iter()
                .find(|(_, logged)| logged.what == What::Message(*index));
            let (pos, logged) = entry.expect("it is in the log");
            let has_it = who.devices.values().any(|device| match by {
                Evidence::Client => device.ack_sent.max(device.transported) >= *pos,
                Evidence::Transport => device.ack_sent.max(device.transported) >= *pos,
            });
            assert!(
                has_it || logged.optional || self.is_gone(*index),
                "I4: {with} does not have letter {index}"
            );
        }
    }

    fn is_expired(&self, index: usize) -> bool {
        let expires = self.letters[index].expires;
        expires.is_some_and(|at| at <= self.unix_ms)
    }

    /// Whether a message may have been taken away.
    pub fn is_gone(&self, index: usize) -> bool {
        let letter = &self.letters[index];
        letter.deleted || !letter.hidden.is_empty() || self.is_expired(index)
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
