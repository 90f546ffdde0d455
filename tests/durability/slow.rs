//! A10: every sync takes half a second.

use std::time::{Duration, Instant};

use crate::house::{Client, Daemon, Place, code, strace};

const ECHOES: usize = 400;
/// Three times the figure of the row.
const P99: Duration = Duration::from_millis(15);
const GROWTH_KIB: u64 = 8 * 1024;
const FLOOD: u64 = 5_000;

#[test]
fn a10_a_slow_disk_delays_only_what_waits_for_it() {
    let place = Place::new("slow").with_accounts(&["alice", "bob", "carol", "dave"]);
    let inject = strace("delay_exit=500000");
    let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
    let jobs = [
        ("PRIVMSGD_MAILBOX__MAX_JOBS", "100"),
        ("PRIVMSGD_MAILBOX__MAX_WAITING", "1000000"),
    ];
    let mut daemon = Daemon::start(&place, &inject, &jobs);
    let port = daemon.port().expect("it starts");
    let [mut alice, mut bob, mut carol] =
        ["alice", "bob", "carol"].map(|name| Client::session(port, name, "").expect("registered"));
    bob.until(&["synced"]).expect("synced");
    let echo = |from: &mut Client, to: &mut Client| {
        let began = Instant::now();
        from.send(r#"{"type":"privateMessage","toUsername":"bob","message":"e","ephemeral":true}"#);
        to.until(&["privateMessage"]).expect("an echo");
        began.elapsed()
    };
    // The first asks whether it may.
    echo(&mut alice, &mut bob);
    let before = daemon.rss_kib();
    for number in 1..=FLOOD {
        carol.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"dave","message":"{number} x","id":{number}}}"#
        ));
    }
    let mut times: Vec<Duration> = (0..ECHOES).map(|_| echo(&mut alice, &mut bob)).collect();
    times.sort();
    let p99 = times[ECHOES * 99 / 100];
    println!(
        "echo while a sync takes 500 ms: p50 {:?}, p99 {p99:?}",
        times[ECHOES / 2]
    );
    assert!(p99 < P99, "{p99:?}");
    let growth = daemon.rss_kib().saturating_sub(before);
    println!("grown by {growth} KiB");
    assert!(growth <= GROWTH_KIB, "{growth} KiB");
    let (mut accepted, mut overloaded) = (0, 0);
    for _ in 0..FLOOD {
        let line = carol
            .until(&["accepted", "errorMessage"])
            .expect("an answer for each");
        match line["type"].as_str() {
            Some("accepted") => accepted += 1,
            _ => {
                let known = ["overloaded", "mailboxFull"].contains(&code(&line));
                assert!(known, "{line}");
                overloaded += usize::from(code(&line) == "overloaded");
            }
        }
    }
    println!("{accepted} accepted, {overloaded} overloaded");
    assert!(accepted > 0 && overloaded > 0 && daemon.is_running());
}
