//! Accounts from outside: the daemon as it is started, on real sockets, with tools written by others. Acceptance E6–E8
//! and E11–E14; each credential with its negative twins.

#[path = "../bench/mod.rs"]
mod bench;
#[path = "../common/mod.rs"]
mod common;
#[path = "../ops/mod.rs"]
mod ops;
#[path = "../rows/accounts.rs"]
mod rows;

#[cfg(feature = "tls")]
#[path = "../tls/files.rs"]
#[allow(dead_code)]
mod files;
#[cfg(feature = "tls")]
#[path = "../tls/peer.rs"]
#[allow(dead_code)]
mod peer;

mod broken;
mod clock;
#[cfg(feature = "tls")]
mod encrypted;
mod live;
mod orders;
mod proofs;
mod secrets;
mod twins;

#[test]
fn e6_nothing_reaches_who_comes_after() {
    rows::e6_a_name_that_left(1_000);
}

#[test]
fn e11_a_thousand_tries_a_second_beside_a_pair() {
    rows::e11_brute_force(bench::secs(5));
}

/// The long run makes the 10,000 of the row.
#[test]
fn e13_a_thousand_replays() {
    rows::e13_replays(1_000);
}
