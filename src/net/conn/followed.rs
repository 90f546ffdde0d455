//! What others know of one connection and have to be told: answers that it awaits, and what became of its output.
//! Knows neither what was asked nor what was written.

use crate::net::conn::{Conn, Transport};

/// Why the next line waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// The answer to its last line is awaited.
    asked: bool,
    /// None is handled any more.
    ended: bool,
    /// Answers that are awaited while it goes on.
    posted: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Follow {
    /// Bytes that the transport took since the output is counted.
    taken: u64,
    /// Somebody waits until most of the output is written.
    hungry: bool,
}

/// What of a connection's output has arrived at the peer's system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// Everything up to there, as [`Conn::output_end`] counts.
    UpTo(u64),
    /// That cannot be told now.
    Unknown,
    /// The connection is lost, or never was followed: what was out may not have arrived.
    Lost,
}

impl<S: Transport> Conn<S> {
    /// One more answer is awaited; with `max` of them the next line waits.
    pub(in crate::net) fn posted(&mut self, max: u32) {
        let waits = &mut self.rare().waits;
        waits.posted = waits.posted.saturating_add(1);
        self.wait(max);
    }

    /// The answer to its last line is awaited.
    pub(in crate::net) fn asked(&mut self) {
        self.rare().waits.asked = true;
        self.pending = true;
    }

    /// One of the answers has come. Whether that lets the next line go on.
    pub(in crate::net) fn post_answered(&mut self, max: u32) -> bool {
        let waits = &mut self.rare().waits;
        waits.posted = waits.posted.saturating_sub(1);
        self.wait(max)
    }

    /// The same of what its last line asked.
    pub(in crate::net) fn ask_answered(&mut self, max: u32) -> bool {
        self.rare().waits.asked = false;
        self.wait(max)
    }

    /// No line is handled any more.
    pub(in crate::net) fn end_lines(&mut self) {
        self.rare().waits.ended = true;
        self.pending = true;
    }

    /// Answers that are awaited.
    pub(in crate::net) fn awaited(&self) -> u32 {
        let waits = self.rare.as_ref().map(|rare| rare.waits);
        waits.map_or(0, |waits| waits.posted + u32::from(waits.asked))
    }

    /// From here on its output is counted.
    pub(in crate::net) fn follow(&mut self) {
        self.rare().follow = Follow::default();
        self.followed = true;
        // A layer of its own counts from here on, too.
        self.broken |= self.stream.unacknowledged().is_err();
    }

    /// Where its output ends: bytes since it is counted.
    pub(in crate::net) fn output_end(&self) -> u64 {
        let follow = self.rare.as_ref().map(|rare| rare.follow);
        follow.unwrap_or_default().taken + self.backlog() as u64
    }

    /// The transport took `count` bytes of the output.
    #[cold]
    pub(super) fn count(&mut self, count: usize) {
        let follow = &mut self.rare().follow;
        follow.taken = follow.taken.saturating_add(count as u64);
    }

    pub(in crate::net) fn set_hungry(&mut self) {
        self.rare().follow.hungry = true;
    }

    /// Whether somebody has waited for the output to come down to `bytes`, which it has.
    pub(in crate::net) fn is_fed(&mut self, bytes: usize) -> bool {
        let backlog = self.backlog();
        let follow = self.rare.as_mut().map(|rare| &mut rare.follow);
        backlog <= bytes && follow.is_some_and(|follow| std::mem::take(&mut follow.hungry))
    }

    /// Asks the system.
    pub(in crate::net) fn arrived(&mut self) -> Arrived {
        if self.broken || !self.followed {
            return Arrived::Lost;
        }
        let taken = self.rare().follow.taken;
        match self.stream.unacknowledged() {
            Ok(Some(out)) => Arrived::UpTo(taken.saturating_sub(out)),
            Ok(None) => Arrived::Unknown,
            Err(_) => {
                self.broken = true;
                Arrived::Lost
            }
        }
    }

    /// Whether nothing is to be learned of its output any more.
    pub(in crate::net) fn all_arrived(&mut self) -> bool {
        match self.arrived() {
            Arrived::UpTo(end) => end >= self.output_end(),
            Arrived::Unknown => false,
            Arrived::Lost => true,
        }
    }

    fn wait(&mut self, max: u32) -> bool {
        let was = self.pending;
        let waits = self.rare().waits;
        self.pending = waits.asked || waits.ended || waits.posted >= max;
        was && !self.pending
    }
}
