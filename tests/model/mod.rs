//! A small reference of open mode, and schedules that hold an engine to it.
//!
//! `Driver` does each thing to both: the `Engine` with transports in memory, and the `Relay`, which says for every
//! connection which bytes it is owed. What peers receive must be exactly that, so that a message in strange hands,
//! a lost one, a second reply to an `id` or a second owner of a name is a difference.
#![allow(dead_code)]

pub mod actions;
pub mod choice;
mod conn;
pub mod driver;
mod fields;
mod frames;
pub mod framing;
mod presence;
pub mod relay;
mod rules;
pub mod session;
pub mod stage;
