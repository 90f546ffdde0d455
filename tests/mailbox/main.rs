//! What protocol.md decides of mailbox mode, one test each: transcripts on real sockets with accounts in memory.

#[path = "../common/mod.rs"]
mod common;
#[path = "../desk/mod.rs"]
mod desk;

mod account;
mod channels;
mod devices;
mod document;
mod endings;
mod house;
mod pending;
mod presence;
mod register;
