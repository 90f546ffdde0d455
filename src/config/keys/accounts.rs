//! The table `[accounts]`: who may have one, and what proves it. Knows no other table.

use super::{ANY_WAIT, Key, field};
use crate::config::value;

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "accounts.signup",
        about: "open: clients may create accounts; closed",
        reloads: true,
        set: |config, given| {
            config.accounts.signup_open = value::one_of(given, ["closed", "open"])? == 1;
            Ok(())
        },
        show: |config| {
            format!(
                "{:?}",
                ["closed", "open"][usize::from(config.accounts.signup_open)]
            )
        },
    },
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
    Key {
        path: "accounts.token_accounts",
        about: "create: a good token makes its account; existing",
        reloads: true,
        set: |config, given| {
            config.accounts.token_creates = value::one_of(given, ["existing", "create"])? == 1;
            Ok(())
        },
        show: |config| {
            format!(
                "{:?}",
                ["existing", "create"][usize::from(config.accounts.token_creates)]
            )
        },
    },
];
