//! What commands do when nothing is wrong with them.

use crate::common::{Client, text_of, transcript};

/// C17
///
/// > `from` and `time` cannot be set by a client: those fields of the line are ignored.
#[test]
fn what_a_client_says_of_itself_is_ignored() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        for forged in [
            r#""from":"Carol","time":"1999""#,
            r#""from":{"admin":true},"ts":0,"seq":1"#,
            r#""f\u0072om":"Carol","to":"x","pos":7,"replay":true,"removed":"lost""#,
        ] {
            for place in ["before", "after"] {
                let fields = r#""type":"privateMessage","toUsername":"Bob","message":"hi""#;
                let line = if place == "before" {
                    format!("{{{forged},{fields}}}")
                } else {
                    format!("{{{fields},{forged}}}")
                };
                alice.send(&line);
                bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
            }
        }
        alice.expect_nothing();
    });
}

/// C18
///
/// > A message to oneself is delivered like any other; its `accepted` may come before or after it.
#[test]
fn a_message_to_oneself_is_delivered() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        alice.send(r#"{"type":"privateMessage","toUsername":"alice","message":"note","id":1}"#);
        let mut lines = [alice.line(), alice.line()];
        lines.sort();
        assert!(
            lines[0].starts_with(r#"{"type":"accepted","id":1,"toUsername":"Alice","#),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with(r#"{"type":"privateMessage","from":"Alice","message":"note","#),
            "{lines:?}"
        );
        alice.expect_nothing();
    });
}

/// C18: a thousand names that nobody has.
///
/// > `unknownUser`: nobody is connected under that name.
#[test]
fn a_name_that_is_not_connected_is_unknown() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for number in 0..1_000 {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"n{number}","message":"","id":{number}}}"#
            ));
            alice.expect(&format!(
                r#"{{"type":"errorMessage","id":{number},"command":"privateMessage","code":"unknownUser","message":"User \"n{number}\" not found","toUsername":"n{number}","retryable":false}}"#
            ));
        }
    });
}

/// > It is relayed byte for byte, as it stands between the colon and the next comma or brace without the spaces around it.
#[test]
fn a_message_is_relayed_byte_for_byte() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for message in [
            r#""""#,
            r#""\u0000\u001b[31m\/\u00e9é😀""#,
            "null",
            "true",
            "-0.0",
            "1e999",
            "123456789012345678901234567890",
            r#"{"a":1,"a":2, "b" : [ ]}"#,
            "[ 1 ,\t2 ]",
            r#"{"type":"bye"}"#,
            "\"\u{202e}\u{2028}\u{feff}\"",
        ] {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Alice","message": {message} }}"#
            ));
            alice.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":{message},"time":"…"}}"#
            ));
        }
    });
}

/// > Messages from one sender to one recipient arrive in the order in which they were sent.
#[test]
fn messages_keep_their_order() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        let lines: Vec<_> = (0..500)
            .map(|number| {
                format!(r#"{{"type":"privateMessage","toUsername":"Bob","message":{number}}}"#)
            })
            .collect();
        alice.send(&lines.join("\n"));
        for number in 0..500 {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":{number},"time":"…"}}"#
            ));
        }
        alice.expect_nothing();
    });
}

/// > A command without `id` gets no reply when it succeeds
#[test]
fn success_without_an_id_is_silent() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        alice.send(r#"{"type":"setStatus","status":"away"}"#);
        alice.send(r#"{"type":"typing","toUsername":"Bob"}"#);
        alice.send(r#"{"type":"unwatch","usernames":["Bob"]}"#);
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
        alice.send(r#"{"type":"pong","id":1}"#);
        alice.expect_nothing();
        bob.expect(r#"{"type":"typing","from":"Alice"}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    });
}

/// > Every command may have one: a string or an integer, within §10's bounds. It is echoed, exactly as it was written
#[test]
fn every_command_s_id_comes_back_once() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let longest = format!("\"{}\"", "i".repeat(64));
        for id in [
            "0",
            "-0",
            "9007199254740991",
            r#""\u0041""#,
            r#""""#,
            &longest,
        ] {
            for (command, reply) in [
                (r#""type":"typing","toUsername":"Alice""#, "ok"),
                (r#""type":"watch","usernames":["Bob"]"#, "ok"),
                (r#""type":"unwatch","usernames":["Bob"]"#, "ok"),
                (r#""type":"setStatus","status":"online""#, "ok"),
                (r#""type":"ping","data":null"#, "pong"),
                (r#""type":"help""#, "help"),
                (r#""type":"register","username":"Other""#, "errorMessage"),
                (r#""type":"settings""#, "errorMessage"),
                (r#""type":"nonsense""#, "errorMessage"),
            ] {
                alice.send(&format!("{{{command},\"id\":{id}}}"));
                let start = format!(r#"{{"type":"{reply}","id":{id},"#);
                let other = [r#"{"type":"typing","#, r#"{"type":"presence","#];
                let mut line = alice.line();
                while other.iter().any(|start| line.starts_with(start)) {
                    line = alice.line();
                }
                assert!(line.starts_with(&start), "{line}");
                drain_until_quiet(&mut alice);
            }
        }
    });
}

/// Reads until the answer to a ping; nothing before it may carry an `id`. Returns the lines before it.
fn drain_until_quiet(client: &mut Client) -> Vec<String> {
    client.send(r#"{"type":"ping","id":"quiet"}"#);
    let mut lines = Vec::new();
    loop {
        let line = client.line();
        if line.starts_with(r#"{"type":"pong","id":"quiet","#) {
            return lines;
        }
        assert!(!line.contains(r#","id":"#), "a second reply: {line}");
        lines.push(line);
    }
}

/// > a list of commands, each with a line that can be pasted
#[test]
fn help_can_be_pasted() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        alice.send(r#"{"type":"help"}"#);
        let help: serde_json::Value = serde_json::from_str(&alice.line()).expect("a frame is JSON");
        let _bob = at.register("Bob");
        for entry in help["commands"].as_array().expect("a list") {
            let example = entry["example"].as_str().expect("an example");
            let mut session = if entry["command"] == "register" {
                at.connect("new")
            } else {
                at.register("Session")
            };
            session.send(example);
            if entry["command"] == "bye" {
                session.expect_goodbye("bye");
                continue;
            }
            session.send(r#"{"type":"bye"}"#);
            let lines = session.lines();
            assert!(
                lines.iter().all(|line| !line.contains("errorMessage")),
                "{example}: {lines:?}"
            );
        }
    });
}

/// > The server speaks first: its first line is `hello`.
#[test]
fn hello_says_what_this_server_is() {
    transcript(|at| {
        let mut alice = at.dial("alice");
        let hello = alice.expect(
            r#"{"type":"hello","server":"privmsgd","version":"…","protocol":1,"mode":"open","serverName":"…","auth":[],"tls":false,"durability":"memory","limits":{"maxLineBytes":65536,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024}}"#,
        );
        assert_eq!(text_of(&hello, "version"), env!("CARGO_PKG_VERSION"));
    });
}
