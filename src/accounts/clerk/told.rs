//! When the sessions of an account were last told of failed tries, so that they are told once a minute.

use std::collections::HashMap;

use super::super::AccountId;

/// Accounts that are remembered.
const MAX_TOLD: usize = 4_096;
const INTERVAL_MS: u64 = 60_000;

#[derive(Default)]
pub struct Told(HashMap<AccountId, (u64, u32)>);

impl Told {
    /// One more failed try; how many to tell of now, if it is time to. Without room for the account its
    /// sessions are not told: the count that the next `register` brings has it all the same.
    pub fn count(&mut self, account: AccountId, now_ms: u64) -> Option<u32> {
        if self.0.len() >= MAX_TOLD && !self.0.contains_key(&account) {
            self.0
                .retain(|_, (told_ms, count)| *count > 0 || now_ms < *told_ms + INTERVAL_MS);
            if self.0.len() >= MAX_TOLD {
                return None;
            }
        }
        let Some((told_ms, count)) = self.0.get_mut(&account) else {
            self.0.insert(account, (now_ms, 0));
            return Some(1);
        };
        *count = count.saturating_add(1);
        if now_ms < told_ms.saturating_add(INTERVAL_MS) {
            return None;
        }
        *told_ms = now_ms;
        Some(std::mem::take(count))
    }
}
