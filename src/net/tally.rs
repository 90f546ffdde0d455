//! What the loop counts: plain numbers, raised where the thing happens and read when somebody asks. Knows no figures'
//! names and no connection.

use crate::net::admit::Refused;
use crate::net::conn::CloseReason;
use crate::ops::metrics::Count;
use crate::wire::code::{Code, Goodbye};

pub struct Tally {
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// Ended because all queues together took too much.
    pub evicted_for_queues: u64,
    /// Ended because their place was needed before they registered.
    pub evicted_for_places: u64,
    pub panics: u64,
    pub lines_suppressed: u64,
    errors: [u64; Code::ALL.len()],
    /// By [`Goodbye`], then [`LOST`] and [`HANDSHAKE`].
    closed: [u64; Goodbye::ALL.len() + 2],
    refused: [u64; Refused::ALL.len()],
}

const LOST: usize = Goodbye::ALL.len();
const HANDSHAKE: usize = LOST + 1;

impl Default for Tally {
    fn default() -> Self {
        Tally {
            received_bytes: 0,
            sent_bytes: 0,
            evicted_for_queues: 0,
            evicted_for_places: 0,
            panics: 0,
            lines_suppressed: 0,
            errors: [0; Code::ALL.len()],
            closed: [0; Goodbye::ALL.len() + 2],
            refused: [0; Refused::ALL.len()],
        }
    }
}

impl Tally {
    #[cold]
    pub fn error(&mut self, code: Code) {
        raise(&mut self.errors, code as usize);
    }

    pub fn closed(&mut self, reason: CloseReason) {
        let at = match reason {
            CloseReason::Said(code) | CloseReason::Cut(code) => code as usize,
            CloseReason::Lost => LOST,
            CloseReason::Handshake => HANDSHAKE,
        };
        raise(&mut self.closed, at);
    }

    pub fn refused(&mut self, why: Refused) {
        raise(&mut self.refused, why as usize);
    }

    pub fn errors_by_code(&self) -> Vec<Count> {
        let words = Code::ALL.iter().map(|code| code.as_str());
        words.zip(self.errors).collect()
    }

    pub fn closed_by_reason(&self) -> Vec<Count> {
        let words = Goodbye::ALL.iter().map(|code| code.as_str());
        let words = words.chain(["lost", "tlsHandshake"]);
        words.zip(self.closed).collect()
    }

    pub fn refused_by_reason(&self) -> Vec<Count> {
        let words = Refused::ALL.iter().map(|why| why.word());
        words.zip(self.refused).collect()
    }
}

fn raise(counts: &mut [u64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count = count.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_own_count() {
        let mut tally = Tally::default();
        tally.error(Code::StorageFailed);
        tally.error(Code::InvalidJson);
        tally.error(Code::InvalidJson);
        for reason in [
            CloseReason::Said(Goodbye::Bye),
            CloseReason::Cut(Goodbye::Bye),
            CloseReason::Lost,
            CloseReason::Handshake,
        ] {
            tally.closed(reason);
        }
        tally.refused(Refused::NoDescriptors);
        let some = |counts: Vec<Count>| -> Vec<Count> {
            counts.into_iter().filter(|(_, count)| *count > 0).collect()
        };
        let errors = some(tally.errors_by_code());
        assert_eq!(errors, [("invalidJson", 2), ("storageFailed", 1)]);
        let closed = some(tally.closed_by_reason());
        assert_eq!(closed, [("bye", 2), ("lost", 1), ("tlsHandshake", 1)]);
        assert_eq!(some(tally.refused_by_reason()), [("descriptors", 1)]);
    }
}
