//! Where this user's files are (the XDG base directories). Knows no contents.

use std::env;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `~/.config/privmsg`: what the user chose, and secrets.
    pub config: PathBuf,
    /// `~/.local/state/privmsg`: cursors and resume tokens.
    pub state: PathBuf,
}

impl Paths {
    pub fn of_user() -> Paths {
        let home = env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from);
        Paths {
            config: base("XDG_CONFIG_HOME", &home, ".config"),
            state: base("XDG_STATE_HOME", &home, ".local/state"),
        }
    }

    pub fn profiles(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The certificates that were there the first time.
    pub fn known_servers(&self) -> PathBuf {
        self.config.join("known_servers")
    }

    pub fn secrets(&self) -> PathBuf {
        self.config.join("secrets")
    }
}

/// Relative paths in these variables are to be ignored, says the specification.
fn base(variable: &str, home: &Path, otherwise: &str) -> PathBuf {
    let told = env::var_os(variable).map(PathBuf::from);
    let base = told.filter(|path| path.is_absolute());
    base.unwrap_or_else(|| home.join(otherwise)).join("privmsg")
}
