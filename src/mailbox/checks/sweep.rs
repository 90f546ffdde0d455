//! What time takes away.

use super::*;
use crate::mailbox::sweep::{FORGET_MS, KEYS_KEPT_DAYS, LOG_KEPT_DAYS, PASS_MS};

fn brief(text: &str, seconds: u32) -> Letter {
    Letter {
        expires_in_s: Some(seconds),
        ..letter("Bob", text)
    }
}

#[test]
fn an_expired_message_is_told_of_to_its_sender_and_to_who_got_it() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send_letter("Alice", brief("canary", 10));
    house.take("Bob");
    house.sweep();
    house.wait(9_999);
    assert_eq!(told(&house.sweep()), [""; 0]);
    assert!(
        !row_of(&mut house, "Alice", "Bob", 1)
            .unwrap()
            .body
            .is_empty()
    );
    house.wait(1);
    let expected = [
        "Alice: Bob changed 1 expired",
        "Bob: Alice changed 1 expired",
    ];
    assert_eq!(told(&house.sweep()), expected);
    assert!(
        row_of(&mut house, "Alice", "Bob", 1)
            .unwrap()
            .body
            .is_empty()
    );
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        assert_eq!(all_say(&house.history(user, with)), ["expired"]);
    }
    house.wait(FORGET_MS);
    house.sweep();
    assert!(!house.stands_in_files("canary"));
    assert_eq!(told(&house.sweep()), [""; 0], "once");
}

#[test]
fn one_that_expires_while_it_waits_never_comes() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.leave("Bob", 0);
    house.send_letter("Alice", brief("one", 10));
    house.send("Alice", "Bob", "two");
    house.wait(10_000);
    assert_eq!(told(&house.sweep()), ["Alice: Bob changed 1 expired"]);
    assert_eq!(house.waiting("Bob"), (1, 5));
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["2 \"two\""]);
}

/// Whether its client has seen it is not known, as it has not acknowledged it.
#[test]
fn a_device_that_may_have_been_shown_it_is_told() {
    for is_online in [true, false] {
        let mut house = House::new(&["Alice", "Bob"]);
        house.send_letter("Alice", brief("one", 10));
        house.send_letter("Alice", brief("two", 10));
        assert_eq!(house.peek("Bob", "d", 0).len(), 2);
        if !is_online {
            house.leave("Bob", 1);
        }
        house.wait(10_000);
        let entries = house.sweep();
        let to_bob: Vec<_> = told(&entries)
            .into_iter()
            .filter(|told| told.starts_with("Bob"))
            .collect();
        let all = [
            "Bob: Alice changed 1 expired",
            "Bob: Alice changed 2 expired",
        ];
        assert_eq!(to_bob, if is_online { &all[..] } else { &all[..1] });
        assert_eq!(house.waiting("Bob"), (0, 0));
        let seen: Vec<_> = house.take("Bob").iter().map(short).collect();
        assert_eq!(seen.len(), to_bob.len());
    }
}

/// I2. What a damaged message was known by stays, so that it is not taken for another one when it is sent again.
#[test]
fn a_damaged_message_that_is_taken_away_is_known_as_ever() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.config.retention_days = 2;
    let known = Letter {
        message_id: Some(b"m"[..].into()),
        ..brief("canary", 5 * 86_400)
    };
    house.send_letter("Alice", known);
    let damage = "UPDATE messages SET time = time + 1, body = x'2263616e6172792122'";
    house.store.break_rows(damage);
    house.wait(3 * DAY_MS);
    house.sweep();
    house.wait(FORGET_MS);
    house.sweep();
    assert!(!house.stands_in_files("canary"));
    assert_eq!(all_say(&house.history("Bob", "Alice")), ["damaged"]);
    assert_eq!(house.waiting("Bob"), (0, 0));
    let alice = house.id("Alice");
    let known = house.store.batch(|t| t.message_known_by(alice, b"m"));
    assert!(
        known.unwrap().is_err(),
        "whether it is the same is not known"
    );
    house.wait(3 * DAY_MS);
    house.sweep();
    let next = house.store.batch(|t| t.next_expiry());
    assert_eq!(next.unwrap(), Ok(None), "nor is it swept again");
}

