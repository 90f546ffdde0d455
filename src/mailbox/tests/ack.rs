//! What moves a cursor, and what the sender is told of it.

use super::*;

/// Bob has answered Alice, and three messages of hers wait for him.
fn conversation() -> House {
    let mut house = House::new();
    house.sent(BOB, "alice");
    for seq in 2..=4 {
        assert_eq!(house.sent(ALICE, "bob"), seq);
    }
    house
}

fn delivered(seq: u64) -> Vec<(String, String)> {
    told(&[("Alice", &format!("Bob delivered {seq} client"))])
}

#[test]
fn each_conversation_gets_one_receipt_up_to_what_has_arrived() {
    let mut house = conversation();
    house.sent(BOB, "carol");
    house.sent(CAROL, "bob");
    house.ack(BOB, "d", 2);
    assert_eq!(house.told(), delivered(3));
    house.ack(BOB, "d", 4);
    let both = told(&[
        ("Alice", "Bob delivered 4 client"),
        ("Carol", "Bob delivered 2 client"),
    ]);
    assert_eq!(house.told(), both);
    let receipt = house.entries[0].clone();
    let fetched = house.fetch(ALICE, "d", receipt.pos - 1);
    assert_eq!(fetched.entries, [receipt]);
}

#[test]
fn how_it_is_known_is_told() {
    let mut house = conversation();
    let by = Evidence::Transport;
    house.ask(BOB, "d", Ask::Ack { pos: 1, by });
    assert_eq!(
        house.told(),
        told(&[("Alice", "Bob delivered 2 transport")])
    );
}

#[test]
fn a_cursor_does_not_go_back_nor_beyond_the_head() {
    let mut house = conversation();
    house.ack(BOB, "d", 3);
    house.ack(BOB, "d", 1);
    assert!(house.entries.is_empty());
    assert_eq!(house.register(BOB, "d").acked, 3);
    house.ack(BOB, "d", u64::MAX);
    assert!(house.entries.is_empty(), "all had arrived");
    assert_eq!(house.register(BOB, "d").acked, 3);
    assert_eq!(house.sent(ALICE, "bob"), 5);
    house.ack(BOB, "d", 4);
    assert_eq!(house.told(), delivered(5));
}

#[test]
fn the_first_evidence_from_any_device_counts_once() {
    let mut house = conversation();
    house.resume(BOB, "e", 0);
    house.ack(BOB, "e", 3);
    assert_eq!(house.told(), delivered(4));
    house.ack(BOB, "d", 3);
    assert!(house.entries.is_empty());
    let mut house = house.restart();
    house.resume(BOB, "f", 3);
    assert!(!house.told().iter().any(|(owner, _)| owner == "Alice"));
}

#[test]
fn nothing_is_told_to_whom_one_has_neither_answered_nor_allowed() {
    let mut house = House::new();
    house.sent(ALICE, "bob");
    house.ack(BOB, "d", 1);
    assert!(house.entries.is_empty());
    house.relate(BOB, ALICE, false, true);
    house.sent(ALICE, "bob");
    house.ack(BOB, "d", 2);
    assert_eq!(house.told(), delivered(2));
}

#[test]
fn nothing_is_told_where_receipts_are_off_or_while_invisible() {
    let mut house = conversation();
    house.settings(BOB, |settings| settings.delivery_receipts = false);
    house.ack(BOB, "d", 1);
    assert!(house.entries.is_empty());
    house.settings(BOB, |settings| settings.delivery_receipts = true);
    let invisible = Sender {
        invisible: true,
        ..sender(BOB, "d")
    };
    let by = Evidence::Client;
    house.ask_as(invisible, Ask::Ack { pos: 2, by });
    assert!(house.entries.is_empty());
    house.ack(BOB, "d", 3);
    assert_eq!(house.told(), delivered(4));
}

#[test]
fn nothing_is_told_to_nor_of_the_blocked() {
    for (owner, peer) in [(BOB, ALICE), (ALICE, BOB)] {
        let mut house = conversation();
        house.relate(owner, peer, true, false);
        house.ack(BOB, "d", 3);
        assert!(house.entries.is_empty());
        assert_eq!(house.waiting(BOB), (0, 0));
    }
}

#[test]
fn a_session_without_a_device_moves_nothing_and_fetches_nothing() {
    let mut house = conversation();
    let from = Sender {
        device: None,
        ..sender(BOB, "")
    };
    let by = Evidence::Client;
    assert_eq!(
        house.ask_as(from.clone(), Ask::Ack { pos: 3, by }),
        Answer::Ok
    );
    assert_eq!(house.waiting(BOB).0, 3);
    let (after, entries) = (0, 9);
    let nothing = Fetched {
        entries: Vec::new(),
        complete: true,
    };
    let fetched = house.ask_as(from, Ask::Fetch { after, entries });
    assert_eq!(fetched, Answer::Fetched(nothing));
}

