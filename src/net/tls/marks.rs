//! Where in the ciphertext of a connection its plain text ends, so that what has arrived of the one says what has of the
//! other. Knows neither a socket nor a session.

use std::collections::VecDeque;

/// Ends that are remembered at most. Of more the last is moved on: what lies before it counts later, never too early.
const MAX_MARKS: usize = 32;

/// Counts from when it was made: what was out then arrives before everything else.
#[derive(Debug)]
pub(super) struct Marks {
    /// Ciphertext that the socket took.
    cipher: u64,
    /// Plain text that the caller was told of as written.
    plain: u64,
    /// Plain text of which all ciphertext has arrived.
    arrived: u64,
    /// (ciphertext, plain text) up to the ends of what was sealed.
    ends: VecDeque<(u64, u64)>,
}

impl Marks {
    /// `out` bytes are on their way, `unsent` bytes wait for the socket, and with them `owed` bytes of plain text.
    pub(super) fn new(out: u64, unsent: usize, owed: usize) -> Self {
        let mut marks = Marks {
            cipher: out,
            plain: 0,
            arrived: 0,
            ends: VecDeque::new(),
        };
        if out > 0 || unsent > 0 {
            // The plain text that is out and was told before: as if it were one byte that is still to be told.
            marks.plain = 1;
            marks.sealed(unsent, owed);
        }
        marks
    }

    /// The socket took `count` bytes.
    pub(super) fn sent(&mut self, count: usize) {
        self.cipher = self.cipher.saturating_add(count as u64);
    }

    /// The caller was told of `count` bytes.
    pub(super) fn told(&mut self, count: usize) {
        self.plain = self.plain.saturating_add(count as u64);
    }

    /// All that was sealed so far ends with the `unsent` bytes that the socket did not take; `owed` bytes of it the caller
    /// was not told of.
    pub(super) fn sealed(&mut self, unsent: usize, owed: usize) {
        let end = (
            self.cipher.saturating_add(unsent as u64),
            self.plain.saturating_add(owed as u64),
        );
        if self.ends.len() >= MAX_MARKS {
            self.ends.pop_back();
        }
        self.ends.push_back(end);
    }

    /// Plain text that the caller was told of and that has not arrived, with `out` bytes of ciphertext on their way.
    pub(super) fn unacknowledged(&mut self, out: u64) -> u64 {
        let arrived = self.cipher.saturating_sub(out);
        while let Some((_, plain)) = self.ends.pop_front_if(|(cipher, _)| *cipher <= arrived) {
            self.arrived = plain;
        }
        self.plain.saturating_sub(self.arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_arrives_with_the_last_byte_of_its_records() {
        let mut marks = Marks::new(0, 0, 0);
        marks.sent(100);
        marks.sealed(22, 100);
        marks.told(99);
        assert_eq!(marks.unacknowledged(0), 99);
        marks.sent(22);
        marks.told(1);
        assert_eq!(marks.unacknowledged(1), 100);
        assert_eq!(marks.unacknowledged(0), 0);
    }

    #[test]
    fn what_was_out_before_counts_as_out() {
        let mut marks = Marks::new(50, 0, 0);
        assert!(marks.unacknowledged(1) > 0);
        assert_eq!(marks.unacknowledged(0), 0);
        let mut waiting = Marks::new(0, 30, 10);
        assert!(waiting.unacknowledged(0) > 0);
        waiting.sent(30);
        waiting.told(10);
        assert_eq!(waiting.unacknowledged(0), 0);
    }

    #[test]
    fn forgotten_ends_count_later() {
        let mut marks = Marks::new(0, 0, 0);
        for _ in 0..10 * MAX_MARKS {
            marks.sent(10);
            marks.sealed(0, 1);
            marks.told(1);
        }
        let all = 10 * MAX_MARKS as u64;
        assert_eq!(marks.ends.len(), MAX_MARKS);
        assert!(marks.unacknowledged(10) >= 1);
        assert_eq!(marks.unacknowledged(0), 0);
        assert_eq!((marks.plain, marks.arrived), (all, all));
    }
}
