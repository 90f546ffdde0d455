//! The one list of keys: what file, environment, flags, example file and reload know of each. Knows no
//! files and no environment.

mod accounts;
mod limits;
mod mailbox;

use std::ops::RangeInclusive;

use super::Config;
use super::value::{self, Given};

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
    /// Every one, in the order of the example file.
    pub fn all() -> impl Iterator<Item = &'static Key> {
        TABLES.iter().copied().flatten()
    }

    pub fn find(path: &str) -> Option<&'static Key> {
        Key::all().find(|key| key.path == path)
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
    // One of two words: `no` and `yes` are how the file says false and true.
    ($path:literal: $table:ident . $field:ident $no:literal or $yes:literal, $about:expr) => {
        field!($path: $table.$field $no or $yes, $about, true)
    };
    ($path:literal: $table:ident . $field:ident $no:literal or $yes:literal, $about:expr, $reloads:expr) => {
        Key {
            path: $path,
            about: $about,
            reloads: $reloads,
            set: |config, given| {
                config.$table.$field = value::one_of(given, [$no, $yes])? == 1;
                Ok(())
            },
            show: |config| match config.$table.$field {
                true => format!("{:?}", $yes),
                false => format!("{:?}", $no),
            },
        }
    };
}

use field;

/// Left out of the example file, which fits on a page.
const RARE: &[&str] = &[
    "accounts.max_devices",
    "accounts.max_penalty_ms",
    "accounts.password_memory_kib",
    "accounts.password_passes",
    "accounts.password_queue",
    "mailbox.max_waiting",
    "mailbox.max_waiting_bytes",
    "mailbox.max_relations",
    "mailbox.max_jobs",
    "mailbox.max_job_bytes",
    "mailbox.key",
    "mailbox.durability",
    "tls.handshake_timeout_ms",
    "tls.accepts_per_turn",
    "metrics.listen",
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
    "limits.max_pending_commands",
    "limits.delivery_queue_bytes",
    "limits.max_fetches",
    "limits.last_delivery_ms",
    "limits.max_send_only",
    "limits.linger_ms",
    "limits.linger_bytes",
    "limits.keepalive",
    "limits.user_timeout_ms",
    "limits.notsent_lowat_bytes",
];

/// Milliseconds. Longer ones are a mistake of unit.
const DAY: u64 = 86_400_000;
const WAIT: RangeInclusive<u64> = 1..=DAY;
const ANY_WAIT: RangeInclusive<u64> = 0..=DAY;

const TABLES: &[&[Key]] = &[
    SERVER,
    accounts::KEYS,
    mailbox::KEYS,
    TLS,
    METRICS,
    limits::KEYS,
    LOG,
];

const SERVER: &[Key] = &[
    Key {
        path: "server.listen",
        about: "addresses; also unix:/PATH and systemd:NAME; port 0: any",
        reloads: false,
        set: value::set_listen,
        show: |config| value::show_listen(&config.listen),
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
];

const TLS: &[Key] = &[
    field!(tls.certificate: path, "PEM chain; empty: credential tls.crt", true),
    field!(tls.key: path, "PEM; empty: credential tls.key", true),
    field!("tls.min_version": tls.allow_1_2 "1.3" or "1.2", "1.3 or 1.2"),
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
];

const METRICS: &[Key] = &[Key {
    path: "metrics.listen",
    about: "where Prometheus asks, over HTTP; empty: nowhere; forms as server.listen",
    reloads: false,
    set: value::set_metrics,
    show: |config| value::show_listen(&config.metrics.listen),
}];

const LOG: &[Key] = &[
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
        for key in Key::all().filter(|key| key.is_usual()) {
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
    fn every_field_of_limits_and_of_the_mailbox_is_a_key() {
        let defaults = Config::default();
        for (table, shown) in [
            ("limits", format!("{:?}", defaults.limits)),
            ("mailbox", format!("{:?}", defaults.mailbox)),
        ] {
            let fields = shown.matches(": ").count();
            let keys = Key::all().filter(|key| key.table() == table).count();
            assert_eq!(fields, keys, "{shown}");
        }
    }
}
