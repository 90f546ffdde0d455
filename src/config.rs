//! Flags, environment and file → [`Config`]. Knows no sockets.

mod args;
mod check;
mod keys;
mod limits;
mod load;
mod mistake;
mod show;
mod sources;
mod subcommands;
mod tls_args;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ArgMatches;

use crate::ops::exit::Exit;

pub use args::command;
pub use keys::Key;
pub use limits::Limits;
pub use load::load;
pub use show::{Shown, in_file_form, shown};
pub use tls_args::SelfSigned;
pub use value::Given;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Run(Box<Config>),
    /// `--check-config`, and all is well so far: what the files hold that it names was not looked at.
    Checked(Box<Config>),
    /// `tls self-signed`.
    SelfSigned(SelfSigned),
    /// `--help` or `--version`: this, on standard output.
    Print(String),
    Subcommand(Box<Subcommand>),
}

/// `privmsgd status`, and what it may need to know.
#[derive(Debug)]
pub struct Subcommand {
    pub name: String,
    pub matches: ArgMatches,
    pub config: Result<Config, ConfigError>,
    /// What could be read of it, mistakes or not.
    pub guess: Config,
    /// Who set a key, by its path: `file:line`, a variable or a flag.
    pub origins: BTreeMap<&'static str, String>,
}

/// Why there is no configuration: one message per mistake, each of one or a few lines without control
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub code: Exit,
    pub messages: Vec<String>,
}

impl ConfigError {
    fn one(code: Exit, message: String) -> Self {
        ConfigError {
            code,
            messages: vec![message],
        }
    }
}

/// Everything the daemon was told, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What to listen on; never empty.
    pub listen: Vec<Listen>,
    /// Nobody said where to listen: [`Config::listen`] is the built-in list, and an address family that the
    /// machine does not have is left out instead of being an error.
    pub listen_is_default: bool,
    /// `serverName` in `hello`.
    pub server_name: String,
    /// Permission bits of UNIX sockets.
    pub unix_mode: u32,
    /// Where to write the real addresses, one a line, when ready.
    pub port_file: Option<PathBuf>,
    /// Where accounts are kept: mailbox mode. `None`: open mode.
    pub data: Option<PathBuf>,
    /// Where the admin socket is made; `None`: the default place, if there is one.
    pub admin_socket: Option<PathBuf>,
    pub accounts: AccountsConfig,
    pub mailbox: MailboxConfig,
    pub tls: TlsConfig,
    pub metrics: MetricsConfig,
    pub limits: Limits,
    pub log: LogConfig,
    /// `debug.hooks`: whether `debugPanic` and `debugStall` are commands. Debug builds only.
    #[cfg(debug_assertions)]
    pub debug_hooks: bool,
}

impl Config {
    /// Lowers the queues of all connections together to a quarter of `memory_bytes`, and what must fit into
    /// them; whether that was needed.
    pub fn fit_into(&mut self, memory_bytes: u64) -> bool {
        let quarter = usize::try_from(memory_bytes / 4).unwrap_or(usize::MAX);
        let needed = self.limits.total_queue_bytes > quarter;
        if needed {
            self.limits.total_queue_bytes = quarter;
            check::settle(self, |_| false);
        }
        needed
    }

    /// The keys whose values differ in `new`.
    pub fn changes(&self, new: &Config) -> Changes {
        let mut changes = Changes::default();
        for key in Key::all().filter(|key| (key.show)(self) != (key.show)(new)) {
            match key.reloads {
                true => changes.reloadable.push(key.path),
                false => changes.needs_restart.push(key.path),
            }
        }
        changes
    }

    /// What holds after a reload: `new`, except for the keys that need a restart.
    pub fn reloaded(&self, new: &Config) -> Config {
        let mut config = self.clone();
        config.limits = Limits {
            max_connections: self.limits.max_connections,
            keepalive: self.limits.keepalive,
            user_timeout_ms: self.limits.user_timeout_ms,
            notsent_lowat_bytes: self.limits.notsent_lowat_bytes,
            ..new.limits.clone()
        };
        config.log = new.log.clone();
        config.accounts = AccountsConfig {
            password_queue: self.accounts.password_queue,
            ..new.accounts.clone()
        };
        config.mailbox = MailboxConfig {
            fsync: self.mailbox.fsync,
            max_jobs: self.mailbox.max_jobs,
            max_job_bytes: self.mailbox.max_job_bytes,
            key: self.mailbox.key.clone(),
            ..new.mailbox.clone()
        };
        config.tls = new.tls.clone();
        config
    }
}

/// Keys by what it takes to apply them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub reloadable: Vec<&'static str>,
    pub needs_restart: Vec<&'static str>,
}

