//! Endings: who is told what, and that the last line arrives.

use crate::common::{Setup, transcript, transcript_with};

use rustix::process::Signal;

/// > Everything sent before it is handled, and the outcome of each command comes before the `goodbye`. Lines after it are not read. The name is free at once.
#[test]
fn bye_is_a_drain() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        alice.send(concat!(
            "{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":1}\n",
            "{\"type\":\"privateMessage\",\"toUsername\":\"Nobody1\",\"message\":2}\n",
            "{\"type\":\"bye\",\"id\":\"b\"}\n",
            "{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":3}",
        ));
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":1,"time":"…"}"#);
        alice.expect_error("unknownUser");
        alice.expect(
            r#"{"type":"goodbye","id":"b","code":"bye","message":"goodbye","reconnect":false}"#,
        );
        alice.expect_closed();
        bob.expect_nothing();
        at.register("Alice");
    });
}

/// > From the end of input on nobody can address the connection: its name is free and its watches are over.
#[test]
fn the_name_is_free_when_the_input_ends() {
    transcript(|at| {
        let mut bob = at.register("Bob");
        for _ in 0..50 {
            let mut alice = at.register("Alice");
            alice.half_close();
            alice.expect_goodbye("drained");
            bob.send(r#"{"type":"typing","toUsername":"Alice"}"#);
            bob.expect_error("unknownUser");
        }
    });
}

/// > so that the `goodbye` is not destroyed by a reset
///
/// The client goes on sending while it is being told to go: data that nobody reads makes a kernel reset the connection.
#[test]
fn the_last_line_survives_what_the_client_still_sends() {
    transcript(|at| {
        for _ in 0..20 {
            let mut alice = at.register("Alice");
            alice.send_bytes(b"{\"type\":\"bye\"}\n");
            alice.send_bytes(&b"{\"type\":\"ping\"}\n".repeat(100));
            alice.expect_goodbye("bye");
        }
    });
}

/// > The end of a connection removes that connection's name and nothing more.
///
/// B3: resets in the middle of a line.
#[test]
fn resets_leave_nothing_behind() {
    transcript(|at| {
        let mut bob = at.register("Bob");
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        bob.expect(r#"{"type":"presence","username":"Alice","status":"offline","since":"…"}"#);
        bob.send(r#"{"type":"unwatch","usernames":["Alice"]}"#);
        bob.expect_nothing();
        let files = at.daemon.open_files();
        for round in 0..300 {
            let mut alice = at.register(&format!("Alice{round}"));
            alice.send_bytes(br#"{"type":"privateMessage","toUsername":"Bob","message":"#);
            alice.reset();
        }
        bob.expect_nothing();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while at.daemon.open_files() > files {
            assert!(
                std::time::Instant::now() < deadline,
                "descriptors stay open"
            );
            bob.expect_nothing();
        }
    });
}

/// > `serverClosing`
///
/// F: every connection is told, and the process ends well.
#[test]
fn a_stopped_server_says_so_to_everyone() {
    for chunking in crate::common::Chunking::ALL {
        let mut at = crate::common::Stage::new(&Setup::new(), chunking);
        let mut clients: Vec<_> = (0..100)
            .map(|number| at.register(&format!("n{number}")))
            .collect();
        clients.push(at.connect("unregistered"));
        at.daemon.signal(Signal::TERM);
        for client in &mut clients {
            let line = client.expect_goodbye("serverClosing");
            assert!(line.contains(r#""reconnect":true,"afterMs":"#), "{line}");
        }
        drop(clients);
        let status = at.daemon.wait();
        assert!(status.success(), "{status}");
    }
}

/// The same bytes over a UNIX socket.
///
/// > Both carry the same bytes.
#[test]
fn a_unix_socket_speaks_the_same() {
    transcript_with(&Setup::new().unix(), |at| {
        let mut bob = at.register("Bob");
        let mut alice = crate::common::Client::dial(at.daemon.unix(), "alice", at.chunking);
        alice.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
        alice.register("Alice");
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
        alice.half_close();
        alice.expect_goodbye("drained");
    });
}

/// > a mistake in the server
///
/// A panic ends the connection that caused it and no other.
#[cfg(debug_assertions)]
#[test]
fn a_panic_ends_one_connection() {
    transcript_with(
        &Setup::new().env("PRIVMSGD_DEBUG__HOOKS", "true").panics(),
        |at| {
            let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
            alice.send("{\"type\":\"typing\",\"toUsername\":\"Bob\"}\n{\"type\":\"debugPanic\"}\n{\"type\":\"ping\"}");
            bob.expect(r#"{"type":"typing","from":"Alice"}"#);
            assert!(
                alice
                    .expect_goodbye("internalError")
                    .contains(r#""reconnect":true"#)
            );
            bob.send(r#"{"type":"typing","toUsername":"Alice"}"#);
            bob.expect_error("unknownUser");
            at.register("Alice");
            bob.expect_nothing();
        },
    );
}

/// > no place for this connection: too many in all, from this address, or too quickly
#[test]
fn one_address_has_a_bounded_number_of_connections() {
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("max_connections_per_address", 3);
    transcript_with(&setup, |at| {
        let mut inside: Vec<_> = (0..3)
            .map(|number| at.register(&format!("n{number}")))
            .collect();
        at.dial("outside").expect_goodbye("serverFull");
        for client in &mut inside {
            client.expect_nothing();
        }
    });
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("new_connections_per_address", 5);
    transcript_with(&setup, |at| {
        for _ in 0..5 {
            at.connect("inside").reset();
        }
        at.dial("outside").expect_goodbye("serverFull");
    });
}
