//! Where this user's files are (the XDG base directories). Knows no contents.

use std::env;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use crate::client::address::Address;

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

    /// Keys that `login` makes, passwords that it keeps.
    pub fn secrets(&self) -> PathBuf {
        self.config.join("secrets")
    }

    /// Where a device keeps its cursor and its resume token.
    pub fn state_of(&self, address: &Address, name: &str, device: &str) -> PathBuf {
        let dir = self.state.join(file_name(&address.to_string()));
        dir.join(file_name(name)).join(file_name(device) + ".json")
    }
}

/// Relative paths in these variables are to be ignored, says the specification.
fn base(variable: &str, home: &Path, otherwise: &str) -> PathBuf {
    let told = env::var_os(variable).map(PathBuf::from);
    let base = told.filter(|path| path.is_absolute());
    base.unwrap_or_else(|| home.join(otherwise)).join("privmsg")
}

/// A name of a file that stands for `text` alone, with what is not plain as `%XX`; of a long one, the end is a hash.
fn file_name(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'+' | b'@' => {
                name.push(byte.into())
            }
            b'.' if !name.is_empty() => name.push('.'),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    if name.len() > LONGEST_NAME {
        let hash = digest(&SHA256, text.as_bytes());
        let hash: Vec<String> = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        name.truncate(LONGEST_NAME - 64);
        name.push_str(&hash.concat());
    }
    name
}

/// Bytes; a file system takes 255.
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_a_file_name_of_its_own() {
        let long = "é".repeat(300);
        let texts = [
            "a",
            "..",
            ".",
            "a/b",
            "a%2Fb",
            "unix:/run/x",
            "tls:[::1]:1",
            &long,
            &(long.clone() + "e"),
        ];
        let names: std::collections::BTreeSet<String> =
            texts.iter().map(|text| file_name(text)).collect();
        assert_eq!(names.len(), texts.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= LONGEST_NAME
            && !name.starts_with('.')
            && !name.contains('/')));
    }
}
