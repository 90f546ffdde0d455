//! > `deliver` … `auto`: the cursor moves by what the transport knows to have arrived.

use privmsgd::wire::code::Evidence;

use crate::stage::{Session, Stage};

fn alice(stage: &mut Stage, more: &str) -> Session {
    let mut alice = stage.register("Alice", "phone", more);
    assert_eq!(alice.seen(), ["synced 0"]);
    alice
}

fn acked(stage: &Stage) -> u64 {
    stage.cursor("Alice", "phone").acked
}

/// > An entry counts as arrived when all its bytes have been for *auto delay* of §10, or when they have been and the client ended its input.
#[test]
fn what_has_arrived_for_a_second_is_acknowledged() {
    let mut stage = Stage::new();
    let mut alice = alice(&mut stage, "");
    stage.write_to("Bob", "Alice", 3, "hi");
    assert_eq!(alice.seen().len(), 3);
    stage.wait(1_000);
    assert_eq!(acked(&stage), 0);
    stage.wait(40);
    let cursor = stage.cursor("Alice", "phone");
    assert_eq!((cursor.acked, cursor.by), (3, Some(Evidence::Transport)));
    // Then there is nothing left to look at.
    assert_eq!(stage.engine.tick(), u64::MAX);
}

#[test]
fn what_the_peer_has_not_taken_has_not_arrived() {
    let mut stage = Stage::new();
    let mut alice = alice(&mut stage, "");
    stage.write_to("Bob", "Alice", 1, "hi");
    let length = alice.line().to_string().len() as u64 + 1;
    stage.write_to("Bob", "Alice", 1, "hi");
    // Two frames are written, and one of them is still on its way but for a byte.
    alice.lines();
    alice.far.withhold(length - 1);
    stage.wait(3_000);
    assert_eq!(acked(&stage), 1);
    alice.far.withhold(0);
    stage.wait(3_000);
    assert_eq!(acked(&stage), 2);
}

/// > What was sent within
/// > the last *auto delay* may come again, with `"redelivered":true`.
#[test]
fn after_a_reset_nothing_of_the_last_second_counts() {
    let mut stage = Stage::new();
    let mut session = alice(&mut stage, "");
    stage.write_to("Bob", "Alice", 1, "hi");
    session.lines();
    stage.wait(2_000);
    stage.write_to("Bob", "Alice", 1, "ho");
    session.lines();
    stage.wait(900);
    session.far.reset();
    stage.turn();
    stage.wait(2_000);
    assert_eq!(acked(&stage), 1);
    let mut again = stage.register("Alice", "phone", "");
    let line = again.line();
    assert_eq!(
        (&line["pos"], &line["redelivered"]),
        (&2.into(), &true.into())
    );
    assert_eq!(again.seen(), ["synced 2"]);
}

/// The reset is found by asking what has arrived, before any read or write finds it.
#[test]
fn a_reset_is_found_by_looking() {
    let mut stage = Stage::new();
    let mut session = alice(&mut stage, "");
    stage.write_to("Bob", "Alice", 1, "hi");
    session.lines();
    stage.wait(100);
    session.far.reset();
    for _ in 0..200 {
        stage.advance(10);
        stage.step();
    }
    assert!(session.far.seen().gone);
    assert_eq!(acked(&stage), 0);
}

/// > or when they have been and the client ended its input.
#[test]
fn what_has_arrived_before_an_orderly_end_counts_at_once() {
    for end in ["", r#"{"type":"bye"}"#] {
        let mut stage = Stage::new();
        let mut session = alice(&mut stage, "");
        stage.write_to("Bob", "Alice", 2, "hi");
        session.lines();
        if !end.is_empty() {
            session.say(end);
            stage.turn();
            assert_eq!(session.seen(), ["goodbye"]);
            assert_eq!(acked(&stage), 0);
        }
        session.far.end();
        stage.turn();
        session.lines();
        stage.turn();
        assert_eq!(acked(&stage), 2, "{end}");
        stage.wait(100);
        assert!(session.far.seen().gone);
    }
}

/// A session that is over lingers until the last of what it was sent has arrived, within a bound.
#[test]
fn the_last_frames_are_waited_for() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 2, "hi");
    let mut session = stage.connect();
    session.say(r#"{"type":"register","username":"Alice","password":"pw","device":"phone"}"#);
    session.far.withhold(1);
    session.far.end();
    stage.turn();
    assert_eq!((acked(&stage), session.far.seen().gone), (0, false));
    let seen = session.seen();
    assert_eq!(
        seen[1..],
        [
            "privateMessage 1",
            "privateMessage 2",
            "synced 2",
            "goodbye"
        ]
    );
    stage.wait(100);
    // The goodbye is on its way: all before it has arrived.
    assert_eq!((acked(&stage), session.far.seen().gone), (2, true));
    for arrives in [true, false] {
        let mut stage = Stage::new();
        stage.write_to("Bob", "Alice", 2, "hi");
        let mut session = stage.connect();
        session.far.withhold(1_000_000);
        session.say(r#"{"type":"register","username":"Alice","password":"pw","device":"phone"}"#);
        session.far.end();
        stage.turn();
        stage.wait(1_000);
        assert_eq!((acked(&stage), session.far.seen().gone), (0, false));
        if arrives {
            session.far.withhold(0);
            session.lines();
        }
        stage.wait(1_100);
        let expected = if arrives { 2 } else { 0 };
        assert_eq!((acked(&stage), session.far.seen().gone), (expected, true));
    }
}

/// Where nothing can be known nothing is claimed; what the client says counts all the same.
#[test]
fn a_client_may_say_itself_what_has_arrived() {
    let mut stage = Stage::new();
    let mut session = alice(&mut stage, "");
    session.far.obscure(true);
    stage.write_to("Bob", "Alice", 3, "hi");
    session.lines();
    stage.wait(5_000);
    assert_eq!(acked(&stage), 0);
    session.say(r#"{"type":"ack","pos":2}"#);
    stage.turn();
    let cursor = stage.cursor("Alice", "phone");
    assert_eq!((cursor.acked, cursor.by), (2, Some(Evidence::Client)));
    session.far.obscure(false);
    stage.wait(3_000);
    assert_eq!(acked(&stage), 3);
}

/// What has arrived leaves the window at once: a reader that keeps up is never made to wait.
#[test]
fn the_window_moves_with_what_arrives() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 50, "hi");
    let mut session = stage.register("Alice", "phone", r#","window":2"#);
    let mut seen = session.seen();
    for _ in 0..50 {
        stage.wait(20);
        seen.extend(session.seen());
    }
    assert_eq!(seen.last().expect("lines"), "synced 50");
    assert_eq!(seen.len(), 51);
    // Nothing of it has held for a second yet but the first.
    assert!(acked(&stage) < 50);
    stage.wait(2_000);
    assert_eq!(acked(&stage), 50);
}

/// A peer that takes nothing is looked at ever more rarely; one that is idle not at all.
#[test]
fn looking_costs_little() {
    let mut stage = Stage::new();
    let mut session = alice(&mut stage, "");
    assert_eq!(stage.engine.tick(), u64::MAX);
    session.far.withhold(1);
    stage.write_to("Bob", "Alice", 1, "hi");
    session.lines();
    stage.turn();
    let (mut looks, mut due) = (0, stage.engine.tick());
    let begin = due;
    while due < begin + 10_000 {
        stage.advance_to(due);
        let next = stage.engine.tick();
        assert!(next > due);
        (due, looks) = (next, looks + 1);
    }
    assert!((10..20).contains(&looks), "{looks}");
}
