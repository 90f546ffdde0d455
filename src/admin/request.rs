//! One line of the admin socket ↔ what is asked. Knows no sockets and no state.

use std::borrow::Cow;

use log::LevelFilter;
use serde::{Deserialize, Serialize};

use crate::accounts::{NewCredential, Operator, PublicKey, Secret, overwrite};
use crate::admin::reply::Fault;
use crate::admin::{ANSWER_MS, BACKUP_MS, PROTOCOL};
use crate::upkeep::Upkeep;
use crate::wire::name::Name;

#[derive(Debug, PartialEq)]
pub enum Request {
    Status,
    Check,
    Clients,
    Kick(Name<'static>),
    LogLevel(LevelFilter),
    Reload,
    Drain,
    Account {
        operator: Operator,
        /// Whose accounts are meant: the absolute path of a data directory.
        data: Option<String>,
    },
}

impl Request {
    /// What is asked of the accounts in `data`, or of their store.
    pub fn of(operator: Operator, data: Option<String>) -> Request {
        Request::Account { operator, data }
    }

    /// How long an answer may take.
    pub fn patience_ms(&self) -> u64 {
        match self {
            Request::Account { operator, .. } => patience_ms(operator),
            // At once: that is what is asked.
            Request::Check => 0,
            _ => ANSWER_MS,
        }
    }

    pub fn parse(line: &[u8]) -> Result<Request, Fault> {
        // serde's own words may quote what was sent, a password included.
        let bad = |error: serde_json::Error| {
            let at = error.column();
            Fault::new(
                "badRequest",
                format!("not a request, at byte {at} of the line"),
            )
        };
        let line: Line<'_> = serde_json::from_slice(line).map_err(bad)?;
        if line.protocol.is_some_and(|protocol| protocol != PROTOCOL) {
            let what = format!("this daemon speaks version {PROTOCOL} of the admin protocol");
            return Err(Fault::new("unsupportedVersion", what));
        }
        Ok(match line.command.as_ref() {
            "status" => Request::Status,
            "check" => Request::Check,
            "clients" => Request::Clients,
            "kick" => Request::Kick(line.name()?),
            "logLevel" => Request::LogLevel(line.level()?),
            "reload" => Request::Reload,
            "drain" => Request::Drain,
            "account" => Request::Account {
                data: line.data.as_deref().map(str::to_string),
                operator: line.operator()?,
            },
            "stats" | "backup" => Request::Account {
                data: line.data.as_deref().map(str::to_string),
                operator: Operator::Upkeep(line.upkeep()?),
            },
            _ => return Err(Fault::new("unknownCommand", "there is no such command")),
        })
    }

    /// As a line with its end. Whoever sent it overwrites it: it may hold a password.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = Line {
            protocol: Some(PROTOCOL),
            command: self.command().into(),
            ..Line::default()
        };
        match self {
            Request::Kick(name) => line.name = Some(name.as_str().into()),
            Request::LogLevel(level) => {
                line.level = Some(level.as_str().to_ascii_lowercase().into());
            }
            Request::Account { operator, data } => {
                line.data = data.as_deref().map(Cow::Borrowed);
                line.set_operator(operator);
            }
            Request::Status
            | Request::Check
            | Request::Clients
            | Request::Reload
            | Request::Drain => {}
        }
        let mut bytes = Vec::with_capacity(LINE_BYTES);
        // Writing JSON into a `Vec` cannot fail.
        let _ = serde_json::to_writer(&mut bytes, &line);
        bytes.push(b'\n');
        bytes
    }

    fn command(&self) -> &'static str {
        match self {
            Request::Status => "status",
            Request::Check => "check",
            Request::Clients => "clients",
            Request::Kick(_) => "kick",
            Request::LogLevel(_) => "logLevel",
            Request::Reload => "reload",
            Request::Drain => "drain",
            Request::Account { operator, .. } => match operator {
                Operator::Upkeep(Upkeep::Stats) => "stats",
                Operator::Upkeep(Upkeep::Backup { .. }) => "backup",
                _ => "account",
            },
        }
    }
}

/// Room for a line of the usual size, so that a growing buffer leaves no copy of a password behind.
const LINE_BYTES: usize = 16 * 1024;

/// Every member that a request may have.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<u64>,
    #[serde(borrow)]
    command: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    level: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    password: Option<Hidden<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    device: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    to: Option<Cow<'a, str>>,
}

/// A password on its way; overwritten where it is a copy.
#[derive(Deserialize, Serialize)]
struct Hidden<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            wipe(std::mem::take(text).into_bytes());
        }
    }
}

/// Overwrites what holds a secret, or has held one.
pub fn wipe(mut bytes: Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    overwrite(&mut bytes);
}

