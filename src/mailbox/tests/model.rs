//! Random sequences of sending, taking, opening, crashing and changing one's mind, against a plain reference that
//! remembers of every entry whether some device has taken it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PEOPLE: usize = 3;
/// Or as many as TEST_ROUNDS says.
const SEQUENCES: u64 = 150;
const STEPS: usize = 60;
const MAX_WAITING: u32 = 12;

/// What one entry of a log is.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    words: String,
    not_for: Option<String>,
    /// Of a message that came: who sent it, and its number.
    from: Option<(usize, u64)>,
    taken: bool,
}

#[derive(Clone, Default)]
struct Reference {
    logs: [Vec<Line>; PEOPLE],
    cursors: [BTreeMap<String, u64>; PEOPLE],
    /// Of two people, the lower first.
    last_seq: BTreeMap<(usize, usize), u64>,
    /// Who has written to whom.
    wrote: BTreeSet<(usize, usize)>,
    relations: BTreeMap<(usize, usize), (bool, bool)>,
    accept_from: [u32; PEOPLE],
    receipts_off: [bool; PEOPLE],
    /// Up to where a sender was told that somebody has taken its messages: (who took, who sent).
    told: BTreeMap<(usize, usize), u64>,
    /// By sender and messageId: to whom, what, and its number.
    known: BTreeMap<(usize, String), (usize, String, u64)>,
}

struct Names {
    ids: [AccountId; PEOPLE],
    shown: [String; PEOPLE],
}

/// Of Marsaglia's xorshift64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

impl Reference {
    fn knows(&self, owner: usize, peer: usize) -> bool {
        self.wrote.contains(&(owner, peer)) || self.relation(owner, peer).1
    }

    fn relation(&self, owner: usize, peer: usize) -> (bool, bool) {
        self.relations
            .get(&(owner, peer))
            .copied()
            .unwrap_or_default()
    }

    fn waiting(&self, owner: usize, peer: Option<usize>) -> u64 {
        let waits = |line: &&Line| {
            let of_peer = |(from, _)| peer.is_none_or(|peer| peer == from);
            !line.taken && line.from.is_some_and(of_peer)
        };
        self.logs[owner].iter().filter(waits).count() as u64
    }

    /// `Ok`: its number, and whether it is a duplicate.
    fn send(
        &mut self,
        names: &Names,
        (from, device): (usize, &str),
        to: usize,
        (text, id): (&str, Option<&str>),
    ) -> Result<(u64, bool), Code> {
        if let Some(id) = id
            && let Some((was_to, was, seq)) = self.known.get(&(from, id.to_string()))
        {
            let is_same = (*was_to, was.as_str()) == (to, text);
            return if is_same {
                Ok((*seq, true))
            } else {
                Err(Code::MessageIdReused)
            };
        }
        let (blocked, allowed) = self.relation(to, from);
        let known = from == to || self.knows(to, from);
        let accepts = match self.accept_from[to] {
            0 => true,
            1 => known,
            _ => from == to || allowed,
        };
        if !accepts {
            return Err(Code::NotAccepted);
        }
        let most = u64::from(if known { MAX_WAITING } else { MAX_WAITING / 4 });
        let is_full = self.waiting(to, None) >= u64::from(MAX_WAITING);
        if is_full || self.waiting(to, Some(from)) >= most {
            return Err(Code::MailboxFull);
        }
        let seq = self
            .last_seq
            .entry((from.min(to), from.max(to)))
            .or_default();
        *seq += 1;
        let seq = *seq;
        self.wrote.insert((from, to));
        if let Some(id) = id {
            self.known.insert((from, id.into()), (to, text.into(), seq));
        }
        if !blocked {
            self.add(
                to,
                format!("{} {seq}", names.shown[from]),
                None,
                Some((from, seq)),
            );
        }
        if from != to && self.cursors[from].keys().any(|other| other != device) {
            let words = format!("{}{} {seq}", names.shown[from], names.shown[to]);
            self.add(from, words, Some(device), None);
        }
        Ok((seq, false))
    }

    fn ack(&mut self, names: &Names, owner: usize, device: &str, pos: u64) {
        let pos = pos.min(self.logs[owner].len() as u64);
        let cursor = self.cursors[owner].get_mut(device).unwrap();
        let was = *cursor;
        if pos <= was {
            return;
        }
        *cursor = pos;
        let mut news = BTreeMap::<usize, Vec<u64>>::new();
        for line in &mut self.logs[owner][was as usize..pos as usize] {
            if let Some((from, seq)) = line.from.filter(|_| !line.taken) {
                news.entry(from).or_default().push(seq);
            }
            line.taken = true;
        }
        for (peer, new) in news {
            self.receipt(names, owner, peer, &new);
        }
    }

