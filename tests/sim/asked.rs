//! What the loop asks and keeps, after each turn.

use privmsgd::accounts::{Ask, Asker};
use privmsgd::mailbox;
use privmsgd::wire::code::Evidence;

use crate::world::World;

/// How long bytes must have lain with the peer's kernel.
const HELD_MS: u64 = 1_000;

impl World {
    /// I4, I5: what the loop asks is what its client has said or taken. Each job is looked at once, when it is new.
    pub fn check_asked(&mut self) {
        let counter = self.counter.clone();
        let mut counter = counter.borrow_mut();
        let seen = counter.seen.min(counter.waiting.len());
        for job in counter.waiting.iter().skip(seen) {
            let (Ask::Mail(mail), Asker::Conn(id)) = (&job.ask, job.asker) else {
                continue;
            };
            let link = self.serials.get(&id.serial);
            let link = link.and_then(|number| self.links.get(number));
            let Some(link) = link else {
                // What the desk had no room for is put again, its connection be gone by then or not.
                self.note_late(mail);
                continue;
            };
            assert_eq!(
                self.accounts[&mail.from.account], link.person,
                "I5: whose name it is"
            );
            if let Some(device) = &mail.from.device {
                assert_eq!(**device, *link.device, "I5: whose device it is");
            }
            let mailbox::Ask::Ack { pos, by } = mail.ask else {
                continue;
            };
            let device = self.ledger.device(link.person, &link.device);
            match by {
                Evidence::Client => {
                    assert!(pos <= link.ack_sent, "I4: no client acknowledged {pos}");
                    device.ack_sent = device.ack_sent.max(pos);
                }
                Evidence::Transport => {
                    let until = link.reset_at.unwrap_or(self.now);
                    // What the server knew before it could hear of a reset, it asks a turn later.
                    let seen = link.far.seen();
                    let in_order = link.fin && !seen.error && !seen.lost;
                    let held = |at: &u64| at + HELD_MS <= until || in_order;
                    let good = link.arrivals.get(&pos).is_some_and(held);
                    assert!(
                        good,
                        "I4: {pos} has not been with the peer's kernel for long enough"
                    );
                    device.transported = device.transported.max(pos);
                }
            }
        }
        counter.seen = counter.waiting.len();
    }

    /// Only what has arrived may come so late. What vouches for it is gone with its connection.
    fn note_late(&mut self, mail: &mailbox::Mail) {
        let mailbox::Ask::Ack { pos, by } = mail.ask else {
            panic!("B13: a question of nobody: {mail:?}")
        };
        let person = self.accounts[&mail.from.account];
        let name = mail.from.device.as_deref().expect("a device");
        let device = self.ledger.device(person, name);
        match by {
            Evidence::Client => device.ack_sent = device.ack_sent.max(pos),
            Evidence::Transport => device.transported = device.transported.max(pos),
        }
    }

    /// I7: what waits for anybody is bounded, and what is known of each connection agrees with itself.
    pub fn check_bounds(&self) {
        let limits = &self.engine.conns.limits;
        let most = self.engine.conns.len() * limits.queue_hard_bytes;
        assert!(self.engine.conns.queue_bytes() <= most.min(limits.total_queue_bytes));
        let ids: Vec<_> = self.engine.conns.ids().collect();
        for id in ids {
            assert!(
                self.engine.is_sound(id),
                "what is known of {id:?} does not agree"
            );
            let awaited = self.engine.conns.awaited(id);
            assert!(
                awaited <= limits.max_pending_commands + 1,
                "{awaited} commands wait"
            );
        }
        let counter = self.counter.borrow();
        assert!(counter.waiting.len() <= counter.room, "jobs are bounded");
    }
}
