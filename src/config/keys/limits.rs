//! The table `[limits]`: bounds, rates and times, each with the range it may be in. Knows no other table.

use std::ops::RangeInclusive;

use super::{ANY_WAIT, Key, WAIT, field};
use crate::config::{Limits, value};

/// A limit that is a number of its own type, within `range`.
macro_rules! limit {
    ($field:ident, $range:expr, $about:expr) => {
        limit!($field, $range, $about, true)
    };
    ($field:ident, $range:expr, $about:expr, $reloads:expr) => {
        Key {
            path: concat!("limits.", stringify!($field)),
            about: $about,
            reloads: $reloads,
            set: |config, given| {
                let number = value::number(given, $range)?;
                store(&mut config.limits, |limits| &mut limits.$field, number)
            },
            show: |config| config.limits.$field.to_string(),
        }
    };
}

pub(super) const KEYS: &[Key] = &[
    limit!(
        max_connections,
        0..=16_000_000,
        "at once; 0: as many as the descriptor limit leaves after 64",
        false
    ),
    limit!(
        max_connections_per_address,
        COUNT,
        "at once from one IPv4 address or IPv6 /64"
    ),
    limit!(new_connections_per_address, COUNT, "in 10 s"),
    limit!(
        accepts_per_turn,
        1..=100_000,
        "new connections from one listener in one turn of the loop"
    ),
    limit!(
        max_line_bytes,
        512..=16 * MIB,
        "one line without its line end"
    ),
    limit!(
        max_unregistered_line_bytes,
        256..=16 * MIB,
        "the same before register"
    ),
    limit!(
        max_skipped_bytes,
        0..=GIB,
        "of one overlong line, then the connection ends"
    ),
    limit!(line_timeout_ms, WAIT, "from a line's first byte to its end"),
    limit!(
        register_timeout_ms,
        WAIT,
        "from connecting to a successful register"
    ),
    limit!(
        crowded_register_timeout_ms,
        WAIT,
        "the same while most connections are unregistered"
    ),
    limit!(
        register_tries,
        COUNT,
        "failed register commands, then the connection ends"
    ),
    limit!(
        queue_soft_bytes,
        QUEUE,
        "waiting for a recipient, then senders get recipientBusy"
    ),
    limit!(
        queue_hard_bytes,
        QUEUE,
        "waiting for a connection, then it ends"
    ),
    limit!(
        unregistered_queue_bytes,
        QUEUE,
        "waiting for an unregistered connection, then it is not read"
    ),
    limit!(
        total_queue_bytes,
        1024..=1024 * GIB,
        "waiting for all connections together"
    ),
    limit!(
        stall_timeout_ms,
        WAIT,
        "a connection that takes none of its bytes this long ends"
    ),
    limit!(
        read_budget_bytes,
        1024..=16 * MIB,
        "read from one connection in one turn of the loop"
    ),
    limit!(
        commands_per_second,
        COUNT,
        "of one connection, on average; local peers are exempt"
    ),
    limit!(command_burst, COUNT, "of one connection at once"),
    field!(limits.limit_local_peers: boolean, "hold loopback and UNIX peers to rates and counts too", true),
    limit!(
        max_errors,
        COUNT,
        "refused lines of one connection in 10 s, then it ends"
    ),
    limit!(
        max_pending_commands,
        COUNT,
        "commands of one connection without an answer, then it is not read"
    ),
    limit!(
        delivery_queue_bytes,
        QUEUE,
        "waiting for a session, then its mailbox waits"
    ),
    limit!(
        max_fetches,
        COUNT,
        "sessions that are read more of their mailboxes at once"
    ),
    limit!(
        last_delivery_ms,
        WAIT,
        "from a peer's last line to goodbye, while its mailbox is delivered"
    ),
    limit!(
        max_send_only,
        COUNT,
        "sessions of one account with deliver:none"
    ),
    limit!(max_watched, ANY_COUNT, "names one connection may watch"),
    limit!(
        max_watchers,
        ANY_COUNT,
        "connections that may watch one name"
    ),
    limit!(
        presence_interval_ms,
        ANY_WAIT,
        "between presence frames about one name"
    ),
    limit!(
        claim_notice_interval_ms,
        ANY_WAIT,
        "between two claimRefused to one session"
    ),
    limit!(
        linger_ms,
        ANY_WAIT,
        "after the last byte: how long the peer's end is awaited"
    ),
    limit!(
        linger_bytes,
        0..=GIB,
        "and how many of its bytes are thrown away meanwhile"
    ),
    limit!(
        drain_timeout_ms,
        ANY_WAIT,
        "from SIGTERM to the end of the process"
    ),
    Key {
        path: "limits.keepalive",
        about: "TCP: seconds of silence, seconds between probes, probes",
        reloads: false,
        set: value::set_keepalive,
        show: |config| format!("{:?}", config.limits.keepalive),
    },
    limit!(
        user_timeout_ms,
        WAIT,
        "TCP: sent bytes unacknowledged this long end the connection",
        false
    ),
    limit!(
        notsent_lowat_bytes,
        4096..=GIB,
        "TCP: unsent bytes that the kernel holds for a connection",
        false
    ),
];

/// The ranges below fit every field they are used for; a field made smaller is an error, not a wrong value.
fn store<T: TryFrom<u64>>(
    limits: &mut Limits,
    field: impl Fn(&mut Limits) -> &mut T,
    number: u64,
) -> Result<(), String> {
    *field(limits) = T::try_from(number).map_err(|_| "must be smaller on this machine")?;
    Ok(())
}

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
const ANY_COUNT: RangeInclusive<u64> = 0..=1_000_000;
const COUNT: RangeInclusive<u64> = 1..=1_000_000;
const QUEUE: RangeInclusive<u64> = 1024..=GIB;
