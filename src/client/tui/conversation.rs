//! What was said with one name, in its order, and how far each of the two has got. Bounded. Knows neither keys nor the screen.

use std::collections::VecDeque;

use jiff::tz::TimeZone;

pub use super::message::{Body, Message, State};
use super::when;
use crate::client::Conversation as Listed;

/// What is kept of one conversation.
#[derive(Clone, Copy)]
pub struct Bound {
    pub messages: usize,
    pub bytes: usize,
}

/// Of the conversation on the screen; what is older than that is not loaded.
pub const SHOWN: Bound = Bound {
    messages: 5_000,
    bytes: 8_388_608,
};
/// Of each of the others.
pub const HIDDEN: Bound = Bound {
    messages: 500,
    bytes: 262_144,
};
/// What is shown of the way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is the other's, or a hole.
    None,
    Waiting,
    Accepted,
    Delivered,
    Read,
    Failed,
}

/// Where that begins which was new when the conversation was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// With this message, by its serial.
    From(u64),
    /// With the first of the other's after this number, once it is loaded.
    After(u64),
}

#[derive(Debug, Default)]
pub struct Conversation {
    /// Its own in this program.
    pub key: u64,
    /// As the server shows it.
    pub name: String,
    /// Ascending by `seq`, and what has none in the order in which it came; what waits is last.
    log: VecDeque<Message>,
    bytes: usize,
    /// Nothing is older than what is loaded.
    pub complete: bool,
    pub loading: bool,
    pub unread: u64,
    /// Up to where this side has read, and up to where `unread` was counted by the server.
    pub read_seq: u64,
    counted_seq: u64,
    /// Up to where the other side has it, and has read it.
    pub delivered: u64,
    pub read: u64,
    /// When it was last used, by the server's clock.
    pub activity: i64,
    /// `None`: not asked for.
    pub presence: Option<Presence>,
    pub watched: bool,
    /// Milliseconds of the monotonic clock: until when the other is said to be typing, and we have said so.
    pub typing_until: u64,
    pub told_typing_until: u64,
    pub fresh: Option<Fresh>,
    /// The gap that was asked for last, by the number after it.
    pub asked_gap: u64,
    pub draft: String,
    /// The lowest message that is shown, and how many of its rows are below the screen; `None`: the newest.
    pub scroll: Option<(u64, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub status: String,
    /// `None`: it is not known.
    pub since: Option<i64>,
}

impl Conversation {
    pub fn new(key: u64, name: &str) -> Self {
        let name = name.to_string();
        Conversation {
            key,
            name,
            ..Self::default()
        }
    }

    /// Puts a message where it belongs. One that is there already, by its `seq` or by the `messageId` of what was sent from
    /// here, is replaced; then `false`.
    pub fn add(&mut self, mut message: Message) -> bool {
        self.activity = self.activity.max(message.time.unwrap_or(0));
        let same = |kept: &&mut Message| {
            let by_seq = kept.seq.is_some() && kept.seq == message.seq;
            by_seq || (kept.mine && message.mine && kept.id.is_some() && kept.id == message.id)
        };
        let found = self.log.iter_mut().rev().find(same).map(|kept| kept.serial);
        let old = found.and_then(|serial| self.take(serial));
        if let Some(old) = &old {
            message.serial = old.serial;
            message.mine = old.mine;
            message.id = message.id.or_else(|| old.id.clone());
        }
        self.bytes += message.bytes();
        self.log.insert(self.place(&message), message);
        old.is_none()
    }

    /// Drops the oldest beyond `bound`, but nothing that waits to be sent.
    pub fn trim(&mut self, bound: Bound) {
        while self.log.len() > bound.messages || self.bytes > bound.bytes {
            let waits = |message: &Message| message.state == State::Waiting;
            let Some(at) = self.log.iter().position(|message| !waits(message)) else {
                return;
            };
            let gone = self.log.remove(at);
            self.bytes -= gone.map_or(0, |gone| gone.bytes());
            self.complete = false;
        }
    }

    /// Forgets what the server has said, but for what waits to be sent.
    pub fn start_over(&mut self) {
        self.log.retain(|message| message.state == State::Waiting);
        self.bytes = self.log.iter().map(Message::bytes).sum();
        self.complete = false;
        self.loading = false;
        self.unread = 0;
        self.read_seq = 0;
        self.counted_seq = 0;
        self.delivered = 0;
        self.read = 0;
        self.asked_gap = 0;
        self.scroll = None;
    }

    /// What a message's `accepted` says.
    pub fn accepted(&mut self, id: &str, seq: Option<u64>, time: &str, zone: &TimeZone) -> bool {
        let Some(serial) = self.serial_of(id) else {
            return false;
        };
        let Some(mut message) = self.take(serial) else {
            return false;
        };
        message.accept(seq, time, zone);
        self.add(message);
        true
    }

    /// Applies `to` to one message, which may change its length.
    pub fn with(&mut self, serial: u64, to: impl FnOnce(&mut Message)) -> bool {
        let Some(message) = self.log.iter_mut().find(|message| message.serial == serial) else {
            return false;
        };
        self.bytes -= message.bytes();
        to(message);
        self.bytes += message.bytes();
        true
    }