    fn receipt(&mut self, names: &Names, owner: usize, peer: usize, new: &[u64]) {
        // What came after all that was taken is not missing yet.
        let log = &self.logs[owner];
        let end = log
            .iter()
            .rposition(|line| line.taken)
            .map_or(0, |last| last + 1);
        let of_peer = |taken: bool| {
            let lines = log[..end].iter().filter(move |line| line.taken == taken);
            let from = lines.filter_map(|line| line.from);
            from.filter(|(from, _)| *from == peer).map(|(_, seq)| seq)
        };
        let up_to = match of_peer(false).min() {
            Some(missing) => new.iter().copied().filter(|seq| *seq < missing).max(),
            None => of_peer(true).max(),
        };
        let told = self.told.get(&(owner, peer)).copied().unwrap_or_default();
        let tells = owner != peer
            && self.knows(owner, peer)
            && !self.receipts_off[owner]
            && !self.relation(owner, peer).0
            && !self.relation(peer, owner).0;
        if let Some(up_to) = up_to.filter(|up_to| tells && *up_to > told) {
            self.told.insert((owner, peer), up_to);
            let earlier =
                of_peer(true).any(|seq| told < seq && seq <= up_to && !new.contains(&seq));
            let beyond = new.iter().max().is_none_or(|last| *last < up_to);
            let by = match earlier && (beyond || self.cursors[owner].len() > 1) {
                true => "transport",
                false => "client",
            };
            let words = format!("{} delivered {up_to} {by}", names.shown[owner]);
            self.add(peer, words, None, None);
        }
    }

    fn open(&mut self, names: &Names, owner: usize, device: &str, after: Option<u64>) {
        let is_new = !self.cursors[owner].contains_key(device);
        let is_first = self.cursors[owner].is_empty();
        if is_new && !is_first {
            self.add(owner, format!("new {device}"), Some(device), None);
        }
        let head = self.logs[owner].len() as u64;
        let begins = if is_first || after.is_some() { 0 } else { head };
        self.cursors[owner].entry(device.into()).or_insert(begins);
        if let Some(after) = after {
            self.ack(names, owner, device, after);
        }
    }

    fn add(
        &mut self,
        owner: usize,
        words: String,
        not_for: Option<&str>,
        from: Option<(usize, u64)>,
    ) {
        self.logs[owner].push(Line {
            words,
            not_for: not_for.map(str::to_string),
            from,
            taken: false,
        });
    }
}

fn people(house: &mut House, sequence: u64) -> Names {
    let shown: [String; PEOPLE] = std::array::from_fn(|n| format!("p{sequence}.{n}"));
    let ids = shown.each_ref().map(|name| {
        let looks = std::slice::from_ref(name);
        house.with(|t| t.add_account(name, name, looks, None, START_MS))
    });
    Names { ids, shown }
}

/// One step of both; what the reference says of the answer is checked here.
fn step(house: &mut House, reference: &mut Reference, names: &Names, chance: &mut Chance) {
    let who = chance.below(PEOPLE as u64) as usize;
    let peer = chance.below(PEOPLE as u64) as usize;
    let devices: Vec<String> = reference.cursors[who].keys().cloned().collect();
    let device = devices
        .get(chance.below(3) as usize)
        .or(devices.first())
        .cloned();
    let head = reference.logs[who].len() as u64;
    let id = names.ids[who];
    match (chance.below(20), device) {
        (0..9, Some(device)) => {
            let text = ["1", "2"][chance.below(2) as usize];
            let message_id = ["a", "b", "c"].get(chance.below(9) as usize).copied();
            let mut letter = letter(&names.shown[peer], text);
            letter.message_id = message_id.map(|id| id.as_bytes().into());
            let answer = house.ask(id, &device, Ask::Send(letter));
            let expected = reference.send(names, (who, &device), peer, (text, message_id));
            let found = match answer {
                Answer::Accepted(accepted) => Ok((accepted.seq, accepted.duplicate)),
                other => Err(code(&other).unwrap()),
            };
            assert_eq!(found, expected);
        }
        (9..14, Some(device)) => {
            let pos = chance.below(head + 2);
            house.ack(id, &device, pos);
            reference.ack(names, who, &device, pos);
        }
        (14..16, _) => {
            let device = ["d", "e", "f"][chance.below(3) as usize];
            let after = (chance.below(3) == 0).then(|| chance.below(head + 2));
            match after {
                Some(pos) => house.resume(id, device, pos),
                None => house.register(id, device),
            };
            reference.open(names, who, device, after);
        }
        (16, _) => {
            let (blocked, allowed) = (chance.below(2) == 0, chance.below(2) == 0);
            house.relate(id, names.ids[peer], blocked, allowed);
            reference.relations.insert((who, peer), (blocked, allowed));
        }
        (17, _) => settle(house, reference, (who, id), chance),
        _ => {}
    }
}

