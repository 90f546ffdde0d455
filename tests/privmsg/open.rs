//! Open mode, where a name is whoever has it, over TCP and over a UNIX socket.

use crate::common::{Chunking, Daemon, Setup, Stage};
use crate::home::{Home, json, servers};

fn everywhere(act: impl Fn(&str, &Stage, &Home)) {
    let stage = Stage::new(&Setup::new().unix(), Chunking::Whole);
    for server in servers(&stage.daemon) {
        eprintln!("--- {server}");
        act(&server, &stage, &Home::new());
    }
}

#[test]
fn a_message_goes_from_one_to_another_with_no_configuration() {
    everywhere(|server, stage, home| {
        let mut bob = stage.register("Bob");
        let at = ["--server", server, "--name", "Alice"];
        assert_eq!(
            home.ok(&[&at[..], &["send", "bob", "Salut", "Bob !"]].concat()),
            ""
        );
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"Salut Bob !","time":"…","messageId":"…"}"#);
        let out = home.ok(&[&at[..], &["send", "--json", "Bob", "--", "-n", "x"]].concat());
        assert_eq!(json(&out)["to"], "Bob", "{out}");
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"-n x",…}"#);
    });
}

#[test]
fn listen_prints_what_comes_and_ends_when_it_was_told() {
    everywhere(|server, stage, home| {
        let at = ["--server", server, "--name", "Bob"];
        let listener = home.start(&[&at[..], &["listen", "-n", "3", "--from", "ALICE"]].concat());
        let mut alice = stage.register("Alice");
        let mut carol = stage.register("Carol");
        // Nobody says when Bob is there; a send does.
        let present = |client: &mut crate::common::Client| loop {
            client.send(
                r#"{"type":"privateMessage","toUsername":"Bob","message":"from Carol","id":1}"#,
            );
            if client.line().contains(r#""type":"accepted""#) {
                return;
            }
        };
        present(&mut carol);
        for text in [r#""one""#, r#""two\n\u001b[2J""#, r#"{"three": 3}"#] {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Bob","message":{text}}}"#
            ));
        }
        listener.expect("Alice: one");
        assert_eq!(listener.line(), r"Alice: two\n\u{1b}[2J");
        assert_eq!(listener.line(), r#"Alice: {"three": 3}"#);
    });
}

#[test]
fn what_standard_input_holds_is_one_message_or_one_for_each_line() {
    everywhere(|server, stage, home| {
        let mut bob = stage.register("Bob");
        let at = ["--server", server, "--name", "Alice", "send", "Bob", "-"];
        assert_eq!(home.run_with("one\ntwo\n", &at).0, 0);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"one\ntwo",…}"#);
        let lines = [&at[..], &["--lines"]].concat();
        assert_eq!(
            home.run_with("a\n\nb", &lines),
            (0, String::new(), String::new())
        );
        for text in ["a", "", "b"] {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{text}",…}}"#
            ));
        }
        // What stands before a line that cannot be sent is.
        let (code, _, err) = home.run_with(b"c\nd\n\xff\ne\n", &lines);
        assert_eq!(code, 64);
        assert!(
            err.contains("line 3 of standard input is not UTF-8"),
            "{err}"
        );
        for text in ["c", "d"] {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{text}",…}}"#
            ));
        }
        // Each line goes as it comes.
        let mut pipe = home.start(&lines);
        for text in ["now", "and now"] {
            pipe.send(text);
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{text}",…}}"#
            ));
        }
    });
}

