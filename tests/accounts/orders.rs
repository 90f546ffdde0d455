//! E7: no order of commands gets around the proof, and a proved name stays what it is.

use crate::bench::place::{PATIENT, Place, password, register};
use crate::bench::socket::message;
use crate::common::PASSWORD;

/// What needs a session, before there is one and after a failed `register`.
#[test]
fn e7_nothing_before_a_proof() {
    let place = Place::new(&["Alice", "Bob"]);
    let mut bob = place.session("Bob", "d");
    let commands = [
        message("Bob", "hi"),
        r#"{"type":"typing","toUsername":"Bob"}"#.into(),
        r#"{"type":"watch","usernames":["Bob"]}"#.into(),
        r#"{"type":"setStatus","status":"away"}"#.into(),
        r#"{"type":"account","action":"devices"}"#.into(),
        r#"{"type":"account","action":"setPassword","password":"mine mine"}"#.into(),
        r#"{"type":"account","action":"revokeDevice","device":"d"}"#.into(),
    ];
    let mut client = place.connect("nobody");
    let mut refuse = || {
        for command in &commands {
            client.send(command);
            client.expect_error("notRegistered");
        }
    };
    refuse();
    for (credential, code) in [
        (password("wrong horse"), "authFailed"),
        (r#""status":"away""#.into(), "authRequired"),
        (
            format!(
                r#"{},"resumeToken":"{}""#,
                password(PASSWORD),
                "0".repeat(32)
            ),
            "badValue",
        ),
    ] {
        let mut client = place.connect("nobody");
        // All in one write: the answer to the second must not overtake the first.
        client.send(&format!(
            "{}\n{}",
            register("Alice", &credential),
            message("Bob", "hi")
        ));
        client.expect_error(code);
        client.expect_error("notRegistered");
    }
    client.send(r#"{"type":"account","action":"create","username":"Eve","password":"mine mine"}"#);
    client.expect_error("notAllowed");
    bob.expect_nothing();
}

#[test]
fn e7_a_connection_has_one_name() {
    let place = Place::with(
        &format!("{PATIENT}signup = \"open\"\n"),
        &["Alice", "Bob", "Carol"],
    );
    let mut carol = place.session("Carol", "d");
    let mut client = place.connect("Alice and Bob");
    let (alice, bob) = (
        register("Alice", &password(PASSWORD)),
        register("Bob", &password(PASSWORD)),
    );
    client.send(&format!("{alice}\n{bob}\n{}", message("Carol", "who?")));
    client.expect(r#"{"type":"registered","username":"Alice",…}"#);
    client.until_synced();
    client.expect_error("alreadyRegistered");
    carol.expect(r#"{"type":"privateMessage","from":"Alice","message":"who?","time":"…",…}"#);
    for (line, code) in [
        (bob.as_str(), "alreadyRegistered"),
        (&alice, "alreadyRegistered"),
        (
            &register("Bob", &password("wrong horse")),
            "alreadyRegistered",
        ),
    ] {
        client.send(line);
        client.expect_error(code);
    }
    // A field that says otherwise says nothing.
    client.send(r#"{"type":"privateMessage","toUsername":"Carol","message":"1","from":"Bob","username":"Bob"}"#);
    carol.expect(r#"{"type":"privateMessage","from":"Alice","message":"1","time":"…",…}"#);
    place.session("Bob", "d").expect_nothing();
}

/// An account that was just made is not thereby proved.
#[test]
fn e7_to_sign_up_is_not_to_register() {
    let place = Place::with(&format!("{PATIENT}signup = \"open\"\n"), &["Bob"]);
    let mut client = place.connect("Dora");
    client.send(r#"{"type":"account","action":"create","username":"Dora","password":"battery staple","id":1}"#);
    client.expect(r#"{"type":"ok","id":1,"command":"account"}"#);
    client.send(&message("Bob", "hi"));
    client.expect_error("notRegistered");
    client.send(&register("Dora", &password("battery staplf")));
    client.expect_error("authFailed");
    for taken in ["Dora", "dora", "Bob", "ВоЬ", "D\u{6f}r\u{430}"] {
        client.send(&format!(
            r#"{{"type":"account","action":"create","username":"{taken}","password":"battery staple"}}"#
        ));
        let line = client.line();
        let codes = ["nameTaken", "nameConfusable", "invalidName"];
        assert!(
            codes
                .iter()
                .any(|code| line.contains(&format!(r#""code":"{code}""#))),
            "{taken}: {line}"
        );
    }
    client.send(&register("Dora", &password("battery staple")));
    client.expect(r#"{"type":"registered","username":"Dora",…}"#);
}

/// The end of a connection while its password is being hashed leaves nobody there.
#[test]
fn e7_who_hangs_up_before_the_answer_is_not_there() {
    // Dear enough that the hash takes longer than hanging up.
    let place = Place::with(
        "[accounts]\npassword_memory_kib = 65536\n",
        &["Alice", "Bob"],
    );
    let mut bob = place.session("Bob", "d");
    for _ in 0..3 {
        let mut alice = place.connect("Alice");
        alice.send(&register("Alice", &password(PASSWORD)));
        alice.reset();
    }
    let mut alice = place.session("Alice", "default");
    bob.send(&message("Alice", "hi"));
    alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…",…}"#);
    drop(alice);
    bob.expect_nothing();
    // Nor does a session that never was take what is sent.
    bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
    bob.expect(r#"{"type":"presence","username":"Alice","status":"offline",…}"#);
}
