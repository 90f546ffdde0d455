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
    /// The server that is meant, for signatures; certificates see [`Trust::Authority`].
    pub server_name: String,
    pub trust: Trust,
    /// Where cursor and resume token are kept; `None`: for this process only.
    pub state: Option<PathBuf>,
}

/// Why a server that speaks TLS is believed to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its certificate is the one that was there the first time; the file remembers. With an empty path, none is.
    FirstUse(PathBuf),
    /// Its certificate, for its host's name or for this one, is vouched for by one of the file (PEM).
    Authority { file: PathBuf, name: Option<String> },
    /// The SHA-256 of its certificate.
    Fingerprint(Fingerprint),
}

impl Profile {
    /// Without a credential and without state; TLS is trusted by first use, in the user's own file. Whose home is not known
    /// has to say otherwise, for TLS.
    pub fn new(address: Address, name: &str) -> Profile {
        let known = Paths::of_user().map(|paths| paths.known_servers());
        Profile {
            server_name: address.likely_server_name().into(),
            address,
            name: name.into(),
            device: DEVICE.into(),
            credential: Credential::None,
            trust: Trust::FirstUse(known.unwrap_or_default()),
            state: None,
        }
    }
}

/// Of who did not choose one.
pub const DEVICE: &str = "privmsg";
