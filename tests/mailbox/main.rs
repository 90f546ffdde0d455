//! What protocol.md decides of mailbox mode, one test each: transcripts on real sockets with accounts in memory.

#[path = "../common/mod.rs"]
mod common;
#[path = "../desk/mod.rs"]
mod desk;

mod account;
mod auto;
mod channels;
mod devices;
mod drains;
mod endings;
mod house;
mod passing;
mod pending;
mod presence;
mod register;
mod stage;
mod stored;
mod windows;
