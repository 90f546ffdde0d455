//! The admin socket and the subcommands that talk to it. Knows no rules of the relay: what it asks of the daemon is
//! [`House`].
//!
//! A UNIX stream socket, for root and the daemon's user only. One JSON object per line each way. The protocol is
//! private to this package, but it has a number, so that two versions of it do not misread each other.
//!
//! A request names a `command` and may name its `protocol` (1). It is answered by lines, of which the last is
//! `{"done":true}` or `{"error":"a sentence","code":"word","messages":[…]?}`; the next request is read after that.
//!
//! | request | lines before the last |
//! | --- | --- |
//! | `{"command":"status"}` | one, see [`Status`] |
//! | `{"command":"clients"}` | one for each connection, see [`Client`] |
//! | `{"command":"kick","name":"Bob"}` | `{"ended":1}` |
//! | `{"command":"logLevel","level":"debug"}` | none |
//! | `{"command":"reload"}` | `{"changed":["log.level"],"needsRestart":[]}` |
//! | `{"command":"drain"}` | none |
//! | `{"command":"check"}` | one, see [`Health`] |
//! | `{"command":"account","action":"add","name":"Bob","password":"…"}`, or `"key":"64 hexadecimal digits"`, or neither | none |
//! | … `"action":"list"` | one for each account |
//! | … `"action":"setPassword","name":…,"password":…` | none |
//! | … `"action":"disable"`, `"enable"` or `"remove"`, `"name":…` | none |
//! | … `"action":"addKey","name":…,"key":…` | none |
//! | … `"action":"revokeDevice","name":…,"device":…` | none |
//! | `{"command":"stats"}` | one, see [`Stats`](crate::upkeep::Stats) |
//! | `{"command":"backup","to":"/absolute/path"}` | one, see [`BackedUp`](crate::upkeep::BackedUp) |
//!
//! These and an `account` request may say in `data` which directory it means; a daemon with another one answers `otherData`,
//! one without accounts `openMode`.

pub mod cli;
mod conn;
pub mod place;
pub mod reply;
pub mod request;
mod socket;

use std::path::Path;

use log::LevelFilter;
use serde::Serialize;

use crate::ops::health::Health;
use crate::wire::name::Name;

pub use socket::Admin;

/// What the daemon does for its operator. Nothing here waits.
pub trait House {
    fn status(&self) -> Status<'_>;
    /// Shows at most `limit` connections of at most `slots` places in the table, from place `from` on. Returns where
    /// to go on; `None`: that was the last.
    fn clients(
        &self,
        from: u32,
        limit: usize,
        slots: usize,
        show: &mut dyn FnMut(&Client<'_>),
    ) -> Option<u32>;
    /// Ends all sessions of a name; how many.
    fn kick(&mut self, name: &Name<'_>) -> usize;
    /// Until the next reload.
    fn set_level(&mut self, level: LevelFilter);
    /// Starts to read the configuration again; [`Admin::reloaded`] tells the outcome. Fails with the reason.
    fn reload(&mut self) -> Result<(), String>;
    fn drain(&mut self);
    /// Whether it can serve, and what is in the way.
    fn health(&self) -> Health;
    /// Says in the log what somebody else caused; how often is bounded.
    fn say(&mut self, line: std::fmt::Arguments<'_>);
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status<'a> {
    pub version: &'static str,
    /// `open` or `mailbox`.
    pub mode: &'static str,
    pub pid: u32,
    /// Where accounts and messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a Path>,
    pub uptime_ms: u64,
    /// Those that are ending included.
    pub connections: usize,
    /// The same without those that may still register.
    pub registered: usize,
    pub names: usize,
    pub queue_bytes: usize,
    pub listeners: Vec<&'a str>,
    /// Where figures and health are told over HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<&'a str>,
    pub log_level: &'a str,
    pub draining: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Client<'a> {
    /// As in the log: `conn 7`.
    pub serial: u64,
    /// `null` before it registers.
    pub name: Option<&'a str>,
    /// `127.0.0.1:40312`, or `unix`.
    pub address: &'a str,
    pub tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a str>,
    /// To the second, RFC 3339.
    pub connected: &'a str,
    pub queue_bytes: usize,
    /// It was told goodbye.
    pub ending: bool,
}

/// The version of the protocol above.
const PROTOCOL: u64 = 1;
/// A request without its line end.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Connections at once; one more is told so.
const MAX_CONNECTIONS: usize = 8;
/// Without a request, or without taking an answer.
const IDLE_MS: u64 = 10_000;
/// For what is done elsewhere: hashing a password, reading the configuration.
const ANSWER_MS: u64 = 60_000;
/// For a copy of the store, which may be large and goes on whoever waits.
const BACKUP_MS: u64 = 86_400_000;
/// Lines handled and lines written in one turn of the loop, for all connections together.
const BUDGET: usize = 1_000;
/// Answers that wait to be taken; no more are made meanwhile.
const MAX_QUEUE_BYTES: usize = 64 * 1024;
