//! Hashes that were replaced by dearer ones of the same password: a password that was being checked against the old one
//! meanwhile is still the right one.

use std::collections::VecDeque;

use super::super::AccountId;

/// More than wait to be hashed, unless the configuration lets very many wait.
const MAX_RAISED: usize = 1_024;

#[derive(Default)]
pub struct Raised(VecDeque<(AccountId, String, String)>);

impl Raised {
    pub fn note(&mut self, account: AccountId, old: String, new: String) {
        self.0.truncate(MAX_RAISED - 1);
        self.0.push_front((account, old, new));
    }

    /// Whether `stored` is what `old` of this account became, and nothing that was set since.
    pub fn became(&self, account: AccountId, old: &str, stored: &str) -> bool {
        let mut raised = self.0.iter();
        raised.any(|(of, was, is)| *of == account && was == old && is == stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_it_became_is_the_same_and_few_are_remembered() {
        let mut raised = Raised::default();
        let (alice, bob) = (AccountId(1), AccountId(2));
        raised.note(alice, "old".into(), "new".into());
        assert!(raised.became(alice, "old", "new"));
        assert!(!raised.became(alice, "old", "set since"));
        assert!(!raised.became(alice, "older", "new"));
        assert!(!raised.became(bob, "old", "new"));
        (0..MAX_RAISED).for_each(|_| raised.note(bob, "o".into(), "n".into()));
        assert!(!raised.became(alice, "old", "new"));
        assert_eq!(raised.0.len(), MAX_RAISED);
    }
}
