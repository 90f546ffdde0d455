//! Slow receivers and fast senders.

use std::time::{Duration, Instant};

use crate::common::{Client, Setup, Stage, transcript, transcript_with};

/// A client whose kernel takes little.
fn narrow(at: &Stage, name: &str) -> Client {
    let client = at.register(name);
    client
        .socket()
        .set_recv_buffer_size(32_768)
        .expect("SO_RCVBUF");
    client
}

/// Sends to `name` until that is busy.
fn fill(from: &mut Client, name: &str) {
    let body = "x".repeat(32 * 1024);
    let message =
        format!(r#"{{"type":"privateMessage","toUsername":"{name}","message":"{body}","id":1}}"#);
    for _ in 0..2_000 {
        from.send(&message);
        let line = from.line();
        if line.contains("recipientBusy") {
            assert!(line.contains(r#""retryable":true"#), "{line}");
            return;
        }
    }
    panic!("{name} is never busy");
}

/// > `privateMessage` and `typing` to it are refused with
/// > `recipientBusy`, until half of that has drained
#[test]
fn a_busy_recipient_harms_nobody_else() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        let (_slow, mut quick) = (narrow(at, "Slow"), at.register("Quick"));
        fill(&mut alice, "Slow");
        alice.send(r#"{"type":"typing","toUsername":"sloW","id":2}"#);
        alice.expect(
            r#"{"type":"errorMessage","id":2,"command":"typing","code":"recipientBusy","message":"…","toUsername":"sloW",…}"#,
        );
        alice.send(r#"{"type":"privateMessage","toUsername":"Quick","message":"hi","id":3}"#);
        alice.expect(r#"{"type":"accepted","id":3,"toUsername":"Quick","time":"…"}"#);
        quick.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    });
}

/// > so does one that takes nothing for `stall_timeout_ms` while something waits: `goodbye slowConsumer`, if that still fits
#[test]
fn who_takes_nothing_is_cut() {
    transcript_with(&Setup::new().limit("stall_timeout_ms", 500), |at| {
        let mut alice = at.register("Alice");
        let mut slow = narrow(at, "Slow");
        fill(&mut alice, "Slow");
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            alice.send(r#"{"type":"typing","toUsername":"Slow","id":1}"#);
            if alice.line().contains("unknownUser") {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "a reader that reads nothing stays"
            );
        }
        // What had been accepted may be cut off, but nothing else is sent.
        while let Ok(line) = slow.try_line() {
            assert!(
                line.contains(r#""from":"Alice""#) || line.contains("slowConsumer"),
                "{line}"
            );
        }
    });
}

/// > A connection for which that much waits is not read either: its own replies have no room. It is read again when half has drained.
#[test]
fn who_does_not_read_its_replies_is_not_read() {
    transcript_with(&Setup::new().limit("stall_timeout_ms", 60_000), |at| {
        let mut alice = at.connect("alice");
        alice
            .socket()
            .set_recv_buffer_size(32_768)
            .expect("SO_RCVBUF");
        alice
            .socket()
            .set_send_buffer_size(32_768)
            .expect("SO_SNDBUF");
        alice.register("Alice");
        let before = at.daemon.rss_kib();
        let ping = format!("{{\"type\":\"ping\",\"data\":\"{}\"}}\n", "x".repeat(1_000));
        let sent = pump(&alice, ping.as_bytes());
        assert!(sent < 30_000, "the server reads on without end");
        let grown = at.daemon.rss_kib().saturating_sub(before);
        assert!(grown <= 2 * 1_024, "the server grew by {grown} KiB");
        for _ in 0..sent {
            alice.expect(r#"{"type":"pong","data":"…","time":"…"}"#);
        }
    });
}

/// Sends `line` again and again until nothing is taken for a while; how many whole lines were. A line that was cut is ended.
fn pump(client: &Client, line: &[u8]) -> usize {
    use std::io::Write;
    let mut socket = client.socket();
    socket
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a write limit");
    for count in 0..30_000 {
        let mut rest = line;
        while !rest.is_empty() {
            match socket.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) if rest.len() == line.len() => return count,
                Err(_) => {
                    let rest = rest.to_vec();
                    let other = socket.try_clone().expect("a second handle");
                    // The rest goes out as soon as the replies are read.
                    std::thread::spawn(move || {
                        other.set_write_timeout(None).expect("no write limit");
                        (&other).write_all(&rest)
                    });
                    return count + 1;
                }
            }
        }
    }
    30_000
}

/// > A client that sends faster than `commands_per_second` after its first `command_burst` is not refused anything: the server reads its connection no faster
#[test]
fn a_fast_sender_is_held_back_and_loses_nothing() {
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("commands_per_second", 100)
        .limit("command_burst", 10);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        let start = Instant::now();
        let lines: Vec<_> = (0..60)
            .map(|id| format!(r#"{{"type":"setStatus","status":"online","id":{id}}}"#))
            .collect();
        alice.send(&lines.join("\n"));
        for id in 0..60 {
            alice.expect(&format!(
                r#"{{"type":"ok","id":{id},"command":"setStatus"}}"#
            ));
        }
        assert!(
            start.elapsed() >= Duration::from_millis(400),
            "{:?}",
            start.elapsed()
        );
    });
}

/// > `ping` and `pong` do not count.
#[test]
fn pings_are_free() {
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("commands_per_second", 1)
        .limit("command_burst", 5);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        for _ in 0..50 {
            alice.expect_nothing();
        }
    });
}
