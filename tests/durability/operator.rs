//! The operator's commands against a daemon that runs, and what its clients see of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::house::{Client, Daemon, Place};

type Outcome = (i32, String, String);

fn privmsgd(data: &Path, line: &str) -> Outcome {
    let output = Command::new("timeout")
        .args(["60", env!("CARGO_BIN_EXE_privmsgd")])
        .args(line.split_whitespace())
        .arg("--data")
        .arg(data)
        .env_remove("RUNTIME_DIRECTORY")
        .output()
        .expect("timeout runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, text(output.stdout), text(output.stderr))
}

#[track_caller]
fn told(data: &Path, line: &str) -> Value {
    let (code, out, err) = privmsgd(data, line);
    assert_eq!(code, 0, "{line}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

fn with_two() -> Place {
    Place::new("operator").with_accounts(&["alice", "bob"])
}

fn start(place: &Place, keys: &[(&str, &str)]) -> (Daemon, u16) {
    let mut daemon = Daemon::start(place, &[], keys);
    let port = daemon.port().expect("it starts");
    (daemon, port)
}

/// Everything accepted before the copy was asked for is in it, and nothing that was not sent.
#[test]
fn a_backup_is_made_while_messages_are_accepted() {
    let place = with_two();
    let (daemon, port) = start(&place, &[("PRIVMSGD_MAILBOX__MAX_WAITING", "100000")]);
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let text = "z".repeat(1_000);
    for number in 1..=300 {
        assert_eq!(
            alice.message("bob", number, &text).unwrap()["type"],
            "accepted"
        );
    }
    let sender = thread::spawn(move || {
        for number in 301..=1_300 {
            assert_eq!(
                alice.message("bob", number, &text).unwrap()["type"],
                "accepted"
            );
        }
    });
    let copy = place.0.join("copy.db");
    let made = told(
        &place.data(),
        &format!("backup --json --to {}", copy.display()),
    );
    assert_eq!(made["bytes"], fs::metadata(&copy).unwrap().len());
    sender.join().unwrap();
    let again = privmsgd(&place.data(), &format!("backup --to {}", copy.display()));
    assert_eq!(again.0, 73, "{}", again.2);
    let stats = told(&place.data(), "stats --json");
    assert_eq!(
        (&stats["messages"], &stats["waiting"]),
        (&1_300.into(), &1_300.into()),
        "{stats}"
    );
    assert!(stats["commits"].as_u64() > Some(0), "{stats}");
    assert_eq!(privmsgd(&place.data(), "check-store").0, 69);
    drop(daemon);
    let other = Place::new("restored");
    let line = format!("restore --json --from {}", copy.display());
    let restored = told(&other.data(), &line);
    let count = restored["messages"].as_u64().unwrap();
    assert!((300..=1_300).contains(&count), "{restored}");
    assert_eq!(privmsgd(&other.data(), "check-store").0, 0);
    let (_daemon, port) = start(&other, &[]);
    let mut bob = Client::session(port, "bob", "").expect("registered");
    assert_eq!(bob.waiting(), (1..=count).collect::<Vec<_>>());
}

/// design §4.5 9, as clients see it.
#[test]
fn after_a_restore_clients_are_told_that_numbers_were_lost() {
    let place = with_two();
    let (daemon, port) = start(&place, &[]);
    let mut alice = Client::session(port, "alice", "").expect("registered");
    assert_eq!(alice.message("bob", 1, "x").unwrap()["seq"], 1);
    let mut bob = Client::connect(port);
    bob.send(r#"{"type":"register","username":"bob","password":"correct horse","deliver":"ack"}"#);
    let before = bob.until(&["registered"]).expect("registered");
    let pos = bob.until(&["privateMessage"]).expect("it waits")["pos"].clone();
    bob.send(&format!(r#"{{"type":"ack","pos":{pos},"id":1}}"#));
    bob.until(&["ok"]).expect("acknowledged");
    let copy = place.0.join("copy.db");
    told(
        &place.data(),
        &format!("backup --json --to {}", copy.display()),
    );
    assert_eq!(alice.message("bob", 2, "lost").unwrap()["seq"], 2);
    drop(daemon);
    told(
        &place.data(),
        &format!("restore --json --replace --from {}", copy.display()),
    );
    let (_daemon, port) = start(&place, &[]);
    let mut bob = Client::connect(port);
    let epoch = &before["epoch"];
    bob.send(&format!(
        r#"{{"type":"register","username":"bob","password":"correct horse","deliver":"ack","after":{pos},"epoch":{epoch}}}"#
    ));
    let after = bob.until(&["registered"]).expect("registered");
    assert_ne!(&after["epoch"], epoch);
    assert_eq!(after["resumed"], false, "{after}");
    assert_eq!(after["ackedPos"], pos, "{after}");
    assert!(bob.waiting().is_empty());
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let seq = alice.message("bob", 3, "x").unwrap()["seq"]
        .as_u64()
        .unwrap();
    assert_eq!(seq, 2 + (1 << 32));
    let line = bob.until(&["privateMessage"]).expect("live");
    assert!(line["pos"].as_u64() > Some(1 << 32), "{line}");
    bob.send(r#"{"type":"history","withUsername":"alice","id":"h"}"#);
    let history: Vec<Value> = (0..3)
        .map(|_| bob.until(&["privateMessage"]).unwrap())
        .collect();
    assert_eq!(history[1]["removed"], "lost", "{history:?}");
    assert_eq!(
        (&history[1]["seq"], &history[1]["toSeq"]),
        (&2.into(), &(1 + (1_u64 << 32)).into())
    );
    assert_eq!(
        (&history[0]["seq"], &history[2]["seq"]),
        (&1.into(), &seq.into())
    );
}

/// What is told with the daemon and without it is the same.
#[test]
fn stats_are_the_same_with_the_daemon_and_without() {
    let place = with_two();
    let (daemon, port) = start(&place, &[("PRIVMSGD_MAILBOX__DURABILITY", "os")]);
    let mut alice = Client::connect(port);
    assert_eq!(alice.until(&["hello"]).unwrap()["durability"], "os");
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let sent = alice.message("bob", 1, "x").unwrap();
    let running = told(&place.data(), "stats --json");
    drop(daemon);
    let stopped = told(&place.data(), "stats --json");
    for member in [
        "accounts",
        "conversations",
        "messages",
        "waiting",
        "waitingBytes",
        "epoch",
        "oldestWaiting",
    ] {
        assert_eq!(running[member], stopped[member], "{member}");
    }
    assert_eq!(running["oldestWaiting"], sent["time"]);
    assert_eq!(
        (&running["durability"], &running["accounts"]),
        (&"os".into(), &2.into())
    );
    assert_eq!(stopped.get("commits"), None);
    let (code, out, _) = privmsgd(&place.data(), "stats");
    assert!(code == 0 && out.contains("waiting        1: "), "{out}");
}

const CANARY: &str = "canary-51c07e";

/// Sealed: nothing in any file while the daemon runs. Removed: nothing left for whoever has the key either.
#[test]
fn a_sealed_store_holds_no_text_and_a_removed_account_leaves_none() {
    let place = with_two();
    let key = place.0.join("key");
    fs::write(&key, "ab".repeat(32)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    fs::set_permissions(&key, mode(0o600)).unwrap();
    let key = key.display().to_string();
    let (daemon, port) = start(&place, &[("PRIVMSGD_MAILBOX__KEY", &key)]);
    let mut alice = Client::session(port, "alice", "").expect("registered");
    for number in 1..=20 {
        assert_eq!(
            alice.message("bob", number, CANARY).unwrap()["type"],
            "accepted"
        );
    }
    assert!(!holds(&place.data(), CANARY));
    let mut bob = Client::session(port, "bob", "").expect("registered");
    assert_eq!(bob.waiting().len(), 20);
    drop(daemon);
    let mut refused = Daemon::start(&place, &[], &[]);
    assert_eq!(refused.port(), Err(78));
    assert!(refused.log().contains("mailbox.key"), "{}", refused.log());
}

#[test]
fn a_removed_account_leaves_no_text_in_any_file() {
    let place = with_two();
    let (daemon, port) = start(&place, &[]);
    let mut alice = Client::session(port, "alice", "").expect("registered");
    for number in 1..=20 {
        assert_eq!(
            alice.message("bob", number, CANARY).unwrap()["type"],
            "accepted"
        );
    }
    assert!(holds(&place.data(), CANARY));
    for name in ["alice", "bob"] {
        assert_eq!(
            privmsgd(&place.data(), &format!("account remove {name} --yes")).0,
            0
        );
    }
    drop(daemon);
    let (mut daemon, _) = start(&place, &[]);
    for _ in 0..100 {
        if !holds(&place.data(), CANARY) {
            break;
        }
        thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(!holds(&place.data(), CANARY) && daemon.is_running());
    drop(daemon);
    assert_eq!(
        privmsgd(&place.data(), "check-store"),
        (0, String::new(), privmsgd(&place.data(), "check-store").2)
    );
}

fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap_or_default();
        content
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}
