//! Edited and deleted messages.

use super::*;

fn two() -> House {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "old");
    house
}

#[test]
fn an_edited_message_is_the_same_one_with_another_text() {
    let mut house = two();
    house.take("Bob");
    house.wait(5_000);
    match house.edit("Alice", "bob", 1, "new") {
        Answer::Accepted(accepted) => {
            assert_eq!((accepted.to.as_str(), accepted.seq), ("Bob", 1));
            assert_eq!(accepted.time_unix_ms, START_MS + 5_000);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(told(&house.entries), ["Bob: Alice changed 1 \"new\""]);
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        let message = house.history(user, with).remove(0);
        assert_eq!(says(&message), "\"new\"");
        assert_eq!(message.edited_unix_ms, Some(START_MS + 5_000));
        assert_eq!(message.time_unix_ms, START_MS);
    }
}

#[test]
fn what_was_not_fetched_yet_comes_with_the_new_text() {
    let mut house = two();
    house.edit("Alice", "Bob", 1, "new");
    house.edit("Alice", "Bob", 1, "newest");
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(
        events,
        ["1 \"newest\"", "Alice changed 1 \"newest\""],
        "one entry for all"
    );
}

#[test]
fn only_the_sender_edits_and_only_what_is_there() {
    let mut house = two();
    assert_eq!(
        code(&house.edit("Bob", "Alice", 1, "x")),
        Some(Code::NotAllowed)
    );
    assert_eq!(
        code(&house.edit("Alice", "Bob", 2, "x")),
        Some(Code::NotFound)
    );
    house.delete("Alice", "Bob", 1, false);
    assert_eq!(
        code(&house.edit("Alice", "Bob", 1, "x")),
        Some(Code::NotFound)
    );
    assert_eq!(
        code(&house.edit("Alice", "zoe", 1, "x")),
        Some(Code::UnknownUser)
    );
    assert_eq!(all_say(&house.history("Bob", "Alice")), ["\"old\""]);
}

#[test]
fn the_senders_other_devices_are_told_and_not_the_one_that_asked() {
    let mut house = two();
    house.add_device("Alice", "phone");
    house.edit("Alice", "Bob", 1, "new");
    let changes = [
        "Bob: Alice changed 1 \"new\"",
        "Alice: Bob changed 1 \"new\"",
    ];
    assert_eq!(told(&house.entries), changes);
    assert_eq!(house.entries[1].not_for.as_deref(), Some("d"));
    house.delete("Alice", "Bob", 1, true);
    let changes = [
        "Bob: Alice changed 1 deleted",
        "Alice: Bob changed 1 deleted",
    ];
    assert_eq!(told(&house.entries), changes);
    assert_eq!(house.entries[1].not_for.as_deref(), Some("d"));
}

#[test]
fn a_blocked_senders_change_does_not_reach_the_other() {
    let mut house = two();
    house.take("Bob");
    house.send("Alice", "Bob", "second");
    house.relate("Bob", "Alice", Relation::Block);
    assert!(matches!(
        house.edit("Alice", "Bob", 1, "new"),
        Answer::Accepted(_)
    ));
    assert!(matches!(
        house.edit("Alice", "Bob", 2, "new"),
        Answer::Accepted(_)
    ));
    assert_eq!(told(&house.entries), [""; 0]);
    assert_eq!(
        all_say(&house.history("Alice", "Bob")),
        ["\"new\"", "\"new\""]
    );
    assert_eq!(
        all_say(&house.history("Bob", "Alice")),
        ["blocked", "blocked"]
    );
    assert_eq!(house.waiting("Bob"), (0, 0));
    assert_eq!(house.delete("Alice", "Bob", 1, true), Answer::Ok);
    assert_eq!(told(&house.entries), [""; 0]);
}

#[test]
fn what_waits_takes_as_much_of_the_quota_as_its_text() {
    let mut house = two();
    assert_eq!(house.waiting("Bob"), (1, 5));
    house.edit("Alice", "Bob", 1, "longer text");
    assert_eq!(house.waiting("Bob"), (1, 13));
    house.config.max_waiting_bytes = 80;
    let answer = house.edit("Alice", "Bob", 1, &"x".repeat(19));
    assert_eq!(
        code(&answer),
        Some(Code::MailboxFull),
        "a stranger has a quarter"
    );
    assert_eq!(house.waiting("Bob"), (1, 13));
    house.take("Bob");
    assert_eq!(house.waiting("Bob"), (0, 0));
    let answer = house.edit("Alice", "Bob", 1, &"x".repeat(100));
    assert!(matches!(answer, Answer::Accepted(_)), "it waits no more");
}

#[test]
fn deleted_for_both_it_is_a_hole_for_both_and_waits_no_more() {
    let mut house = two();
    house.send("Alice", "Bob", "second");
    assert_eq!(house.delete("Alice", "Bob", 1, true), Answer::Ok);
    assert_eq!(told(&house.entries), ["Bob: Alice changed 1 deleted"]);
    assert_eq!(house.waiting("Bob"), (1, 8));
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        assert_eq!(
            all_say(&house.history(user, with)),
            ["deleted", "\"second\""]
        );
    }
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(
        events,
        ["2 \"second\"", "Alice changed 1 deleted"],
        "it never came"
    );
    assert_eq!(house.waiting("Bob"), (0, 0));
    assert_eq!(house.delete("Alice", "Bob", 1, true), Answer::Ok, "again");
    assert_eq!(told(&house.entries), [""; 0]);
}

