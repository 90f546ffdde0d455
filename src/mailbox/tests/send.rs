//! What is accepted, in which order it is refused, and whose logs it goes to.

use super::*;

#[test]
fn a_message_is_stored_numbered_and_told_to_the_recipient() {
    let mut house = House::new();
    let accepted = accepted(house.send(ALICE, "bob"));
    assert_eq!((accepted.to.as_str(), accepted.seq), ("Bob", 1));
    assert_eq!(
        (accepted.time_unix_ms, accepted.duplicate),
        (START_MS, false)
    );
    assert_eq!(house.told(), told(&[("Bob", "Alice 1")]));
    let Event::Message(message) = house.entries[0].event.clone() else {
        panic!()
    };
    assert_eq!((&*message.body, &message.to), (&b"\"hi\""[..], &None));
    let fetched = house.fetch(BOB, "d", 0);
    assert!(fetched.complete);
    assert_eq!(fetched.entries, house.entries_before());
}

#[test]
fn numbers_are_dense_in_each_conversation_whoever_sends() {
    let mut house = House::new();
    assert_eq!(house.sent(ALICE, "bob"), 1);
    assert_eq!(house.sent(BOB, "alice"), 2);
    assert_eq!(house.sent(ALICE, "carol"), 1);
    assert_eq!(house.sent(BOB, "ALICE"), 3);
    assert_eq!(code(&house.send(ALICE, "mallory")), Some(Code::UnknownUser));
    assert_eq!(house.sent(ALICE, "bob"), 4);
}

#[test]
fn time_does_not_go_back_within_a_conversation() {
    let mut house = House::new();
    let first = accepted(house.send(ALICE, "bob")).time_unix_ms;
    house.now_ms -= 60_000;
    assert_eq!(accepted(house.send(BOB, "alice")).time_unix_ms, first);
    assert_eq!(
        accepted(house.send(BOB, "carol")).time_unix_ms,
        first - 60_000
    );
}

#[test]
fn accounts_that_were_disabled_or_removed_look_unknown() {
    let mut house = House::new();
    house.sent(ALICE, "bob");
    house.with(|t| t.set_disabled(BOB, true));
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::UnknownUser));
    house.with(|t| t.set_disabled(BOB, false));
    assert_eq!(house.sent(ALICE, "bob"), 2);
    house.with(|t| t.remove_account(BOB));
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::UnknownUser));
}

#[test]
fn whoever_was_disabled_or_revoked_sends_nothing() {
    let mut house = House::new();
    house.with(|t| t.remove_device(ALICE, "d").map(drop));
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::NotAllowed));
    house.with(|t| t.set_disabled(BOB, true));
    assert_eq!(code(&house.send(BOB, "alice")), Some(Code::NotAllowed));
}

#[test]
fn the_same_under_one_message_id_is_accepted_again_and_stored_once() {
    let mut house = House::new();
    let send = |house: &mut House, letter| house.ask(ALICE, "d", Ask::Send(letter));
    let first = accepted(send(&mut house, known_letter("bob", "\"hi\"", "k")));
    house.now_ms += 5_000;
    // The name is the same in whichever case.
    let again = accepted(send(&mut house, known_letter("BOB", "\"hi\"", "k")));
    assert!(again.duplicate && house.entries.is_empty());
    assert_eq!(
        Accepted {
            duplicate: false,
            ..again
        },
        first
    );
    let changes: [fn(&mut Letter); 5] = [
        |letter| letter.message = b"\"hi!\""[..].into(),
        |letter| letter.to = name("carol"),
        |letter| letter.kind = Some(b"k"[..].into()),
        |letter| letter.reply_to = Some(0),
        |letter| letter.expires_in_s = Some(0),
    ];
    for change in changes {
        let mut letter = known_letter("bob", "\"hi\"", "k");
        change(&mut letter);
        assert_eq!(code(&send(&mut house, letter)), Some(Code::MessageIdReused));
    }
    // It is the sender's own.
    let other = house.ask(CAROL, "d", Ask::Send(known_letter("bob", "\"ho\"", "k")));
    assert!(!accepted(other).duplicate);
    assert_eq!(house.fetch(BOB, "d", 0).entries.len(), 2);
    let mut house = house.restart();
    assert!(accepted(send(&mut house, known_letter("bob", "\"hi\"", "k"))).duplicate);
}

