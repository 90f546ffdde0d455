//! Who has tried too often to prove a name. Knows no clock and no store.
//!
//! A try is paid for before it is made, so that a thousand at once are as many as a thousand in a row. An account's
//! allowance is for what can be guessed, passwords: whoever uses it up for somebody keeps nobody out who has a
//! resume token, a key or a token. An address's allowance is for all tries that fail.

use std::collections::HashMap;
use std::hash::Hash;

use super::{AccountId, Origin};
use crate::config::AccountsConfig;
use crate::wire::name::Key;

/// Accounts and addresses that are remembered, each.
pub const MAX_REMEMBERED: usize = 65_536;

#[derive(Debug, Default)]
pub struct Throttle {
    passwords: Buckets<Key>,
    origins: Buckets<Origin>,
    changes: Buckets<AccountId>,
}

/// How many, how fast, how long.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// One try becomes free after each.
    interval_ms: u64,
    max_penalty_ms: u64,
}

impl Rate {
    fn of(config: &AccountsConfig) -> Self {
        Rate {
            interval_ms: (MINUTE_MS / u64::from(config.tries_per_minute.max(1))).max(1),
            max_penalty_ms: config.max_penalty_ms,
        }
    }
}

impl Throttle {
    /// Takes one try from `origin`, and from the account `name` if a password is tried. Else: how long to wait.
    pub fn take(
        &mut self,
        password_for: Option<Key>,
        origin: Origin,
        config: &AccountsConfig,
        now_ms: u64,
    ) -> Result<(), u64> {
        let rate = Rate::of(config);
        if origin != Origin::Local {
            // When the table is full others are not remembered: the accounts' allowances still hold.
            self.origins.take(origin, rate, now_ms, Full::LetPass)?;
        }
        let Some(name) = password_for else {
            return Ok(());
        };
        let taken = self.passwords.take(name, rate, now_ms, Full::Refuse);
        if taken.is_err() {
            self.origins.give_back(&origin, rate);
        }
        taken
    }

    /// The outcome of a password that was taken comes later, with [`Throttle::decided`].
    pub fn undecided(&mut self, name: &Key, origin: Origin) {
        self.count(name, origin, |undecided| undecided.saturating_add(1));
    }

    /// Before it is said how.
    pub fn decided(&mut self, name: &Key, origin: Origin) {
        self.count(name, origin, |undecided| undecided.saturating_sub(1));
    }

    fn count(&mut self, name: &Key, origin: Origin, count: fn(u32) -> u32) {
        if let Some(bucket) = self.passwords.of.get_mut(name) {
            bucket.undecided = count(bucket.undecided);
        }
        if let Some(bucket) = self.origins.of.get_mut(&origin) {
            bucket.undecided = count(bucket.undecided);
        }
    }

    /// The try was not made.
    pub fn give_back(
        &mut self,
        password_for: Option<Key>,
        origin: Origin,
        config: &AccountsConfig,
    ) {
        let rate = Rate::of(config);
        self.origins.give_back(&origin, rate);
        if let Some(name) = password_for {
            self.passwords.give_back(&name, rate);
        }
    }

    /// The try succeeded. The account's allowance is whole again; the address gets back this try only, so that an
    /// account of one's own pays for no tries at others'.
    pub fn succeeded(
        &mut self,
        password_for: Option<Key>,
        origin: Origin,
        config: &AccountsConfig,
    ) {
        self.origins.give_back(&origin, Rate::of(config));
        if let Some(name) = password_for {
            self.passwords.clear(&name);
        }
    }

    /// Takes one change of its own password from an account.
    pub fn take_change(
        &mut self,
        account: AccountId,
        config: &AccountsConfig,
        now_ms: u64,
    ) -> Result<(), u64> {
        let rate = Rate::of(config);
        self.changes.take(account, rate, now_ms, Full::Refuse)
    }
}

/// What happens to a new key when there is no room for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    LetPass,
    Refuse,
}

#[derive(Debug)]
struct Buckets<K> {
    of: HashMap<K, Bucket>,
    swept_ms: u64,
}

/// Times: monotonic milliseconds.
#[derive(Debug, Default)]
struct Bucket {
    /// When all tries are free again.
    free_ms: u64,
    /// Until then nothing is taken; trying meanwhile does not lengthen it.
    shut_ms: u64,
    /// How often it was shut; each time is twice as long.
    times_shut: u32,
    /// Tries that were taken and may yet succeed.
    undecided: u32,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Buckets {
            of: HashMap::new(),
            swept_ms: 0,
        }
    }
}

