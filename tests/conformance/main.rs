//! The conformance kit, held against this daemon: what it quotes is what protocol.md says, and all of it holds, in both
//! modes. With `--features planted-faults`: it finds the faults that are planted.

#[allow(dead_code)]
mod book;
#[path = "../common/mod.rs"]
mod common;
mod conn;
mod faults;
mod identity;
#[path = "../common/pattern.rs"]
#[allow(dead_code)]
mod pattern;
mod play;
mod proxy;
#[allow(dead_code)]
mod report;
mod server;

use std::time::Instant;

use common::{Address, Daemon, Setup};
use report::Options;
use server::Server;

/// Sentences, at least.
const SENTENCES: usize = 300;
/// Milliseconds for all of them.
const PATIENCE: u128 = 30_000;

/// Limits that are too long, or too high, to be waited for.
const SHORT: [(&str, u64); 4] = [
    ("line_timeout_ms", 1_500),
    ("register_timeout_ms", 6_000),
    ("claim_notice_interval_ms", 1_500),
    ("max_watchers", 3),
];

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_sentence_stands_in_protocol_and_none_twice() {
    let protocol = flat(include_str!("../../protocol.md"));
    let checks = book::all();
    let quotes: Vec<String> = checks.iter().map(|check| flat(&check.quote)).collect();
    for (check, quote) in checks.iter().zip(&quotes) {
        assert!(protocol.contains(quote), "{}: {quote}", check.place);
        let others = checks.iter().zip(&quotes);
        for (other, part) in others.filter(|(other, _)| other.place != check.place) {
            assert!(
                !quote.contains(part.as_str()),
                "{} and {}: {part}",
                check.place,
                other.place
            );
        }
    }
    assert!(quotes.len() >= SENTENCES, "only {}", quotes.len());
}

fn setup(has_mailboxes: bool) -> Setup {
    let setup = match has_mailboxes {
        true => Setup::new().accounts(&[]).key("accounts.signup", "open"),
        false => Setup::new(),
    };
    SHORT
        .iter()
        .fold(setup, |setup, (key, value)| setup.limit(key, value))
}

fn met(daemon: &Daemon) -> Server {
    let Address::Tcp(address) = daemon.address() else {
        panic!("no TCP")
    };
    let mut args = vec![address.to_string()];
    for (key, value) in SHORT {
        args.extend(["--limit".into(), format!("{key}={value}")]);
    }
    let options = Options::parse(args.into_iter()).expect("options");
    Server::meet(&options).expect("a server")
}

fn everything_holds(has_mailboxes: bool) {
    let begun = Instant::now();
    let daemon = Daemon::start(&setup(has_mailboxes));
    let (server, checks) = (met(&daemon), book::all());
    let outcomes = report::run(&server, &checks);
    let failed: Vec<_> = outcomes
        .failed()
        .map(|(check, why)| format!("{}: {}: {why}", check.place, check.quote))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let skipped = outcomes.skipped(has_mailboxes);
    assert!(skipped.is_empty(), "not looked at: {skipped:?}");
    println!("{} hold, {} ms", outcomes.held(), outcomes.ms);
    assert!(begun.elapsed().as_millis() < PATIENCE);
}

#[test]
fn everything_holds_in_open_mode() {
    everything_holds(false);
}

#[test]
fn everything_holds_in_mailbox_mode() {
    everything_holds(true);
}
