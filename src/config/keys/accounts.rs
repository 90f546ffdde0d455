//! The table `[accounts]`: who may have one, and what proves it. Knows no other table.

use super::{ANY_WAIT, Key, field};
use crate::config::value;

pub(super) const KEYS: &[Key] = &[
    field!(
        "accounts.signup": accounts.signup_open "closed" or "open",
        "open: clients may create accounts; closed"
    ),
    Key {
        path: "accounts.reserved_names",
        about: "nobody may have, besides the built-in ones",
        reloads: true,
        set: |config, given| {
            config.accounts.reserved_names = value::texts(given)?;
            Ok(())
        },
        show: |config| format!("{:?}", config.accounts.reserved_names),
    },
    field!(accounts.max_devices: number 1..=1_000, "of one account", true),
    field!(
        accounts.plaintext_credentials: boolean,
        "take passwords and tokens from other machines unencrypted",
        true
    ),
    field!(
        accounts.tries_per_minute: number 1..=60_000,
        "to prove a name: for one account, and from one address",
        true
    ),
    field!(
        accounts.max_penalty_ms: number ANY_WAIT,
        "how long too many failed tries shut out at most",
        true
    ),
    field!(
        accounts.password_memory_kib: number 8..=4_194_304,
        "Argon2id, for passwords set from now on",
        true
    ),
    field!(accounts.password_passes: number 1..=1_000, "the same", true),
    field!(
        accounts.password_queue: number 1..=10_000,
        "passwords waiting to be hashed; then rateLimited",
        false
    ),
    Key {
        path: "accounts.token_keys",
        about: "eddsa:/PATH (PEM public key), hs256:/PATH (secret)",
        reloads: true,
        set: |config, given| {
            config.accounts.token_keys = value::token_keys(given)?;
            Ok(())
        },
        show: |config| format!("{:?}", config.accounts.token_keys),
    },
    Key {
        path: "accounts.token_audience",
        about: "a token's aud; empty: server.name",
        reloads: true,
        set: |config, given| {
            config.accounts.token_audience = value::text(given)?;
            Ok(())
        },
        show: |config| format!("{:?}", config.accounts.token_audience),
    },
    field!(
        "accounts.token_accounts": accounts.token_creates "existing" or "create",
        "create: a good token makes its account; existing"
    ),
];
