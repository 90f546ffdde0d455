//! A9: the store's reads and writes do less than they are asked, and are interrupted. Nobody notices.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::house::{Client, Daemon, Place};

const MESSAGES: u64 = if cfg!(feature = "long-tests") {
    10_000
} else {
    1_000
};
/// Sent before the answers are read.
const BURST: u64 = 25;

#[test]
fn a9_short_and_interrupted_writes_are_made_whole() {
    let place = Place::new("short").with_accounts(&["alice", "bob"]);
    let shim = compiled(&place.0);
    let told = place.0.join("told").display().to_string();
    let keys = [
        ("LD_PRELOAD", shim.as_str()),
        ("SHORT_TOLD", told.as_str()),
        ("PRIVMSGD_MAILBOX__MAX_WAITING", "100000"),
        ("PRIVMSGD_MAILBOX__MAX_WAITING_BYTES", "1000000000"),
    ];
    let mut sums = [0, 0];
    // The second daemon finds half of them in what the first wrote.
    for run in 0..2 {
        let mut daemon = Daemon::start(&place, &[], &keys);
        let port = daemon.port().expect("it starts");
        let half = MESSAGES / 2;
        send(port, run * half + 1, (run + 1) * half);
        let pid = Pid::from_raw(daemon.pid() as i32).expect("a process");
        kill_process(pid, Signal::TERM).expect("it is told to end");
        assert_eq!(daemon.wait(), 0, "{}", daemon.log());
        let text = fs::read_to_string(&told).expect("what was cut short");
        for (sum, word) in sums.iter_mut().zip(text.split_whitespace()) {
            *sum += word.parse::<u64>().expect("a count");
        }
    }
    println!(
        "A9: {MESSAGES} messages; {} calls were cut short, {} interrupted",
        sums[0], sums[1]
    );
    assert!(sums.iter().all(|sum| *sum > MESSAGES / 10), "{sums:?}");
    let (checked, findings) = check(&place);
    assert_eq!((checked, findings), (MESSAGES, Vec::new()));
    let mut daemon = Daemon::start(&place, &[], &keys[2..]);
    let mut bob =
        Client::session(daemon.port().expect("it starts"), "bob", "").expect("registered");
    assert!(bob.waiting().into_iter().eq(1..=MESSAGES));
}

fn compiled(dir: &Path) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/short.c");
    let library = dir.join("short.so");
    let mut compiler = Command::new("cc");
    let compiler = compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
    let done = compiler.arg(&library).arg(source).status();
    assert!(done.expect("cc runs").success());
    library.display().to_string()
}

fn send(port: u16, first: u64, last: u64) {
    let mut alice = Client::session(port, "alice", "").expect("registered");
    for number in (first..=last).step_by(BURST as usize) {
        let until = (number + BURST - 1).min(last);
        let filling = "x".repeat((number % 3_000) as usize);
        for number in number..=until {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"bob","message":"{number} {filling}","id":{number}}}"#
            ));
        }
        for number in number..=until {
            let line = alice
                .until(&["accepted", "errorMessage"])
                .expect("an answer");
            assert_eq!(
                (&line["type"], &line["id"]),
                (&"accepted".into(), &number.into()),
                "{line}"
            );
        }
    }
}

/// How many messages there are, and what is wrong with the store.
fn check(place: &Place) -> (u64, Vec<String>) {
    let mut findings = Vec::new();
    let checked = privmsgd::store::check(&place.data(), None, &mut |finding| {
        findings.push(format!("{finding:?}"));
    });
    (checked.expect("a store").messages, findings)
}
