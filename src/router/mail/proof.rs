//! What the transport knows of arrival, and since when: a reading counts once it has held for a second, for a connection
//! that is reset loses what the peer's system had taken and nobody had read. Knows no transport.

use std::collections::VecDeque;

use crate::net::timers::NEVER;

/// How long a reading must hold.
const HOLD_MS: u64 = 1_000;
/// Between two readings that are remembered.
const APART_MS: u64 = 100;
/// Between two looks at what is out: at first, and at most.
const FIRST_LOOK_MS: u64 = 20;
const LAST_LOOK_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Proof {
    /// (when, in monotonic ms; up to which position): at most `HOLD_MS / APART_MS` and one.
    readings: VecDeque<(u64, u64)>,
    /// By the last reading.
    newest: u64,
    /// What has held.
    proven: u64,
    /// The peer ended its side in order: what its system has taken will be read.
    pub(super) ended: bool,
    wait_ms: u64,
    /// When to look next.
    pub(super) look_ms: u64,
}

impl Proof {
    pub(super) fn new(acked: u64) -> Self {
        Proof {
            readings: VecDeque::new(),
            newest: acked,
            proven: acked,
            ended: false,
            wait_ms: FIRST_LOOK_MS,
            look_ms: NEVER,
        }
    }

    /// Something is out, and before it nothing was.
    pub(super) fn watch(&mut self, now_ms: u64) {
        self.wait_ms = FIRST_LOOK_MS;
        self.look_ms = self.look_ms.min(now_ms + FIRST_LOOK_MS);
    }

    /// A reading without an error; `arrived`: what is new by it. Returns up to where it is proven now, if that is new.
    pub(super) fn read(&mut self, arrived: Option<u64>, now_ms: u64) -> Option<u64> {
        if let Some(pos) = arrived {
            self.newest = self.newest.max(pos);
            self.wait_ms = FIRST_LOOK_MS;
        }
        let mut held = self.proven;
        while let Some((_, pos)) = self
            .readings
            .pop_front_if(|(when, _)| *when + HOLD_MS <= now_ms)
        {
            held = held.max(pos);
        }
        if self.ended {
            self.readings.clear();
            held = held.max(self.newest);
        } else {
            let (when, last) = self.readings.back().copied().unwrap_or((0, held));
            if self.newest > last && (self.readings.is_empty() || when + APART_MS <= now_ms) {
                self.readings.push_back((now_ms, self.newest));
            }
        }
        let is_new = held > self.proven;
        self.proven = held;
        is_new.then_some(held)
    }

    /// The client itself has said that everything up to `pos` has arrived.
    pub(super) fn said(&mut self, pos: u64) {
        self.proven = self.proven.max(pos);
        self.newest = self.newest.max(pos);
        while self
            .readings
            .pop_front_if(|(_, read)| *read <= pos)
            .is_some()
        {}
    }

    /// The connection is lost.
    pub(super) fn lost(&mut self) {
        self.readings.clear();
        self.newest = self.proven;
        self.look_ms = NEVER;
    }

    /// Says when to look next; `is_out`: something has not arrived yet.
    pub(super) fn plan(&mut self, is_out: bool, now_ms: u64) {
        let next_out = now_ms + self.wait_ms;
        self.wait_ms = (self.wait_ms * 2).min(LAST_LOOK_MS);
        let (first, last) = (self.readings.front(), self.readings.back());
        let ripe = first.map_or(NEVER, |(when, _)| when + HOLD_MS);
        let unread = last.filter(|(_, pos)| *pos < self.newest);
        let unread = unread.map_or(NEVER, |(when, _)| when + APART_MS);
        self.look_ms = ripe.min(unread).min(if is_out { next_out } else { NEVER });
    }

    /// Whether something has been read that has not held yet.
    pub(super) fn is_open(&self) -> bool {
        self.newest > self.proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_counts_after_a_second() {
        let mut proof = Proof::new(0);
        proof.watch(0);
        assert_eq!(proof.look_ms, 20);
        assert_eq!(proof.read(Some(5), 20), None);
        proof.plan(false, 20);
        assert_eq!(proof.look_ms, 1_020);
        assert_eq!(proof.read(None, 1_019), None);
        assert!(proof.is_open(), "it may yet hold");
        assert_eq!(proof.read(None, 1_020), Some(5));
        assert!(!proof.is_open());
        proof.plan(false, 1_020);
        assert_eq!(proof.look_ms, NEVER);
    }

    #[test]
    fn readings_of_a_steady_flow_are_few_and_none_counts_early() {
        let mut proof = Proof::new(0);
        for now in (0..5_000).step_by(10) {
            let proven = proof.read(Some(now + 1), now);
            assert!(proven.is_none_or(|pos| pos <= (now + 1).saturating_sub(1_000)));
            assert!(
                now < 1_200 || proof.proven + 1_200 >= now,
                "at {now}: {}",
                proof.proven
            );
            assert!(proof.readings.len() <= 12, "{}", proof.readings.len());
        }
    }

    #[test]
    fn an_orderly_end_counts_at_once_and_a_loss_never() {
        let mut proof = Proof::new(3);
        assert_eq!(proof.read(Some(5), 10), None);
        proof.ended = true;
        assert_eq!(proof.read(None, 11), Some(5));
        let mut lost = Proof::new(3);
        assert_eq!(lost.read(Some(5), 10), None);
        lost.lost();
        assert_eq!(lost.read(None, 2_000), None);
        assert!(!lost.is_open());
    }

    #[test]
    fn looks_become_rarer_while_nothing_arrives() {
        let (mut proof, mut now, mut looks) = (Proof::new(0), 0, 0);
        proof.watch(now);
        while proof.look_ms <= 10_000 {
            now = proof.look_ms;
            assert_eq!(proof.read(None, now), None);
            proof.plan(true, now);
            looks += 1;
        }
        assert!((10..20).contains(&looks), "{looks}");
    }
}
