//! Resume tokens: which of a device's are good, and what using one does to the others. Knows no storage.
//!
//! Each `register` issues a new one. The one before stays good until the new one is first used, so that a client
//! whose answer was lost can come back; after that it is spent, and whoever shows a spent one has an old copy.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a token: what is stored.
pub type Hash = [u8; 32];

/// Spent tokens of a device that are remembered as such.
pub const MAX_SPENT: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Issued last.
    pub current: Option<Hash>,
    /// What `current` was issued for, until `current` is used.
    pub previous: Option<Hash>,
    /// Good no more, the oldest first.
    pub spent: Vec<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Current,
    Previous,
    /// Its successor was used, or another was issued in its place.
    Replayed,
    Unknown,
}

impl Tokens {
    pub fn judge(&self, shown: &Hash) -> Verdict {
        if same(self.current.as_ref(), shown) {
            Verdict::Current
        } else if same(self.previous.as_ref(), shown) {
            Verdict::Previous
        } else if self.spent.iter().any(|spent| same(Some(spent), shown)) {
            Verdict::Replayed
        } else {
            Verdict::Unknown
        }
    }

    /// Issues `new` to whoever showed a good token, or proved the name otherwise.
    pub fn issue(&mut self, shown: Verdict, new: Hash) {
        let out = match shown {
            Verdict::Previous => self.current.replace(new),
            _ => {
                let last = self.current.replace(new);
                std::mem::replace(&mut self.previous, last)
            }
        };
        self.spend(out);
    }

    /// Only `current` stays good.
    pub fn spend_previous(&mut self) {
        let out = self.previous.take();
        self.spend(out);
    }

    fn spend(&mut self, out: Option<Hash>) {
        self.spent.extend(out);
        let surplus = self.spent.len().saturating_sub(MAX_SPENT);
        self.spent.drain(..surplus);
    }
}

/// A token that was never issued; `None` without randomness.
pub fn new_token() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    // Never issued: what stands for "no token".
    match u128::from_ne_bytes(bytes) {
        0 => None,
        token => Some(token),
    }
}

pub fn hash(token: u128) -> Hash {
    let mut hash = [0; 32];
    let digest = digest(&SHA256, &token.to_be_bytes());
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

/// Hashes tell nothing of the token, but a comparison that takes as long wherever they differ costs nothing.
fn same(stored: Option<&Hash>, shown: &Hash) -> bool {
    stored.is_some_and(|stored| {
        aws_lc_rs::constant_time::verify_slices_are_equal(stored, shown).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(tokens: &mut Tokens, shown: u128, new: u128) -> Verdict {
        let verdict = tokens.judge(&hash(shown));
        if matches!(verdict, Verdict::Current | Verdict::Previous) {
            tokens.issue(verdict, hash(new));
        }
        verdict
    }

    #[test]
    fn the_old_one_is_good_until_the_new_one_is_used() {
        let mut tokens = Tokens::default();
        tokens.issue(Verdict::Unknown, hash(1));
        assert_eq!(used(&mut tokens, 1, 2), Verdict::Current);
        // The answer with 2 was lost.
        assert_eq!(used(&mut tokens, 1, 3), Verdict::Previous);
        // 2 was never seen by its owner.
        assert_eq!(used(&mut tokens, 2, 9), Verdict::Replayed);
        assert_eq!(used(&mut tokens, 3, 4), Verdict::Current);
        assert_eq!(used(&mut tokens, 1, 9), Verdict::Replayed);
        assert_eq!(used(&mut tokens, 3, 5), Verdict::Previous);
        assert_eq!(used(&mut tokens, 7, 9), Verdict::Unknown);
    }

    #[test]
    fn at_most_two_are_good_and_eight_are_remembered() {
        let mut tokens = Tokens::default();
        for token in 1..=1_000 {
            tokens.issue(Verdict::Unknown, hash(token));
            let good = (1..=token).filter(|t| {
                matches!(
                    tokens.judge(&hash(*t)),
                    Verdict::Current | Verdict::Previous
                )
            });
            assert!(good.count() <= 2);
            assert!(tokens.spent.len() <= MAX_SPENT);
        }
        assert_eq!(tokens.judge(&hash(998)), Verdict::Replayed);
        assert_eq!(tokens.judge(&hash(991)), Verdict::Replayed);
        assert_eq!(tokens.judge(&hash(990)), Verdict::Unknown);
    }

    #[test]
    fn the_token_zero_matches_nothing() {
        assert_eq!(Tokens::default().judge(&hash(0)), Verdict::Unknown);
    }
}