impl<K: Hash + Eq> Buckets<K> {
    fn take(&mut self, key: K, rate: Rate, now_ms: u64, full: Full) -> Result<(), u64> {
        if !self.of.contains_key(&key) && !self.has_room(rate, now_ms) {
            return match full {
                Full::LetPass => Ok(()),
                Full::Refuse => Err(SWEEP_MS),
            };
        }
        self.of.entry(key).or_default().take(rate, now_ms)
    }

    fn give_back(&mut self, key: &K, rate: Rate) {
        if let Some(bucket) = self.of.get_mut(key) {
            bucket.free_ms = bucket.free_ms.saturating_sub(rate.interval_ms);
        }
    }

    /// As if nothing had been tried, but for what is undecided.
    fn clear(&mut self, key: &K) {
        if let Some(bucket) = self.of.get_mut(key) {
            bucket.clear();
            if bucket.undecided == 0 {
                self.of.remove(key);
            }
        }
    }

    /// Only what is as good as forgotten makes room: nobody gets new tries by crowding out what is remembered.
    fn has_room(&mut self, rate: Rate, now_ms: u64) -> bool {
        if self.of.len() >= MAX_REMEMBERED && now_ms >= self.swept_ms.saturating_add(SWEEP_MS) {
            self.swept_ms = now_ms;
            self.of
                .retain(|_, bucket| !bucket.is_forgotten(rate, now_ms));
        }
        self.of.len() < MAX_REMEMBERED
    }
}

impl Bucket {
    fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), u64> {
        if now_ms < self.shut_ms {
            return Err(self.shut_ms - now_ms);
        }
        if self.is_forgotten(rate, now_ms) {
            self.clear();
        }
        let free_ms = self.free_ms.max(now_ms).saturating_add(rate.interval_ms);
        let early_ms = free_ms.saturating_sub(now_ms).saturating_sub(MINUTE_MS);
        if early_ms == 0 {
            self.free_ms = free_ms;
            return Ok(());
        }
        let held_ms = rate.interval_ms.saturating_mul(u64::from(self.undecided));
        if early_ms <= held_ms {
            // There is room if those succeed: nobody is punished for coming while they are looked at.
            return Err(early_ms.min(UNDECIDED_MS));
        }
        let doubled = 1_u64.checked_shl(self.times_shut).unwrap_or(u64::MAX);
        let penalty_ms = rate.interval_ms.saturating_mul(doubled);
        let wait_ms = penalty_ms.min(rate.max_penalty_ms).max(early_ms);
        self.times_shut = self.times_shut.saturating_add(1);
        self.shut_ms = now_ms.saturating_add(wait_ms);
        Err(wait_ms)
    }

    fn clear(&mut self) {
        (self.free_ms, self.shut_ms, self.times_shut) = (0, 0, 0);
    }

    /// As long after its end as a penalty may last.
    fn is_forgotten(&self, rate: Rate, now_ms: u64) -> bool {
        let kept_ms = match self.times_shut {
            0 => 0,
            _ => rate.max_penalty_ms,
        };
        let end_ms = self.free_ms.max(self.shut_ms);
        now_ms >= end_ms.saturating_add(kept_ms)
    }
}