impl<'a> Line<'a> {
    fn name(&self) -> Result<Name<'static>, Fault> {
        let name = self.name.as_deref().ok_or_else(|| missing("name"))?;
        let name = Name::parse(name)
            .map_err(|error| Fault::new("invalidName", format!("the name {}", error.reason())))?;
        Ok(name.into_owned())
    }

    fn level(&self) -> Result<LevelFilter, Fault> {
        let level = self.level.as_deref().ok_or_else(|| missing("level"))?;
        let wrong = || {
            Fault::new(
                "badRequest",
                "the level is off, error, warn, info, debug or trace",
            )
        };
        level.parse().map_err(|_| wrong())
    }

    fn password(&self) -> Option<Secret> {
        let password = self.password.as_ref()?;
        Some(Secret::new(password.0.as_bytes()))
    }

    fn key(&self) -> Result<PublicKey, Fault> {
        let key = self.key.as_deref().ok_or_else(|| missing("key"))?;
        let wrong = || Fault::new("badRequest", "the key is 64 hexadecimal digits");
        hex(key).ok_or_else(wrong)
    }

    fn upkeep(&self) -> Result<Upkeep, Fault> {
        if self.command == "stats" {
            return Ok(Upkeep::Stats);
        }
        let to = self.to.as_deref().ok_or_else(|| missing("to"))?;
        match to.starts_with('/') && !to.contains('\0') {
            true => Ok(Upkeep::Backup { to: to.into() }),
            false => Err(Fault::new("badRequest", "to is an absolute path")),
        }
    }

    fn operator(&self) -> Result<Operator, Fault> {
        let action = self.action.as_deref().ok_or_else(|| missing("action"))?;
        if action == "list" {
            return Ok(Operator::List);
        }
        let username = self.name()?;
        Ok(match action {
            "add" => Operator::Add {
                username,
                credential: self.credential()?,
            },
            "setPassword" => Operator::SetPassword {
                username,
                password: self.password().ok_or_else(|| missing("password"))?,
            },
            "disable" | "enable" => Operator::Disable {
                username,
                disabled: action == "disable",
            },
            "remove" => Operator::Remove { username },
            "addKey" => Operator::AddKey {
                username,
                key: self.key()?,
            },
            "revokeDevice" => Operator::RevokeDevice {
                username,
                device: self
                    .device
                    .as_deref()
                    .ok_or_else(|| missing("device"))?
                    .into(),
            },
            _ => return Err(Fault::new("unknownCommand", "there is no such action")),
        })
    }

    fn credential(&self) -> Result<Option<NewCredential>, Fault> {
        match (self.password(), &self.key) {
            (Some(_), Some(_)) => Err(Fault::new("badRequest", "password or key, not both")),
            (Some(password), None) => Ok(Some(NewCredential::Password(password))),
            (None, Some(_)) => Ok(Some(NewCredential::Key(self.key()?, None))),
            (None, None) => Ok(None),
        }
    }

    fn set_operator(&mut self, operator: &'a Operator) {
        let (action, name) = match operator {
            Operator::Upkeep(Upkeep::Stats) => return,
            Operator::Upkeep(Upkeep::Backup { to }) => {
                self.to = Some(to.to_string_lossy());
                return;
            }
            Operator::List => ("list", None),
            Operator::Add { username, .. } => ("add", Some(username)),
            Operator::SetPassword { username, .. } => ("setPassword", Some(username)),
            Operator::Disable { username, disabled } => {
                (if *disabled { "disable" } else { "enable" }, Some(username))
            }
            Operator::Remove { username } => ("remove", Some(username)),
            Operator::AddKey { username, .. } => ("addKey", Some(username)),
            Operator::RevokeDevice { username, .. } => ("revokeDevice", Some(username)),
        };
        self.action = Some(action.into());
        self.name = name.map(|name| name.as_str().into());
        match operator {
            Operator::Add {
                credential: Some(NewCredential::Password(password)),
                ..
            }
            | Operator::SetPassword { password, .. } => {
                self.password = Some(Hidden(String::from_utf8_lossy(password.expose())));
            }
            Operator::Add {
                credential: Some(NewCredential::Key(key, _)),
                ..
            }
            | Operator::AddKey { key, .. } => self.key = Some(to_hex(key).into()),
            Operator::RevokeDevice { device, .. } => self.device = Some(Cow::Borrowed(device)),
            _ => {}
        }
    }
}

fn missing(member: &str) -> Fault {
    Fault::new("badRequest", format!("{member} is missing"))
}

fn hex(text: &str) -> Option<PublicKey> {
    let digit = |at: usize| char::from(*text.as_bytes().get(at)?).to_digit(16);
    let mut key = PublicKey::default();
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = (digit(2 * at)? << 4 | digit(2 * at + 1)?) as u8;
    }
    (text.len() == 64).then_some(key)
}

fn to_hex(key: &PublicKey) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long the daemon may take for it.
pub fn patience_ms(operator: &Operator) -> u64 {
    match operator {
        Operator::Upkeep(Upkeep::Backup { .. }) => BACKUP_MS,
        _ => ANSWER_MS,
    }
}

/// For the log: never a secret.
pub fn described(operator: &Operator) -> String {
    match operator {
        Operator::Upkeep(Upkeep::Stats) => "stats".into(),
        Operator::Upkeep(Upkeep::Backup { to }) => format!("backup {}", to.display()),
        Operator::Add { username, .. } => format!("add {}", username.as_str()),
        Operator::List => "list".into(),
        Operator::SetPassword { username, .. } => format!("passwd {}", username.as_str()),
        Operator::Disable { username, disabled } => match disabled {
            true => format!("disable {}", username.as_str()),
            false => format!("enable {}", username.as_str()),
        },
        Operator::Remove { username } => format!("remove {}", username.as_str()),
        Operator::AddKey { username, .. } => format!("add-key {}", username.as_str()),
        Operator::RevokeDevice { username, device } => {
            format!("revoke-device {} {device}", username.as_str())
        }
    }
}

#[cfg(test)]
mod tests;
