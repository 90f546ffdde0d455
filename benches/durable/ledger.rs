//! What one sender sent to its recipient, and the check of what became of it. Knows neither sockets nor protocols.

use std::collections::VecDeque;
use std::time::Instant;

use crate::Outcome;

/// Bytes of every message's text.
pub const TEXT_BYTES: usize = 100;
const FILLER: &[u8] = b"etaoin shrdlu cmfwyp vbgkjq xz";
const PAIR_DIGITS: usize = 6;
const NUMBER_DIGITS: usize = 10;

/// A message's text: who wrote it to whom, its number, and filler.
pub fn text(pair: u32, number: u64) -> [u8; TEXT_BYTES] {
    let mut text = [0; TEXT_BYTES];
    for (at, byte) in text.iter_mut().enumerate() {
        *byte = FILLER[at % FILLER.len()];
    }
    digits(u64::from(pair), &mut text[..PAIR_DIGITS]);
    text[PAIR_DIGITS] = b'-';
    digits(number, &mut text[PAIR_DIGITS + 1..][..NUMBER_DIGITS]);
    text[PAIR_DIGITS + 1 + NUMBER_DIGITS] = b' ';
    text
}

fn digits(mut value: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[derive(Default)]
pub struct Ledger {
    pub sent: u64,
    pub accepted: u64,
    pub arrived: u64,
    /// Of those that are not accepted.
    sent_at: VecDeque<Instant>,
}

impl Ledger {
    /// Notes the next message, and gives its number. `at`: when, if it will be accepted.
    pub fn send(&mut self, at: Option<Instant>) -> u64 {
        self.sent_at.extend(at);
        self.sent += 1;
        self.sent - 1
    }

    /// The next message was accepted; `told`: which one it was, if the server says. Returns how long it took in ns.
    pub fn accept(&mut self, told: Option<u64>, now: Instant) -> Outcome<u32> {
        if told.is_some_and(|told| told != self.accepted) {
            return Err(format!("accepted {told:?} instead of {}", self.accepted));
        }
        let sent_at = self.sent_at.pop_front().ok_or("accepted, but not sent")?;
        self.accepted += 1;
        let took = now.saturating_duration_since(sent_at).as_nanos();
        Ok(u32::try_from(took).unwrap_or(u32::MAX))
    }

    /// Every message, byte by byte, once, in the order in which it was sent.
    pub fn arrive(&mut self, pair: u32, arrived: &[u8]) -> Outcome<()> {
        if self.arrived == self.sent {
            return Err("a message that was not sent, or for the second time".into());
        }
        if arrived != text(pair, self.arrived) {
            let shown = arrived[..arrived.len().min(40)].escape_ascii();
            return Err(format!(
                "wrong text or order: {shown} instead of number {}",
                self.arrived
            ));
        }
        self.arrived += 1;
        Ok(())
    }
}
