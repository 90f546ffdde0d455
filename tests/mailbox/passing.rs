//! What is not stored: `ephemeral` messages and `typing`.

use privmsgd::mailbox::Ask;

use crate::house::transcript;
use crate::stage::Stage;

const EPHEMERAL: &str =
    r#"{"type":"privateMessage","toUsername":"bob","message":"hi","ephemeral":true,"id":1}"#;

#[test]
fn an_ephemeral_message_reaches_whoever_is_there() {
    transcript(|at| {
        let (mut alice, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        alice.expect(r#"{"type":"sessionNotice",…}"#);
        let accepted = r#"{"type":"accepted","id":1,"toUsername":"Bob","time":"…"}"#;
        // Nobody is there: nobody gets it.
        alice.send(EPHEMERAL);
        alice.expect(accepted);
        laptop.expect_nothing();
        let (mut one, mut two) = (at.register("Bob", "1"), at.register("Bob", "2"));
        one.expect(r#"{"type":"sessionNotice",…}"#);
        for _ in 0..2 {
            alice.send(EPHEMERAL);
            alice.expect(accepted);
            for bob in [&mut one, &mut two] {
                bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
            }
            laptop.expect(
                r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…","to":"Bob"}"#,
            );
        }
        alice.send(r#"{"type":"privateMessage","toUsername":"Zoe","message":"hi","ephemeral":true,"id":2}"#);
        alice.expect(r#"{"type":"errorMessage","id":2,"command":"privateMessage","code":"unknownUser","message":"User \"Zoe\" not found","toUsername":"Zoe","retryable":false}"#);
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","ephemeral":true,"message":"ho","messageId":"m","kind":"k","replyTo":3}"#);
        alice.expect(r#"{"type":"accepted","messageId":"m","toUsername":"Bob","time":"…"}"#);
        for bob in [&mut one, &mut two] {
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"ho","time":"…","messageId":"m","kind":"k","replyTo":3}"#);
        }
        // None of it was stored.
        let history = r#"{"type":"history","withUsername":"Bob"}"#;
        alice.send(history);
        alice.expect(r#"{"type":"done","command":"history","count":0,"complete":true}"#);
    });
}

/// > It is answered with `accepted` whether anybody was there or not;
#[test]
fn who_is_blocked_is_told_the_same() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice", "phone"), at.register("Bob", "phone"));
        let typing = r#"{"type":"typing","toUsername":"Bob","id":2}"#;
        for (verb, reaches) in [("unblock", true), ("block", false), ("unblock", true)] {
            bob.send(&format!(r#"{{"type":"{verb}","username":"Alice","id":9}}"#));
            bob.expect(&format!(r#"{{"type":"ok","id":9,"command":"{verb}"}}"#));
            alice.send(EPHEMERAL);
            alice.expect(r#"{"type":"accepted","id":1,"toUsername":"Bob","time":"…"}"#);
            alice.send(typing);
            alice.expect(r#"{"type":"ok","id":2,"command":"typing"}"#);
            if reaches {
                bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
                bob.expect(r#"{"type":"typing","from":"Alice"}"#);
            }
            bob.expect_nothing();
        }
    });
}

/// Whether it may reach somebody is asked once; what is sent until the answer comes keeps its order.
#[test]
fn the_way_is_asked_for_once() {
    let mut stage = Stage::new();
    let mut bob = stage.register("Bob", "phone", "");
    let mut alice = stage.register("Alice", "phone", "");
    bob.seen();
    alice.seen();
    stage.is_held = true;
    let text = |n: usize| {
        format!(r#"{{"type":"privateMessage","toUsername":"Bob","message":{n},"ephemeral":true}}"#)
    };
    alice.say(&text(0));
    alice.say(&text(1));
    stage.turn();
    stage.answer_one();
    stage.tell_one();
    alice.say(&text(2));
    stage.turn();
    stage.is_held = false;
    stage.turn();
    stage.is_held = true;
    for n in 3..100 {
        alice.say(&text(n));
    }
    alice.say(r#"{"type":"typing","toUsername":"BOB"}"#);
    stage.turn();
    assert_eq!(stage.asked().len(), 0);
    let mut lines = bob.lines();
    assert_eq!(lines.pop().expect("typing")["type"], "typing");
    let numbers: Vec<_> = lines.iter().map(|line| line["message"].as_u64()).collect();
    assert_eq!(numbers, (0..100).map(Some).collect::<Vec<_>>());
    // To somebody else it has to be asked again.
    alice.say(r#"{"type":"typing","toUsername":"Carol"}"#);
    stage.turn();
    assert!(matches!(stage.asked()[..], [Ask::Reach { .. }]));
}

/// > While it is `invisible`, others see it `offline`, and neither `presence` nor `typing` leaves it.
#[test]
fn a_device_that_comes_and_goes_is_found() {
    transcript(|at| {
        let mut alice = at.register("Alice", "phone");
        for _ in 0..3 {
            let mut bob = at.register("Bob", "phone");
            alice.send(EPHEMERAL);
            alice.expect(r#"{"type":"accepted","id":1,"toUsername":"Bob","time":"…"}"#);
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
            bob.send(r#"{"type":"bye"}"#);
            bob.expect_goodbye("bye");
            alice.send(EPHEMERAL);
            alice.expect(r#"{"type":"accepted","id":1,"toUsername":"Bob","time":"…"}"#);
        }
    });
}

/// > a device that does not read fast enough misses it.
#[test]
fn a_device_without_room_misses_it() {
    let mut stage = Stage::with(|limits| limits.queue_soft_bytes = 2_048);
    let slow = stage.register("Bob", "slow", "");
    let mut quick = stage.register("Bob", "quick", "");
    let mut alice = stage.register("Alice", "phone", "");
    quick.seen();
    alice.seen();
    slow.far.set_window(0);
    let text = "x".repeat(500);
    for _ in 0..20 {
        alice.say(&format!(r#"{{"type":"privateMessage","toUsername":"Bob","message":"{text}","ephemeral":true,"id":1}}"#));
        stage.turn();
        assert_eq!(alice.seen(), ["accepted"]);
    }
    assert_eq!(quick.seen().len(), 20);
    let bytes = stage.engine.conns.queue_bytes();
    assert!(bytes < 20 * 500, "{bytes}");
}
