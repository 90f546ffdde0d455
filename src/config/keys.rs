//! The one list of keys: what file, environment, flags, example file and reload know of each. Knows no
//! files and no environment.

use std::ops::RangeInclusive;

use super::value::{self, Given};
use super::{Config, Limits};

/// One thing that can be configured.
pub struct Key {
    /// `limits.max_line_bytes`: table and key.
    pub path: &'static str,
    /// For the example file, in one line, with the unit.
    pub about: &'static str,
    /// Whether SIGHUP applies a change.
    pub reloads: bool,
    /// Takes a value over, or says what it must be: `must be …`.
    pub set: fn(&mut Config, &Given) -> Result<(), String>,
    /// The value as it would stand in the file.
    pub show: fn(&Config) -> String,
}

impl Key {
    pub fn find(path: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// Whether the example file shows it.
    pub fn is_usual(&self) -> bool {
        self.table() != "debug" && !RARE.contains(&self.path)
    }

    pub fn table(&self) -> &'static str {
        self.path.split('.').next().unwrap_or("")
    }

    /// Without its table.
    pub fn name(&self) -> &'static str {
        self.path.split('.').nth(1).unwrap_or("")
    }

    /// `PRIVMSGD_LIMITS__MAX_LINE_BYTES`
    pub fn variable(&self) -> String {
        format!("PRIVMSGD_{}", self.path.replace('.', "__")).to_ascii_uppercase()
    }
}

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

/// A field of a table, by its type: a whole number within a range, a boolean or a path.
macro_rules! field {
    ($table:ident . $field:ident: number $range:expr, $about:expr, $reloads:expr) => {
        Key {
            path: concat!(stringify!($table), ".", stringify!($field)),
            about: $about,
            reloads: $reloads,
            set: |config, given| {
                let number = value::number(given, $range)?;
                config.$table.$field = number
                    .try_into()
                    .map_err(|_| "must be smaller on this machine")?;
                Ok(())
            },
            show: |config| config.$table.$field.to_string(),
        }
    };
    ($table:ident . $field:ident: boolean, $about:expr, $reloads:expr) => {
        Key {
            path: concat!(stringify!($table), ".", stringify!($field)),
            about: $about,
            reloads: $reloads,
            set: |config, given| {
                config.$table.$field = value::boolean(given)?;
                Ok(())
            },
            show: |config| config.$table.$field.to_string(),
        }
    };
    ($table:ident . $field:ident: path, $about:expr, $reloads:expr) => {
        Key {
            path: concat!(stringify!($table), ".", stringify!($field)),
            about: $about,
            reloads: $reloads,
            set: |config, given| {
                config.$table.$field = value::path(given)?;
                Ok(())
            },
            show: |config| value::show_path(&config.$table.$field),
        }
    };
}

/// The ranges below fit every field they are used for; a field made smaller is an error, not a wrong value.
fn store<T: TryFrom<u64>>(
    limits: &mut Limits,
    field: impl Fn(&mut Limits) -> &mut T,
    number: u64,
) -> Result<(), String> {
    *field(limits) = T::try_from(number).map_err(|_| "must be smaller on this machine")?;
    Ok(())
}

/// Left out of the example file, which fits on a page.
const RARE: &[&str] = &[
    "accounts.max_devices",
    "accounts.max_penalty_ms",
    "accounts.password_memory_kib",
    "accounts.password_passes",
    "accounts.password_queue",
    "tls.handshake_timeout_ms",
    "tls.accepts_per_turn",
    "limits.accepts_per_turn",
    "limits.max_skipped_bytes",
    "limits.crowded_register_timeout_ms",
    "limits.register_tries",
    "limits.unregistered_queue_bytes",
    "limits.read_budget_bytes",
    "limits.max_errors",
    "limits.max_watched",
    "limits.max_watchers",
    "limits.presence_interval_ms",
    "limits.claim_notice_interval_ms",
    "limits.linger_ms",
    "limits.linger_bytes",
    "limits.keepalive",
    "limits.user_timeout_ms",
    "limits.notsent_lowat_bytes",
];

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// Milliseconds. Longer ones are a mistake of unit.
const DAY: u64 = 86_400_000;
const ANY_COUNT: RangeInclusive<u64> = 0..=1_000_000;
const COUNT: RangeInclusive<u64> = 1..=1_000_000;
const WAIT: RangeInclusive<u64> = 1..=DAY;
const ANY_WAIT: RangeInclusive<u64> = 0..=DAY;
const QUEUE: RangeInclusive<u64> = 1024..=GIB;

