//! A8: no room on the disk.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{Client, Daemon, PASSWORD, Place, add_account, code, strace_of};

/// A data directory on a file system of its own that goes with the daemon.
const MOUNT: &str = "mount -t tmpfs -o size=3m,mode=0700 tmpfs \"$0\" && cp -p \"$0\".template/* \"$0\" && exec \"$@\"";

/// `script` with mounts of its own, that holds on to nothing which is unmounted meanwhile elsewhere.
fn within<'a>(script: &'a str, data: &'a str) -> Vec<&'a str> {
    let unshare = ["unshare", "-r", "-m", "--propagation", "slave"];
    [&unshare[..], &["sh", "-c", script, data]].concat()
}

/// A place for [`MOUNT`], where it finds Alice and Bob, and its directory of data.
fn small(name: &str) -> (Place, String) {
    let place = Place::new(name);
    fs::create_dir(place.data()).unwrap();
    let template = place.0.join("data.template");
    add_account("alice", &template);
    add_account("bob", &template);
    let data = place.data().display().to_string();
    (place, data)
}

#[test]
fn a8_a_full_disk_refuses_what_is_new_and_nothing_else() {
    let (place, data) = small("full");
    let metrics = format!("unix:{}", place.0.join("metrics").display());
    let keys = [("PRIVMSGD_METRICS__LISTEN", &*metrics)];
    let mut daemon = Daemon::start(&place, &within(MOUNT, &data), &keys);
    let port = daemon.port().expect("it starts");
    assert!(ready(&place).starts_with("HTTP/1.1 200 "));
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let mut bob = Client::connect(port);
    bob.send(&format!(
        r#"{{"type":"register","username":"bob","password":"{PASSWORD}"}}"#
    ));
    let epoch = bob.until(&["registered"]).expect("registered")["epoch"].clone();
    bob.until(&["synced"]).expect("synced");
    let mut accepted: Vec<u64> = (1..=5).collect();
    for number in 1..=5 {
        assert_eq!(
            alice.message("bob", number, "x").unwrap()["type"],
            "accepted"
        );
        assert_eq!(bob.until(&["privateMessage"]).unwrap()["seq"], number);
    }
    let filler = fill(&daemon, &place, 100 * 1024);
    let text = "y".repeat(2_000);
    let mut number = 5;
    loop {
        number += 1;
        assert!(number < 5_000, "the disk is never full");
        let line = alice.message("bob", number, &text).expect("it answers");
        match line["type"].as_str() {
            Some("accepted") => accepted.push(number),
            _ => {
                assert_eq!(code(&line), "storageFull", "{line}");
                break;
            }
        }
    }
    for _ in 5..accepted.len() {
        bob.until(&["privateMessage"]).expect("what was accepted");
    }
    // What needs no room goes on.
    for number in 1..=20 {
        let line = r#"{"type":"privateMessage","toUsername":"bob","message":"e","ephemeral":true,"id":"e"}"#;
        alice.send(line);
        assert_eq!(
            alice.until(&["accepted", "errorMessage"]).unwrap()["type"],
            "accepted",
            "{number}"
        );
        assert_eq!(bob.until(&["privateMessage"]).unwrap()["message"], "e");
    }
    bob.send(r#"{"type":"history","withUsername":"alice","limit":3,"id":"h"}"#);
    let done = bob.until(&["done", "errorMessage"]).unwrap();
    assert_eq!(
        (done["type"].as_str(), &done["count"]),
        (Some("done"), &3.into()),
        "{done}"
    );
    // What was read meanwhile is no reason to think otherwise.
    let told = ready(&place);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(
        told.contains(r#"{"status":"failed","failed":["store"],"#),
        "{told}"
    );
    let again = alice.message("bob", number, &text).unwrap();
    assert_eq!(code(&again), "storageFull", "{again}");
    fs::remove_file(filler).unwrap();
    let freed = Instant::now();
    while alice.message("bob", number, &text).unwrap()["type"] != "accepted" {
        assert!(
            freed.elapsed() < Duration::from_secs(1),
            "it does not recover"
        );
    }
    accepted.push(number);
    assert!(ready(&place).starts_with("HTTP/1.1 200 "));
    assert!(daemon.is_running(), "{}", daemon.log());
    let more = format!(r#","device":"other","after":0,"epoch":{epoch}"#);
    let mut other = Client::session(port, "bob", &more).expect("registered");
    assert_eq!(other.waiting(), accepted);
}

/// > it takes messages: the disk has room and works
///
/// Nobody sends anything: who balances loads by it would send nothing either.
#[test]
fn a8_a_disk_that_others_fill_and_empty_is_seen_without_a_message() {
    let (place, data) = small("filled");
    let metrics = format!("unix:{}", place.0.join("metrics").display());
    let keys = [("PRIVMSGD_METRICS__LISTEN", &*metrics)];
    let mut daemon = Daemon::start(&place, &within(MOUNT, &data), &keys);
    daemon.port().expect("it starts");
    let becomes = |status: &str| {
        let begun = Instant::now();
        while !ready(&place).starts_with(&format!("HTTP/1.1 {status} ")) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{status}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    becomes("200");
    for is_noticed in [false, true] {
        let filler = fill(&daemon, &place, 0);
        if is_noticed {
            let alice = Client::session(daemon.port().unwrap(), "alice", "");
            assert!(alice.is_none(), "a session is stored, too");
        }
        becomes("503");
        fs::remove_file(filler).unwrap();
        becomes("200");
        let told = daemon.log().contains("there is room on the disk again");
        assert_eq!(told, is_noticed, "{}", daemon.log());
    }
}

/// > A daemon that ends while the disk is full may find no room to start with
///
/// What was committed and does not stand in its tables yet is put there when a store is opened. Now and then the sweep
/// has put it there before, and a full disk is no reason not to start: then the row is tried once more.
#[test]
fn a8_a_daemon_that_was_killed_on_a_full_disk_starts_when_there_is_room() {
    let refused = (0..10).any(|_| is_refused_where_the_disk_is_full());
    assert!(refused, "a start never needed room");
}

/// Whether the daemon that comes after the one that was killed was refused; either way, what was accepted is there.
fn is_refused_where_the_disk_is_full() -> bool {
    let (place, data) = small("killed-full");
    let mut shell = Daemon::start(&place, &within(AGAIN, &data), &[]);
    let mut alice = Client::session(shell.port().expect("it starts"), "alice", "").unwrap();
    // As many as one commit has, so that what they change waits.
    for number in 1..=20 {
        let line = alice.message("bob", number, "x").unwrap();
        assert_eq!(line["type"], "accepted");
    }
    let filler = fill(&shell, &place, 0);
    let text = "y".repeat(2_000);
    let refused = (21..2_000).find(|number| {
        let line = alice.message("bob", *number, &text).expect("it answers");
        let is_refused = line["type"] != "accepted";
        assert!(!is_refused || code(&line) == "storageFull", "{line}");
        is_refused
    });
    let accepted: Vec<u64> = (1..refused.expect("the disk is full")).collect();
    let ports = place.0.join("ports");
    fs::remove_file(&ports).unwrap();
    shell.kill_children();
    let told = wait_until(&shell, |told| told.contains("ended 74") || ports.exists());
    let is_refused = told.contains("ended 74");
    if is_refused {
        let line = told.lines().find(|line| line.contains("error"));
        let line = line.unwrap_or(&told);
        assert!(line.contains("full") && line.contains(&data), "{told}");
        assert!(line.contains("make room on that disk"), "{told}");
    } else {
        fs::remove_file(&ports).unwrap();
        shell.kill_children();
    }
    fs::remove_file(filler).unwrap();
    let port = shell.port().expect("there is room");
    let mut bob = Client::session(port, "bob", "").expect("registered");
    assert_eq!(bob.waiting(), accepted);
    is_refused
}

/// As [`MOUNT`], and once more after the first end, and once more when nothing fills the disk.
const AGAIN: &str =
    "mount -t tmpfs -o size=3m,mode=0700 tmpfs \"$0\" && cp -p \"$0\".template/* \"$0\"
    \"$@\"; echo \"ended $?\" >&2
    \"$@\"; echo \"ended $?\" >&2
    while [ -e \"$0\"/filler ]; do sleep 0.05; done
    \"$@\"";

/// What the daemon wrote, once that `is_it`.
fn wait_until(daemon: &Daemon, is_it: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = daemon.log();
        if is_it(&log) {
            return log;
        }
        assert!(Instant::now() < deadline, "{log}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A quota on what the daemon's user may have is as full a disk to it, and no reason to end.
#[test]
fn a8_a_quota_is_a_full_disk() {
    let place = Place::new("quota").with_accounts(&["alice", "bob"]);
    // 4,096 make the log as long as it will be.
    let inject = strace_of("pwrite64", "error=EDQUOT:when=4136..4186");
    let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
    let mut daemon = Daemon::start(&place, &inject, &[]);
    let accepted = until_full_and_not(&mut daemon, "x", |_| {});
    assert!(daemon.is_running(), "{}", daemon.log());
    let mut bob = Client::session(daemon.port().unwrap(), "bob", "").expect("registered");
    assert_eq!(bob.waiting(), accepted);
}

/// So is a bound on how long a file may be, RLIMIT_FSIZE or the file system's own.
#[test]
fn a8_a_file_that_may_not_grow_is_a_full_disk() {
    let place = Place::new("fsize").with_accounts(&["alice", "bob"]);
    let under = ["prlimit", "--fsize=2000000:unlimited"];
    let mut daemon = Daemon::start(&place, &under, &[]);
    let text = "y".repeat(2_000);
    let accepted = until_full_and_not(&mut daemon, &text, |daemon| {
        let pid = format!("--pid={}", daemon.pid());
        let mut raise = Command::new("prlimit");
        let raised = raise.args([&pid, "--fsize=unlimited:unlimited"]).status();
        assert!(raised.unwrap().success());
    });
    assert!(daemon.is_running(), "{}", daemon.log());
    let mut bob = Client::session(daemon.port().unwrap(), "bob", "").expect("registered");
    assert_eq!(bob.waiting(), accepted);
}

/// Nor does it end a command by a signal that says nothing.
#[test]
fn a8_an_account_that_its_file_has_no_room_for_is_not_made() {
    let place = Place::new("fsize-account");
    let mut under = Command::new("prlimit");
    under.args(["--fsize=8192", env!("CARGO_BIN_EXE_privmsgd")]);
    let mut child = under
        .args(["account", "add", "alice", "--data"])
        .arg(place.data())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = writeln!(child.stdin.take().unwrap(), "{PASSWORD}");
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(74), "{told}");
    assert!(told.contains("cannot be opened"), "{told}");
}

/// Sends until there is no room, lets `make_room`, and sends on until there is. What was accepted.
fn until_full_and_not(daemon: &mut Daemon, text: &str, make_room: impl Fn(&Daemon)) -> Vec<u64> {
    let port = daemon.port().expect("it starts");
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in 1..=2_000 {
        let line = alice.message("bob", number, text).expect("it answers");
        match line["type"].as_str() {
            Some("accepted") => accepted.push(number),
            _ => {
                assert_eq!(code(&line), "storageFull", "{line}");
                refused += 1;
                make_room(daemon);
            }
        }
        if refused > 0 && accepted.last() == Some(&number) {
            assert!(!accepted.is_empty());
            return accepted;
        }
    }
    panic!("{refused} of 2000 were refused")
}

/// What it says of itself.
fn ready(place: &Place) -> String {
    let mut stream = UnixStream::connect(place.0.join("metrics")).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Leaves so many bytes.
fn fill(daemon: &Daemon, place: &Place, room: u64) -> PathBuf {
    let inside = format!(
        "/proc/{}/root{}/filler",
        daemon.pid(),
        place.data().display()
    );
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&inside)
        .unwrap();
    let chunk = [0_u8; 4_096];
    while file.write_all(&chunk).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(room)).unwrap();
    inside.into()
}
