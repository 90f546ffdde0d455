//! Where this user's files are (the XDG base directories). Knows no contents.

use std::env;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};

use crate::client::address::Address;
use crate::client::error::{Error, Kind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `~/.config/privmsg`: what the user chose, and secrets.
    pub config: PathBuf,
    /// `~/.local/state/privmsg`: cursors and resume tokens.
    pub state: PathBuf,
}

impl Paths {
    /// Fails if a home is needed, and none is known.
    pub fn of_user() -> Result<Paths, Error> {
        Ok(Paths {
            config: base("XDG_CONFIG_HOME", ".config")?,
            state: base("XDG_STATE_HOME", ".local/state")?,
        })
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
fn base(variable: &str, otherwise: &str) -> Result<PathBuf, Error> {
    let told = env::var_os(variable).map(PathBuf::from);
    let base = match told.filter(|path| path.is_absolute()) {
        Some(base) => base,
        // Without HOME it is the one that the system's list of users has.
        None => checked_home(env::home_dir())?.join(otherwise),
    };
    Ok(base.join("privmsg"))
}

/// Secrets are put there: not wherever somebody happens to be.
fn checked_home(home: Option<PathBuf>) -> Result<PathBuf, Error> {
    let what = match home {
        Some(home) if home.is_absolute() => return Ok(home),
        Some(home) => format!("the home directory is {home:?}, which is no path from the root"),
        None => "it is not known what your home directory is".into(),
    };
    let fix = "set HOME to it, as in HOME=/home/alice";
    Err(Error::new(Kind::Config, what, fix))
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
    fn a_home_is_a_path_from_the_root() {
        let home = |path: &str| checked_home(Some(path.into()));
        assert_eq!(home("/home/alice"), Ok("/home/alice".into()));
        for bad in [home(""), home("alice"), home("./alice"), checked_home(None)] {
            let error = bad.unwrap_err();
            assert!(error.kind == Kind::Config && error.fix.contains("HOME"));
        }
    }

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
