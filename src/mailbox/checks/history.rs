//! Pages of messages, and what stands in the place of those that are not shown.

use super::*;

#[test]
fn the_last_ones_before_and_the_first_ones_after_come_ascending() {
    let mut house = House::new(&["Alice", "Bob"]);
    for n in 1..=10 {
        let (from, to) = if n % 2 == 0 {
            ("Alice", "Bob")
        } else {
            ("Bob", "Alice")
        };
        assert_eq!(house.send(from, to, &n.to_string()), n);
    }
    let mut seqs = |page, limit| {
        let (messages, complete) = house.page("Alice", "bob", page, limit);
        (messages.iter().map(|m| m.seq).collect::<Vec<_>>(), complete)
    };
    assert_eq!(seqs(Page::Before(None), 3), (vec![8, 9, 10], false));
    assert_eq!(seqs(Page::Before(Some(8)), 3), (vec![5, 6, 7], false));
    assert_eq!(seqs(Page::Before(Some(4)), 3), (vec![1, 2, 3], true));
    assert_eq!(seqs(Page::Before(Some(1)), 3), (vec![], true));
    assert_eq!(seqs(Page::After(0), 3), (vec![1, 2, 3], false));
    assert_eq!(seqs(Page::After(7), 3), (vec![8, 9, 10], true));
    assert_eq!(seqs(Page::After(10), 3), (vec![], true));
}

#[test]
fn a_history_says_who_wrote_to_whom() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "a");
    house.send("Bob", "Alice", "b");
    for user in ["Alice", "Bob"] {
        let with = if user == "Alice" { "Bob" } else { "Alice" };
        let messages = house.history(user, with);
        let names = messages
            .iter()
            .map(|m| (m.from.as_str(), m.to.as_ref().unwrap().as_str()));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [("Alice", "Bob"), ("Bob", "Alice")]
        );
    }
}

#[test]
fn where_there_is_nothing_the_list_is_empty_and_complete() {
    let mut house = House::new(&["Alice", "Bob"]);
    assert_eq!(
        house.page("Alice", "Bob", Page::Before(None), 50),
        (vec![], true)
    );
    let ask = Ask::History {
        with: name("zoe"),
        page: Page::After(0),
        limit: 50,
    };
    assert_eq!(code(&house.ask("Alice", ask)), Some(Code::UnknownUser));
}

#[test]
fn an_answer_has_so_many_bytes_unless_one_message_alone_has_more() {
    let mut house = House::new(&["Alice", "Bob"]);
    let text = "x".repeat(HISTORY_BYTES / 2 - 2);
    house.config.max_waiting_bytes = 100 * HISTORY_BYTES as u64;
    for _ in 0..3 {
        house.send("Alice", "Bob", &text);
    }
    house.send("Alice", "Bob", &"y".repeat(2 * HISTORY_BYTES));
    let mut seqs = |page| {
        let (messages, complete) = house.page("Bob", "Alice", page, 50);
        (messages.iter().map(|m| m.seq).collect::<Vec<_>>(), complete)
    };
    assert_eq!(seqs(Page::After(0)), (vec![1, 2], false));
    assert_eq!(seqs(Page::After(3)), (vec![4], true));
    assert_eq!(seqs(Page::Before(None)), (vec![4], false));
    assert_eq!(seqs(Page::Before(Some(4))), (vec![2, 3], false));
}

#[test]
fn a_blocked_message_is_there_for_its_sender_and_a_hole_for_the_other() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "before");
    house.relate("Bob", "Alice", Relation::Block);
    house.send("Alice", "Bob", "blocked");
    house.relate("Bob", "Alice", Relation::Unblock);
    house.send("Alice", "Bob", "after");
    let alices = all_say(&house.history("Alice", "Bob"));
    assert_eq!(alices, ["\"before\"", "\"blocked\"", "\"after\""]);
    let bobs = house.history("Bob", "Alice");
    assert_eq!(all_say(&bobs), ["\"before\"", "blocked", "\"after\""]);
    assert_eq!(bobs[1].seq, 2);
}

#[test]
fn of_a_hole_nothing_is_told_but_that_it_is_there() {
    let mut house = House::new(&["Alice", "Bob"]);
    let sent = Letter {
        kind: Some(b"\"k\"".as_slice().into()),
        reply_to: Some(1),
        expires_in_s: Some(5),
        ..letter("Bob", "canary")
    };
    house.send_letter("Alice", sent);
    house.wait(5_000);
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        let message = house.history(user, with).remove(0);
        assert_eq!(message.removed, Some(Removed::Expired), "not swept yet");
        assert!(message.body.is_empty());
        assert_eq!((message.kind, message.reply_to), (None, None));
    }
}