#[test]
fn a_blocked_one_expires_for_its_sender_alone() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.relate("Bob", "Alice", Relation::Block);
    house.send_letter("Alice", brief("one", 10));
    house.wait(10_000);
    assert_eq!(told(&house.sweep()), ["Alice: Bob changed 1 expired"]);
    assert_eq!(all_say(&house.history("Bob", "Alice")), ["blocked"]);
}

#[test]
fn the_sweep_sleeps_until_the_next_message_expires() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.sweep();
    house.wait(FORGET_MS);
    house.sweep();
    house.send_letter("Alice", brief("one", 7));
    let sweep = &mut house.sweep;
    house.store.batch(|t| sweep.look(t)).unwrap().unwrap();
    assert_eq!(house.sweep.wait_ms(&house.now), 7_000);
    house.sweep.rests(&house.now);
    assert!(
        house.sweep.wait_ms(&house.now) > 7_000,
        "after a failure it rests"
    );
}

#[test]
fn messages_are_kept_for_so_many_days() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.config.retention_days = 2;
    house.send("Alice", "Bob", "canary old");
    house.take("Bob");
    house.send("Alice", "Bob", "canary untaken");
    house.wait(DAY_MS);
    house.send("Alice", "Bob", "young");
    house.sweep();
    assert_eq!(
        house
            .history("Bob", "Alice")
            .iter()
            .filter(|m| m.removed.is_some())
            .count(),
        0
    );
    house.wait(DAY_MS + PASS_MS);
    house.sweep();
    let expected = ["trimmed", "trimmed", "\"young\""];
    for (user, with) in [("Alice", "Bob"), ("Bob", "Alice")] {
        assert_eq!(all_say(&house.history(user, with)), expected);
    }
    assert_eq!(house.waiting("Bob"), (1, 7));
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["3 \"young\""]);
    house.wait(FORGET_MS);
    house.sweep();
    assert!(!house.stands_in_files("canary"));
}

#[test]
fn kept_for_ever_they_are_kept() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "old");
    house.wait(10_000 * DAY_MS);
    house.sweep();
    assert_eq!(all_say(&house.history("Bob", "Alice")), ["\"old\""]);
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["1 \"old\""]);
}

#[test]
fn a_message_id_is_known_for_30_days_and_then_holes_become_one() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.config.retention_days = 1;
    let sent = Letter {
        message_id: Some(b"m1".as_slice().into()),
        ..letter("Bob", "first")
    };
    house.send_letter("Alice", sent.clone());
    for n in 2..=5 {
        house.send("Alice", "Bob", &n.to_string());
    }
    house.wait((KEYS_KEPT_DAYS - 1) * DAY_MS);
    house.sweep();
    assert_eq!(house.history("Bob", "Alice").len(), 5);
    match house.ask("Alice", Ask::Send(sent)) {
        Answer::Accepted(accepted) => assert!(accepted.duplicate),
        other => panic!("{other:?}"),
    }
    house.send("Alice", "Bob", "young");
    house.wait(DAY_MS + PASS_MS);
    house.config.retention_days = 30;
    house.sweep();
    house.wait(PASS_MS);
    house.sweep();
    let messages = house.history("Bob", "Alice");
    let holes: Vec<_> = messages
        .iter()
        .map(|m| (m.seq, m.to_seq, says(m)))
        .collect();
    let expected = [
        (1, Some(5), "trimmed".into()),
        (6, None, "\"young\"".into()),
    ];
    assert_eq!(holes, expected);
    assert!(row_of(&mut house, "Alice", "Bob", 3).is_none());
    assert_eq!(house.mark("Bob", "Alice", 3), Answer::Ok, "in the hole");
    assert_eq!(house.delete("Alice", "Bob", 3, true), Answer::Ok);
    assert_eq!(
        code(&house.edit("Alice", "Bob", 3, "x")),
        Some(Code::NotFound)
    );
}

