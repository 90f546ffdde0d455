//! What has to happen in time. Limits are shortened; the ratios between them decide, not the clock.

use std::time::{Duration, Instant};

use crate::common::{Chunking, Setup, Stage, transcript_with};

/// > within `register_timeout_ms` of connecting (`crowded_register_timeout_ms` while more than half of the server's
/// > connections have not registered), or it ends with `goodbye registrationTimeout`
#[test]
fn who_does_not_register_is_cut() {
    let setup = Setup::new().limit("register_timeout_ms", 300);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        let mut silent = at.connect("silent");
        // Neither a ping nor a refused register buys time.
        let mut busy = at.connect("busy");
        busy.send("{\"type\":\"ping\",\"id\":1}\n{\"type\":\"register\",\"username\":\"Alice\"}");
        busy.expect(r#"{"type":"pong","id":1,"time":"…"}"#);
        busy.expect_error("nameTaken");
        alice.expect(r#"{"type":"sessionNotice",…}"#);
        silent.expect_goodbye("registrationTimeout");
        busy.expect_goodbye("registrationTimeout");
        alice.expect_nothing();
    });
}

/// > `crowded_register_timeout_ms` while more than half of the server's
/// > connections have not registered
#[test]
fn in_a_crowd_there_is_less_time() {
    let setup = Setup::new()
        .limit("max_connections", 4)
        .limit("crowded_register_timeout_ms", 300);
    transcript_with(&setup, |at| {
        let start = Instant::now();
        let mut silent = [at.connect("a"), at.connect("b"), at.connect("c")];
        silent[0].expect_goodbye("registrationTimeout");
        assert!(start.elapsed() < Duration::from_secs(30));
        // Two of four are no crowd: these have the full time.
        silent[1].expect_nothing();
        silent[2].expect_nothing();
    });
}

/// > the oldest of them makes room when all are taken
#[test]
fn the_oldest_unregistered_connection_makes_room() {
    transcript_with(&Setup::new().limit("max_connections", 4), |at| {
        let mut alice = at.register("Alice");
        let mut silent = [at.connect("a"), at.connect("b"), at.connect("c")];
        let mut bob = at.register("Bob");
        silent[0].expect_goodbye("registrationTimeout");
        silent[1].expect_nothing();
        silent[2].expect_nothing();
        alice.expect_nothing();
        bob.expect_nothing();
    });
}

/// > If there is no place for the connection the first line is a `goodbye` instead, and
/// > then the connection ends.
#[test]
fn a_full_server_says_so() {
    transcript_with(&Setup::new().limit("max_connections", 2), |at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        let mut carol = at.dial("carol");
        assert!(
            carol
                .expect_goodbye("serverFull")
                .contains(r#""reconnect":true"#)
        );
        bob.send(r#"{"type":"bye"}"#);
        bob.expect_goodbye("bye");
        drop(bob);
        alice.expect_nothing();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !at.dial("carol").line().starts_with(r#"{"type":"hello","#) {
            assert!(Instant::now() < deadline, "the place is not free again");
        }
    });
}

/// > A line that was begun MUST be ended within `line_timeout_ms`, or the connection ends with `goodbye lineTimeout`.
#[test]
fn a_line_that_is_not_ended_ends_the_connection() {
    transcript_with(&Setup::new().limit("line_timeout_ms", 300), |at| {
        let mut patient = at.register("Patient");
        let mut alice = at.register("Alice");
        alice.send_bytes(b"{\"type\":\"ping\"}\n{");
        alice.expect(r#"{"type":"pong","time":"…"}"#);
        alice.expect_goodbye("lineTimeout");
        let mut bob = at.register("Bob");
        bob.send_bytes(&[b'x'; 70_000]);
        bob.expect_error("lineTooLong");
        bob.expect_goodbye("lineTimeout");
        // Silence between lines is no line in progress.
        patient.expect_nothing();
    });
}

/// > If no line came from the client for that long, the server sends `ping`; if none came for
/// > twice that long, the connection ends with `goodbye heartbeat`.
///
/// The shortest heartbeat is long, so the chunkings run side by side. The sender is held back first: whoever may go
/// on again has a heartbeat like everybody else.
#[test]
fn two_missed_heartbeats_end_the_connection() {
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("commands_per_second", 100)
        .limit("command_burst", 10);
    std::thread::scope(|scope| {
        for chunking in Chunking::ALL {
            let setup = &setup;
            scope.spawn(move || heartbeats(&Stage::new(setup, chunking)));
        }
    });
}

fn heartbeats(at: &Stage) {
    let asked = Instant::now();
    let register =
        |name| format!(r#"{{"type":"register","username":"{name}","heartbeatMs":5000}}"#);
    let (mut dead, mut alive) = (at.connect("dead"), at.connect("alive"));
    let mut quiet = at.register("Quiet");
    for (client, name) in [(&mut dead, "Dead"), (&mut alive, "Alive")] {
        client.send(&register(name));
        client
            .expect(r#"{"type":"registered","username":"…","resumeToken":"…","heartbeatMs":5000}"#);
    }
    let lines = (0..30).map(|id| format!(r#"{{"type":"setStatus","status":"away","id":{id}}}"#));
    dead.send(&lines.collect::<Vec<_>>().join("\n"));
    for id in 0..30 {
        dead.expect(&format!(
            r#"{{"type":"ok","id":{id},"command":"setStatus"}}"#
        ));
    }
    alive.expect(r#"{"type":"ping","time":"…"}"#);
    assert!(
        asked.elapsed() >= Duration::from_millis(4_900),
        "{:?}",
        asked.elapsed()
    );
    alive.send("");
    dead.expect(r#"{"type":"ping","time":"…"}"#);
    assert!(
        dead.expect_goodbye("heartbeat")
            .contains(r#""reconnect":true"#)
    );
    assert!(
        asked.elapsed() >= Duration::from_millis(9_900),
        "{:?}",
        asked.elapsed()
    );
    alive.expect(r#"{"type":"ping","time":"…"}"#);
    alive.expect_nothing();
    quiet.expect_nothing();
}
