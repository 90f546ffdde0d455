//! The commands of `privmsg` as a script uses them: the program, a real daemon, real files.

#[path = "../bench/mod.rs"]
mod bench;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "tls")]
#[path = "../tls/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../ops/mod.rs"]
mod ops;
#[path = "../conformance/proxy.rs"]
#[allow(dead_code)]
mod proxy;

#[cfg(feature = "mailbox")]
mod account;
mod codes;
#[cfg(feature = "mailbox")]
mod cut;
mod home;
#[cfg(feature = "mailbox")]
mod library;
#[cfg(feature = "mailbox")]
mod login;
#[cfg(feature = "mailbox")]
mod mailbox;
mod open;
mod pages;
#[cfg(feature = "mailbox")]
mod token;
#[cfg(feature = "tls")]
mod trust;
