//! Flags, environment and file → [`Config`]. Knows no sockets.

mod limits;

pub use limits::Limits;

use std::net::SocketAddr;
use std::path::PathBuf;

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
    pub limits: Limits,
    pub log: LogConfig,
    /// `debug.hooks`: whether `debugPanic` and `debugStall` are commands. Debug builds only.
    #[cfg(debug_assertions)]
    pub debug_hooks: bool,
}

/// One place to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// `127.0.0.1:7748`, `[::1]:7748`; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
    /// `systemd:NAME`: every inherited socket of that name.
    Inherited(String),
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
            limits: Limits::default(),
            log: LogConfig { level: log::LevelFilter::Info, format: LogFormat::Text },
            #[cfg(debug_assertions)]
            debug_hooks: false,
        }
    }
}