#[test]
fn each_line_that_is_not_accepted_is_told_by_its_number() {
    everywhere(|server, stage, home| {
        let mut bob = stage.register("Bob");
        let at = |to| ["-s", server, "-u", "Alice", "send", to, "-", "--lines"];
        let nobody = "not sent: User \"Nobody1\" not found (unknownUser)";
        let (code, out, err) = home.run_with("a\nb\n", &at("Nobody1"));
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert_eq!(
            err,
            format!(
                "privmsg: line 1: {nobody}\nprivmsg: line 2: {nobody}\nprivmsg: 2 of 2 lines were not accepted\n"
            )
        );
        // Too long for the server, and too long for the client.
        let (long, longer) = ("x".repeat(70_000), "x".repeat(9_000_000));
        let (code, _, err) = home.run_with(format!("a\n{long}\n{longer}\nb\n"), &at("Bob"));
        assert_eq!(code, 1, "{err}");
        for told in [
            "line 2: not sent: the message is too long",
            "line 3: not sent: the message is too long",
        ] {
            assert_eq!(err.matches(told).count(), 1, "{err}");
        }
        assert!(
            err.ends_with("privmsg: 2 of 4 lines were not accepted\n"),
            "{err}"
        );
        for text in ["a", "b"] {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{text}",…}}"#
            ));
        }
    });
}

#[test]
fn one_can_see_who_is_there_and_whether_the_server_is() {
    everywhere(|server, stage, home| {
        let _bob = stage.register("Bob");
        let at = ["--server", server, "--name", "Alice", "who"];
        let out = home.ok(&[&at[..], &["bob", "Carol", "--json"]].concat());
        let lines: Vec<_> = out.lines().map(json).collect();
        assert_eq!(
            (&lines[0]["name"], &lines[0]["status"]),
            (&"Bob".into(), &"online".into())
        );
        assert_eq!(
            (&lines[1]["name"], &lines[1]["status"]),
            (&"Carol".into(), &"offline".into())
        );
        let out = home.ok(&[&at[..], &["Bob"]].concat());
        assert!(
            out.starts_with("Bob") && out.contains("online   since 2"),
            "{out}"
        );
        assert_eq!(
            home.ok(&[&at[..], &["Carol"]].concat()),
            format!("{:<16} offline\n", "Carol")
        );
        // No conversations are kept, and it says what to do.
        let (code, _, err) = home.run(&at);
        assert_eq!(code, 1);
        assert!(err.contains("privmsg who Bob"), "{err}");
        let out = home.ok(&["ping", "--server", server, "--json", "-n", "2"]);
        assert_eq!(out.lines().count(), 2);
        assert_eq!(json(out.lines().next().unwrap())["mode"], "open");
        assert!(
            home.ok(&["ping", "-s", server])
                .contains("open mode, not encrypted: ")
        );
        let (code, _, err) = home.run(&["--server", server, "--name", "Alice", "history", "Bob"]);
        assert!(code == 1 && err.contains("notAvailable"), "{err}");
    });
}

/// Whoever holds the name keeps it; a second listener of the same user takes it over, as a second session of a device does.
#[test]
fn a_name_is_taken_from_nobody_else() {
    let daemon = Daemon::start(&Setup::new());
    let (server, home) = (&servers(&daemon)[0], Home::new());
    let at = ["--server", server, "--name", "Bob"];
    let _listener = home.start(&[&at[..], &["listen"]].concat());
    // Who comes first has it, and the other ends.
    daemon.await_log("registered as Bob");
    let (code, _, told) = home.run(&[&at[..], &["send", "Nobody1", "x", "-t", "5"]].concat());
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("another connection has the name"), "{told}");
    let second = home.run(&[&at[..], &["listen", "-t", "0.5"]].concat());
    assert_eq!(second, (0, String::new(), String::new()));
}

#[test]
fn standard_output_that_goes_away_is_no_failure() {
    let stage = Stage::new(&Setup::new(), Chunking::Whole);
    let (server, home) = (&servers(&stage.daemon)[0], Home::new());
    let script =
        r#"(timeout 20 "$0" --server "$1" --name Bob listen; echo "code $?" >&2) | head -1"#;
    let mut command = std::process::Command::new("bash");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_privmsg"), server])
        .env("HOME", home.dir());
    let mut alice = stage.register("Alice");
    let running = std::thread::spawn(move || crate::bench::place::outcome(&mut command, ""));
    let mut accepted = 0;
    while !running.is_finished() {
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
        accepted += usize::from(alice.line().contains(r#""accepted""#));
        assert!(accepted < 1_000_000);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let (_, out, err) = running.join().unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("Alice: hi\n", "code 0\n"));
}
