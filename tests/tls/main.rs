//! TLS: what peers see of it, and what it costs the daemon. Acceptance A12, C9, E9, E9b, E16, F3, F4.

#[path = "../bench/mod.rs"]
mod bench;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "mailbox")]
#[path = "../rows/links.rs"]
#[allow(dead_code)]
mod links;
#[path = "../ops/mod.rs"]
mod ops;

mod bytes;
mod certificates;
#[cfg(feature = "mailbox")]
mod evidence;
mod files;
mod forge;
mod handshakes;
mod memory;
mod peer;
mod ports;
mod programs;
mod records;
