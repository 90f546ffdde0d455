//! The table `[mailbox]`: what is kept of messages, and how. Knows no other table.

use super::{Key, field};
use crate::config::value;

pub(super) const KEYS: &[Key] = &[
    field!(
        "mailbox.durability": mailbox.fsync "os" or "fsync",
        "fsync: accepted survives a power cut; os: a crash of the daemon only",
        false
    ),
    field!(
        mailbox.max_waiting: number 1..=100_000_000,
        "messages that wait for one account; then mailboxFull",
        true
    ),
    field!(
        mailbox.max_waiting_bytes: number 1_024..=1_099_511_627_776,
        "of their bodies",
        true
    ),
    field!(
        mailbox.retention_days: number 0..=36_500,
        "how long messages are kept; 0: for ever",
        true
    ),
    field!(
        mailbox.max_relations: number 1..=1_000_000,
        "accounts that one account may have blocked or allowed",
        true
    ),
    field!(
        mailbox.max_jobs: number 16..=10_000_000,
        "what waits for the store; then overloaded",
        false
    ),
    field!(
        mailbox.max_job_bytes: number 1_048_576..=17_179_869_184,
        "of what waits for the store",
        false
    ),
    Key {
        path: "mailbox.key",
        about: "32 random bytes that seal what is stored: /PATH or credential:NAME; empty: it is not sealed",
        reloads: false,
        set: |config, given| {
            config.mailbox.key = value::key_place(given)?;
            Ok(())
        },
        show: |config| format!("{:?}", config.mailbox.key),
    },
];