#[test]
fn deleted_for_oneself_it_stays_with_the_other() {
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        let mut house = two();
        assert_eq!(house.delete(user, with, 1, false), Answer::Ok);
        assert_eq!(told(&house.entries), [""; 0], "there is no other device");
        assert_eq!(all_say(&house.history(user, with)), ["deleted"]);
        assert_eq!(all_say(&house.history(with, user)), ["\"old\""]);
        let waits = if user == "Bob" { (0, 0) } else { (1, 5) };
        assert_eq!(house.waiting("Bob"), waits);
    }
}

#[test]
fn anybodys_is_deleted_for_oneself_and_only_ones_own_for_both() {
    let mut house = two();
    assert_eq!(
        code(&house.delete("Bob", "Alice", 1, true)),
        Some(Code::NotAllowed)
    );
    assert_eq!(
        code(&house.delete("Bob", "Alice", 2, true)),
        Some(Code::NotFound)
    );
    assert_eq!(
        code(&house.delete("Bob", "Alice", 0, false)),
        Some(Code::NotFound)
    );
    assert_eq!(house.delete("Bob", "Alice", 1, false), Answer::Ok);
    assert_eq!(
        house.delete("Bob", "Alice", 1, true),
        Answer::Ok,
        "a hole to Bob"
    );
    assert_eq!(all_say(&house.history("Alice", "Bob")), ["\"old\""]);
}

#[test]
fn what_is_deleted_can_be_deleted_for_both_later() {
    let mut house = two();
    house.delete("Alice", "Bob", 1, false);
    assert_eq!(house.delete("Alice", "Bob", 1, true), Answer::Ok);
    assert_eq!(told(&house.entries), ["Bob: Alice changed 1 deleted"]);
    assert_eq!(all_say(&house.history("Bob", "Alice")), ["deleted"]);
}

#[test]
fn what_nobody_sees_any_more_is_not_kept() {
    let mut house = two();
    house.delete("Alice", "Bob", 1, false);
    assert!(
        !row_of(&mut house, "Alice", "Bob", 1)
            .unwrap()
            .body
            .is_empty()
    );
    house.delete("Bob", "Alice", 1, false);
    assert!(
        row_of(&mut house, "Alice", "Bob", 1)
            .unwrap()
            .body
            .is_empty()
    );
    house.send("Alice", "Alice", "note");
    house.delete("Alice", "Alice", 1, false);
    assert!(
        row_of(&mut house, "Alice", "Alice", 1)
            .unwrap()
            .body
            .is_empty()
    );
    house.relate("Bob", "Alice", Relation::Block);
    house.send("Alice", "Bob", "blocked");
    house.delete("Alice", "Bob", 2, false);
    assert!(
        row_of(&mut house, "Alice", "Bob", 2)
            .unwrap()
            .body
            .is_empty()
    );
}

#[test]
fn a_deleted_message_is_still_known_by_its_message_id() {
    let mut house = House::new(&["Alice", "Bob"]);
    let sent = Letter {
        message_id: Some(b"m1".as_slice().into()),
        ..letter("Bob", "old")
    };
    house.send_letter("Alice", sent.clone());
    house.edit("Alice", "Bob", 1, "new");
    house.delete("Alice", "Bob", 1, true);
    match house.ask("Alice", Ask::Send(sent.clone())) {
        Answer::Accepted(accepted) => assert!(accepted.duplicate),
        other => panic!("{other:?}"),
    }
    let other = Letter {
        message: quoted("other"),
        ..sent
    };
    assert_eq!(
        code(&house.ask("Alice", Ask::Send(other))),
        Some(Code::MessageIdReused)
    );
}

#[test]
fn a_texts_traces_are_gone_after_a_while() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.sweep();
    for text in ["canary one", "canary two", "canary three"] {
        house.send("Alice", "Bob", text);
    }
    house.take("Bob");
    house.edit("Alice", "Bob", 1, "rewritten");
    house.delete("Alice", "Bob", 2, true);
    assert!(
        house.stands_in_files("canary one"),
        "the write-ahead log has it"
    );
    house.wait(crate::mailbox::sweep::FORGET_MS);
    house.sweep();
    assert!(!house.stands_in_files("canary one"));
    assert!(!house.stands_in_files("canary two"));
    assert!(house.stands_in_files("canary three"));
}
