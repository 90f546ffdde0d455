//! Lines: their ends, their limits, and the last one.

use crate::common::{Chunking, transcript};

/// A `ping` whose line is `bytes` long without its line end.
fn ping_of(bytes: usize) -> String {
    let empty = r#"{"type":"ping","id":1,"data":""}"#;
    format!(
        r#"{{"type":"ping","id":1,"data":"{}"}}"#,
        "x".repeat(bytes - empty.len())
    )
}

/// > a line, counted without its line end, is at most `max_unregistered_line_bytes` long before
/// > `register` succeeded and at most `max_line_bytes` after
#[test]
fn a_line_of_the_limit_works_and_one_byte_more_does_not() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        for limit in [4_096, 65_536] {
            alice.send(&ping_of(limit));
            alice.expect(r#"{"type":"pong","id":1,"data":"…","time":"…"}"#);
            alice.send(&format!("{}\r", ping_of(limit)));
            alice.expect(r#"{"type":"pong","id":1,"data":"…","time":"…"}"#);
            alice.send(&ping_of(limit + 1));
            let line = alice.expect(r#"{"type":"errorMessage","code":"lineTooLong",…}"#);
            assert!(
                line.contains(&limit.to_string()),
                "it names the limit: {line}"
            );
            alice.expect_nothing();
            if limit == 4_096 {
                alice.register("Alice");
            }
        }
    });
}

/// > What you must be able to receive
#[test]
fn the_longest_message_is_delivered() {
    transcript(|at| {
        let name = "n".repeat(32);
        let (mut alice, mut bob) = (at.register("Alice"), at.register(&name));
        let empty = format!(r#"{{"type":"privateMessage","toUsername":"{name}","message":""}}"#);
        let text = "y".repeat(65_536 - empty.len());
        alice.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"{name}","message":"{text}"}}"#
        ));
        let line =
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"…","time":"…"}"#);
        assert!(line.contains(&text) && line.len() <= 66_560);
        alice.expect_nothing();
    });
}

/// > A line over the limit is answered with one `lineTooLong`, and the rest of it is skipped up to its line end; the next line is read as if
/// > nothing had happened.
#[test]
fn an_overlong_line_costs_one_error() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let before = at.daemon.rss_kib();
        let length = if at.chunking == Chunking::Byte {
            100_000
        } else {
            1_000_000
        };
        alice.send(&"x".repeat(length));
        alice.expect_error("lineTooLong");
        alice.expect_nothing();
        let grown = at.daemon.rss_kib().saturating_sub(before);
        assert!(grown <= 1_024, "the server grew by {grown} KiB");
    });
}

/// > When more than `max_skipped_bytes` of one line were skipped, the connection ends with `goodbye lineTooLong`.
#[test]
fn a_line_far_over_the_limit_ends_the_connection() {
    use crate::common::{Setup, transcript_with};
    transcript_with(&Setup::new().limit("max_skipped_bytes", 100_000), |at| {
        let mut alice = at.register("Alice");
        alice.send_bytes("x".repeat(200_000).as_bytes());
        alice.expect_error("lineTooLong");
        alice.expect_goodbye("lineTooLong");
        at.register("Alice");
    });
}

/// > A CR before the LF is ignored, and so are a byte order mark before the first line and lines that are empty or consist of spaces and TABs.
/// > CR NUL ends a line like LF does.
#[test]
fn line_ends_are_read_as_people_send_them() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        alice.send_bytes(
            b"\xef\xbb\xbf{\"type\":\"ping\"}\r\n\r\n\n \t \n\r\n{\"type\":\"ping\"}\r\0",
        );
        alice.send_bytes(b" {\"type\" :\t\"ping\" }\t\n");
        for _ in 0..3 {
            alice.expect(r#"{"type":"pong","time":"…"}"#);
        }
        alice.expect_nothing();
        let newlines = if at.chunking == Chunking::Whole {
            1_000_000
        } else {
            1_000
        };
        alice.send_bytes("\n".repeat(newlines).as_bytes());
        alice.expect_nothing();
        alice.send_bytes(b"\xef\xbb\xbf{\"type\":\"ping\"}\n");
        alice.expect_error("invalidJson");
    });
}

/// > The last line before the end of input counts even without a line end, if it is a complete JSON object; the beginning of one is
/// > `invalidJson`.
///
/// B5: every prefix of valid lines.
#[test]
fn a_prefix_of_a_line_is_never_a_command() {
    transcript(|at| {
        let mut bob = at.register("Bob");
        for line in [
            r#"{"type":"privateMessage","toUsername":"Bob","message":"pay 10 to {}"}"#,
            r#"{"type":"privateMessage","message":{"a":[1,{"b":"}"}]},"toUsername":"Bob","id":12}"#,
        ] {
            for end in 0..line.len() {
                let mut alice = at.connect("alice");
                alice.send(r#"{"type":"register","username":"Alice"}"#);
                alice.expect(r#"{"type":"registered",…}"#);
                alice.send_bytes(&line.as_bytes()[..end]);
                alice.half_close();
                if end > 0 {
                    alice.expect_error("invalidJson");
                }
                alice.expect_goodbye("drained");
            }
            bob.expect_nothing();
            let mut alice = at.register("Alice");
            alice.send_bytes(line.as_bytes());
            alice.half_close();
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":…,"time":"…"}"#);
            let lines = alice.lines();
            assert!(
                lines.last().is_some_and(|line| line.contains("drained")),
                "{lines:?}"
            );
        }
    });
}

/// B4
///
/// > After half-close every line that was received is handled, with the outcome of each, then comes `goodbye drained`, then the end of the
/// > stream.
#[test]
fn everything_sent_before_half_close_is_answered() {
    transcript(|at| {
        let rounds = if at.chunking == Chunking::Byte {
            100
        } else {
            1_000
        };
        for _ in 0..rounds {
            let mut script = at.dial("script");
            let pings = (0..10).map(|id| format!("{{\"type\":\"ping\",\"id\":{id}}}\n"));
            script.send_bytes(pings.collect::<String>().as_bytes());
            script.half_close();
            let lines = script.lines();
            assert_eq!(lines.len(), 12, "{lines:#?}");
            assert!(
                lines[10].starts_with(r#"{"type":"pong","id":9,"#),
                "{lines:#?}"
            );
            assert!(
                lines[11].starts_with(r#"{"type":"goodbye","code":"drained","#),
                "{lines:#?}"
            );
        }
    });
}
