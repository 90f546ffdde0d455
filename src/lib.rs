//! privmsgd: private messages between named clients, one JSON object per line.
//!
//! Bytes flow one way. What comes back (timers, hang-ups) enters by the same door as a command, one `Input`
//! into the router, and leaves by one way out (`send`, `close`, `registered`) on the connection table. The only
//! word that all layers share is [`id::ConnId`].
//!
//! ```text
//!         ┌──────────────── net/server: tick · poll · dispatch · flush · reap ────────────────┐
//! socket ─► net/conn ─► net/lines ─► wire/command ─► router ─► wire/frame ─► net/conns ─► net/conn ─► socket
//!  bytes     bytes        line         Command        rules       bytes       target's buffer        bytes
//! ```
#![deny(unsafe_code)]

pub mod accounts;
pub mod admin;
#[cfg(any(feature = "client", feature = "mailbox"))]
pub mod ask;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod engine;
pub mod escape;
pub mod id;
pub mod mailbox;
pub mod net;
pub mod ops;
pub mod planted;
pub mod router;
#[cfg(feature = "mailbox")]
pub mod store;
pub mod time;
pub mod upkeep;
pub mod wire;
