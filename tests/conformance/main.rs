//! The conformance kit, held against this daemon: what it quotes is what protocol.md says, and all of it holds, in both
//! modes. With `--features planted-faults`: it finds the faults that are planted.

#[allow(dead_code)]
mod book;
#[path = "../common/mod.rs"]
mod common;
mod conn;
mod faults;
mod identity;
mod pattern {
    pub use crate::common::{Bindings, check, fill};
}
mod play;
mod proxy;
#[allow(dead_code)]
mod report;
mod server;

use std::time::Instant;

use common::{Address, Daemon, Setup};
use play::{Outcome, Why};
use report::Options;
use server::Server;

/// Sentences, at least.
const SENTENCES: usize = 300;
/// Milliseconds for all of them.
const PATIENCE: u128 = 30_000;

/// Limits that are too long, or too high, to be waited for.
const SHORT: [(&str, u64); 5] = [
    ("limits.line_timeout_ms", 1_500),
    ("limits.register_timeout_ms", 6_000),
    ("limits.claim_notice_interval_ms", 1_500),
    ("limits.max_watchers", 3),
    ("mailbox.max_waiting", 400),
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
        .fold(setup, |setup, (key, value)| setup.key(key, value))
}

fn met(daemon: &Daemon) -> Server {
    let Address::Tcp(address) = daemon.address() else {
        panic!("no TCP")
    };
    let mut args = vec![address.to_string()];
    for (path, value) in SHORT {
        let key = path.split_once('.').map_or(path, |(_, key)| key);
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
    let other_mode = |outcome: &Outcome| matches!(outcome, Outcome::Skipped(Why::OtherMode));
    let looked_at = outcomes.held() + outcomes.all.iter().filter(|(_, it)| other_mode(it)).count();
    assert_eq!(looked_at, checks.len(), "some were not looked at");
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

/// Each in a daemon of its own, four at a time.
#[cfg(feature = "planted-faults")]
#[test]
fn at_least_19_of_20_planted_faults_are_found() {
    use privmsgd::planted::{Fault, VARIABLE};
    use std::sync::Mutex;

    let left = Mutex::new(Fault::ALL.into_iter().enumerate());
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("unharmed").next();
                    let Some((number, fault)) = next else {
                        return;
                    };
                    let setup = setup(number >= Fault::IN_OPEN_MODE);
                    let setup = setup.env(VARIABLE, &format!("{fault:?}"));
                    let daemon = Daemon::start(&setup);
                    let (server, checks) = (met(&daemon), book::all());
                    let outcomes = report::run(&server, &checks);
                    let found: Vec<_> = outcomes.failed().map(|(check, _)| &check.quote).collect();
                    println!("{fault:?}: {} sentences: {:?}", found.len(), found.first());
                    if found.is_empty() {
                        missed.lock().expect("unharmed").push(fault);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().expect("unharmed");
    assert!(missed.len() <= 1, "{missed:?}");
}