const MINUTE_MS: u64 = 60_000;
/// How long to wait for what is undecided.
const UNDECIDED_MS: u64 = 1_000;
/// At most so often a full table is looked through.
const SWEEP_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::Name;

    fn name(text: &str) -> Option<Key> {
        Some(Name::parse(text).unwrap().key())
    }

    const CONFIG: fn() -> AccountsConfig = AccountsConfig::default;

    /// E11.
    #[test]
    fn five_a_minute_then_penalties_that_double_up_to_ten_minutes() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        let mut now = 1_000;
        let mut waits = Vec::new();
        let mut tries = 0;
        for _ in 0..200 {
            match throttle.take(name("alice"), Origin::Local, &config, now) {
                Ok(()) => tries += 1,
                Err(wait) => {
                    waits.push(wait);
                    let within = throttle.take(name("alice"), Origin::Local, &config, now + 1);
                    assert_eq!(within, Err(wait - 1), "trying meanwhile changes nothing");
                    now += wait;
                }
            }
        }
        assert_eq!(waits[..4], [12_000, 24_000, 48_000, 96_000]);
        assert_eq!(waits.last(), Some(&600_000));
        assert!(waits.iter().all(|wait| *wait <= 600_000));
        // Five in ten minutes, and what the first, shorter penalties left.
        let bound = 30 + now * 5 / 600_000;
        assert!(tries <= bound, "{tries} tries in {now} ms");
    }

    #[test]
    fn what_was_forgotten_begins_anew_and_success_clears_the_account_only() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        let origin = Origin::V4(7);
        for _ in 0..5 {
            throttle.take(name("alice"), origin, &config, 0).unwrap();
        }
        assert!(throttle.take(name("alice"), origin, &config, 0).is_err());
        throttle.succeeded(name("alice"), origin, &config);
        // The address was shut by the sixth.
        assert!(throttle.take(name("bob"), origin, &config, 0).is_err());
        assert!(
            throttle
                .take(name("alice"), Origin::V4(8), &config, 0)
                .is_ok()
        );
        // Twelve seconds shut, and forgotten ten minutes after the last effect.
        assert!(throttle.take(name("bob"), origin, &config, 12_000).is_ok());
        for _ in 0..5 {
            let _ = throttle.take(None, origin, &config, 700_000);
        }
        let sixth = throttle.take(None, origin, &config, 700_000);
        assert_eq!(sixth, Err(12_000));
    }

    #[test]
    fn nobody_is_shut_out_by_tries_that_may_yet_succeed() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        let (origin, users) = (Origin::V4(7), ["u1", "u2", "u3", "u4", "u5"]);
        for user in users {
            throttle.take(name(user), origin, &config, 0).unwrap();
            throttle.undecided(&name(user).unwrap(), origin);
        }
        for _ in 0..3 {
            let sixth = throttle.take(name("u6"), origin, &config, 0);
            assert_eq!(sixth, Err(UNDECIDED_MS));
        }
        for user in users {
            throttle.decided(&name(user).unwrap(), origin);
            throttle.succeeded(name(user), origin, &config);
        }
        // Those that failed count.
        for _ in 0..5 {
            throttle.take(name("u6"), origin, &config, 0).unwrap();
        }
        assert_eq!(throttle.take(None, origin, &config, 0), Err(12_000));
    }

    #[test]
    fn an_account_of_ones_own_pays_for_no_tries_at_others() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        let origin = Origin::V6(1);
        let mut tried = 0;
        for n in 0..100 {
            if throttle.take(name("mine"), origin, &config, 0).is_ok() {
                throttle.succeeded(name("mine"), origin, &config);
            }
            let other = name(&format!("other{n}"));
            tried += usize::from(throttle.take(other, origin, &config, 0).is_ok());
        }
        assert!(tried <= 5, "{tried}");
    }

    #[test]
    fn neither_keys_nor_tokens_wait_for_an_account_that_was_shut_by_passwords() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        for n in 0..1_000 {
            let _ = throttle.take(name("alice"), Origin::V4(n), &config, 0);
        }
        assert!(
            throttle
                .take(name("alice"), Origin::V4(5_000), &config, 0)
                .is_err()
        );
        assert!(throttle.take(None, Origin::V4(5_000), &config, 0).is_ok());
        // What was refused for the account's sake cost the address nothing.
        for _ in 0..4 {
            assert!(throttle.take(None, Origin::V4(5_000), &config, 0).is_ok());
        }
    }

    #[test]
    fn a_full_table_neither_grows_nor_gives_new_tries() {
        let (mut throttle, config) = (Throttle::default(), CONFIG());
        for _ in 0..6 {
            let _ = throttle.take(name("alice"), Origin::Local, &config, 0);
        }
        for n in 0..MAX_REMEMBERED * 2 {
            let junk = name(&format!("junk{n}"));
            let _ = throttle.take(junk, Origin::V6(n as u64), &config, 0);
        }
        assert_eq!(throttle.passwords.of.len(), MAX_REMEMBERED);
        assert_eq!(throttle.origins.of.len(), MAX_REMEMBERED);
        assert!(
            throttle
                .take(name("alice"), Origin::Local, &config, 1)
                .is_err()
        );
        assert_eq!(
            throttle.take(name("new"), Origin::Local, &config, 1),
            Err(SWEEP_MS)
        );
        // One try of each is free again after twelve seconds, and forgotten.
        assert!(
            throttle
                .take(name("new"), Origin::Local, &config, 12_000)
                .is_ok()
        );
        assert!(
            throttle
                .take(name("alice"), Origin::Local, &config, 11_999)
                .is_err()
        );
    }
}
