//! Messages that were given to be sent and are not accepted yet: each is kept, in order, and sent again on every new
//! connection with the same `messageId`, until the server has answered for good. Bounded in number and bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{PrivateMessage, line};
use super::error::{Error, Kind};
use super::frame::Refusal;

#[derive(Default)]
pub struct Outbox {
    waiting: VecDeque<Entry>,
    bytes: usize,
    /// On this connection. As many more may be on their way: over one that dies soon, some get through.
    answered: usize,
}

/// One message.
pub struct Entry {
    pub id: u64,
    pub message_id: String,
    pub to: String,
    line: String,
    /// It is on its way on this connection.
    sent: bool,
    /// Refused for now: not before this, and how often that was so.
    not_before: Option<Instant>,
    tries: u32,
}

impl Outbox {
    /// Fails when too much waits already.
    pub fn put(
        &mut self,
        id: u64,
        message_id: String,
        to: &str,
        message: &Value,
        reply_to: Option<u64>,
    ) -> Result<(), Error> {
        let line = line(&WithId {
            message: PrivateMessage {
                kind_of_line: "privateMessage",
                to_username: to,
                message,
                message_id: &message_id,
                reply_to,
            },
            id,
        });
        if self.waiting.len() >= MAX_WAITING || self.bytes + line.len() > MAX_WAITING_BYTES {
            let what = "too many messages wait for their answers: this one was not taken";
            return Err(Error::new(Kind::Refused, what, ""));
        }
        self.bytes += line.len();
        self.waiting.push_back(Entry {
            id,
            message_id,
            to: to.into(),
            line,
            sent: false,
            not_before: None,
            tries: 0,
        });
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Appends what may go now to `out`, in order. What is longer than the server takes is given back.
    pub fn send(&mut self, out: &mut Vec<u8>, longest: usize, now: Instant) -> Vec<Entry> {
        let mut too_long = Vec::new();
        let most = self.answered.saturating_add(FIRST_SENT).min(MAX_SENT);
        let mut at = 0;
        while let Some(entry) = self.waiting.get_mut(at) {
            if at >= most || entry.not_before.is_some_and(|time| now < time) {
                break;
            }
            if !entry.sent && entry.line.len() > longest.saturating_add(1) {
                too_long.extend(self.remove(at));
                continue;
            }
            if !entry.sent {
                out.extend_from_slice(entry.line.as_bytes());
                entry.sent = true;
                entry.not_before = None;
            }
            at += 1;
        }
        too_long
    }

    /// When a message that was refused for now is due.
    pub fn due(&self) -> Option<Instant> {
        self.waiting.iter().find_map(|entry| entry.not_before)
    }

    /// The connection is gone: what was on its way has to go again.
    pub fn disconnected(&mut self) {
        self.answered = 0;
        for entry in &mut self.waiting {
            entry.sent = false;
            entry.not_before = None;
        }
    }

    /// It is answered for good.
    pub fn answered(&mut self, id: u64) -> Option<Entry> {
        let at = self.waiting.iter().position(|entry| entry.id == id)?;
        self.answered = self.answered.saturating_add(1);
        self.remove(at)
    }

    /// It is to be tried again. `None`: it is not here.
    pub fn delay(&mut self, id: u64, refusal: &Refusal, now: Instant) -> Option<&Entry> {
        let entry = self.waiting.iter_mut().find(|entry| entry.id == id)?;
        let own = FIRST_DELAY.saturating_mul(1 << entry.tries.min(10));
        let asked = Duration::from_millis(refusal.retry_after_ms.unwrap_or(0));
        entry.tries = entry.tries.saturating_add(1);
        entry.sent = false;
        entry.not_before = now.checked_add(own.max(asked).min(LONGEST_DELAY));
        Some(entry)
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.waiting.remove(at)?;
        self.bytes -= entry.line.len();
        Some(entry)
    }
}

/// Whether the same line may succeed later (protocol.md §9.5; `recipientBusy` in open mode).
pub fn is_passing(refusal: &Refusal) -> bool {
    let codes = [
        "storageFailed",
        "storageFull",
        "overloaded",
        "mailboxFull",
        "rateLimited",
        "recipientBusy",
    ];
    codes.contains(&refusal.code.as_str())
}

#[derive(serde::Serialize)]
struct WithId<'a> {
    #[serde(flatten)]
    message: PrivateMessage<'a>,
    id: u64,
}

const MAX_WAITING: usize = 1_024;
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// On their way at once: at first, and at most.
const FIRST_SENT: usize = 4;
const MAX_SENT: usize = 64;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
