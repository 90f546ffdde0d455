//! Passwords: what may be one, and their Argon2id hashes. Knows no accounts.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;

use super::{MAX_PASSWORD_BYTES, Secret};
use crate::config::AccountsConfig;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Cost {
    pub fn of(config: &AccountsConfig) -> Self {
        Cost {
            memory_kib: config.password_memory_kib,
            passes: config.password_passes,
        }
    }

    /// What `phc` cost, if it is a hash that this release can check.
    pub fn of_hash(phc: &str) -> Option<Self> {
        let params = Params::try_from(&PasswordHash::new(phc).ok()?).ok()?;
        Some(Cost {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
        })
    }

    /// Whether a hash that cost this should be made anew.
    pub fn is_below(self, wanted: Cost) -> bool {
        self.memory_kib < wanted.memory_kib || self.passes < wanted.passes
    }
}

/// The form that is hashed: OpaqueString of RFC 8265, so that the same password typed on two keyboards is one.
/// `None` if it is empty, too long, or no such string.
pub fn enforce(password: &Secret) -> Option<Secret> {
    let bytes = password.expose();
    if bytes.len() > MAX_PASSWORD_BYTES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut form = Secret::new(text.as_bytes());
    for _ in 0..MAX_ROUNDS {
        let text = std::str::from_utf8(form.expose()).ok()?;
        let next = Secret::from(OpaqueString::enforce(text).ok()?);
        if next == form {
            return Some(form);
        }
        form = next;
    }
    None
}

/// A PHC string with a salt of its own; `None` without memory or randomness for it.
pub fn hash(password: &Secret, cost: Cost) -> Option<String> {
    let params = Params::new(cost.memory_kib, cost.passes, LANES, None).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).ok()?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).ok()?,
        salt: Some(Salt::new(&salt).ok()?),
        hash: Some(output(&argon2, password, &salt, HASH_BYTES)?),
    };
    Some(hash.to_string())
}

/// Costs what making the hash cost, whatever the outcome; compared in constant time.
pub fn verify(password: &Secret, phc: &str) -> bool {
    let found = PasswordHash::new(phc).ok();
    found.is_some_and(|found| Some(true) == is_of(password, &found))
}

/// `None`: it is no hash that could be checked.
fn is_of(password: &Secret, found: &PasswordHash) -> Option<bool> {
    let algorithm = Algorithm::try_from(found.algorithm.as_str()).ok()?;
    let version = found.version.map(Version::try_from).transpose().ok()?;
    let version = version.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(found).ok()?);
    let (salt, wanted) = (found.salt.as_ref()?, found.hash.as_ref()?);
    let output = output(&argon2, password, salt, wanted.len())?;
    // In constant time.
    Some(output == *wanted)
}

/// Memory for one hash goes back to the system with it: so much at once is never taken from what the allocator keeps.
/// There, aligned blocks of this size would not be found again, and several would lie idle for ever.
fn output(argon2: &Argon2<'_>, password: &Secret, salt: &[u8], length: usize) -> Option<Output> {
    let count = argon2.params().block_count();
    let mut memory = Vec::new();
    memory.try_reserve_exact(count.max(KEPT_BLOCKS)).ok()?;
    memory.resize(count, Block::new());
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..length)?;
    argon2
        .hash_password_into_with_memory(password.expose(), salt, bytes, &mut memory)
        .ok()?;
    Output::new(bytes).ok()
}

/// Of 1 KiB: more than glibc's allocator ever keeps (32 MiB). What is not used of them takes no memory.
const KEPT_BLOCKS: usize = 33 * 1024;

/// The hash of no password: checking one against it is the same work as against a real one, and fails.
pub fn dummy(cost: Cost) -> Option<String> {
    let mut random = [0; SALT_BYTES + HASH_BYTES];
    getrandom::fill(&mut random).ok()?;
    let (salt, hash) = random.split_at(SALT_BYTES);
    let (m, t) = (cost.memory_kib, cost.passes);
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Some(format!(
        "$argon2id$v=19$m={m},t={t},p={LANES}${salt}${hash}"
    ))
}