#[test]
fn a_log_does_not_grow_for_ever() {
    let mut house = House::new(&["Alice", "Bob"]);
    for _ in 0..200 {
        house.send("Alice", "Bob", "a");
        house.send("Bob", "Alice", "b");
        house.take("Alice");
        house.take("Bob");
    }
    house.take("Alice");
    assert!(house.log_length("Alice") >= 400, "messages and receipts");
    house.wait((LOG_KEPT_DAYS + 1) * DAY_MS);
    house.sweep();
    assert_eq!(house.log_length("Alice"), 0);
    assert_eq!(house.log_length("Bob"), 0);
    assert_eq!(house.history("Alice", "Bob").len(), 400);
    house.send("Alice", "Bob", "new");
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["401 \"a\"".replace("a", "new")]);
}

/// A program that only sends has none, and gets a receipt for all that it sends.
#[test]
fn receipts_for_an_account_without_devices_are_not_kept_for_ever() {
    let mut house = House::new(&["Alice", "Bob"]);
    let alice = house.id("Alice");
    let removed = house.store.batch(|t| t.remove_device(alice, "d"));
    assert_eq!(removed.unwrap(), Ok(true));
    house.relate("Bob", "Alice", Relation::Allow);
    let from = Sender {
        device: None,
        ..sender(alice, "d")
    };
    let answer = house.ask_as(from, Ask::Send(letter("Bob", "one")));
    assert!(matches!(answer, Answer::Accepted(_)));
    house.take("Bob");
    house.send("Bob", "Alice", "waits");
    assert_eq!(house.log_length("Alice"), 2);
    house.wait((LOG_KEPT_DAYS + 1) * DAY_MS);
    house.sweep();
    assert_eq!(house.log_length("Alice"), 1);
    house.add_device("Alice", "e");
    let seen: Vec<_> = house
        .peek("Alice", "e", 0)
        .iter()
        .map(|entry| short(&entry.event))
        .collect();
    assert_eq!(seen, ["2 \"waits\""]);
}

#[test]
fn what_a_device_has_not_taken_stays_in_the_log() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.add_device("Bob", "phone");
    house.send("Alice", "Bob", "one");
    house.take("Bob");
    house.send("Alice", "Bob", "two");
    house.wait((LOG_KEPT_DAYS + 1) * DAY_MS);
    house.sweep();
    assert!(house.peek("Bob", "phone", 0).len() >= 2);
    assert_eq!(house.waiting("Bob").0, 1);
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert!(events.contains(&"2 \"two\"".into()), "{events:?}");
}

#[test]
fn what_waits_in_a_gap_stays_when_all_around_it_goes() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "waits");
    house.add_device("Bob", "phone");
    house.send("Alice", "Bob", "taken");
    let pos = house.peek("Bob", "phone", 0).last().unwrap().pos;
    let from = sender(house.id("Bob"), "phone");
    let by = Evidence::Client;
    assert_eq!(house.ask_as(from, Ask::Ack { pos, by }), Answer::Ok);
    let bob = house.id("Bob");
    house
        .store
        .batch(|t| t.remove_device(bob, "d"))
        .unwrap()
        .unwrap();
    house.wait((LOG_KEPT_DAYS + 1) * DAY_MS);
    house.sweep();
    assert_eq!(house.waiting("Bob"), (1, 7));
    let left: Vec<_> = house
        .peek("Bob", "phone", 0)
        .iter()
        .map(|e| short(&e.event))
        .collect();
    assert_eq!(left, ["1 \"waits\""]);
    house.delete("Alice", "Bob", 1, true);
    assert_eq!(house.waiting("Bob"), (0, 0), "found in the gap");
}
