//! Slow receivers and fast senders.

use std::time::{Duration, Instant};

use crate::common::{Chunking, Client, Setup, Stage, transcript, transcript_with};

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
    transcript_with(&Setup::new().limit("stall_timeout_ms", 3_000), |at| {
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
        // Who reads on at once gets all that had been accepted, and the reason last.
        let mut last = String::new();
        while let Ok(line) = slow.try_line() {
            assert!(
                last.is_empty() || last.contains(r#""from":"Alice""#),
                "{last}"
            );
            last = line;
        }
        assert!(last.contains(r#""code":"slowConsumer""#), "{last}");
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

/// > After half-close every line that was received is handled, with the outcome of each
///
/// Also what waits because it came too fast.
#[test]
fn a_script_that_is_held_back_is_drained_too() {
    let setup = Setup::new()
        .limit("limit_local_peers", "true")
        .limit("commands_per_second", 200)
        .limit("command_burst", 5);
    transcript_with(&setup, |at| {
        let mut script = at.register("Script");
        let lines: Vec<_> = (0..50)
            .map(|id| format!(r#"{{"type":"setStatus","status":"online","id":{id}}}"#))
            .collect();
        script.send(&lines.join("\n"));
        script.half_close();
        for id in 0..50 {
            script.expect(&format!(
                r#"{{"type":"ok","id":{id},"command":"setStatus"}}"#
            ));
        }
        script.expect_goodbye("drained");
    });
}

/// > `presence` about names it watches waits too, and is summed up: the last state arrives when there is room.
#[test]
fn a_busy_watcher_learns_the_last_state_later() {
    let setup = Setup::new()
        .limit("presence_interval_ms", 50)
        .limit("stall_timeout_ms", 60_000);
    transcript_with(&setup, |at| {
        let (mut alice, mut bob) = (at.register("Alice"), at.register("Bob"));
        let mut slow = narrow(at, "Slow");
        slow.send(r#"{"type":"watch","usernames":["Bob"]}"#);
        slow.expect(r#"{"type":"presence","username":"Bob","status":"online","since":"…"}"#);
        fill(&mut alice, "Slow");
        for round in 0..50 {
            let status = if round % 2 == 0 { "away" } else { "online" };
            bob.send(&format!(r#"{{"type":"setStatus","status":"{status}"}}"#));
        }
        bob.send(r#"{"type":"bye"}"#);
        bob.expect_goodbye("bye");
        let mut told = 0;
        loop {
            let line = slow.line();
            told += usize::from(line.starts_with(r#"{"type":"presence","#));
            if line.contains(r#""status":"offline""#) {
                break;
            }
        }
        assert!(told < 5, "{told} states for one that could not read them");
        slow.expect_nothing();
    });
}

/// > When `total_queue_bytes` wait for all connections together, senders get `recipientBusy` whoever the recipient is
#[test]
fn all_queues_together_are_bounded() {
    let setup = Setup::new()
        .limit("total_queue_bytes", 12_000_000)
        .limit("stall_timeout_ms", 60_000);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        let mut slow: Vec<_> = (0..80)
            .map(|number| narrow(at, &format!("Slow{number}")))
            .collect();
        let mut quick = at.register("Quick");
        let mut filler = Client::dial(at.daemon.address(), "filler", Chunking::Whole);
        filler.expect(r#"{"type":"hello",…}"#);
        filler.register("Filler");
        for number in 0..80 {
            fill(&mut filler, &format!("Slow{number}"));
        }
        alice.send(r#"{"type":"privateMessage","toUsername":"Quick","message":"hi","id":1}"#);
        alice.expect_error("recipientBusy");
        drop(slow.drain(..40));
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            alice.send(r#"{"type":"privateMessage","toUsername":"Quick","message":"hi","id":1}"#);
            if alice.line().starts_with(r#"{"type":"accepted","#) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "there is room, and it is not used"
            );
        }
        quick.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    });
}