#[test]
fn what_was_accepted_stays_so_whatever_came_between_and_a_refusal_uses_no_key_up() {
    let mut house = House::new();
    let send = |house: &mut House| {
        let letter = known_letter("bob", "\"hi\"", "k");
        house.ask(ALICE, "d", Ask::Send(letter))
    };
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Allowed);
    assert_eq!(code(&send(&mut house)), Some(Code::NotAccepted));
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Anyone);
    assert!(!accepted(send(&mut house)).duplicate);
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Allowed);
    assert!(accepted(send(&mut house)).duplicate);
    house.with(|t| t.remove_account(BOB));
    assert!(accepted(send(&mut house)).duplicate);
}

#[test]
fn a_blocked_sender_sees_the_same_and_the_recipient_nothing() {
    let mut house = House::new();
    house.relate(BOB, ALICE, true, false);
    let blocked = accepted(house.ask(ALICE, "d", Ask::Send(known_letter("bob", "1", "k"))));
    assert_eq!((blocked.seq, blocked.duplicate), (1, false));
    assert!(house.entries.is_empty());
    assert_eq!(house.waiting(BOB), (0, 0));
    assert!(house.fetch(BOB, "d", 0).entries.is_empty());
    let again = house.ask(ALICE, "d", Ask::Send(known_letter("bob", "1", "k")));
    assert!(accepted(again).duplicate);
    house.relate(BOB, ALICE, false, false);
    assert_eq!(house.sent(ALICE, "bob"), 2);
    assert_eq!(house.told(), told(&[("Bob", "Alice 2")]));
}

#[test]
fn accept_from_decides_before_quota_and_block() {
    let mut house = House::new();
    house.config.max_waiting = 0;
    house.relate(BOB, ALICE, true, false);
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Known);
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::NotAccepted));
    // One message is let through whatever the configuration; the second meets the quota, before the block.
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Anyone);
    house.config.max_waiting_bytes = 3;
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::MessageTooBig));
}

#[test]
fn known_are_those_the_recipient_has_written_to_or_allowed() {
    let mut house = House::new();
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Known);
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::NotAccepted));
    house.sent(BOB, "alice");
    house.sent(ALICE, "bob");
    assert_eq!(code(&house.send(CAROL, "bob")), Some(Code::NotAccepted));
    house.relate(BOB, CAROL, false, true);
    house.sent(CAROL, "bob");
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Allowed);
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::NotAccepted));
    house.sent(CAROL, "bob");
}

#[test]
fn a_copy_goes_to_the_senders_other_devices_only() {
    let mut house = House::new();
    house.register(ALICE, "e");
    house.sent(ALICE, "bob");
    assert_eq!(
        house.told(),
        told(&[("Bob", "Alice 1"), ("Alice", "AliceBob 1")])
    );
    let copy = house.entries[1].clone();
    assert_eq!(copy.not_for.as_deref(), Some("d"));
    assert_eq!(house.fetch(ALICE, "e", 1).entries, [copy]);
    assert!(house.fetch(ALICE, "d", 1).entries.is_empty());
    // A session without a device has sent it: all devices get a copy.
    let from = Sender {
        device: None,
        ..sender(ALICE, "")
    };
    accepted(house.ask_as(from, Ask::Send(letter("bob", "1"))));
    assert_eq!(house.entries[1].not_for, None);
}

