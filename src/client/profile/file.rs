//! `config.toml`: named profiles, and what of one the command line says otherwise. Knows no connection.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{DEVICE, Paths, Profile, Trust, known, secret_file};
use crate::accounts::Secret;
use crate::client::address::Address;
use crate::client::credential::Credential;
use crate::client::error::{Error, Kind};
use crate::client::key::Key;
use crate::wire::name::Name;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The one that is taken if none is named; not needed if there is one only.
    pub default: Option<String>,
    #[serde(default, rename = "profile")]
    pub all: BTreeMap<String, Entry>,
}

/// One profile as it is written, or what the command line says of one. At most one of `password_file`, `key` and
/// `token_file`, and of `ca` and `fingerprint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub server: Option<String>,
    pub name: Option<String>,
    pub device: Option<String>,
    /// The server that is meant, if it is not called like its host.
    pub server_name: Option<String>,
    pub password_file: Option<PathBuf>,
    /// A private key.
    pub key: Option<PathBuf>,
    pub token_file: Option<PathBuf>,
    /// A PEM file.
    pub ca: Option<PathBuf>,
    /// SHA-256 of the server's certificate.
    pub fingerprint: Option<String>,
}

impl Profiles {
    /// None, if there is no such file.
    pub fn load(path: &Path) -> Result<Profiles, Error> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Profiles::default()),
            text => text.map_err(|error| Error::file("cannot read", path, &error))?,
        };
        toml::from_str(&text).map_err(|error| {
            let what = format!("{}: {}", path.display(), error.to_string().trim_end());
            Error::new(Kind::Config, what, "")
        })
    }

    /// The one that is named; else what of the default one holds for the server and name that are asked for: what proves
    /// one name to one server is not for others.
    pub fn choose(&self, named: Option<&str>, asked: &Entry) -> Result<Entry, Error> {
        if let Some(named) = named {
            let known = self.all.get(named).cloned();
            return known.ok_or_else(|| self.missing(named));
        }
        let only = match self.all.len() {
            1 => self.all.keys().next(),
            _ => None,
        };
        let Some(default) = self.default.as_ref().or(only) else {
            return Ok(Entry::default());
        };
        let entry = self.all.get(default).ok_or_else(|| self.missing(default))?;
        Ok(match same_server(&asked.server, &entry.server) {
            true if same_name(&asked.name, &entry.name) => entry.clone(),
            // Somebody else there: what is known of the server holds, what proves the name does not.
            true => Entry {
                server: entry.server.clone(),
                server_name: entry.server_name.clone(),
                ca: entry.ca.clone(),
                fingerprint: entry.fingerprint.clone(),
                ..Entry::default()
            },
            false => Entry::default(),
        })
    }

    fn missing(&self, named: &str) -> Error {
        let known: Vec<&str> = self.all.keys().map(String::as_str).collect();
        let fix = match known.is_empty() {
            true => "privmsg login makes one".into(),
            false => format!("there are: {}", known.join(", ")),
        };
        Error::new(Kind::Config, format!("there is no profile {named:?}"), fix)
    }
}

impl Entry {
    /// What is said here wins over `base`.
    pub fn over(self, base: Entry) -> Entry {
        let proved =
            self.password_file.is_some() || self.key.is_some() || self.token_file.is_some();
        let trusted = self.ca.is_some() || self.fingerprint.is_some();
        let proof = if proved { &self } else { &base };
        let trust = if trusted { &self } else { &base };
        Entry {
            password_file: proof.password_file.clone(),
            key: proof.key.clone(),
            token_file: proof.token_file.clone(),
            ca: trust.ca.clone(),
            fingerprint: trust.fingerprint.clone(),
            server: self.server.or(base.server),
            name: self.name.or(base.name),
            device: self.device.or(base.device),
            server_name: self.server_name.or(base.server_name),
        }
    }

    /// Reads the files that it names.
    pub fn profile(&self, paths: &Paths) -> Result<Profile, Error> {
        let address: Address = self.server.as_deref().unwrap_or(SERVER).parse()?;
        let name = self.name.as_deref().ok_or_else(|| {
            let fix = "say --name NAME, or make a profile: privmsg login";
            Error::new(Kind::Config, "it is not known who you are", fix)
        })?;
        checked_name(name)?;
        let device = self.device.as_deref().unwrap_or(DEVICE);
        let is_device =
            !device.is_empty() && device.len() <= 64 && !device.contains(char::is_control);
        if !is_device {
            let what = "a device is called by 1 to 64 bytes without control characters";
            return Err(Error::new(Kind::Usage, what, ""));
        }
        let mut profile = Profile::new(address, name);
        profile.device = device.into();
        profile.credential = self.credential()?;
        profile.trust = self.trust(paths)?;
        profile.state = Some(paths.state_of(&profile.address, name, device));
        if let Some(server_name) = &self.server_name {
            profile.server_name.clone_from(server_name);
        }
        Ok(profile)
    }

    fn credential(&self) -> Result<Credential, Error> {
        match (&self.password_file, &self.key, &self.token_file) {
            (None, None, None) => Ok(Credential::None),
            (Some(path), None, None) => {
                let text = secret_file::read(path)?;
                let line = text.lines().next().unwrap_or_default();
                match line.is_empty() {
                    true => Err(Error::new(
                        Kind::Config,
                        format!(
                            "there is no password in the first line of {}",
                            path.display()
                        ),
                        "",
                    )),
                    false => Ok(Credential::Password(Arc::new(Secret::new(line.as_bytes())))),
                }
            }
            (None, Some(path), None) => Ok(Credential::Key(Arc::new(read_key(path)?))),
            (None, None, Some(path)) => {
                secret_file::look(path)?;
                Ok(Credential::TokenFile(path.clone()))
            }
            _ => Err(Error::new(
                Kind::Usage,
                "a name is proved by one thing: a password, a key or a token",
                "",
            )),
        }
    }

