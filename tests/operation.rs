//! A running daemon, seen by who operates it: its log under hostile peers (F11, I11, D9) and reloads (F3, F4).

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use common::{Chunking, Daemon, Setup, Stage};

#[test]
fn f11_what_peers_send_is_never_logged_raw_and_message_text_not_at_all() {
    for format in ["text", "json"] {
        let args = Setup::new().arg("--log-level").arg("trace");
        let stage = Stage::new(&args.arg("--log-format").arg(format), Chunking::Whole);
        let (mut alice, mut bob) = (stage.register("Alice"), stage.register("Bob"));
        alice.send(
            r#"{"type":"privateMessage","toUsername":"Bob","message":"CANARY-1 \u001b[31m"}"#,
        );
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"…","time":"…"}"#);
        for line in [
            "{\"type\":\"privateMessage\",\"toUsername\":\"Nobody\",\"message\":\"CANARY-2\"}",
            "{\"type\":\"privateMessage\",\"toUsername\":\"a\\u202e\\n%s\",\"message\":\"CANARY-3\"}",
            "{\"type\":\"CANARY-4\\u001b\",\"id\":\"CANARY-5\\n\"}",
            "CANARY-6 \u{1b}[31m \u{202e} \u{9b}",
        ] {
            alice.send(line);
            alice.line();
        }
        let mut other = stage.connect("other");
        other.send("{\"type\":\"register\",\"username\":\"\\u001b[2J\\nERROR\\u202e\"}");
        other.expect_error("invalidName");
        alice.expect_nothing();
        let log = stage.daemon.log();
        assert!(log.contains("Alice"), "{log}");
        assert!(!log.contains("CANARY"), "{log}");
        let raw = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
        assert!(!log.contains(raw), "{log:?}");
    }
}

/// D9: at most 10 lines a second and 2 KiB a second, after a burst.
#[test]
fn d9_peers_cannot_fill_the_log() {
    let stage = Stage::new(&Setup::new(), Chunking::Whole);
    let before = stage.daemon.log().len();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        let mut client = stage.dial("garbage");
        (0..12).for_each(|_| client.send("garbage"));
        client.lines();
    }
    let seconds = started.elapsed().as_secs() as usize + 1;
    let log = stage.daemon.log().split_off(before);
    assert!(log.lines().count() <= 60 + 10 * seconds, "{log}");
    assert!(log.len() <= 60 * 120 + 2_048 * seconds, "{}", log.len());
    assert!(log.contains("similar lines suppressed"), "{log}");
}

#[test]
fn f3_a_reload_tells_what_it_took_over_and_what_needs_a_restart() {
    let stage = Stage::new(&Setup::new().config(""), Chunking::Whole);
    let mut alice = stage.register("Alice");
    let text = "[limits]\nmax_errors = 2\nmax_connections = 7\n[log]\nlevel = \"debug\"\n";
    reload(&stage.daemon, text);
    stage.daemon.await_log("limits.max_errors, log.level");
    stage.daemon.await_log("limits.max_connections");
    alice.expect_nothing();
    let mut other = stage.connect("other");
    (0..2).for_each(|_| other.send("garbage"));
    (0..2).for_each(|_| drop(other.expect_error("invalidJson")));
    other.expect_goodbye("tooManyErrors");
}

/// The old configuration is kept entirely, and the reason is told with its place.
#[test]
fn f4_a_broken_configuration_changes_nothing() {
    let stage = Stage::new(&Setup::new().config(""), Chunking::Whole);
    let mut alice = stage.register("Alice");
    let broken = [
        (
            "[limits]\nmax_errors = 2\nmax_lines = 3\n",
            ":3:1: unknown key",
        ),
        (
            "[limits]\nmax_errors = 0\n",
            ":2:14: limits.max_errors must be",
        ),
        ("[limits]\nmax_errors = 2\n[log\n", ":3:"),
        ("[limits]\nqueue_soft_bytes = 9_000_000\n", ":2:20: "),
    ];
    let failed = |daemon: &Daemon| daemon.log().matches("reload failed").count();
    for (text, told) in broken {
        let before = failed(&stage.daemon);
        reload(&stage.daemon, text);
        stage.daemon.await_log(told);
        let deadline = Instant::now() + Duration::from_secs(10);
        while failed(&stage.daemon) == before {
            assert!(Instant::now() < deadline, "{text} is not refused");
            thread::sleep(Duration::from_millis(1));
        }
        alice.expect_nothing();
    }
    fs::remove_file(stage.daemon.dir().join("privmsgd.toml")).unwrap();
    stage.daemon.signal(Signal::HUP);
    stage.daemon.await_log("No such file or directory");
    let mut other = stage.connect("other");
    for _ in 0..3 {
        other.send("garbage");
        other.expect_error("invalidJson");
    }
    other.expect_nothing();
    assert!(
        !stage.daemon.log().contains("reloaded"),
        "{}",
        stage.daemon.log()
    );
}

/// The file appears whole: a reload that is still under way never reads half of it.
fn reload(daemon: &Daemon, text: &str) {
    let new = daemon.dir().join("new.toml");
    fs::write(&new, text).unwrap();
    fs::rename(new, daemon.dir().join("privmsgd.toml")).unwrap();
    daemon.signal(Signal::HUP);
}
