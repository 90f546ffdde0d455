//! Bytes as a schedule of several clients, held against the reference. Called by the fuzz target and by the replay of
//! its corpus.

use super::actions::schedule;
use super::choice::Choice;

/// More steps than this are not taken from one input.
const STEPS: usize = 500;

pub fn check(bytes: &[u8]) {
    schedule(&mut Choice::Bytes(bytes), STEPS);
}
