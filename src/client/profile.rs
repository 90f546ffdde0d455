//! Who connects where, and how that is proved and trusted: `config.toml`, and the files beside it. Knows no connection.

mod file;
pub mod known;
pub mod paths;
pub mod secret_file;

use std::path::PathBuf;

use super::address::Address;
use super::credential::Credential;
use known::Fingerprint;

pub use file::{Entry, Profiles, SERVER, checked_name, read_key};
pub use paths::Paths;

#[derive(Clone, Debug)]
pub struct Profile {
    pub address: Address,
    pub name: String,
    /// What this installation is called; at most 64 bytes. Of no meaning in open mode.
    pub device: String,
    pub credential: Credential,
    /// The server that is meant, for signatures.
    pub server_name: String,
    pub trust: Trust,
    /// Where cursor and resume token are kept; `None`: for this process only.
    pub state: Option<PathBuf>,
}

/// Why a server that speaks TLS is believed to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its certificate is the one that was there the first time; the file remembers.
    FirstUse(PathBuf),
    /// Its certificate, for its host's name, is vouched for by one of this file (PEM).
    Authority(PathBuf),
    /// The SHA-256 of its certificate.
    Fingerprint(Fingerprint),
}

impl Trust {
    /// The SHA-256, as digits, of the certificate that the server had the first time.
    pub fn remembered(&self, address: &Address) -> Option<String> {
        match (self, address) {
            (Trust::FirstUse(file), Address::Tls { .. }) => known::find(file, address),
            _ => None,
        }
    }

    /// What a person is told after the first connection. `was_known`: something was remembered before it.
    pub fn news(&self, address: &Address, was_known: bool) -> Option<String> {
        let found = self.remembered(address).filter(|_| !was_known)?;
        let found = known::shown(&found);
        Some(format!(
            "{address} is trusted from now on by its certificate, SHA-256\n  {found}"
        ))
    }
}

impl Profile {
    /// Without a credential and without state; TLS is trusted by first use, in the user's own file.
    pub fn new(address: Address, name: &str) -> Profile {
        Profile {
            server_name: address.likely_server_name().into(),
            address,
            name: name.into(),
            device: DEVICE.into(),
            credential: Credential::None,
            trust: Trust::FirstUse(Paths::of_user().known_servers()),
            state: None,
        }
    }
}

/// Of who did not choose one.
pub const DEVICE: &str = "privmsg";
