//! One run, from its seed to its end.

use crate::ledger::What;
use crate::world::{World, Wrong};

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub hash: u64,
    pub lines: u64,
    pub accepted: u64,
    pub duplicates: u64,
    pub receipts: u64,
    pub crashes: u64,
    pub reused: u64,
}

impl Sum {
    pub fn add(&mut self, other: &Sum) {
        self.hash ^= other.hash;
        self.lines += other.lines;
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.receipts += other.receipts;
        self.crashes += other.crashes;
        self.reused += other.reused;
    }
}

const STEPS: usize = 700;
/// Rounds of 25 ms without anything until all is at rest: longer than the loop waits before it tries again.
const QUIET: u32 = 12;

pub fn run(world: &mut World) -> Sum {
    for _ in 0..STEPS {
        step(world);
    }
    world.finish();
    Sum {
        hash: world.trace.hash(),
        lines: world.lines,
        accepted: world.ledger.accepted,
        duplicates: world.ledger.duplicates,
        receipts: world.ledger.receipts,
        crashes: world.crashes,
        reused: world.reused,
    }
}

fn step(world: &mut World) {
    match world.choice.below(100) {
        0..=9 if world.churn => world.come_and_go(),
        0..=34 => world.act(),
        35..=52 => carry(world),
        53..=69 => world.turn(),
        70..=79 => {
            let count = some(world);
            world.commit(count);
        }
        80..=89 => {
            let count = some(world);
            world.release(count);
        }
        90..=97 => {
            let ms = [1, 7, 40, 300, 1_100, 4_000][world.choice.below(6)];
            world.advance(ms);
        }
        98 if world.choice.once_in(2) => {
            let power = world.choice.once_in(2);
            world.crash(power);
        }
        99 if world.choice.once_in(8) => world.restart(),
        _ => world.sweep(),
    }
    if world.wrong == Wrong::EarlyAnswers && world.choice.once_in(20) {
        world.sync();
    }
}

fn some(world: &mut World) -> usize {
    match world.choice.below(4) {
        0 => world.choice.below(4),
        _ => usize::MAX,
    }
}

/// Bytes move on some of the wires, and some clients read.
fn carry(world: &mut World) {
    for number in world.links.keys().copied().collect::<Vec<_>>() {
        match world.choice.below(4) {
            0 => {}
            1 => {
                let max = 1 + world.choice.below(60);
                world.carry(number, max);
            }
            _ => world.carry(number, usize::MAX),
        }
        if world.choice.once_in(30) {
            world.blur(number);
        }
        if !world.choice.once_in(4) {
            world.read(number, usize::MAX);
        }
    }
}

impl World {
    /// Bytes of one connection move, both ways.
    pub fn carry(&mut self, number: u64, max: usize) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        link.carry_up(max);
        let arrived = link.carry_down(max, now);
        let (person, device) = (link.person, link.device.clone());
        self.ledger.device(person, &device).arrived.extend(arrived);
    }

    /// What the server's kernel can tell of what has arrived: less than there is, or nothing.
    fn blur(&mut self, number: u64) {
        let (bytes, obscure) = (self.choice.below(400) as u64, self.choice.once_in(4));
        let link = &self.links[&number];
        link.far.withhold(bytes);
        link.far.obscure(obscure);
    }

    /// Forgets the connections of which nothing more will come.
    pub fn sweep(&mut self) {
        self.links.retain(|_, link| {
            let gone = link.is_orphan || link.far.seen().gone;
            !(link.is_over && gone)
        });
    }

    /// Everything moves until nothing is left to be moved.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..400 {
            let before = (self.lines, self.counter.borrow().waiting.len());
            let mut waits = false;
            for number in self.links.keys().copied().collect::<Vec<_>>() {
                self.carry(number, usize::MAX);
                self.read(number, usize::MAX);
                waits |= !self.links[&number].is_idle();
            }
            self.turn();
            let busy = !self.counter.borrow().waiting.is_empty()
                || !self.counter.borrow().answered.is_empty();
            self.commit(usize::MAX);
            self.release(usize::MAX);
            self.advance(25);
            match !busy && !waits && before == (self.lines, 0) {
                true if quiet == QUIET => return,
                true => quiet += 1,
                false => quiet = 0,
            }
        }
        panic!("it does not come to rest");
    }

    /// Wires and readers work again; everything owed is given; then everybody leaves, comes back and compares.
    pub fn finish(&mut self) {
        self.say(format_args!("finish"));
        for link in self.links.values_mut() {
            (link.is_partitioned, link.is_stalled) = (false, false);
            link.far.withhold(0);
            link.far.obscure(false);
        }
        self.drain_windows();
        let links = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_orphan && link.reset_at.is_none());
        for (number, link) in links {
            let was_ended = link.goodbye.is_some() || (link.is_over && link.was_slow);
            let nothing = was_ended || link.asked.is_empty();
            assert!(
                nothing,
                "I8: #{number} is owed {:?}, {:?}",
                link.asked,
                link.far.seen()
            );
        }
        for number in self.links.keys().copied().collect::<Vec<_>>() {
            if self.links[&number].can_write() {
                self.end(number);
            }
        }
        for _ in 0..6 {
            self.settle();
            self.advance(5_000);
        }
        self.settle();
        for (number, link) in &self.links {
            assert!(link.is_over, "#{number} never ends");
        }
        self.sweep();
        assert_eq!(self.engine.population(), (0, 0));
        self.everybody_returns();
        self.histories();
    }

    /// Clients acknowledge until they have everything.
    fn drain_windows(&mut self) {
        for _ in 0..300 {
            self.settle();
            let mut any = false;
            for number in self.links.keys().copied().collect::<Vec<_>>() {
                let link = &self.links[&number];
                if link.can_write() && link.is_registered && !link.unacked.is_empty() {
                    any |= link.deliver == privmsgd::wire::code::Deliver::Ack;
                    self.ack(number);
                }
            }
            if !any {
                self.settle();
                return;
            }
        }
        panic!("the windows never drain");
    }

    /// Every entry of a log from where a device began has arrived there.
    pub fn check_arrivals(&self) {
        for (person, known) in self.ledger.people.iter().enumerate() {
            for (name, device) in &known.devices {
                let Some(began) = device.began else { continue };
                for (pos, logged) in known.log.range(began + 1..) {
                    let due = self.ledger.is_due(person, name, logged);
                    let came =
                        device.arrived.contains(pos) || matches!(logged.what, What::Changed(_));
                    assert!(
                        !due || came,
                        "I1: {}/{name} never got {pos}: {:?}",
                        known.name,
                        logged.what
                    );
                }
            }
        }
    }
}
