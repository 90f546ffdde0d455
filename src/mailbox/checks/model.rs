//! A14: what two accounts see of each other's reading and receiving, against a model in the plainest words.

use super::*;

#[derive(Clone, Default)]
struct Person {
    sent: Vec<u64>,
    read: u64,
    shown_read: u64,
    delivered: u64,
    shown_delivered: u64,
    tells_read: bool,
    tells_delivered: bool,
    allows: bool,
    blocks: bool,
}

#[derive(Default)]
struct Model {
    people: [Person; 2],
    /// Sender, and whether it was blocked.
    messages: Vec<(usize, bool)>,
}

impl Model {
    fn may_tell(&self, who: usize) -> bool {
        let (me, other) = (&self.people[who], &self.people[1 - who]);
        (!me.sent.is_empty() || me.allows) && !me.blocks && !other.blocks
    }

    fn send(&mut self, who: usize) {
        self.messages.push((who, self.people[1 - who].blocks));
        self.people[who].sent.push(self.messages.len() as u64);
    }

    /// The up-to numbers of the receipt, if there is one.
    fn mark(&mut self, who: usize, seq: u64, private: bool, invisible: bool) -> Option<u64> {
        let seen = (1..=seq).rev().find(|seq| {
            let (from, blocked) = self.messages[*seq as usize - 1];
            from != who && !blocked
        });
        let tells = self.may_tell(who) && self.people[who].tells_read;
        let me = &mut self.people[who];
        me.read = me.read.max(seq);
        let upto = seen.filter(|upto| tells && !private && !invisible && *upto > me.shown_read);
        me.shown_read = upto.unwrap_or(me.shown_read);
        upto
    }

    /// Everything that came has arrived.
    fn take(&mut self, who: usize, invisible: bool) -> Option<u64> {
        let came = self.messages.iter().zip(1_u64..);
        let last = came
            .filter(|((from, blocked), _)| *from != who && !blocked)
            .last();
        let last = last.map_or(0, |(_, seq)| seq);
        let tells = self.may_tell(who) && self.people[who].tells_delivered && !invisible;
        let me = &mut self.people[who];
        let is_new = last > me.delivered;
        me.delivered = last.max(me.delivered);
        let upto = Some(last).filter(|upto| is_new && tells && *upto > me.shown_delivered);
        me.shown_delivered = upto.unwrap_or(me.shown_delivered);
        upto
    }

    fn unread(&self, who: usize) -> u64 {
        let read = self.people[who].read;
        let messages = self.messages.iter().zip(1_u64..);
        let unread =
            messages.filter(|((from, blocked), seq)| *from != who && !blocked && *seq > read);
        unread.count() as u64
    }
}

/// Of the two in one sequence.
type Names = [String; 2];

/// xorshift64*
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// The receipts of one stage among what was told.
fn receipts(house: &House, stage: Stage) -> Vec<(String, u64)> {
    let receipts = house.entries.iter().filter_map(|entry| match &entry.event {
        Event::Receipt {
            stage: found,
            up_to_seq,
            ..
        } if *found == stage => Some((entry.owner.as_str().into(), *up_to_seq)),
        _ => None,
    });
    receipts.collect()
}

fn expect(house: &House, stage: Stage, to: &str, upto: Option<u64>) {
    let expected: Vec<_> = upto.map(|upto| (to.to_owned(), upto)).into_iter().collect();
    assert_eq!(receipts(house, stage), expected);
}

fn step(house: &mut House, names: &Names, model: &mut Model, dice: &mut Dice) {
    let who = dice.roll(2) as usize;
    let (me, other) = (names[who].as_str(), names[1 - who].as_str());
    let last = model.messages.len() as u64;
    let from = Sender {
        invisible: dice.roll(8) == 0,
        ..sender(house.id(me), "d")
    };
    match dice.roll(12) {
        0..=2 => {
            model.send(who);
            assert_eq!(house.send(me, other, "x"), last + 1);
        }
        3..=6 => {
            let (seq, private) = (dice.roll(last + 3), dice.roll(5) == 0);
            let with = name(other);
            let invisible = from.invisible;
            let answer = house.ask_as(from, Ask::MarkRead { with, seq, private });
            if seq == 0 || seq > last {
                assert_eq!(code(&answer), Some(Code::NotFound));
                return;
            }
            assert_eq!(answer, Answer::Ok);
            let upto = model.mark(who, seq, private, invisible);
            expect(house, Stage::Read, other, upto);
        }
        7..=8 => {
            let pos = house.peek(me, "d", 0).last().map_or(0, |entry| entry.pos);
            let invisible = from.invisible;
            let by = Evidence::Client;
            assert_eq!(house.ask_as(from, Ask::Ack { pos, by }), Answer::Ok);
            let upto = model.take(who, invisible);
            expect(house, Stage::Delivered, other, upto);
        }
        9 => relate(house, (me, other), &mut model.people[who], dice),
        _ => {
            let person = &mut model.people[who];
            (person.tells_read, person.tells_delivered) = (dice.roll(3) > 0, dice.roll(3) > 0);
            let ask = Ask::Settings {
                accept_from: None,
                delivery_receipts: Some(person.tells_delivered),
                read_receipts: Some(person.tells_read),
            };
            assert!(matches!(house.ask(me, ask), Answer::Settings(_)));
        }
    }
}

fn relate(house: &mut House, (me, other): (&str, &str), person: &mut Person, dice: &mut Dice) {
    let relation = match dice.roll(4) {
        0 => Relation::Block,
        1 => Relation::Allow,
        2 => Relation::Disallow,
        _ => Relation::Unblock,
    };
    match relation {
        Relation::Block => person.blocks = true,
        Relation::Unblock => person.blocks = false,
        Relation::Allow => person.allows = true,
        Relation::Disallow => person.allows = false,
    }
    assert_eq!(house.relate(me, other, relation), Answer::Ok);
}

fn compare(house: &mut House, names: &Names, model: &Model) {
    for (who, user) in names.iter().enumerate() {
        let (me, other) = (&model.people[who], &model.people[1 - who]);
        let found = house.conversations(user);
        let Some(found) = found.first() else {
            let seen = model
                .messages
                .iter()
                .any(|(from, blocked)| *from == who || !blocked);
            assert!(!seen);
            continue;
        };
        assert_eq!((found.read_seq, found.unread), (me.read, model.unread(who)));
        let shown = (found.their_delivered_seq, found.their_read_seq);
        assert_eq!(shown, (other.shown_delivered, other.shown_read));
    }
}

#[cfg(not(feature = "long-tests"))]
const SEQUENCES: u64 = 1_000;
#[cfg(feature = "long-tests")]
const SEQUENCES: u64 = 100_000;
/// Of one sequence.
const STEPS: u64 = 40;
/// Sequences in one store, each between two accounts that are not used again.
const PER_STORE: u64 = 100;

/// Whatever is acknowledged, marked and chosen, in whatever order.
#[test]
fn a14_random_sequences_of_receipts_differ_nowhere_from_the_model() {
    let mut house = House::new(&[]);
    for seed in 1..=SEQUENCES {
        if seed % PER_STORE == 0 {
            house = House::new(&[]);
        }
        let names = [format!("alice{seed}"), format!("bob{seed}")];
        names.iter().for_each(|name| house.add(name));
        let (mut model, mut dice) = (Model::default(), Dice(seed));
        for person in &mut model.people {
            person.tells_delivered = true;
        }
        for _ in 0..STEPS {
            step(&mut house, &names, &mut model, &mut dice);
        }
        compare(&mut house, &names, &model);
    }
}
