//! The server that is checked: where it is, what it says of itself, and its limits.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};

use serde_json::Value;

use crate::book::Mode;
use crate::conn::Conn;
use crate::identity::Accounts;
use crate::report::Options;

pub struct Server {
    pub address: SocketAddr,
    pub hello: Value,
    pub accounts: Accounts,
    pub seed: u64,
    pub only: Option<String>,
    limits: HashMap<String, u64>,
}

/// Its tables are the defaults.
const PROTOCOL: &str = include_str!("../../protocol.md");

impl Server {
    pub fn meet(options: &Options) -> Result<Server, String> {
        let resolved = options.address.to_socket_addrs();
        let address = resolved
            .map_err(|error| format!("{}: {error}", options.address))?
            .next()
            .ok_or_else(|| format!("{}: no address", options.address))?;
        let mut limits = defaults();
        limits.extend(options.limits.clone());
        let mut server = Server {
            address,
            hello: Value::Null,
            accounts: match &options.accounts {
                Some(file) => Accounts::read(file)?,
                None => Accounts::SignUp,
            },
            seed: options.seed,
            only: options.only.clone(),
            limits,
        };
        server.hello = server.connect()?.1;
        if let Some(bytes) = server.hello["limits"]["maxLineBytes"].as_u64() {
            server.limits.insert("max_line_bytes".into(), bytes);
        }
        Ok(server)
    }

    /// A connection that has read `hello`.
    pub fn connect(&self) -> Result<(Conn, Value), String> {
        greeted(self.address)
    }

    pub fn has_mailboxes(&self) -> bool {
        self.hello["mode"] == "mailbox"
    }

    pub fn is_of(&self, mode: Mode) -> bool {
        match mode {
            Mode::Any => true,
            Mode::Open => !self.has_mailboxes(),
            Mode::Mailbox => self.has_mailboxes(),
        }
    }

    /// `70`, `max_errors`, `max_errors+1` or `max_errors-1`.
    pub fn number(&self, text: &str) -> Option<u64> {
        if let Some((left, right)) = text.split_once('+') {
            return Some(self.number(left)? + self.number(right)?);
        }
        if let Some((left, right)) = text.split_once('-') {
            return self.number(left)?.checked_sub(self.number(right)?);
        }
        text.parse().ok().or_else(|| self.limits.get(text).copied())
    }

    /// Whether a limit is as a check needs it.
    pub fn meets(&self, need: &str) -> bool {
        let pair = |between: &str| {
            let (key, bound) = need.split_once(between)?;
            Some((self.number(key)?, self.number(bound)?))
        };
        pair("<=").is_some_and(|(has, bound)| has <= bound)
            || pair(">=").is_some_and(|(has, bound)| has >= bound)
    }
}

pub fn greeted(address: SocketAddr) -> Result<(Conn, Value), String> {
    let mut conn = Conn::dial(address).map_err(|error| format!("cannot connect: {error}"))?;
    let line = conn
        .line()
        .map_err(|why| format!("no hello: {}", why.as_str()))?;
    let hello: Value = serde_json::from_str(&line).unwrap_or_default();
    match hello["type"] == "hello" {
        true => Ok((conn, hello)),
        false => Err(format!("no hello, but {line}")),
    }
}

/// The rows of protocol.md that have a key: what, key, default.
fn defaults() -> HashMap<String, u64> {
    let rows = PROTOCOL.lines().filter_map(|line| {
        let mut cells = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split(" | ")
            .skip(1);
        let key = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let default = cells.next()?.replace(',', "").parse().ok()?;
        Some((key.to_owned(), default))
    });
    rows.collect()
}
