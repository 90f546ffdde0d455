//! Conversations with a real daemon.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Address, Chunking, Client, Daemon, Setup};
use crate::cutter::Cutter;
use crate::languages::Language;
use crate::running::Running;

/// How often a link is cut.
const CUTS: usize = 100;
/// Bytes of both directions after which it is cut at the latest: what a session needs to begin, and some messages.
const AT_MOST: usize = 2_400;
/// Between two messages; while it lasts, Bob reads.
const PAUSE: Duration = Duration::from_millis(20);
const ENOUGH: Duration = Duration::from_secs(240);
const SEED: u64 = 7_748;

pub fn cut_100_times(language: Language) {
    let daemon = Daemon::start(&mailboxes());
    let cutter = Cutter::open(daemon.tcp(), CUTS, AT_MOST, SEED + language as u64);
    let alice = Running::start(language, cutter.address, "Alice", daemon.dir());
    survive(&daemon, &cutter, alice);
}

pub fn mailboxes() -> Setup {
    Setup::new()
        .accounts(&["Alice", "Bob"])
        .key("mailbox.max_waiting", 100_000)
}

/// Both write until the link has been cut often enough. Each has everything of the other, once, in order.
pub fn survive(daemon: &Daemon, cutter: &Cutter, mut alice: Running) {
    let mut bob = person(daemon.tcp(), "Bob");
    let (mut written, mut read) = (0, Vec::new());
    let deadline = Instant::now() + ENOUGH;
    while cutter.cuts() < CUTS {
        let cuts = cutter.cuts();
        assert!(Instant::now() < deadline, "{cuts} cuts, {}", alice.errors());
        written += 1;
        alice.say(&format!("Bob {}", text(written)));
        let command = serde_json::json!({"type":"privateMessage","toUsername":"Alice","message":text(written)});
        bob.send(&command.to_string());
        read.extend(messages(&mut bob, PAUSE));
    }
    alice.end_input();
    for number in 1..=written {
        alice.expect(&format!("Bob: {}", text(number)));
    }
    assert_eq!(alice.rest(), [""; 0]);
    assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
    read.extend(messages(&mut bob, Duration::from_secs(1)));
    let wanted: Vec<String> = (1..=written).map(text).collect();
    assert_eq!(read, wanted, "{}", alice.errors());
    println!("{written} messages each way, {} cuts", cutter.cuts());
}

/// With what has to be escaped, and what a cut may split.
fn text(number: usize) -> String {
    format!("{number} \"é\" \\ 😀")
}