    /// Why its server is believed, if it speaks TLS.
    pub fn trust(&self, paths: &Paths) -> Result<Trust, Error> {
        match (&self.ca, &self.fingerprint) {
            (None, None) => Ok(Trust::FirstUse(paths.known_servers())),
            (Some(path), None) => Ok(Trust::Authority {
                file: path.clone(),
                name: self.server_name.clone(),
            }),
            (None, Some(text)) => known::parse(text).map(Trust::Fingerprint).ok_or_else(|| {
                let fix = "it is 64 hexadecimal digits: openssl x509 -in tls.crt -noout -fingerprint -sha256";
                Error::new(Kind::Usage, "this is no SHA-256 fingerprint", fix)
            }),
            _ => Err(Error::new(Kind::Usage, "give an authority or a fingerprint, not both", "")),
        }
    }

    /// The lines of a profile of this name.
    pub fn lines(&self, name: &str) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let fields = [
            ("server", self.server.clone()),
            ("name", self.name.clone()),
            ("device", self.device.clone()),
            ("server_name", self.server_name.clone()),
            ("password_file", path(&self.password_file)),
            ("key", path(&self.key)),
            ("token_file", path(&self.token_file)),
            ("ca", path(&self.ca)),
            ("fingerprint", self.fingerprint.clone()),
        ];
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let mut lines = match !name.is_empty() && name.chars().all(plain) {
            true => format!("[profile.{name}]\n"),
            false => format!("[profile.{}]\n", quoted(name)),
        };
        for (key, value) in fields {
            if let Some(value) = value {
                lines.push_str(&format!("{key} = {}\n", quoted(&value)));
            }
        }
        lines
    }
}

/// A private key that only its owner can read.
pub fn read_key(path: &Path) -> Result<Key, Error> {
    if path.extension().is_some_and(|extension| extension == "pub") {
        let private = path.with_extension("");
        let what = format!(
            "{} is the public half: only the private one can prove that it is yours",
            path.display()
        );
        let fix = format!("name {}", private.display());
        return Err(Error::new(Kind::Usage, what, fix));
    }
    let text = secret_file::read(path)?;
    Key::parse(&text).map_err(|why| {
        let path = path.display();
        let fix = match why.contains("passphrase") {
            true => format!(
                "take the passphrase off a copy of it: cp {path} KEY && ssh-keygen -p -N '' -f KEY"
            ),
            false => "ssh-keygen -t ed25519 -N '' -f KEY makes one".into(),
        };
        Error::new(Kind::Config, format!("{path} {why}"), fix)
    })
}

/// Whether it can be a name at all.
pub fn checked_name(name: &str) -> Result<(), Error> {
    Name::parse(name).map(drop).map_err(|error| {
        let name = crate::escape::plain(name, 100);
        Error::new(
            Kind::Usage,
            format!("the name {name:?} {}", error.reason()),
            "",
        )
    })
}

fn same_server(asked: &Option<String>, known: &Option<String>) -> bool {
    let address = |text: &Option<String>| text.as_deref().unwrap_or(SERVER).parse::<Address>().ok();
    asked.is_none() || address(asked) == address(known)
}

fn same_name(asked: &Option<String>, known: &Option<String>) -> bool {
    asked.is_none() || asked == known
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", control as u32))
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Where a daemon listens that was told nothing.
pub const SERVER: &str = "127.0.0.1:7748";

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(server: &str, name: &str) -> Entry {
        Entry {
            server: Some(server.into()),
            name: Some(name.into()),
            ..Entry::default()
        }
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let written = Entry {
            key: Some("/a \"b\"\\c".into()),
            device: Some("läp\ttop".into()),
            ..entry("tls:chat.example", "Zoë")
        };
        let text = format!("default = \"work\"\n\n{}", written.lines("work"));
        let read: Profiles = toml::from_str(&text).unwrap();
        assert_eq!(read.all.get("work"), Some(&written));
        assert_eq!(read.choose(None, &Entry::default()), Ok(written));
    }

    #[test]
    fn a_secret_goes_to_nobody_but_its_server() {
        let profiles = Profiles {
            default: None,
            all: [("one".into(), entry("tls:chat.example:7749", "Alice"))].into(),
        };
        let chosen = |server: Option<&str>, name: Option<&str>| {
            let asked = Entry {
                server: server.map(str::to_owned),
                name: name.map(str::to_owned),
                ..Entry::default()
            };
            profiles.choose(None, &asked).unwrap().name.is_some()
        };
        assert!(chosen(None, None) && chosen(Some("tls:chat.example"), Some("Alice")));
        assert!(!chosen(Some("chat.example:7749"), None) && !chosen(None, Some("Bob")));
        let asked = Entry {
            name: Some("Bob".into()),
            ..Entry::default()
        };
        let there = profiles.choose(None, &asked).unwrap().server;
        assert_eq!(there.as_deref(), Some("tls:chat.example:7749"));
        let other = profiles.choose(Some("two"), &Entry::default()).unwrap_err();
        assert_eq!(other.kind, Kind::Config);
        assert!(other.fix.contains("one"), "{other}");
    }

    #[test]
    fn one_proof_and_one_trust_take_the_place_of_others() {
        let base = Entry {
            password_file: Some("/p".into()),
            ca: Some("/c".into()),
            ..entry("a", "Alice")
        };
        let said = Entry {
            key: Some("/k".into()),
            ..Entry::default()
        };
        let both = said.over(base);
        assert_eq!((both.password_file, both.key), (None, Some("/k".into())));
        assert_eq!(
            (both.ca, both.name),
            (Some("/c".into()), Some("Alice".into()))
        );
    }
}
