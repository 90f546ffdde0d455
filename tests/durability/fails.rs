//! A7: the disk answers EIO.

use crate::house::{Client, Daemon, Place, code, strace};

const MESSAGES: u64 = 60;
/// `ex_ioerr`: it does not go on with a file whose state nobody knows.
const IO: i32 = 74;

/// The daemon syncs for the Nth time, and it fails: what was accepted before is there afterwards, in its order, nothing
/// is there twice, the sender of the message was told that its outcome is unknown, and the process ends with 74.
#[test]
fn a7_nothing_is_accepted_that_the_disk_did_not_take() {
    let template = Place::new("eio").with_accounts(&["alice", "bob"]);
    let (mut starts, mut refused, mut unnoticed) = (0, 0, 0);
    for nth in 1..=50 {
        let place = Place::copied("eio", &template);
        let inject = strace(&format!("error=EIO:when={nth}"));
        let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
        let mut daemon = Daemon::start(&place, &inject, &[]);
        let mut accepted = Vec::new();
        match daemon.port() {
            Err(exit) => {
                assert_eq!(exit, IO, "sync {nth} at the start\n{}", daemon.log());
                starts += 1;
            }
            Ok(port) => {
                match send_all(port, &mut accepted) {
                    Ended::All => unnoticed += 1,
                    Ended::Told => refused += 1,
                    Ended::Cut => {}
                }
                if accepted.len() as u64 != MESSAGES {
                    assert_eq!(daemon.wait(), IO, "sync {nth}\n{}", daemon.log());
                }
            }
        }
        drop(daemon);
        let kept = kept(&place);
        assert!(
            kept.starts_with(&accepted),
            "sync {nth}: accepted {accepted:?}, kept {kept:?}"
        );
        assert!(kept.len() <= accepted.len() + 1, "sync {nth}: {kept:?}");
    }
    println!("{starts} did not start, {refused} senders were told, {unnoticed} were not looked at");
    // SQLite does not look at the outcome for the directory of a log that it made; the daemon has synced it by then.
    assert!(starts < 20 && refused > 20 && unnoticed <= 1);
}

/// The log is synced and the database, into which it is written back, is not: SQLite on its own would not say so.
#[test]
fn a7_a_database_that_takes_nothing_back_is_noticed() {
    let place = Place::new("checkpoint").with_accounts(&["alice", "bob"]);
    let mut inject = strace("error=EIO");
    let database = place.data().join("privmsgd.db").display().to_string();
    inject.extend(["-P".into(), database]);
    let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
    let room = [
        ("PRIVMSGD_MAILBOX__MAX_WAITING", "100000"),
        ("PRIVMSGD_MAILBOX__MAX_WAITING_BYTES", "1000000000"),
    ];
    let mut daemon = Daemon::start(&place, &inject, &room);
    let port = daemon.port().expect("it starts");
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let (text, mut accepted) = ("x".repeat(30_000), Vec::new());
    for number in 1..=2_000 {
        match alice.message("bob", number, &text) {
            Some(line) if line["type"] == "accepted" => accepted.push(number),
            _ => break,
        }
    }
    assert!((50..2_000).contains(&accepted.len()), "{}", accepted.len());
    assert_eq!(daemon.wait(), IO, "{}", daemon.log());
    drop(daemon);
    assert!(kept(&place).starts_with(&accepted));
}

enum Ended {
    All,
    /// The sender was told `storageFailed`.
    Told,
    Cut,
}

fn send_all(port: u16, accepted: &mut Vec<u64>) -> Ended {
    let Some(mut alice) = Client::session(port, "alice", "") else {
        return Ended::Cut;
    };
    for number in 1..=MESSAGES {
        let Some(line) = alice.message("bob", number, "x") else {
            return Ended::Cut;
        };
        if line["type"] == "errorMessage" {
            assert_eq!(code(&line), "storageFailed", "{line}");
            let end = alice.until(&["accepted", "goodbye"]);
            assert!(
                end.is_none_or(|line| line["type"] == "goodbye"),
                "accepted after a failure"
            );
            return Ended::Told;
        }
        accepted.push(number);
    }
    Ended::All
}

/// What a daemon with a good disk has for Bob.
fn kept(place: &Place) -> Vec<u64> {
    let mut daemon = Daemon::start(place, &[], &[]);
    let port = daemon.port().expect("it starts again");
    let mut bob = Client::session(port, "bob", "").expect("registered");
    bob.waiting()
}
