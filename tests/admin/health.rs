//! `check` and `doctor`: what they find, what they say to do, and how they end.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::Setup;
use crate::others::as_nobody;
use crate::{Dir, House, privmsgd, run};

pub fn findings(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn level<'a>(findings: &'a [Value], check: &str) -> Option<&'a str> {
    let found = findings.iter().find(|finding| finding["check"] == check)?;
    found["level"].as_str()
}

/// Every finding says what, and whatever is not well says what to do.
fn assert_whole(findings: &[Value]) {
    assert!(findings.len() >= 5, "{findings:#?}");
    for finding in findings {
        let fix = finding["fix"].as_str().unwrap_or_default();
        assert!(
            finding["what"].as_str().is_some_and(|what| what.len() > 3),
            "{finding}"
        );
        assert!(finding["level"] == "ok" || fix.len() > 10, "{finding}");
    }
}

#[test]
fn check_says_that_all_is_well_and_ends_with_0() {
    let house = House::new();
    let (code, out, err) = house.ask(&["check"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("OK - accepting: at 127.0.0.1:"), "{out}");
    let health = house.json(&["check"]);
    assert_eq!(
        (&health["status"], &health["failed"]),
        (&"ok".into(), &Value::Array(vec![]))
    );
}

#[test]
fn check_names_what_failed_and_ends_with_1_or_2() {
    let house = House::with(
        Setup::new()
            .limit("max_connections", 2)
            .config("[log]\nlevel = \"info\"\n"),
    );
    let file = house.stage.daemon.dir().join("privmsgd.toml");
    fs::write(&file, "[log]\nlevel = \"loud\"\n").unwrap();
    assert_eq!(house.ask(&["reload"]).0, 78);
    let (code, out, _) = house.ask(&["check"]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.starts_with("WARNING - reload: the last reload failed"),
        "{out}"
    );
    assert!(
        out.contains("\nreload: privmsgd --check-config names the mistakes"),
        "{out}"
    );
    let _clients = [house.stage.register("Alice"), house.stage.register("Bob")];
    let (code, out, _) = house.ask(&["check"]);
    assert_eq!(code, 2, "{out}");
    assert!(
        out.starts_with("CRITICAL - connections: 2 of 2 connections\n"),
        "{out}"
    );
    let (code, out, _) = house.ask(&["check", "--json"]);
    let health: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &health["failed"][0]), (2, &"connections".into()));
}

#[test]
fn check_without_a_daemon_is_critical_and_without_permission_unknown() {
    let dir = Dir::new();
    let (code, out, _) = run(&mut privmsgd(&[
        "check",
        "--admin-socket",
        &dir.path("none"),
    ]));
    assert_eq!(code, 2, "{out}");
    assert!(
        out.starts_with("CRITICAL - daemon: ") && out.contains("no daemon answers"),
        "{out}"
    );
    let house = House::new();
    let (code, out, err) = as_nobody(&house, &["check"]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("UNKNOWN - daemon: ") && lines[0].ends_with("permission denied"),
        "{out}"
    );
    assert_eq!(lines[1], "daemon: be root, or the user of the daemon");
    let (code, out, _) = as_nobody(&house, &["check", "--json"]);
    let health: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &health["status"]), (3, &"unknown".into()));
}