pub const KEYS: &[Key] = &[
    Key {
        path: "server.listen",
        about: "addresses; also unix:/PATH and systemd:NAME; port 0: any",
        reloads: false,
        set: value::set_listen,
        show: value::show_listen,
    },
    Key {
        path: "server.name",
        about: "serverName in hello",
        reloads: false,
        set: value::set_name,
        show: |config| format!("{:?}", config.server_name),
    },
    Key {
        path: "server.unix_mode",
        about: "permission bits of UNIX sockets",
        reloads: false,
        set: value::set_mode,
        show: |config| format!("\"{:04o}\"", config.unix_mode),
    },
    Key {
        path: "server.data",
        about: "directory of the accounts: mailbox mode; empty: open mode",
        reloads: false,
        set: |config, given| {
            config.data = value::path(given)?;
            Ok(())
        },
        show: |config| value::show_path(&config.data),
    },
    Key {
        path: "server.admin_socket",
        about: "empty: admin in $RUNTIME_DIRECTORY or in data",
        reloads: false,
        set: |config, given| {
            config.admin_socket = value::path(given)?;
            Ok(())
        },
        show: |config| value::show_path(&config.admin_socket),
    },
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
    field!(tls.certificate: path, "PEM chain; empty: credential tls.crt", true),
    field!(tls.key: path, "PEM; empty: credential tls.key", true),
    Key {
        path: "tls.min_version",
        about: "1.3 or 1.2",
        reloads: true,
        set: |config, given| {
            config.tls.allow_1_2 = value::one_of(given, ["1.3", "1.2"])? == 1;
            Ok(())
        },
        show: |config| format!("{:?}", ["1.3", "1.2"][usize::from(config.tls.allow_1_2)]),
    },
    field!(
        tls.handshake_timeout_ms: number WAIT,
        "from connecting to the end of the handshake",
        true
    ),
    field!(
        tls.accepts_per_turn: number 1..=100_000,
        "new connections from one TLS listener in one turn",
        true
    ),
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
    Key {
        path: "limits.limit_local_peers",
        about: "hold loopback and UNIX peers to rates and counts too",
        reloads: true,
        set: |config, given| {
            config.limits.limit_local_peers = value::boolean(given)?;
            Ok(())
        },
        show: |config| config.limits.limit_local_peers.to_string(),
    },
    limit!(
        max_errors,
        COUNT,
        "refused lines of one connection in 10 s, then it ends"
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
    Key {
        path: "log.level",
        about: "off, error, warn, info, debug or trace",
        reloads: true,
        set: value::set_level,
        show: |config| format!("\"{}\"", config.log.level).to_ascii_lowercase(),
    },
    Key {
        path: "log.format",
        about: "text or json; text is journald's own where stderr is the journal",
        reloads: true,
        set: value::set_format,
        show: |config| format!("\"{:?}\"", config.log.format).to_ascii_lowercase(),
    },
    #[cfg(debug_assertions)]
    Key {
        path: "debug.hooks",
        about: "whether debugPanic and debugStall are commands",
        reloads: false,
        set: |config, given| {
            config.debug_hooks = value::boolean(given)?;
            Ok(())
        },
        show: |config| config.debug_hooks.to_string(),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance §4, config: at most 40 lines, and the defaults are the defaults.
    #[test]
    fn the_example_file_names_the_usual_keys_with_their_defaults_and_meanings() {
        let example = include_str!("../../systemd/privmsgd.toml");
        assert!(example.lines().count() <= 40);
        let (defaults, mut table) = (Config::default(), "");
        let mut wanted = Vec::new();
        for key in KEYS.iter().filter(|key| key.is_usual()) {
            if key.table() != table {
                table = key.table();
                wanted.push(format!("[{table}]"));
            }
            let setting = format!("# {} = {}", key.name(), (key.show)(&defaults));
            wanted.push(format!("{setting}  # {}", key.about));
        }
        let found: Vec<&str> = example.lines().skip(1).collect();
        assert_eq!(found.join("\n"), wanted.join("\n"));
    }

    #[test]
    fn every_field_of_limits_is_a_key() {
        let limits = format!("{:?}", Limits::default());
        let fields = limits.matches(": ").count();
        let keys = KEYS.iter().filter(|key| key.table() == "limits").count();
        assert_eq!(fields, keys, "{limits}");
    }
}
