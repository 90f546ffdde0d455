//! `watch` and `presence`.

use std::time::Instant;

use crate::common::{Setup, text_of, transcript, transcript_with};

/// > at most one per name within `presence_interval_ms`; what happens faster is summed up, and the last
/// > state always arrives
#[test]
fn fast_changes_are_summed_up_and_the_last_state_arrives() {
    let setup = Setup::new().limit("presence_interval_ms", 300);
    transcript_with(&setup, |at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        alice.send(r#"{"type":"watch","usernames":["Bob"]}"#);
        alice.expect(r#"{"type":"presence","username":"Bob","status":"online","since":"…"}"#);
        let start = Instant::now();
        for round in 0..200 {
            let status = if round % 2 == 0 { "away" } else { "online" };
            bob.send(&format!(r#"{{"type":"setStatus","status":"{status}"}}"#));
        }
        bob.send(r#"{"type":"bye"}"#);
        let (mut frames, mut status) = (0, String::new());
        while status != "offline" {
            let line =
                alice.expect(r#"{"type":"presence","username":"Bob","status":"…","since":"…"}"#);
            (frames, status) = (frames + 1, text_of(&line, "status"));
        }
        let most = start.elapsed().as_millis() / 300 + 2;
        assert!(
            u128::from(frames as u32) <= most,
            "{frames} frames, at most {most} expected"
        );
    });
}

/// > `since` is when the server saw the status begin; for a name that it does not know it is the moment of the `watch`.
#[test]
fn since_is_when_the_status_began() {
    transcript(|at| {
        let mut bob = at.register("Bob");
        bob.send(r#"{"type":"ping"}"#);
        let before = text_of(&bob.line(), "time");
        bob.send(r#"{"type":"setStatus","status":"away"}"#);
        bob.send(r#"{"type":"ping"}"#);
        let after = text_of(&bob.line(), "time");
        let mut alice = at.register("Alice");
        alice.send(r#"{"type":"watch","usernames":["bob","Carol"]}"#);
        let line =
            alice.expect(r#"{"type":"presence","username":"Bob","status":"away","since":"…"}"#);
        let since = text_of(&line, "since");
        assert!(
            before <= since && since <= after,
            "{before} {since} {after}"
        );
        let line = alice
            .expect(r#"{"type":"presence","username":"Carol","status":"offline","since":"…"}"#);
        assert!(text_of(&line, "since") >= after);
    });
}

/// > `badValue`: with these the connection would watch more than `max_watched` names
///
/// > After an error nothing of the command has happened.
#[test]
fn one_connection_watches_a_bounded_number_of_names() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let names = |from: usize, to: usize| -> String {
            (from..to)
                .map(|n| format!("\"n{n}\""))
                .collect::<Vec<_>>()
                .join(",")
        };
        alice.send(&format!(
            r#"{{"type":"watch","usernames":[{}],"id":1}}"#,
            names(0, 128)
        ));
        alice.expect(r#"{"type":"ok","id":1,"command":"watch"}"#);
        for n in 0..128 {
            alice.expect(&format!(
                r#"{{"type":"presence","username":"n{n}","status":"offline","since":"…"}}"#
            ));
        }
        alice.send(&format!(
            r#"{{"type":"watch","usernames":[{}],"id":2}}"#,
            names(127, 129)
        ));
        let line = alice.expect_error("badValue");
        assert!(line.contains(r#""field":"usernames""#), "{line}");
        alice.expect_nothing();
        let _n128 = at.register("n128");
        alice.expect_nothing();
        alice.send(r#"{"type":"watch","usernames":["N5","n5"],"id":3}"#);
        alice.expect(r#"{"type":"ok","id":3,"command":"watch"}"#);
        alice.expect(r#"{"type":"presence","username":"n5","status":"offline","since":"…"}"#);
        alice.expect(r#"{"type":"presence","username":"n5","status":"offline","since":"…"}"#);
        alice.send(r#"{"type":"unwatch","usernames":["n0"],"id":4}"#);
        alice.expect(r#"{"type":"ok","id":4,"command":"unwatch"}"#);
        alice.send(r#"{"type":"watch","usernames":["n128"],"id":5}"#);
        alice.expect(r#"{"type":"ok","id":5,"command":"watch"}"#);
        alice.expect(r#"{"type":"presence","username":"n128","status":"online","since":"…"}"#);
    });
}

/// > `overloaded`: a name has `max_watchers` watchers already
#[test]
fn one_name_has_a_bounded_number_of_watchers() {
    transcript_with(&Setup::new().limit("max_watchers", 2), |at| {
        let mut clients = [at.register("a"), at.register("b"), at.register("c")];
        for client in &mut clients[..2] {
            client.send(r#"{"type":"watch","usernames":["Star"]}"#);
            client
                .expect(r#"{"type":"presence","username":"Star","status":"offline","since":"…"}"#);
        }
        clients[2].send(r#"{"type":"watch","usernames":["Other","Star"],"id":1}"#);
        let line = clients[2].expect_error("overloaded");
        assert!(line.contains(r#""retryable":true"#), "{line}");
        let _other = at.register("Other");
        clients[2].expect_nothing();
    });
}

/// > Watches end with the connection.
#[test]
fn a_name_that_comes_and_goes_is_told_to_those_who_watch() {
    let setup = Setup::new().limit("presence_interval_ms", 1);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        let mut gone = at.register("Gone");
        for watcher in [&mut alice, &mut gone] {
            watcher.send(r#"{"type":"watch","usernames":["BOB"]}"#);
            watcher
                .expect(r#"{"type":"presence","username":"BOB","status":"offline","since":"…"}"#);
        }
        gone.send(r#"{"type":"bye"}"#);
        gone.expect_goodbye("bye");
        for _ in 0..20 {
            let mut bob = at.register("Bob");
            alice.expect(r#"{"type":"presence","username":"Bob","status":"online","since":"…"}"#);
            bob.half_close();
            bob.expect_goodbye("drained");
            alice.expect(r#"{"type":"presence","username":"Bob","status":"offline","since":"…"}"#);
        }
        alice.expect_nothing();
    });
}
