//! The protocol's words: lines in, frames out. Knows no connection, no state and no rule.

pub mod base64url;
pub mod code;
pub mod command;
pub mod frame;
pub mod name;