#[test]
fn a_fetch_is_bounded_in_entries_and_bytes_and_says_whether_that_is_all() {
    let mut house = House::new();
    house.relate(BOB, ALICE, false, true);
    let long = format!("\"{}\"", "x".repeat(FETCH_BYTES / 2));
    let longer = format!("\"{}\"", "x".repeat(FETCH_BYTES));
    for message in [&long, &longer, &long, "1", "2", "3"] {
        house.ask(ALICE, "d", Ask::Send(letter("bob", message)));
    }
    let fetch = |house: &mut House, after, entries| {
        let Answer::Fetched(fetched) = house.ask(BOB, "d", Ask::Fetch { after, entries }) else {
            panic!()
        };
        let positions: Vec<u64> = fetched.entries.iter().map(|entry| entry.pos).collect();
        (positions, fetched.complete)
    };
    assert_eq!(fetch(&mut house, 0, 256), (vec![1], false));
    assert_eq!(fetch(&mut house, 1, 256), (vec![2], false));
    assert_eq!(fetch(&mut house, 2, 2), (vec![3, 4], false));
    assert_eq!(fetch(&mut house, 2, 256), (vec![3, 4, 5, 6], true));
    assert_eq!(fetch(&mut house, 4, 2), (vec![5, 6], true));
    assert_eq!(fetch(&mut house, 6, 2), (vec![], true));
    assert_eq!(fetch(&mut house, 3, 0), (vec![4], false));
    house.sends(300, ALICE, "bob");
    let (positions, complete) = fetch(&mut house, 6, u32::MAX);
    assert_eq!((positions.len(), complete), (FETCH_ENTRIES as usize, false));
}

/// A5. Neither its text nor that of another message is shown.
#[test]
fn a_damaged_message_is_a_hole() {
    for damage in [
        "UPDATE messages SET body = x'2278' WHERE id = 2",
        "UPDATE messages SET kind = x'78' WHERE id = 2",
        "UPDATE messages SET time = time + 1 WHERE id = 2",
        "UPDATE messages SET hidden = 0, state = 9 WHERE id = 2",
        "UPDATE messages SET from_high = 1 - from_high WHERE id = 2",
        "UPDATE log SET message = 1 WHERE account = 2 AND pos = 2",
        "UPDATE log SET message = 77 WHERE account = 2 AND pos = 2",
    ] {
        let mut house = House::new();
        house.sends(3, ALICE, "bob");
        house.store.break_rows(damage);
        let fetched = house.fetch(BOB, "d", 0).entries;
        let words: Vec<String> = fetched.iter().map(|entry| words(&entry.event)).collect();
        assert_eq!(words, ["Alice 1", "Alice 2damaged", "Alice 3"], "{damage}");
        let Event::Message(message) = &fetched[1].event else {
            panic!()
        };
        assert!(message.body.is_empty());
    }
}

/// It is passed over, and everything else goes on: what comes after it, acknowledging, receipts, expiry.
#[test]
fn a_damaged_entry_of_a_log_holds_up_nothing() {
    for damage in [
        "kind = 99",
        "peer = NULL",
        "peer = 77",
        "seq = NULL",
        "message = NULL, bytes = NULL",
    ] {
        let mut house = House::new();
        house.sent(BOB, "alice");
        let expires_in_s = Some(1);
        let brief = Letter {
            expires_in_s,
            ..letter("bob", "1")
        };
        for _ in 0..3 {
            accepted(house.ask(ALICE, "d", Ask::Send(brief.clone())));
        }
        let sql = format!("UPDATE log SET {damage} WHERE account = 2 AND pos = 2");
        house.store.break_rows(&sql);
        let fetched = house.fetch(BOB, "d", 0);
        let seen: Vec<String> = fetched
            .entries
            .iter()
            .map(|entry| words(&entry.event))
            .collect();
        let expected: &[&str] = match damage {
            // The message that it was about is known to be there.
            "message = NULL, bytes = NULL" => &["Alice 2", "Alice 3damaged", "Alice 4"],
            _ => &["Alice 2", "Alice 4"],
        };
        assert!(fetched.complete && seen == expected, "{damage}: {seen:?}");
        house.ack(BOB, "d", 1);
        assert_eq!(house.told(), delivered(2), "{damage}");
        house.ack(BOB, "d", 3);
        assert_eq!(house.told().len(), 1, "{damage}");
        assert_eq!(house.register(BOB, "d").acked, 3);
        house.now_ms += 5_000;
        let mut sweep = crate::mailbox::sweep::Sweep::default();
        let left = house.post(|post| {
            sweep.slice(post)?;
            post.tables.expired(post.now.unix_ms, 10)
        });
        assert_eq!(left, [], "{damage}");
    }
}
