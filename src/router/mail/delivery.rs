//! How far one session has come in its mailbox. Knows no table and no other session.

use std::collections::VecDeque;

use crate::mailbox::{FETCH_ENTRIES, Opening};
use crate::net::timers::NEVER;
use crate::planted;
use crate::router::mail::proof::Proof;
use crate::wire::code::Deliver;

/// Of one session that has a device. Positions: of its mailbox, as in `pos`.
#[derive(Debug)]
pub struct Delivery {
    pub(super) deliver: Deliver,
    window: usize,
    pub(super) phase: Phase,
    /// Everything up to there was sent, or is nothing for this device.
    pub(super) at: u64,
    /// The last entry there is.
    pub(super) head: u64,
    /// The highest that the client was told of on this connection: what it may acknowledge.
    pub(super) told: u64,
    /// The highest that is known to have arrived.
    pub(super) acked: u64,
    /// `synced` was said.
    pub(super) synced: bool,
    /// Sent and not known to have arrived.
    out: VecDeque<Sent>,
    /// Acknowledged by the client in this turn; 0: nothing.
    pub(super) ack: u64,
    /// The session ends once everything up to there is sent.
    pub(super) until: Option<u64>,
    pub(super) proof: Proof,
    /// When to try again to be read more, in monotonic ms.
    pub(super) retry_ms: u64,
    /// Its entry among those that have something to do.
    pub(super) wake_ms: u64,
}

/// `at <= head` always; `Live`: `at == head`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has everything: what comes is sent as it comes.
    Live,
    /// It lacks something, and waits for its window, its socket or the clock.
    Behind,
    /// It waits for its turn to be read more.
    Queued,
    /// It is being read more.
    Fetching,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    pos: u64,
    /// Where its frame ends in the connection's output.
    end: u64,
}

impl Delivery {
    pub(super) fn new(deliver: Deliver, window: u32, opening: &Opening) -> Self {
        Delivery {
            deliver,
            window: window as usize,
            phase: Phase::Behind,
            at: opening.from,
            head: opening.head.max(opening.from),
            told: opening.from,
            acked: opening.acked,
            synced: false,
            out: VecDeque::new(),
            ack: 0,
            until: None,
            proof: Proof::new(opening.acked),
            retry_ms: NEVER,
            wake_ms: NEVER,
        }
    }

    /// There is an entry at `pos`.
    pub(super) fn learn(&mut self, pos: u64) {
        self.head = self.head.max(pos);
    }

    /// The entry at `pos` was sent; its frame ends at `end`.
    pub(super) fn sent(&mut self, pos: u64, end: u64) {
        (self.at, self.told) = (self.at.max(pos), self.told.max(pos));
        let sent = Sent { pos, end };
        if self.out.len() >= self.window {
            // After the client's last line its window is of no use: what is out is counted together, by its end.
            self.out.pop_back();
        }
        self.out.push_back(sent);
    }

    /// The client says that everything up to `pos` has arrived.
    pub(super) fn arrived(&mut self, pos: u64) {
        self.acked = self.acked.max(pos);
        while self.out.pop_front_if(|sent| sent.pos <= pos).is_some() {}
        self.give_back();
    }

    /// The first `end` bytes of the output have arrived. Returns the last position among them, if one is new.
    pub(super) fn arrived_bytes(&mut self, end: u64) -> Option<u64> {
        let mut last = None;
        while let Some(sent) = self.out.pop_front_if(|sent| sent.end <= end) {
            last = Some(sent.pos);
        }
        self.give_back();
        last
    }

    /// An idle session keeps no room for a window.
    fn give_back(&mut self) {
        if self.out.is_empty() && self.out.capacity() > IDLE_ROOM {
            self.out = VecDeque::new();
        }
    }

    /// Entries that may be sent now.
    pub(super) fn window(&self) -> u32 {
        if self.until.is_some() || planted::is(planted::Fault::WindowIgnored) {
            return FETCH_ENTRIES;
        }
        let left = self.window.saturating_sub(self.out.len());
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    pub(super) fn is_out(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether something that was sent may yet be found to have arrived.
    pub(super) fn is_unproven(&self) -> bool {
        self.deliver == Deliver::Auto && (self.is_out() || self.proof.is_open())
    }

    pub(super) fn is_drained(&self) -> bool {
        self.until.is_some_and(|until| self.at >= until)
    }

    /// When it has something to do next, in monotonic ms.
    pub(super) fn due_ms(&self) -> u64 {
        self.retry_ms.min(self.proof.look_ms)
    }
}

/// Entries on their way for which an idle session keeps room.
const IDLE_ROOM: usize = 8;
