//! The end of a run: everybody comes back, and the ledgers agree with what is kept.

use privmsgd::wire::code::Deliver;

use crate::link::Asked;
use crate::world::World;

const PAGE: usize = 7;

impl World {
    /// Every device fetches what waits for it.
    pub fn everybody_returns(&mut self) {
        let mut returning = Vec::new();
        for (person, known) in self.ledger.people.iter().enumerate() {
            let names = known.devices.iter().filter(|(_, device)| device.exists);
            returning.extend(names.map(|(name, _)| (person, name.clone())));
        }
        for (person, device) in returning {
            let number = self.connect(person, &device, Deliver::Ack).expect("room");
            self.register(number, true);
            self.settle();
            let link = &self.links[&number];
            let head = self.ledger.people[person].head;
            assert!(
                link.synced.is_some_and(|pos| pos <= head),
                "{device} is never synced"
            );
            self.cut(number);
            self.settle();
            self.sweep();
        }
        self.check_arrivals();
    }

    /// Both sides of each conversation, page after page.
    pub fn histories(&mut self) {
        if crate::reading::PAST {
            return;
        }
        for person in 0..self.ledger.people.len() {
            let number = self
                .connect(person, "default", Deliver::None)
                .expect("room");
            self.register(number, true);
            self.settle();
            for with in 0..self.ledger.people.len() {
                if with != person {
                    self.whole_history(number, with);
                }
            }
            self.cut(number);
            self.settle();
            self.sweep();
        }
        for (index, letter) in self.ledger.letters.iter().enumerate() {
            assert!(
                !letter.told || letter.seq.is_some(),
                "I1: letter {index} is lost"
            );
        }
    }

    fn whole_history(&mut self, number: u64, with: usize) {
        let me = self.links[&number].person;
        let last = self.ledger.talk(me, with).len() as u64;
        let (mut after, mut seen) = (0, 0);
        loop {
            let line = format!(
                "\"withUsername\":\"{}\",\"after\":{after},\"limit\":{PAGE}",
                self.ledger.people[with].name
            );
            self.pages.clear();
            let rows = Vec::new();
            self.write(
                number,
                "history",
                &line,
                Some(Asked::History { with, rows }),
            );
            self.settle();
            let pages = std::mem::take(&mut self.pages);
            let (rows, complete) = pages.into_iter().next_back().expect("an answer");
            for (from, to) in rows {
                assert_eq!(from, after + 1, "I3: history has no holes");
                after = to;
                seen = to;
            }
            if complete {
                break;
            }
        }
        assert_eq!(seen, last, "I1: the history of {me} with {with}");
    }
}