/// RFC 8264, section 7: the rules are applied until the form is stable, and no more than three times again.
const MAX_ROUNDS: u32 = 4;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
    };

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes())
    }

    #[test]
    fn a_hash_knows_its_password_and_its_cost() {
        let phc = hash(&secret("correct horse"), CHEAP).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert!(verify(&secret("correct horse"), &phc));
        for wrong in ["correct horsf", "correct hors", "correct horse ", ""] {
            assert!(!verify(&secret(wrong), &phc), "{wrong:?}");
        }
        assert_eq!(Cost::of_hash(&phc), Some(CHEAP));
        let again = hash(&secret("correct horse"), CHEAP).unwrap();
        assert_ne!(again, phc, "the salt is new");
    }

    /// Made by `argon2 saltsaltsaltsalt -id -t 2 -k 64 -p 1 -e` of Debian's package argon2, given `hunter2`.
    #[test]
    fn a_hash_of_the_reference_implementation_is_verified() {
        let phc = "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$1NgjwvvedDC1OBAMxOhp3aj+JyQ7TXR7im/QulKppnQ";
        assert!(verify(&secret("hunter2"), phc));
        assert!(!verify(&secret("hunter3"), phc));
    }

    #[test]
    fn a_dummy_costs_the_same_and_matches_nothing() {
        let phc = dummy(CHEAP).unwrap();
        assert_eq!(Cost::of_hash(&phc), Some(CHEAP));
        assert!(!verify(&secret(""), &phc));
        assert!(!verify(&secret("correct horse"), &phc));
    }

    #[test]
    fn broken_hashes_let_nobody_in() {
        let phc = hash(&secret("p"), CHEAP).unwrap();
        for end in 0..phc.len() {
            assert!(!verify(&secret("p"), &phc[..end]), "{end} bytes");
        }
        for broken in [
            "",
            "$argon2id$",
            "p",
            "$1$abc$def",
            "$argon2id$v=19$m=8,t=1,p=1$$",
        ] {
            assert!(!verify(&secret("p"), broken), "{broken}");
        }
    }

    #[test]
    fn a_raised_cost_asks_for_a_new_hash_and_a_lowered_one_does_not() {
        let dearer = Cost {
            memory_kib: 8,
            passes: 2,
        };
        assert!(CHEAP.is_below(dearer));
        assert!(!dearer.is_below(CHEAP));
        assert!(!CHEAP.is_below(CHEAP));
    }

    /// RFC 8265, section 4.3: spaces beyond ASCII become one, letters are composed, nothing is folded.
    #[test]
    fn passwords_are_opaque_strings() {
        let enforced = |text: &str| enforce(&secret(text)).map(|s| s.expose().to_vec());
        for (sent, kept) in [
            (
                "correct horse battery staple",
                "correct horse battery staple",
            ),
            ("Correct Horse", "Correct Horse"),
            ("\u{3c0}\u{df}\u{e5}", "\u{3c0}\u{df}\u{e5}"),
            ("Jack of \u{2666}s", "Jack of \u{2666}s"),
            ("foo\u{1680}bar", "foo bar"),
            ("Zoe\u{308}", "Zo\u{eb}"),
        ] {
            assert_eq!(enforced(sent).as_deref(), Some(kept.as_bytes()), "{sent}");
        }
        for refused in ["", "my cat is a \t by", "a\0b", "a\u{200b}b", "a\u{387}b"] {
            assert_eq!(enforced(refused), None, "{refused:?}");
        }
        assert!(enforced(&"x".repeat(1_024)).is_some());
        assert!(enforced(&"x".repeat(1_025)).is_none());
        assert!(enforce(&Secret::new(b"\xff")).is_none());
    }
}