    /// Puts the line above what is new where it belongs, if what is before that is loaded.
    pub fn find_fresh(&mut self) {
        let Some(Fresh::After(seq)) = self.fresh.filter(|_| !self.loading) else {
            return;
        };
        let is_new = |message: &&Message| !message.mine && message.seq > Some(seq);
        let first = self.log.iter().find(is_new);
        self.fresh = first.map(|message| Fresh::From(message.serial));
    }

    /// What `conversations` said of it.
    pub fn listed(&mut self, listed: &Listed) {
        self.name.clone_from(&listed.with_username);
        // What was read here since it was asked is not unread again.
        if listed.read_seq >= self.read_seq {
            self.unread = listed.unread;
        }
        self.read_seq = self.read_seq.max(listed.read_seq);
        self.counted_seq = self.counted_seq.max(listed.last_seq);
        self.delivered = self.delivered.max(listed.their_delivered_seq);
        self.read = self.read.max(listed.their_read_seq);
        let time = when::moment(&listed.last_time).unwrap_or(0);
        self.activity = self.activity.max(time);
    }

    /// A message of the other's came that nobody has seen.
    pub fn count_unread(&mut self, seq: Option<u64>) {
        if seq.is_none_or(|seq| seq > self.counted_seq.max(self.read_seq)) {
            self.unread = self.unread.saturating_add(1);
        }
    }

    /// Everything up to `seq` was read on another device.
    pub fn read_elsewhere(&mut self, seq: u64) {
        self.read_seq = self.read_seq.max(seq);
        let is_new = |message: &&Message| !message.mine && message.seq > Some(self.read_seq);
        let loaded = self.log.iter().filter(is_new).count() as u64;
        self.unread = self.unread.min(loaded);
    }

    pub fn log(&self) -> &VecDeque<Message> {
        &self.log
    }

    pub fn get(&self, serial: u64) -> Option<&Message> {
        self.log.iter().find(|message| message.serial == serial)
    }

    pub fn serial_of(&self, id: &str) -> Option<u64> {
        let is = |message: &&Message| message.mine && message.id.as_deref() == Some(id);
        self.log.iter().rev().find(is).map(|found| found.serial)
    }

    pub fn at_seq(&self, seq: u64) -> Option<&Message> {
        self.log.iter().rev().find(|found| found.seq == Some(seq))
    }

    /// The last number of the other's that is loaded.
    pub fn last_of_theirs(&self) -> Option<u64> {
        let theirs = self.log.iter().filter(|message| !message.mine);
        theirs.filter_map(|message| message.seq).next_back()
    }

    pub fn first_seq(&self) -> Option<u64> {
        self.log.iter().find_map(|message| message.seq)
    }

    /// The number after a place where some are missing, which are neither messages nor stated holes.
    pub fn gap(&self) -> Option<u64> {
        let mut next = None;
        for message in &self.log {
            let Some(seq) = message.seq else { continue };
            if next.is_some_and(|next| seq > next) {
                return Some(seq);
            }
            let last = match message.body {
                Body::Hole {
                    to_seq: Some(to), ..
                } => to.max(seq),
                _ => seq,
            };
            next = last.checked_add(1);
        }
        None
    }

    /// As much is loaded as may be.
    pub fn is_full(&self) -> bool {
        self.log.len() >= SHOWN.messages || self.bytes >= SHOWN.bytes
    }

    pub fn waiting(&self) -> usize {
        let waits = |message: &&Message| message.state == State::Waiting;
        self.log.iter().filter(waits).count()
    }

    pub fn mark(&self, message: &Message) -> Mark {
        let is_hole = matches!(message.body, Body::Hole { .. });
        match (&message.state, message.seq) {
            _ if !message.mine || is_hole => Mark::None,
            (State::Waiting, _) => Mark::Waiting,
            (State::Failed(_), _) => Mark::Failed,
            (State::Accepted, Some(seq)) if seq <= self.read => Mark::Read,
            (State::Accepted, Some(seq)) if seq <= self.delivered => Mark::Delivered,
            (State::Accepted, _) => Mark::Accepted,
        }
    }

    /// Of a message that is to be here no more.
    pub fn take(&mut self, serial: u64) -> Option<Message> {
        let at = self
            .log
            .iter()
            .position(|message| message.serial == serial)?;
        let message = self.log.remove(at)?;
        self.bytes -= message.bytes();
        Some(message)
    }

    /// Before the first with a higher number; else behind everything that does not wait.
    fn place(&self, message: &Message) -> usize {
        if message.state == State::Waiting {
            return self.log.len();
        }
        let is_later = |kept: &Message| match (kept.seq, message.seq) {
            (Some(kept), Some(seq)) => kept > seq,
            _ => kept.state == State::Waiting,
        };
        let before = self
            .log
            .iter()
            .rev()
            .take_while(|kept| kept.state == State::Waiting);
        let end = self.log.len() - before.count();
        self.log.iter().take(end).position(is_later).unwrap_or(end)
    }
}

#[cfg(test)]
mod tests;
