//! Ten defects of the small server that this one grew from. Each test is named after one and fails where it is back.
//!
//! Lines that begin with `>` are sentences of protocol.md.

mod common;

use std::time::{Duration, Instant};

use common::{Client, Setup, text_of, transcript, transcript_with};

/// Defect 1.
///
/// > The end of a connection removes that connection's name and nothing more.
#[test]
fn a_stale_connection_s_hangup_deletes_the_newer_mapping() {
    transcript(|at| {
        let mut stale = at.connect("stale");
        let token = stale.register("Alice");
        let mut alice = at.connect("alice");
        alice.send(&format!(
            r#"{{"type":"register","username":"Alice","resumeToken":"{token}"}}"#
        ));
        alice.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…"}"#);
        stale.expect_goodbye("replaced");
        drop(stale);
        let mut bob = at.register("Bob");
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":1}"#);
        bob.expect(r#"{"type":"accepted","id":1,"toUsername":"Alice","time":"…"}"#);
        alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…"}"#);
    });
}

/// Defect 2.
///
/// > Without `resumeToken` the answer is `nameTaken`.
#[test]
fn a_second_register_takes_a_live_name_over() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let mut impostor = at.connect("impostor");
        impostor.send(r#"{"type":"register","username":"Alice","id":1}"#);
        impostor.expect_error("nameTaken");
        alice.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
        let mut bob = at.register("Bob");
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"secret"}"#);
        alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"secret","time":"…"}"#);
        impostor.expect_nothing();
    });
}

/// Defect 3.
///
/// > A connection has one name for its whole life: once registered, `register` is `alreadyRegistered`.
#[test]
fn one_connection_registers_thousands_of_names() {
    transcript(|at| {
        let mut greedy = at.register("Greedy");
        for batch in 0..20 {
            let names = (0..100).map(|number| batch * 100 + number);
            let lines: Vec<_> = names
                .map(|number| format!(r#"{{"type":"register","username":"name{number}"}}"#))
                .collect();
            greedy.send(&lines.join("\n"));
            for _ in 0..100 {
                greedy.expect_error("alreadyRegistered");
            }
        }
        greedy.expect_nothing();
        at.register("name0");
        at.register("name1999");
    });
}

/// Defect 4.
///
/// > **Before `register`** only `register`, `ping`, `pong`, `help` and `bye` are understood; every other command is `notRegistered`.
#[test]
fn an_unregistered_sender_s_message_arrives_without_from() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let mut nobody = at.connect("nobody");
        nobody.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"boo","id":"x"}"#);
        nobody.expect(
            r#"{"type":"errorMessage","id":"x","command":"privateMessage","code":"notRegistered","message":"…",…}"#,
        );
        alice.expect_nothing();
    });
}