/// Whom somebody takes messages of, and whether they send receipts.
fn settle(
    house: &mut House,
    reference: &mut Reference,
    (who, id): (usize, AccountId),
    chance: &mut Chance,
) {
    let (accept_from, off) = (chance.below(6), chance.below(3) == 0);
    house.settings(id, |settings| {
        settings.accept_from = match accept_from {
            1 => AcceptFrom::Known,
            2 => AcceptFrom::Allowed,
            _ => AcceptFrom::Anyone,
        };
        settings.delivery_receipts = !off;
    });
    let accept_from = if accept_from > 2 {
        0
    } else {
        accept_from as u32
    };
    (reference.accept_from[who], reference.receipts_off[who]) = (accept_from, off);
}

/// Jobs of which nothing may stay: alone, or with the whole batch.
fn lose(house: &mut House, names: &Names, chance: &mut Chance) {
    let (who, peer) = (chance.below(3) as usize, chance.below(3) as usize);
    let now = Now::new(0, house.now_ms);
    let config = house.config.clone();
    let asks = [
        Ask::Send(known_letter(&names.shown[peer], "1", "lost")),
        Ask::Ack {
            pos: chance.below(20),
            by: Evidence::Client,
        },
    ];
    let whole = chance.below(2) == 0;
    let work = |t: &Tables<'_>| {
        for ask in asks {
            let mail = Mail {
                from: Sender {
                    device: None,
                    ..sender(names.ids[who], "")
                },
                reply: None,
                verb: Verb::PrivateMessage,
                ask,
            };
            Post::new(t, &config, &now).answer(&mail)?;
        }
        Err::<(), _>(Failed::other("lost"))
    };
    let lost = match whole {
        true => house.store.read(work),
        false => house.store.batch(|t| t.apart(|| work(t))),
    };
    assert!(lost.unwrap().is_err());
}

fn compare(house: &mut House, reference: &Reference, names: &Names) {
    for (who, id) in names.ids.into_iter().enumerate() {
        let (waiting, bytes) = house.waiting(id);
        let expected = reference.waiting(who, None);
        assert_eq!((waiting, bytes), (expected, expected));
        for (device, acked) in &reference.cursors[who] {
            let mut after = 0;
            let mut found = Vec::new();
            loop {
                let fetched = house.fetch(id, device, after);
                after = fetched.entries.last().map_or(after, |entry| entry.pos);
                found.extend(
                    fetched
                        .entries
                        .into_iter()
                        .map(|e| (e.pos, words(&e.event))),
                );
                if fetched.complete {
                    break;
                }
            }
            let lines = (1..).zip(&reference.logs[who]);
            let lines = lines.filter(|(_, line)| line.not_for.as_ref() != Some(device));
            let expected: Vec<_> = lines.map(|(pos, line)| (pos, line.words.clone())).collect();
            assert_eq!(found, expected);
            let cursor = house.with(|t| t.cursor(id, device)).unwrap().acked;
            let own = &reference.logs[who][*acked as usize..cursor as usize];
            assert!(own.iter().all(|line| line.not_for.as_ref() == Some(device)));
        }
    }
}

#[test]
fn random_sequences_agree_with_the_reference() {
    let mut house = House::new();
    house.config.max_waiting = MAX_WAITING;
    let rounds = std::env::var("TEST_ROUNDS").ok();
    let rounds = rounds.map_or(SEQUENCES, |rounds| rounds.parse().expect("a number"));
    for sequence in 0..rounds {
        let mut chance = Chance(0x9e37_79b9 + sequence);
        let names = people(&mut house, sequence);
        let mut reference = Reference::default();
        for who in 0..PEOPLE {
            house.register(names.ids[who], "d");
            reference.open(&names, who, "d", None);
        }
        for _ in 0..STEPS {
            step(&mut house, &mut reference, &names, &mut chance);
            match chance.below(20) {
                0 => lose(&mut house, &names, &mut chance),
                1 if sequence % 20 == 0 => house = house.restart(),
                2 => compare(&mut house, &reference, &names),
                _ => {}
            }
        }
        compare(&mut house, &reference, &names);
    }
}
