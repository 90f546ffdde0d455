//! `register`: tries, versions, fields of other modes, and what is asked for before it.

use crate::common::{Setup, transcript, transcript_with};

/// > when `register_tries` of its `register` commands were refused it ends with `goodbye tooManyErrors`
#[test]
fn five_refused_registers_end_the_connection() {
    transcript(|at| {
        let _alice = at.register("Alice");
        let mut bob = at.connect("bob");
        for line in [
            r#"{"type":"register","username":"Alice"}"#,
            r#"{"type":"register","username":"Alice","resumeToken":"no"}"#,
            r#"{"type":"register","username":"not a name"}"#,
            r#"{"type":"register","username":"Bob","password":"x"}"#,
        ] {
            bob.send(line);
            bob.expect(r#"{"type":"errorMessage","command":"register",…}"#);
        }
        bob.expect_nothing();
        bob.send("{\"type\":\"register\",\"username\":\"Alice\"}\n{\"type\":\"register\",\"username\":\"Bob\"}");
        bob.expect_error("nameTaken");
        bob.expect_goodbye("tooManyErrors");
        at.register("Bob");
    });
}

/// > The connection is kept and may try again
#[test]
fn a_refused_register_keeps_the_connection() {
    transcript(|at| {
        let _alice = at.register("Alice");
        let mut bob = at.connect("bob");
        bob.send(r#"{"type":"register","username":"Alice"}"#);
        bob.expect_error("nameTaken");
        bob.register("Bob");
        bob.expect_nothing();
    });
}

/// C19
///
/// > Another than 1 is `unsupportedVersion`.
#[test]
fn a_protocol_from_the_future_is_refused_and_kept() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        for version in ["2", "0", "-1", "9007199254740991"] {
            alice.send(&format!(
                r#"{{"type":"register","username":"Alice","protocol":{version},"id":1}}"#
            ));
            let line = alice.expect_error("unsupportedVersion");
            assert!(
                line.contains(r#""field":"protocol","hint":"supported: 1""#),
                "{line}"
            );
        }
        alice.send(r#"{"type":"register","username":"Alice","protocol":1}"#);
        alice.expect(r#"{"type":"registered",…}"#);
    });
}

/// > `notAvailable` (with `field`: `password`, `token`, `publicKey`, `signature`,
/// > `after`, `epoch`, or `status` for `invisible`)
#[test]
fn fields_of_other_modes_are_not_available() {
    transcript_with(&Setup::new().limit("register_tries", 100), |at| {
        let mut alice = at.connect("alice");
        for (field, value) in [
            ("password", r#""x""#),
            ("token", r#""x""#),
            ("publicKey", r#""x""#),
            ("signature", r#""x""#),
            ("after", "0"),
            ("epoch", r#""x""#),
            ("status", r#""invisible""#),
        ] {
            alice.send(&format!(
                r#"{{"type":"register","username":"Alice","{field}":{value}}}"#
            ));
            let line = alice.expect_error("notAvailable");
            assert!(line.contains(&format!(r#""field":"{field}""#)), "{line}");
        }
        alice.send(
            r#"{"type":"register","username":"Alice","deliver":"ack","device":"d","window":1,"status":"away","heartbeatMs":600000,"unknown":[]}"#,
        );
        alice.expect(
            r#"{"type":"registered","username":"Alice","resumeToken":"…","heartbeatMs":600000}"#,
        );
    });
}

/// C15
///
/// > **Before `register`** only `register`, `ping`, `pong`, `help` and `bye` are understood; every other command is `notRegistered`.
#[test]
fn before_register_every_other_command_is_not_registered() {
    transcript(|at| {
        let mut nobody = at.connect("nobody");
        for verb in [
            "privateMessage",
            "typing",
            "watch",
            "unwatch",
            "setStatus",
            "ack",
            "markRead",
            "history",
            "conversations",
            "editMessage",
            "deleteMessage",
            "block",
            "unblock",
            "allow",
            "disallow",
            "settings",
            "account",
        ] {
            for fields in [
                "",
                r#","toUsername":"Bob","message":1,"usernames":["Bob"],"status":"away""#,
            ] {
                nobody.send(&format!(r#"{{"type":"{verb}","id":7{fields}}}"#));
                let line = nobody.expect(&format!(
                    r#"{{"type":"errorMessage","id":7,"command":"{verb}","code":"notRegistered","message":"…","hint":"…","retryable":false}}"#
                ));
                assert!(
                    line.contains(r#"{\"type\":\"register\""#),
                    "the hint is a line to paste: {line}"
                );
            }
        }
        nobody.send("{\"type\":\"pong\"}\n{\"type\":\"help\"}");
        nobody.expect(r#"{"type":"help","commands":…}"#);
        nobody.expect_nothing();
    });
}
