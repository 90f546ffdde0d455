//! Read marks and what the other is told of them.

use super::*;

#[test]
fn a_mark_only_grows_and_counts_what_is_left() {
    let mut house = House::new(&["Alice", "Bob"]);
    for _ in 0..3 {
        house.send("Alice", "Bob", "a");
    }
    house.send("Bob", "Alice", "b");
    let state = |house: &mut House| {
        let listed = house.conversations("Bob").remove(0);
        (listed.read_seq, listed.unread)
    };
    assert_eq!(state(&mut house), (0, 3), "one's own are not unread");
    assert_eq!(house.mark("Bob", "Alice", 2), Answer::Ok);
    assert_eq!(state(&mut house), (2, 1));
    assert_eq!(house.mark("Bob", "Alice", 1), Answer::Ok);
    assert_eq!(state(&mut house), (2, 1));
    assert_eq!(house.mark("Bob", "Alice", 4), Answer::Ok);
    assert_eq!(state(&mut house), (4, 0));
}

#[test]
fn a_mark_at_no_message_of_the_conversation_is_not_found() {
    let mut house = House::new(&["Alice", "Bob", "Carol"]);
    house.send("Alice", "Bob", "a");
    for (with, seq) in [
        ("Alice", 2),
        ("Alice", 0),
        ("Alice", u64::MAX),
        ("Carol", 1),
    ] {
        let answer = house.mark("Bob", with, seq);
        assert_eq!(code(&answer), Some(Code::NotFound), "{with} {seq}");
    }
    assert_eq!(code(&house.mark("Bob", "zoe", 1)), Some(Code::UnknownUser));
}

#[test]
fn the_sender_is_told_once_if_the_reader_chose_so_and_has_answered() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "a");
    house.mark("Bob", "Alice", 1);
    assert_eq!(
        told(&house.entries),
        [""; 0],
        "read receipts are off at first"
    );
    house.receipts("Bob", true);
    house.mark("Bob", "Alice", 1);
    assert_eq!(told(&house.entries), [""; 0], "Bob has not answered");
    house.send("Bob", "Alice", "b");
    house.mark("Bob", "Alice", 2);
    assert_eq!(told(&house.entries), ["Alice: Bob read 1"]);
    house.mark("Bob", "Alice", 2);
    house.mark("Bob", "Alice", 1);
    assert_eq!(told(&house.entries), [""; 0], "once");
    assert_eq!(house.conversations("Alice")[0].their_read_seq, 1);
}

#[test]
fn the_sender_is_told_if_the_reader_has_allowed_it() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "a");
    house.receipts("Bob", true);
    house.relate("Bob", "Alice", Relation::Allow);
    house.mark("Bob", "Alice", 1);
    assert_eq!(told(&house.entries), ["Alice: Bob read 1"]);
}

#[test]
fn nobody_is_told_in_private_while_invisible_or_across_a_block() {
    for (quiet, blocker) in [
        ("private", ""),
        ("invisible", ""),
        ("", "Alice"),
        ("", "Bob"),
    ] {
        let mut house = House::new(&["Alice", "Bob"]);
        house.send("Alice", "Bob", "a");
        house.send("Bob", "Alice", "b");
        house.receipts("Bob", true);
        if !blocker.is_empty() {
            let other = if blocker == "Alice" { "Bob" } else { "Alice" };
            house.relate(blocker, other, Relation::Block);
        }
        let from = Sender {
            invisible: quiet == "invisible",
            ..sender(house.id("Bob"), "d")
        };
        let ask = Ask::MarkRead {
            with: name("Alice"),
            seq: 1,
            private: quiet == "private",
        };
        assert_eq!(house.ask_as(from, ask), Answer::Ok);
        assert_eq!(told(&house.entries), [""; 0], "{quiet}{blocker}");
        assert_eq!(house.conversations("Alice")[0].their_read_seq, 0);
        assert_eq!(house.conversations("Bob")[0].read_seq, 1);
    }
}

#[test]
fn a_receipt_names_nothing_that_the_reader_has_not_seen() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.receipts("Bob", true);
    house.send("Alice", "Bob", "a");
    house.send("Bob", "Alice", "b");
    house.relate("Bob", "Alice", Relation::Block);
    house.send("Alice", "Bob", "blocked");
    house.relate("Bob", "Alice", Relation::Unblock);
    house.mark("Bob", "Alice", 3);
    assert_eq!(told(&house.entries), ["Alice: Bob read 1"]);
}

#[test]
fn the_other_devices_are_told_what_was_read_elsewhere() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "a");
    house.mark("Bob", "Alice", 1);
    assert_eq!(told(&house.entries), [""; 0], "there is no other");
    house.send("Alice", "Bob", "b");
    house.add_device("Bob", "phone");
    house.mark("Bob", "Alice", 2);
    assert_eq!(told(&house.entries), ["Bob: Alice readElsewhere 2"]);
    assert_eq!(house.entries[0].not_for.as_deref(), Some("d"));
    house.mark("Bob", "Alice", 2);
    assert_eq!(told(&house.entries), [""; 0], "it did not grow");
    let phones = house.peek("Bob", "phone", 0);
    assert!(told(&phones).contains(&"Bob: Alice readElsewhere 2".into()));
}
