//! Where a device is in its mailbox: what was given out, what is dealt with, what the server knows of that.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;

use crate::client::frame::{Message, Registered};

/// A position, and the epoch in which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: u64,
    pub pos: u64,
}

/// `settled <= given <= taken`, and `acked <= settled`.
#[derive(Default)]
pub struct Positions {
    epoch: Option<u64>,
    /// The last that was made an event.
    taken: u64,
    /// The last whose event was given out.
    given: u64,
    /// The last that is dealt with.
    settled: u64,
    /// The last that this connection acknowledged.
    acked: u64,
    /// The last that this connection brought: no more may be acknowledged on it.
    here: u64,
    /// `settled` was told to whoever keeps it.
    kept: Option<u64>,
}

impl Positions {
    pub fn new(cursor: Option<Cursor>) -> Positions {
        let pos = cursor.map_or(0, |cursor| cursor.pos);
        Positions {
            epoch: cursor.map(|cursor| cursor.epoch),
            taken: pos,
            given: pos,
            settled: pos,
            kept: cursor.map(|cursor| cursor.pos),
            ..Positions::default()
        }
    }

    pub fn connected(&mut self) {
        self.here = 0;
        self.acked = 0;
    }

    /// For `register`: what is not dealt with yet is asked for again, as it would be lost with this process.
    pub fn after(&self) -> Option<Cursor> {
        let epoch = self.epoch?;
        let pos = self.settled;
        Some(Cursor { epoch, pos })
    }

    /// Whether the store is another one than it was, so that positions begin anew at the server's cursor.
    pub fn registered(&mut self, registered: &Registered) -> bool {
        let (Some(epoch), Some(acked)) = (registered.epoch, registered.acked_pos) else {
            return false;
        };
        let restored = self.epoch.is_some_and(|before| before != epoch);
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            (self.taken, self.given, self.settled) = (acked, acked, acked);
            self.kept = None;
        }
        // Whatever this device acknowledged, it has dealt with: what is kept here may be older, after a power cut.
        self.taken = self.taken.max(acked);
        self.given = self.given.max(acked);
        self.settled = self.settled.max(acked);
        self.acked = acked;
        self.here = self.here.max(acked);
        restored
    }

    /// An entry has come. `false`: it was taken already.
    pub fn take(&mut self, pos: u64) -> bool {
        self.here = self.here.max(pos);
        let is_new = pos > self.taken;
        self.taken = self.taken.max(pos);
        is_new
    }

    pub fn given(&mut self, pos: Option<u64>) {
        self.given = self.given.max(pos.unwrap_or(0));
    }

    pub fn settle(&mut self) -> Option<Cursor> {
        self.settled = self.given;
        let epoch = self.epoch?;
        let pos = self.settled;
        (self.kept.replace(pos) != Some(pos)).then_some(Cursor { epoch, pos })
    }

    /// What to acknowledge now.
    pub fn ack(&mut self) -> Option<u64> {
        let pos = self.settled.min(self.here);
        (pos > self.acked).then(|| {
            self.acked = pos;
            pos
        })
    }
}

/// Messages without a position that came with a `messageId`: in open mode a sender that lost its answer sends again.
/// Remembers the last [`MAX_SEEN`] of them, by a hash of sender, id and text, so that only the same line is one.
#[derive(Default)]
pub struct Seen {
    order: VecDeque<u64>,
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Seen {
    /// `false`: it came before.
    pub fn take(&mut self, message: &Message) -> bool {
        let Some(id) = &message.message_id else {
            return true;
        };
        let hash = self
            .hasher
            .hash_one((&message.from, id, message.body.json()));
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_SEEN {
            let oldest = self.order.pop_front();
            oldest.map(|hash| self.hashes.remove(&hash));
        }
        true
    }
}

const MAX_SEEN: usize = 4_096;
