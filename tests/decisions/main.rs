//! Every decision about open mode has a test here that fails without it, as a transcript under every chunking.
//!
//! Lines that begin with `>` are sentences of protocol.md; `tests/document.rs` checks that they stand there.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod endings;
mod errors;
mod lines;
mod names;
mod presence;
mod register;
mod resume;
mod slow;
mod telnet;
mod timeouts;
