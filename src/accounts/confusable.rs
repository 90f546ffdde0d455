//! Names that look like others (UTS #39), and names that nobody may have. Knows no accounts.

use std::collections::HashSet;

use unicode_security::skeleton;

use crate::wire::name::{Name, RESERVED};

/// What a name looks like, one or two forms: as compared, and as shown, without regard to case in the end. Two names
/// can be taken for each other if they share one.
pub fn skeletons(name: &Name<'_>) -> Vec<String> {
    let key = name.key();
    let compared = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
    looks(name.as_str(), compared)
}

/// Names nobody may have: those of the grammar's list and more, and the operator's, with all that look like them.
#[derive(Clone, Debug, Default)]
pub struct Reserved {
    keys: HashSet<String>,
    skeletons: HashSet<String>,
}

impl Reserved {
    pub fn new(configured: &[String]) -> Self {
        let mut reserved = Reserved::default();
        let words = RESERVED
            .iter()
            .chain(ACCOUNTS_ONLY)
            .map(|word| (*word).to_string());
        for word in words.chain(configured.iter().cloned()) {
            let key = word.to_lowercase();
            reserved.skeletons.extend(looks(&word, &key));
            reserved.keys.insert(key);
        }
        reserved
    }

    pub fn has(&self, name: &Name<'_>) -> bool {
        let key = name.key();
        let key = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
        self.keys.contains(key)
            || looks(name.as_str(), key)
                .iter()
                .any(|look| self.skeletons.contains(look))
    }
}

/// Where names are kept for good, these are lost to whoever has a right to them.
const ACCOUNTS_ONLY: &[&str] = &["abuse", "hostmaster", "noc"];

/// `AIice` with a capital I is another name than `Alice`, and shown it looks the same.
fn looks(shown: &str, compared: &str) -> Vec<String> {
    let as_compared: String = skeleton(compared).collect();
    let as_shown: String = skeleton(shown).collect();
    let as_shown: String = skeleton(&as_shown.to_lowercase()).collect();
    match as_shown == as_compared {
        true => vec![as_compared],
        false => vec![as_compared, as_shown],
    }
}