/// "loop turned < 5 s ago": a loop that hangs gives no answer, and that is one.
#[test]
#[cfg(debug_assertions)]
fn check_of_a_loop_that_hangs_is_critical_after_five_seconds() {
    let house = House::with(Setup::new().key("debug.hooks", "true"));
    let mut client = house.stage.connect("Mallory");
    client.send(r#"{"type":"debugStall"}"#);
    std::thread::sleep(Duration::from_millis(200));
    let (code, out, _) = house.ask(&["doctor", "--json"]);
    assert_eq!(
        (code, level(&findings(&out), "daemon")),
        (2, Some("failed")),
        "{out}"
    );
    let began = Instant::now();
    let (code, out, _) = house.ask(&["check"]);
    assert_eq!(code, 2, "{out}");
    assert!(
        out.starts_with("CRITICAL - daemon: the daemon does not answer\n"),
        "{out}"
    );
    let took = began.elapsed().as_secs();
    assert!((5..=9).contains(&took), "{took} s");
}

#[test]
fn doctor_finds_a_running_daemon_by_its_socket_and_its_greeting() {
    let house = House::with(Setup::new().unix());
    let began = Instant::now();
    let (code, out, err) = house.ask(&["doctor", "--json"]);
    // The bar is a second; a busy machine gets its slack.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let found = findings(&out);
    assert_whole(&found);
    // Whether the clock is kept, and what is installed, is the machine's affair.
    assert!((0..=1).contains(&code), "{out}{err}");
    for check in [
        "daemon",
        "accepting",
        "connections",
        "configuration",
        "reach",
        "descriptors",
    ] {
        assert_eq!(level(&found, check), Some("ok"), "{check}\n{out}");
    }
    let answers = found
        .iter()
        .filter(|finding| finding["check"] == "listener");
    let answers: Vec<&str> = answers
        .filter_map(|finding| finding["what"].as_str())
        .collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(
        answers.iter().all(|what| what.contains(" answers, in ")),
        "{answers:?}"
    );
    let (_, out, err) = house.ask(&["doctor"]);
    assert!(
        out.starts_with("ok       daemon         privmsgd "),
        "{out}"
    );
    assert!(err.starts_with("0 failed, "), "{err}");
}

#[test]
fn doctor_without_a_daemon_looks_at_what_one_would_meet() {
    let dir = Dir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = dir.path("privmsgd.toml");
    let text = format!(
        "[server]\nname = \"chat.invalid\"\nlisten = [\"{}\", \"192.0.2.1:7748\", \"unix:{}/no/socket\"]\ndata = \"{}/none/data\"\n",
        taken.local_addr().unwrap(),
        dir.path(""),
        dir.path(""),
    );
    fs::write(&config, text).unwrap();
    let mut command = privmsgd(&["doctor", "--json", "--config", &config]);
    command.args(["--admin-socket", &dir.path("admin")]);
    let (code, out, _) = run(&mut command);
    let found = findings(&out);
    assert_whole(&found);
    assert_eq!(code, 2, "{out}");
    let of = |check: &str| -> Vec<(&str, &str)> {
        let all = found.iter().filter(|finding| finding["check"] == check);
        all.map(|finding| {
            (
                finding["level"].as_str().unwrap(),
                finding["fix"].as_str().unwrap_or(""),
            )
        })
        .collect()
    };
    assert_eq!(of("daemon")[0].0, "warning");
    let listeners = of("listener");
    assert_eq!(
        listeners
            .iter()
            .map(|(level, _)| *level)
            .collect::<Vec<_>>(),
        ["failed", "failed", "failed"]
    );
    assert!(
        listeners[0].1.contains("another port") && listeners[2].1.contains("mkdir -p"),
        "{out}"
    );
    assert_eq!(of("disk")[0].0, "failed");
    assert_eq!(of("reach")[0].0, "warning");
    assert_eq!(of("name")[0].0, "warning");
}

#[test]
fn doctor_tells_every_mistake_of_the_configuration() {
    let dir = Dir::new();
    let config = dir.path("privmsgd.toml");
    fs::write(
        &config,
        "[server]\nlisten = [\"127.0.0.1:0\"]\nnmae = \"x\"\n[limits]\nmax_line_bytes = 0\n",
    )
    .unwrap();
    let mut command = privmsgd(&["doctor", "--json", "--config", &config]);
    command.args(["--admin-socket", &dir.path("admin")]);
    let (code, out, _) = run(&mut command);
    let found = findings(&out);
    let mistakes: Vec<&Value> = found
        .iter()
        .filter(|finding| finding["check"] == "configuration")
        .collect();
    let level = |mistake: &&Value| mistake["level"].as_str().unwrap().to_owned();
    let levels: Vec<String> = mistakes.iter().map(level).collect();
    assert_eq!(
        (code, levels),
        (
            2,
            ["failed", "failed", "warning"].map(String::from).to_vec()
        ),
        "{out}"
    );
    let place = format!("{config}:3:1: ");
    let what = |at: usize| mistakes[at]["what"].as_str().unwrap();
    assert!(what(0).contains(&place), "{out}");
    assert!(what(2).contains("defaults for the rest"), "{out}");
}

/// A pair that does not belong together, one whose end has come near, and a good one.
#[test]
#[cfg(feature = "tls")]
fn doctor_looks_whether_certificate_and_key_match_and_how_long_they_are_good() {
    let (one, other) = (Dir::new(), Dir::new());
    for (dir, days) in [(&one, "365"), (&other, "10")] {
        let made = [
            "tls",
            "self-signed",
            "--name",
            "localhost",
            "--days",
            days,
            "--out",
        ];
        let (code, _, err) = run(privmsgd(&made).arg(dir.as_path()));
        assert_eq!(code, 0, "{err}");
    }
    let doctor = |crt: String, key: String| {
        let mut command = privmsgd(&["doctor", "--json", "--admin-socket", &one.path("admin")]);
        command
            .env("PRIVMSGD_TLS__CERTIFICATE", crt)
            .env("PRIVMSGD_TLS__KEY", key);
        command.env("PRIVMSGD_SERVER__LISTEN", "tls:127.0.0.1:0");
        let (_, out, _) = run(&mut command);
        let found = findings(&out);
        assert_whole(&found);
        level(&found, "keyPair").map(String::from)
    };
    let of = |dir: &Dir| (dir.path("tls.crt"), dir.path("tls.key"));
    assert_eq!(doctor(of(&one).0, of(&one).1).as_deref(), Some("ok"));
    assert_eq!(
        doctor(of(&other).0, of(&other).1).as_deref(),
        Some("warning")
    );
    assert_eq!(doctor(of(&one).0, of(&other).1).as_deref(), Some("failed"));
    assert_eq!(
        doctor(one.path("none"), of(&one).1).as_deref(),
        Some("failed")
    );
}
