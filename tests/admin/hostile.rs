//! Bytes that are no requests.

use std::time::{Duration, Instant};

use crate::House;

#[test]
fn garbage_costs_one_error_a_line_and_nothing_else() {
    let house = House::new();
    let mut admin = house.dial();
    for line in [
        "x",
        "[]",
        "{\"command\":",
        "\u{0}\u{1b}",
        "{\"command\":\"status\",\"y\":1}",
        "{\"command\":3}",
        "{\"protocol\":1.5,\"command\":\"status\"}",
    ] {
        admin.send(line);
        admin.expect(r#"{"error":"…","code":"badRequest"}"#);
    }
    admin.send_bytes(b"\xff\xfe\r\n\n  \n");
    admin.expect(r#"{"error":"…","code":"badRequest"}"#);
    admin.send(&"[".repeat(60_000));
    admin.expect(r#"{"error":"…","code":"badRequest"}"#);
    admin.send(r#"{"command":"stop"}"#);
    admin.expect(r#"{"error":"there is no such command","code":"unknownCommand"}"#);
    admin.send("{\"protocol\":1,\"command\":\"status\"}\n{\"command\":\"clients\"}");
    admin.expect(r#"{"version":"…",…}"#);
    admin.expect(r#"{"done":true}"#);
    admin.expect(r#"{"done":true}"#);
}

#[test]
fn a_request_has_at_most_64_kib() {
    let house = House::new();
    let request = |length: usize| {
        let bare = r#"{"command":"kick","name":""}"#;
        bare.replace("\"\"", &format!("\"{}\"", "x".repeat(length - bare.len())))
    };
    let mut admin = house.dial();
    admin.send(&request(64 * 1024));
    admin.expect(
        r#"{"error":"the name is longer than 32 characters or 64 bytes","code":"invalidName"}"#,
    );
    let mut admin = house.dial();
    admin.send(&request(64 * 1024 + 1));
    admin.expect(r#"{"error":"a request has at most 65536 bytes","code":"tooLong"}"#);
    // Without an end, and far more of it.
    let mut admin = house.dial();
    admin.send_bytes(&vec![b'x'; 4 * 1024 * 1024]);
    admin.expect(r#"{"error":"a request has at most 65536 bytes","code":"tooLong"}"#);
    assert_eq!(house.ask(&["status"]).0, 0);
}

#[test]
fn the_last_request_needs_no_line_end() {
    let house = House::new();
    let mut admin = house.dial();
    admin.send_bytes(br#"{"command":"clients"}"#);
    admin.half_close();
    admin.expect(r#"{"done":true}"#);
    admin.expect_closed();
}

/// Eight at once; those who are silent lose their place after ten seconds, and nobody waits for them.
#[test]
fn twenty_connections_with_half_a_request_each_keep_nobody_out_for_long() {
    let house = House::new();
    let start = Instant::now();
    let mut all: Vec<_> = (0..20).map(|_| house.dial()).collect();
    // The others are gone already, perhaps: what they sent then would make an error of the end of their stream.
    for admin in &mut all[..8] {
        admin.send_bytes(b"{\"command\":");
    }
    for admin in &mut all[8..] {
        admin.expect(r#"{"error":"too many admin connections at once: try again","code":"busy"}"#);
        admin.expect_closed();
    }
    let (code, _, err) = house.ask(&["status"]);
    assert_eq!(
        (code, err.as_str()),
        (
            69,
            "privmsgd: too many admin connections at once: try again\n"
        )
    );
    let mut alice = house.stage.register("Alice");
    alice.send(r#"{"type":"ping","id":1}"#);
    alice.expect(r#"{"type":"pong","id":1,…}"#);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    for admin in &mut all[..8] {
        admin.expect(
            r#"{"error":"no request, or no answer taken, for 10 seconds","code":"timeout"}"#,
        );
        admin.expect_closed();
    }
    let after = start.elapsed().as_secs();
    assert!((10..13).contains(&after), "{after} s");
    assert_eq!(house.ask(&["status"]).0, 0);
}

/// Whoever asks and does not read gets no more than a bounded queue holds, and is cut.
#[test]
fn who_asks_and_does_not_read_is_cut() {
    let house = House::new();
    let _all: Vec<_> = (0..200).map(|_| house.stage.dial("one of many")).collect();
    let before = house.stage.daemon.rss_kib();
    let greedy: Vec<_> = (0..4).map(|_| house.dial()).collect();
    let line = "{\"command\":\"clients\"}\n".repeat(20_000);
    let threads: Vec<_> = greedy
        .into_iter()
        .map(|mut admin| {
            let line = line.clone();
            std::thread::spawn(move || {
                admin.send_bytes(line.as_bytes());
                admin
            })
        })
        .collect();
    let mut alice = house.stage.register("Alice");
    let (mut worst, start) = (Duration::ZERO, Instant::now());
    while start.elapsed() < Duration::from_secs(3) {
        let sent = Instant::now();
        alice.send(r#"{"type":"ping","id":1}"#);
        alice.expect(r#"{"type":"pong","id":1,…}"#);
        worst = worst.max(sent.elapsed());
    }
    assert!(worst < Duration::from_millis(500), "{worst:?}");
    let grown = house.stage.daemon.rss_kib().saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB");
    // They are cut, so that their writing ends too.
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(house.ask(&["status"]).0, 0);
}
