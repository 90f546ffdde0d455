//! What a client was told and gave: kept outside the daemon, over all its ends, and compared with what is there.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::CLIENTS;
use super::random::Random;

/// One client's.
pub struct Ledger {
    pub number: usize,
    pub random: Random,
    /// In the order in which they were first sent.
    pub sent: Vec<Sent>,
    /// By sender and `seq`: a hash of the message.
    pub received: HashMap<(usize, u64), u64>,
    /// The last `seq` that came for the first time from each.
    pub last_seq: [u64; CLIENTS],
    pub last_pos: u64,
    pub doubled: usize,
    pub reordered: usize,
    /// What was received otherwise than it was received before.
    pub changed: usize,
}

pub struct Sent {
    pub to: usize,
    pub message: String,
    /// `seq`, once it was accepted.
    pub accepted: Option<u64>,
    /// It was refused: it must be nowhere.
    pub refused: bool,
}

/// A message of a conversation as its history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub from: usize,
    pub seq: u64,
    pub message_id: String,
    pub hash: u64,
}

/// The history of a conversation, as `number` sees it, by the other one.
pub type Histories = Vec<Vec<Kept>>;

#[derive(Debug, Default)]
pub struct Verdict {
    pub accepted: usize,
    pub unanswered: usize,
    pub received: usize,
    pub lost: usize,
    pub doubled: usize,
    pub reordered: usize,
    pub invented: usize,
    pub changed: usize,
    pub first: Option<String>,
}

impl Ledger {
    pub fn new(number: usize, seed: u64) -> Ledger {
        Ledger {
            number,
            random: Random(seed),
            sent: Vec::new(),
            received: HashMap::new(),
            last_seq: [0; CLIENTS],
            last_pos: 0,
            doubled: 0,
            reordered: 0,
            changed: 0,
        }
    }

    /// A new message to somebody else.
    pub fn compose(&mut self) -> usize {
        let others = (CLIENTS - 1) as u64;
        let to = (self.number + 1 + (self.random.next() % others) as usize) % CLIENTS;
        let length = (self.random.next() % 600) as usize;
        let index = self.sent.len();
        let filling = (self.random.next() % 26) as u8 + b'a';
        let filling = String::from(char::from(filling)).repeat(length);
        self.sent.push(Sent {
            to,
            message: format!("{} to {to}, {index}: {filling}", self.number),
            accepted: None,
            refused: false,
        });
        index
    }

    pub fn message_id(&self, index: usize) -> String {
        format!("{}-{index}", self.number)
    }

    /// Those without an answer, to be sent again.
    pub fn unanswered(&self) -> Vec<usize> {
        let open = |sent: &Sent| sent.accepted.is_none() && !sent.refused;
        let mut found: Vec<usize> =
            (self.sent.len().saturating_sub(256)..self.sent.len()).collect();
        found.retain(|&index| open(&self.sent[index]));
        found
    }

    /// A message has come from `from`.
    pub fn receive(&mut self, from: usize, seq: u64, hash: u64, redelivered: bool) {
        match self.received.insert((from, seq), hash) {
            None if seq <= self.last_seq[from] => self.reordered += 1,
            None => self.last_seq[from] = seq,
            Some(before) => {
                self.changed += usize::from(before != hash);
                self.doubled += usize::from(!redelivered);
            }
        }
    }
}

impl Verdict {
    /// Of another store.
    pub fn add(&mut self, other: Verdict) {
        self.accepted += other.accepted;
        self.unanswered += other.unanswered;
        self.received += other.received;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.invented += other.invented;
        self.changed += other.changed;
        self.first = self.first.take().or(other.first);
    }

    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.invented + self.changed == 0
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, {} received; {} lost, {} duplicated, {} reordered, {} invented, {} changed",
            self.accepted,
            self.received,
            self.lost,
            self.doubled,
            self.reordered,
            self.invented,
            self.changed
        )
    }
}

/// `histories`: of each client.
pub fn compare(ledgers: &[Ledger], histories: &[Histories]) -> Verdict {
    let mut verdict = Verdict::default();
    for ledger in ledgers {
        verdict.received += ledger.received.len();
        verdict.doubled += ledger.doubled;
        verdict.reordered += ledger.reordered;
        verdict.changed += ledger.changed;
        if ledger.doubled + ledger.reordered + ledger.changed > 0 {
            verdict.note(|| format!("client {} received wrongly", ledger.number));
        }
        sent_by(ledger, &histories[ledger.number], &mut verdict);
    }
    for (one, seen) in histories.iter().enumerate() {
        for (other, kept) in seen.iter().enumerate() {
            history(
                ledgers,
                (one, other),
                kept,
                &histories[other][one],
                &mut verdict,
            );
        }
    }
    verdict
}

/// Everything that was accepted is where it was said to be, in the order in which it was sent.
fn sent_by(ledger: &Ledger, histories: &Histories, verdict: &mut Verdict) {
    let mut last = [0; CLIENTS];
    let by_seq: Vec<HashMap<u64, &Kept>> = histories
        .iter()
        .map(|kept| kept.iter().map(|kept| (kept.seq, kept)).collect())
        .collect();
    for (index, sent) in ledger.sent.iter().enumerate() {
        let Some(seq) = sent.accepted else {
            verdict.unanswered += usize::from(!sent.refused);
            continue;
        };
        verdict.accepted += 1;
        let id = ledger.message_id(index);
        match by_seq[sent.to].get(&seq) {
            Some(kept) if kept.message_id == id && kept.from == ledger.number => {
                if kept.hash != hash(&sent.message) {
                    verdict.changed += 1;
                    verdict.note(|| format!("{id} has another text"));
                }
            }
            found => {
                verdict.lost += 1;
                verdict.note(|| format!("{id} was accepted as {seq}; there is {found:?}"));
            }
        }
        if seq <= last[sent.to] {
            verdict.reordered += 1;
            verdict.note(|| format!("{id} has {seq} after {}", last[sent.to]));
        }
        last[sent.to] = seq;
    }
}

/// A conversation is dense, both see the same, nothing is in it that nobody sent or that stands there twice, and
/// everything in it reached its recipient.
fn history(
    ledgers: &[Ledger],
    (one, other): (usize, usize),
    kept: &[Kept],
    seen_by_other: &[Kept],
    verdict: &mut Verdict,
) {
    if kept != seen_by_other {
        verdict.changed += 1;
        verdict.note(|| format!("{one} and {other} see different histories"));
    }
    let mut ids = HashSet::new();
    for (message, seq) in kept.iter().zip(1..) {
        let place = || format!("conversation {one}-{other}, {message:?}");
        if message.seq != seq {
            verdict.reordered += 1;
            verdict.note(|| format!("{}: {seq} wanted", place()));
        }
        if !ids.insert(&message.message_id) {
            verdict.doubled += 1;
            verdict.note(|| format!("{}: twice", place()));
        }
        let index = message
            .message_id
            .rsplit('-')
            .next()
            .and_then(|text| text.parse().ok());
        let sent = index.and_then(|index: usize| ledgers[message.from].sent.get(index));
        let to = if message.from == one { other } else { one };
        if !sent.is_some_and(|sent| {
            sent.to == to && hash(&sent.message) == message.hash && !sent.refused
        }) {
            verdict.invented += 1;
            verdict.note(|| format!("{}: nobody sent it", place()));
        }
        if message.from == other
            && ledgers[one].received.get(&(other, message.seq)) != Some(&message.hash)
        {
            verdict.lost += 1;
            verdict.note(|| format!("{}: did not reach {one}", place()));
        }
    }
}

/// FNV-1a.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