#[test]
fn to_oneself_is_one_entry_and_no_receipt() {
    let mut house = House::new();
    house.register(ALICE, "e");
    assert_eq!(house.sent(ALICE, "alice"), 1);
    assert_eq!(house.told(), told(&[("Alice", "Alice 1")]));
    assert!(house.regards.is_empty());
    let pos = house.entries[0].pos;
    house.ack(ALICE, "d", pos);
    assert!(house.entries.is_empty());
    assert_eq!(house.waiting(ALICE), (0, 0));
    assert_eq!(house.fetch(ALICE, "e", pos - 1).entries.len(), 1);
}

#[test]
fn everything_that_was_sent_comes_back() {
    let mut house = House::new();
    let whole = Letter {
        to: name("bob"),
        message: b"{\"a\":1}"[..].into(),
        message_id: Some(b"id"[..].into()),
        kind: Some(b"kind"[..].into()),
        reply_to: Some(99),
        expires_in_s: Some(60),
    };
    house.ask(ALICE, "d", Ask::Send(whole));
    let pushed = house.entries.clone();
    assert_eq!(house.fetch(BOB, "d", 0).entries, pushed);
    let Event::Message(message) = &pushed[0].event else {
        panic!()
    };
    assert_eq!(message.message_id.as_deref(), Some(&b"id"[..]));
    assert_eq!(message.kind.as_deref(), Some(&b"kind"[..]));
    assert_eq!(
        (message.reply_to, message.expires_unix_ms),
        (Some(99), Some(START_MS + 60_000))
    );
    house.now_ms += 60_000;
    let fetched = house.fetch(BOB, "d", 0);
    let Event::Message(message) = &fetched.entries[0].event else {
        panic!()
    };
    assert_eq!(
        (message.removed, &*message.body),
        (Some(Removed::Expired), &b""[..])
    );
}

#[test]
fn the_first_answer_to_somebody_shows_them_ones_presence() {
    let mut house = House::new();
    house.sent(ALICE, "bob");
    let regard = |house: &House| {
        let regards = house.regards.iter();
        let shown = |r: &Regard| {
            (
                r.owner.as_str().to_string(),
                r.toward.as_str().to_string(),
                r.shows_presence,
            )
        };
        regards.map(shown).collect::<Vec<_>>()
    };
    assert_eq!(regard(&house), [("Alice".into(), "Bob".into(), true)]);
    house.sent(ALICE, "bob");
    assert!(house.regards.is_empty());
    let watch = |house: &mut House| {
        let usernames = ["alice", "bob", "carol", "mallory"].map(name).to_vec();
        house.ask(BOB, "d", Ask::Watch { usernames })
    };
    assert_eq!(
        watch(&mut house),
        Answer::Watch(vec![true, true, false, false])
    );
    house.relate(ALICE, BOB, true, false);
    house.relate(CAROL, BOB, false, true);
    assert_eq!(
        watch(&mut house),
        Answer::Watch(vec![false, true, true, false])
    );
    house.sent(ALICE, "carol");
    house.with(|t| t.set_disabled(CAROL, true));
    assert_eq!(
        watch(&mut house),
        Answer::Watch(vec![false, true, true, false]),
        "she may come back"
    );
}

#[test]
fn what_is_not_stored_is_told_whom_it_reaches() {
    let mut house = House::new();
    let reach = |house: &mut House, to: &str| house.ask(ALICE, "d", Ask::Reach { to: name(to) });
    let bob = || std::sync::Arc::new(name("Bob"));
    assert_eq!(reach(&mut house, "bob"), Answer::Reach(Reach::Open(bob())));
    house.relate(BOB, ALICE, true, false);
    assert_eq!(
        reach(&mut house, "bob"),
        Answer::Reach(Reach::Swallowed(bob()))
    );
    house.settings(BOB, |settings| settings.accept_from = AcceptFrom::Known);
    assert_eq!(code(&reach(&mut house, "bob")), Some(Code::NotAccepted));
    assert_eq!(code(&reach(&mut house, "mallory")), Some(Code::UnknownUser));
}
