//! Answers of the admin socket as lines. Knows no sockets and no state.

use std::borrow::Cow;

use serde::Serialize;

use crate::accounts::{Account, Device, Refused};
use crate::config::Changes;
use crate::ops::exit::Exit;
use crate::time::Stamp;
use crate::upkeep::Told;

/// Why a request was not done: the last line of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub error: Cow<'static, str>,
    pub code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
}

impl Fault {
    pub fn new(code: &'static str, error: impl Into<Cow<'static, str>>) -> Self {
        Fault {
            error: error.into(),
            code,
            messages: Vec::new(),
        }
    }
}

impl From<&Refused> for Fault {
    fn from(refused: &Refused) -> Fault {
        Fault::new(refused.code.as_str(), refused.message)
    }
}

/// The last line of an answer to what was done.
#[derive(Serialize)]
pub struct Done {
    done: bool,
}

pub const DONE: Done = Done { done: true };

#[derive(Serialize)]
pub struct Ended {
    pub ended: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded<'a> {
    changed: &'a [&'static str],
    needs_restart: &'a [&'static str],
}

impl<'a> From<&'a Changes> for Reloaded<'a> {
    fn from(changes: &'a Changes) -> Self {
        Reloaded {
            changed: &changes.reloadable,
            needs_restart: &changes.needs_restart,
        }
    }
}

/// Appends one line.
pub fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing these into a `Vec` cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

/// Appends what the store tells of itself; the fault is the last line then.
pub fn told(out: &mut Vec<u8>, told: &Told) -> Result<(), Fault> {
    match told {
        Told::Stats(stats) => line(out, stats),
        Told::BackedUp(made) => line(out, made),
        Told::Failed(error) => {
            let code = FAULTS.iter().find(|(exit, _)| *exit == error.code);
            let text = error.to_string();
            let text = text.trim_start_matches("privmsgd: ").to_string();
            return Err(Fault::new(
                code.map_or("storageFailed", |(_, code)| code),
                text,
            ));
        }
    }
    Ok(())
}

/// How the exit code of a subcommand that the daemon carries out is told, and known again.
pub const FAULTS: &[(Exit, &str)] = &[
    (Exit::Data, "damaged"),
    (Exit::Unavailable, "busy"),
    (Exit::CannotCreate, "cannotCreate"),
    (Exit::Io, "storageFailed"),
    (Exit::Permission, "notPermitted"),
];

/// Appends the line of one account.
pub fn account(out: &mut Vec<u8>, account: &Account) {
    let seen = account.seen_unix_ms.map(Stamp::new);
    line(
        out,
        &AccountLine {
            name: account.username.as_str(),
            created: Stamp::new(account.created_unix_ms).as_str(),
            last_seen: seen.as_ref().map(Stamp::as_str),
            disabled: account.disabled,
            password: account.has_password,
            keys: account.keys,
            devices: account.devices,
        },
    );
}

/// Appends the line of one device.
pub fn device(out: &mut Vec<u8>, device: &Device) {
    line(
        out,
        &DeviceLine {
            device: &device.device,
            created: Stamp::new(device.created_unix_ms).as_str(),
            last_seen: Stamp::new(device.seen_unix_ms).as_str(),
        },
    );
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountLine<'a> {
    name: &'a str,
    created: &'a str,
    /// `null`: it never registered.
    last_seen: Option<&'a str>,
    disabled: bool,
    password: bool,
    keys: u32,
    devices: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceLine<'a> {
    device: &'a str,
    created: &'a str,
    last_seen: &'a str,
}