/// Defect 5.
///
/// > What is not a name is `invalidName`; the message says why.
#[test]
fn a_name_may_be_any_json_value() {
    transcript(|at| {
        let cases = [
            (r#"{"admin":true}"#, "badType"),
            ("7", "badType"),
            ("null", "badType"),
            ("true", "badType"),
            (r#"["Alice"]"#, "badType"),
            (r#""""#, "invalidName"),
            (r#"" ""#, "invalidName"),
            (r#""a\u0000b""#, "invalidName"),
            (r#""<b>Alice</b>""#, "invalidName"),
            (r#""\u202eecilA""#, "invalidName"),
        ];
        for (name, code) in cases {
            let mut client = at.connect("client");
            client.send(&format!(r#"{{"type":"register","username":{name}}}"#));
            client.expect_error(code);
        }
    });
}

/// Defect 6.
///
/// > A command or line that is refused costs its sender one `errorMessage` and nobody else anything.
#[test]
fn one_frame_without_payload_ends_the_process() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let mut bob = at.register("Bob");
        let lines = [
            "{}",
            "[]",
            "null",
            "0",
            "\"\"",
            "{",
            "}",
            "\u{fffd}",
            "{\"type\":null}",
            "{\"type\":{}}",
            "{\"type\":\"privateMessage\"}",
            "{\"type\":\"privateMessage\",\"toUsername\":\"Bob\"}",
            "{\"type\":\"watch\",\"usernames\":null}",
            "{\"type\":\"register\"}",
        ];
        for line in lines {
            let mut client = at.register("Carol");
            client.send(line);
            assert!(
                client.line().starts_with(r#"{"type":"errorMessage","#),
                "{line}"
            );
            client.expect_nothing();
            client.send(r#"{"type":"bye"}"#);
            client.expect_goodbye("bye");
        }
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"still here"}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"still here","time":"…"}"#);
        alice.expect_nothing();
    });
}

/// Defect 7.
///
/// > A command with an `id` gets exactly one terminal reply, with that `id`: the one of the table, or `errorMessage`.
#[test]
fn errors_carry_no_code_and_no_correlation() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for id in ["1", "-9007199254740991", "\"\"", r#""a\u00e9 \"""#] {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Nobody1","message":"hi","id":{id}}}"#
            ));
            alice.expect(&format!(
                r#"{{"type":"errorMessage","id":{id},"command":"privateMessage","code":"unknownUser","message":"User \"Nobody1\" not found","toUsername":"Nobody1","retryable":false}}"#
            ));
            alice.expect_nothing();
        }
    });
}

/// Defect 8.
///
/// > It is lost if that connection dies, or the server ends, before the recipient's machine has taken it.
/// > What can be lost that way is bounded by `queue_soft_bytes`, what the kernel holds
#[test]
fn messages_to_a_half_dead_peer_vanish_without_bound() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let bob = at.register("Bob");
        bob.socket()
            .set_recv_buffer_size(32_768)
            .expect("SO_RCVBUF");
        let accepted = fill(&mut alice, "Bob");
        assert!(
            accepted < 16 * 1024 * 1024,
            "{accepted} bytes were accepted for a peer that reads nothing"
        );
        bob.reset();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !said(&mut alice, "Bob", "unknownUser") {
            assert!(Instant::now() < deadline, "the peer's end is not noticed");
        }
    });
}

/// Defect 9.
///
/// > While more than `queue_soft_bytes` wait for a recipient, `privateMessage` and `typing` to it are refused with
/// > `recipientBusy`, until half of that has drained. Nothing that was accepted before is dropped.
#[test]
fn a_reader_that_stops_reading_grows_the_server_without_bound() {
    transcript_with(&Setup::new().limit("stall_timeout_ms", 60_000), |at| {
        let mut alice = at.register("Alice");
        let mut bob = at.register("Bob");
        bob.socket()
            .set_recv_buffer_size(32_768)
            .expect("SO_RCVBUF");
        let before = at.daemon.rss_kib();
        let accepted = fill(&mut alice, "Bob");
        for _ in 0..100 {
            assert!(said(&mut alice, "Bob", "recipientBusy"));
        }
        let grown = at.daemon.rss_kib().saturating_sub(before);
        assert!(grown <= 2 * 1024, "the server grew by {grown} KiB");
        let mut received = 0;
        while received < accepted {
            received += text_of(&bob.line(), "message").len();
        }
        bob.expect_nothing();
        assert!(!said(&mut alice, "Bob", "recipientBusy"), "it has drained");
    });
}

/// Defect 10.
///
/// > **Times** are RFC 3339 in UTC with milliseconds and `Z`: `2026-11-22T10:40:07.412Z`. They are the server's clock.
#[test]
fn a_time_has_no_date_and_no_zone() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        alice.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
        let time = text_of(&alice.line(), "time");
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z");
        assert!(time.as_str() > "2025", "{time}");
    });
}

/// Sends to `name`, who does not read, until the server says `recipientBusy`; how many bytes of messages were accepted.
fn fill(from: &mut Client, name: &str) -> usize {
    const SIZE: usize = 32 * 1024;
    let body = "x".repeat(SIZE);
    let message =
        format!(r#"{{"type":"privateMessage","toUsername":"{name}","message":"{body}","id":1}}"#);
    for count in 0..2_000 {
        from.send(&message);
        let reply = from.line();
        if reply.contains(r#""code":"recipientBusy""#) {
            return count * SIZE;
        }
        assert!(reply.starts_with(r#"{"type":"accepted","#), "{reply}");
    }
    panic!("{name} reads nothing and is never busy");
}

/// Whether a message to `name` is refused with `code`.
fn said(from: &mut Client, name: &str, code: &str) -> bool {
    from.send(&format!(
        r#"{{"type":"privateMessage","toUsername":"{name}","message":"","id":1}}"#
    ));
    from.line().contains(&format!(r#""code":"{code}""#))
}