/// One place to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// `127.0.0.1:7748`, `[::1]:7748`; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// `tls:127.0.0.1:7749`, likewise.
    Tls(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
    /// `systemd:NAME`: every inherited socket of that name.
    Inherited(String),
}

/// The `[accounts]` table: mailbox mode only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsConfig {
    /// Whether clients may create accounts.
    pub signup_open: bool,
    /// Names nobody may have, besides the built-in ones.
    pub reserved_names: Vec<String>,
    pub max_devices: u32,
    /// Whether passwords and tokens are taken on unencrypted connections from other machines.
    pub plaintext_credentials: bool,
    /// Tries to prove a name, per minute, for one account and for one address each.
    pub tries_per_minute: u32,
    /// How long too many failed tries shut an account or an address out at most.
    pub max_penalty_ms: u64,
    /// Argon2id for new passwords: memory in KiB, passes.
    pub password_memory_kib: u32,
    pub password_passes: u32,
    /// Passwords waiting to be hashed.
    pub password_queue: u32,
    /// What signs tokens: `eddsa:/path` of a PEM public key, `hs256:/path` of a secret of 32 bytes or more.
    pub token_keys: Vec<String>,
    /// What a token's `aud` must be or hold; empty: the server's name.
    pub token_audience: String,
    /// Whether a good token makes the account that it names.
    pub token_creates: bool,
}

/// What is kept of messages, and how: the table `[mailbox]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxConfig {
    /// Whether the file system is told to write a commit to the disk before it counts; else a power cut may take the
    /// last ones.
    pub fsync: bool,
    /// Messages, and bytes of their bodies, that no device of an account has taken; then `mailboxFull`.
    pub max_waiting: u32,
    pub max_waiting_bytes: u64,
    /// How long messages are kept; 0: for ever.
    pub retention_days: u32,
    /// Accounts that one account may have blocked or allowed.
    pub max_relations: u32,
    /// Jobs that wait for the store, and their bytes; then `overloaded`.
    pub max_jobs: u32,
    pub max_job_bytes: u64,
    /// What bodies are sealed with: `/path` of a file, or `credential:NAME` of the service manager's; empty: they are not.
    pub key: String,
}

impl Default for MailboxConfig {
    fn default() -> Self {
        MailboxConfig {
            fsync: true,
            max_waiting: 1_000,
            max_waiting_bytes: 8 * 1024 * 1024,
            retention_days: 0,
            max_relations: 1_000,
            max_jobs: 100_000,
            max_job_bytes: 64 * 1024 * 1024,
            key: String::new(),
        }
    }
}

impl Default for AccountsConfig {
    fn default() -> Self {
        AccountsConfig {
            signup_open: false,
            reserved_names: Vec::new(),
            max_devices: 16,
            plaintext_credentials: false,
            tries_per_minute: 5,
            max_penalty_ms: 600_000,
            password_memory_kib: 19 * 1024,
            password_passes: 2,
            password_queue: 8,
            token_keys: Vec::new(),
            token_audience: String::new(),
            token_creates: true,
        }
    }
}

/// The `[tls]` table: for listeners `tls:…` and inherited sockets named `tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM files; `None`: `tls.crt` and `tls.key` of the service manager's credentials, if there are any.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Whether TLS 1.2 is spoken too.
    pub allow_1_2: bool,
    pub handshake_timeout_ms: u64,
    /// New TLS connections taken from one listener in one turn of the loop.
    pub accepts_per_turn: u32,
}

impl Default for TlsConfig {
    fn default() -> Self {
        TlsConfig {
            certificate: None,
            key: None,
            allow_1_2: false,
            handshake_timeout_ms: 5_000,
            accepts_per_turn: 8,
        }
    }
}

/// The `[metrics]` table: where figures and health are told over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Never [`Listen::Tls`]. Empty: nowhere but at inherited sockets named `metrics`.
    pub listen: Vec<Listen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    pub level: log::LevelFilter,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: vec![
                Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7748))),
                Listen::Tcp(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 7748))),
            ],
            listen_is_default: true,
            server_name: "localhost".into(),
            unix_mode: 0o600,
            port_file: None,
            data: None,
            admin_socket: None,
            accounts: AccountsConfig::default(),
            mailbox: MailboxConfig::default(),
            tls: TlsConfig::default(),
            metrics: MetricsConfig::default(),
            limits: Limits::default(),
            log: LogConfig {
                level: log::LevelFilter::Info,
                format: LogFormat::Text,
            },
            #[cfg(debug_assertions)]
            debug_hooks: false,
        }
    }
}
