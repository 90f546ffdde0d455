//! > Half-close and `bye` are a drain: every line received is handled, and `goodbye` comes after the outcome of each.

use privmsgd::mailbox::Ask;

use crate::house::transcript;
use crate::stage::Stage;

/// > So one line fetches one's mail, and `auto` sees to it that it does not come again:
#[test]
fn a_script_fetches_its_mail_once() {
    transcript(|at| {
        let mut bob = at.send_only("Bob");
        for id in 1..=3 {
            bob.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Alice","message":"hi","id":{id}}}"#
            ));
            bob.expect(r#"{"type":"accepted",…}"#);
        }
        for first in [1, 4] {
            let mut alice = at.connect("A");
            alice.send(r#"{"type":"register","username":"Alice","password":"pw","device":"nc"}"#);
            alice.half_close();
            alice.expect(r#"{"type":"registered",…}"#);
            for pos in first..=3 {
                alice.expect(&format!(
                    r#"{{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":{pos},"pos":{pos}}}"#
                ));
            }
            alice.expect(r#"{"type":"synced","pos":3}"#);
            alice.expect_goodbye("drained");
            drop(alice);
            at.await_cursor("Alice", "nc", 3);
        }
    });
}

/// > With `"deliver":"ack"` a session that ends gets everything too, beyond its `window`,
#[test]
fn whoever_has_ended_its_input_is_sent_everything_whatever_its_window() {
    for end in ["bye", "drained"] {
        let mut stage = Stage::new();
        stage.write_to("Bob", "Alice", 700, "hi");
        let mut alice = stage.register("Alice", "phone", r#","deliver":"ack","window":2"#);
        assert_eq!(alice.seen().len(), 2);
        match end {
            "bye" => alice.say(r#"{"type":"bye","id":"b"}"#),
            _ => alice.far.end(),
        }
        stage.turn();
        let mut lines = alice.lines();
        let goodbye = lines.pop().expect("a goodbye");
        assert_eq!(goodbye["code"], end);
        assert_eq!(
            goodbye["id"],
            if end == "bye" {
                "b".into()
            } else {
                serde_json::Value::Null
            }
        );
        assert_eq!(lines.len(), 699);
        assert_eq!(lines.pop().expect("synced")["pos"], 700);
        assert!(lines.iter().zip(3..).all(|(line, pos)| line["pos"] == pos));
        // It did not say that anything has arrived.
        assert_eq!(stage.cursor("Alice", "phone").acked, 0);
        stage.wait(3_000);
        assert_eq!(stage.cursor("Alice", "phone").sent, 700);
    }
}

/// What its client has or has not acknowledged is no longer awaited then: its connection is free at once.
#[test]
fn a_session_of_which_nothing_is_to_be_learned_ends_with_its_goodbye() {
    for deliver in ["ack", "auto"] {
        let mut stage = Stage::new();
        if deliver == "ack" {
            stage.write_to("Bob", "Alice", 3, "hi");
        }
        let mut alice = stage.register("Alice", "phone", &format!(r#","deliver":"{deliver}""#));
        alice.far.end();
        stage.turn();
        assert_eq!(stage.engine.population().0, 0, "{deliver}");
        assert_eq!(alice.lines().pop().expect("a goodbye")["code"], "drained");
    }
}

#[test]
fn every_outcome_comes_before_goodbye() {
    let mut stage = Stage::new();
    let mut alice = stage.register("Alice", "phone", "");
    alice.seen();
    stage.is_held = true;
    for id in 0..3 {
        alice.say(&format!(
            r#"{{"type":"privateMessage","toUsername":"Bob","message":"hi","id":{id}}}"#
        ));
    }
    alice.say(r#"{"type":"history","withUsername":"Bob","id":3}"#);
    alice.say(r#"{"type":"typing","toUsername":"Bob","id":4}"#);
    alice.far.end();
    for _ in 0..5 {
        stage.turn();
        assert!(!alice.seen().contains(&"goodbye".into()));
        assert!(!stage.jobs.is_empty());
        stage.answer_one();
        stage.tell_one();
    }
    stage.turn();
    assert_eq!(alice.seen(), ["ok", "goodbye"]);
    assert!(
        stage
            .asked()
            .iter()
            .all(|ask| matches!(ask, Ask::Left { .. } | Ask::Ack { .. }))
    );
}

/// What comes while it drains is for the next time; it ends where it was when it began to.
#[test]
fn a_drain_has_an_end() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 300, "hi");
    let bob = stage.register("Bob", "phone", "");
    let mut alice = stage.connect();
    alice.say(r#"{"type":"register","username":"Alice","password":"pw","device":"phone"}"#);
    alice.far.end();
    stage.is_held = true;
    stage.turn();
    stage.answer_one();
    stage.tell_one();
    stage.turn();
    let mut seen = Vec::new();
    for _ in 0..10 {
        bob.say(r#"{"type":"privateMessage","toUsername":"Alice","message":"more"}"#);
        bob.say(r#"{"type":"privateMessage","toUsername":"Alice","message":"more"}"#);
        stage.engine.readable(bob.id.key, false);
        stage.jobs.extend(stage.engine.take_jobs());
        while !stage.jobs.is_empty() {
            stage.answer_one();
        }
        while !stage.dones.is_empty() {
            stage.tell_one();
        }
        stage.turn();
        seen.extend(alice.seen());
        if seen.last().is_some_and(|line| line == "goodbye") {
            break;
        }
    }
    assert_eq!(seen.pop().expect("lines"), "goodbye");
    let synced = seen.pop().expect("lines");
    assert!(synced.starts_with("synced "), "{synced}");
    assert!((301..=310).contains(&seen.len()), "{}", seen.len());
}

/// > milliseconds from a client's end of input to `goodbye`, while its mailbox is sent to it; then it ends as it is
#[test]
fn a_drain_that_takes_too_long_is_over() {
    let mut stage = Stage::with(|limits| {
        limits.last_delivery_ms = 20_000;
        limits.delivery_queue_bytes = 4_096;
    });
    stage.write_to("Bob", "Alice", 1_000, "hello");
    let mut alice = stage.connect();
    alice.say(r#"{"type":"register","username":"Alice","password":"pw","device":"phone"}"#);
    alice.far.set_window(1_000);
    alice.far.end();
    let mut seen = Vec::new();
    for _ in 0..300 {
        // It takes a little now and then.
        seen.extend(alice.seen());
        if alice.far.take_writable() {
            stage.engine.writable(alice.id.key);
        }
        stage.wait(500);
        if seen.last().is_some_and(|line| line == "goodbye") {
            break;
        }
    }
    assert_eq!(seen.last().expect("lines"), "goodbye");
    assert!(!seen.iter().any(|line| line.starts_with("synced")));
    assert!((10..900).contains(&seen.len()), "{}", seen.len());
}

/// Nothing after the last line is handled.
#[test]
fn nothing_after_bye_is_handled() {
    let mut stage = Stage::new();
    let mut bob = stage.register("Bob", "phone", "");
    let mut alice = stage.register("Alice", "phone", "");
    bob.seen();
    alice.seen();
    stage.is_held = true;
    let message = |text: &str| {
        format!(r#"{{"type":"privateMessage","toUsername":"Bob","message":"{text}","id":1}}"#)
    };
    alice.say(&message("before"));
    alice.say(r#"{"type":"bye"}"#);
    alice.say(&message("after"));
    stage.turn();
    alice.say(&message("later"));
    stage.turn();
    stage.is_held = false;
    stage.turn();
    assert_eq!(alice.seen(), ["accepted", "goodbye"]);
    assert_eq!(bob.lines().len(), 1);
}

/// > is first told the outcome of its commands
///
/// Found by the simulator (seed 962): a store that took longer than the last delivery may.
#[test]
fn an_outcome_that_comes_late_comes_before_goodbye_all_the_same() {
    let mut stage = Stage::with(|limits| limits.last_delivery_ms = 1_000);
    let mut alice = stage.register("Alice", "phone", "");
    alice.seen();
    stage.is_held = true;
    alice.say(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
    alice.far.end();
    stage.turn();
    stage.wait(10_000);
    assert!(alice.seen().is_empty());
    stage.is_held = false;
    stage.wait(2_000);
    assert_eq!(alice.seen(), ["accepted", "goodbye"]);
}