/// A session of the harness, on a connection that nobody cuts.
fn person(at: SocketAddr, name: &str) -> Client {
    let mut person = Client::dial(Address::Tcp(at), name, Chunking::Whole);
    person.expect(r#"{"type":"hello",…}"#);
    person.prove(name, None);
    person
}

/// The texts that come, until none has for this long.
fn messages(person: &mut Client, patience: Duration) -> Vec<String> {
    person.patience = patience;
    let mut texts = Vec::new();
    while let Ok(line) = person.try_line() {
        let frame: Value = serde_json::from_str(&line).expect("JSON");
        match frame["type"].as_str() {
            Some("privateMessage") => texts.push(frame["message"].as_str().expect("text").into()),
            Some("receipt") => {}
            _ => panic!("{line}"),
        }
    }
    texts
}

pub fn open_mode(language: Language) {
    let daemon = Daemon::start(&Setup::new());
    let start = |name| Running::with(language, daemon.tcp(), name, daemon.dir(), &[], None);
    let (mut alice, mut bob) = (start("Alice"), start("Bob"));
    daemon.await_log("registered as Alice");
    daemon.await_log("registered as Bob");
    alice.say("Bob Salut Bob !");
    bob.expect("Alice: Salut Bob !");
    bob.say("aLICE \\o/ \"hi\"");
    alice.expect("Bob: \\o/ \"hi\"");
    bob.end_input();
    assert_eq!(bob.wait().code(), Some(0), "{}", bob.errors());
    // What is refused is told, and counts in the end.
    alice.say("Bob are you there?");
    alice.end_input();
    assert_eq!(alice.wait().code(), Some(1), "{}", alice.errors());
    assert!(alice.errors().contains("unknownUser"), "{}", alice.errors());
    assert_eq!(alice.rest(), [""; 0]);
}

pub fn wrong_password(language: Language) {
    let daemon = Daemon::start(&mailboxes());
    let wrong = Some("battery staple");
    for password in [wrong, None] {
        let mut alice = Running::with(language, daemon.tcp(), "Alice", daemon.dir(), &[], password);
        // There is more to read while it ends.
        for _ in 0..3 {
            alice.say("Bob are you there?");
        }
        let errors = alice.complains(1);
        let code = if password.is_some() {
            "authFailed"
        } else {
            "authRequired"
        };
        assert!(errors.contains(code), "{errors}");
    }
}

pub fn killed(language: Language) {
    let daemon = Daemon::start(&mailboxes());
    let state = daemon.dir().join("state").display().to_string();
    let start = || {
        let more = ["--state", &state];
        Running::with(
            language,
            daemon.tcp(),
            "Alice",
            daemon.dir(),
            &more,
            Some("correct horse"),
        )
    };
    let mut bob = person(daemon.tcp(), "Bob");
    let mut number = 0;
    let mut alice = start();
    daemon.await_log("registered as Alice");
    for _ in 0..4 {
        for _ in 0..3 {
            number += 1;
            bob.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Alice","message":"{number}"}}"#
            ));
            alice.expect(&format!("Bob: {number}"));
        }
        // It may be killed between printing and writing down; that is not what is tested here.
        std::thread::sleep(Duration::from_millis(300));
        alice.kill();
        alice = start();
    }
    alice.end_input();
    assert_eq!(alice.rest(), [""; 0]);
    assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
}

/// Each text, escaped as it is here, and what is printed of it.
const ODD: &[(&str, &str)] = &[
    (r#""""#, ""),
    (r#""  two  spaces  ""#, "  two  spaces  "),
    (r#""\u00e9 \ud83d\ude42 \/ \\ \"""#, "é 🙂 / \\ \""),
    (
        r#""a\nb\tc\u0000d\u001b[31me\u007ff\u009bg""#,
        "a b c d [31me f g",
    ),
    (
        r#""\"time\":\"x\",\"pos\":99999999999""#,
        r#""time":"x","pos":99999999999"#,
    ),
    (r#""}{][,:""#, "}{][,:"),
    (
        r#""%s %n \\u0041 $(id) `id` * ?""#,
        "%s %n \\u0041 $(id) `id` * ?",
    ),
];

pub fn odd_texts(language: Language) {
    let daemon = Daemon::start(&mailboxes());
    let mut bob = person(daemon.tcp(), "Bob");
    let mut alice = Running::start(language, daemon.tcp(), "Alice", daemon.dir());
    for (sent, printed) in ODD {
        bob.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"Alice","message":{sent}}}"#
        ));
        alice.expect(&format!("Bob: {printed}"));
    }
    // Another value is shown somehow; what stands in it is not taken for the frame's own.
    let value =
        r#"{"time":"x","pos":9007199254740991,"type":"goodbye","retryable":true,"to":"Zoe"}"#;
    bob.send(&format!(
        r#"{{"type":"privateMessage","toUsername":"Alice","message":{value}}}"#
    ));
    bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"after"}"#);
    let line = alice.line();
    assert!(line.starts_with("Bob: ") && line.contains("Zoe"), "{line}");
    alice.expect("Bob: after");
    for text in ["  two  spaces  ", "%s $(id) `id` * ?", "é 🙂 \\ \" '", ""] {
        alice.say(&format!("Bob {text}"));
    }
    alice.end_input();
    assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
    let wanted = ["  two  spaces  ", "%s $(id) `id` * ?", "é 🙂 \\ \" '", ""];
    assert_eq!(messages(&mut bob, Duration::from_secs(1)), wanted);
}
