//! I4. What waited when a device began at the head was not taken by it, whatever it takes later.

use super::*;

/// Three messages of Alice's wait for Bob's `d`; then `e` began at the head, and one more came.
fn house() -> House {
    let mut house = House::new();
    house.sent(BOB, "alice");
    house.leave(BOB, "d", 0);
    house.sends(3, ALICE, "bob");
    assert_eq!(house.register(BOB, "e").acked, 4);
    house.sent(ALICE, "bob");
    house
}

#[test]
fn what_waited_before_a_device_began_is_not_delivered_to_it() {
    let mut house = house();
    house.sent(BOB, "carol");
    house.sent(CAROL, "bob");
    house.ack(BOB, "e", 99);
    // Of Carol's nothing is missing.
    assert_eq!(house.told(), told(&[("Carol", "Bob delivered 2 client")]));
    assert_eq!(house.waiting(BOB), (3, 12));
    house.ack(BOB, "d", 1);
    assert_eq!(house.told(), told(&[("Alice", "Bob delivered 2 client")]));
    assert_eq!(house.waiting(BOB), (2, 8));
    let mut house = house.restart();
    house.ack(BOB, "d", 3);
    // The last of them was the last to be missing: all has arrived. How the one beyond the gap had is not kept.
    assert_eq!(
        house.told(),
        told(&[("Alice", "Bob delivered 5 transport")])
    );
    assert_eq!(house.waiting(BOB), (0, 0));
    assert!(house.with(|t| t.gaps(BOB)).is_empty());
    house.ack(BOB, "d", 99);
    assert!(house.entries.is_empty());
}

#[test]
fn a_gap_without_messages_is_none() {
    let mut house = House::new();
    house.sent(BOB, "alice");
    house.register(BOB, "e");
    house.register(BOB, "f");
    house.sent(ALICE, "bob");
    house.ack(BOB, "f", 99);
    assert_eq!(house.told(), told(&[("Alice", "Bob delivered 2 client")]));
    assert!(house.with(|t| t.gaps(BOB)).is_empty());
    assert_eq!(house.waiting(BOB), (0, 0));
}

#[test]
fn what_waits_beyond_a_gap_still_fits_the_quota() {
    let mut house = house();
    house.config.max_waiting = 4;
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::MailboxFull));
    house.ack(BOB, "e", 99);
    house.sent(ALICE, "bob");
    assert_eq!(code(&house.send(ALICE, "bob")), Some(Code::MailboxFull));
}

/// I4. A receipt does not say more of any message than is known of it.
#[test]
fn a_receipt_of_mixed_proof_says_the_weaker() {
    let mut house = house();
    let by = Evidence::Transport;
    house.ask(BOB, "e", Ask::Ack { pos: 99, by });
    assert_eq!(house.told(), told(&[]), "others are missing before it");
    house.ack(BOB, "d", 99);
    let receipt = told(&[("Alice", "Bob delivered 5 transport")]);
    assert_eq!(house.told(), receipt);
    house.sent(ALICE, "bob");
    house.ack(BOB, "d", 99);
    assert_eq!(house.told(), told(&[("Alice", "Bob delivered 6 client")]));
}

/// The same of what arrived, at another device, before its sender was told of anything.
#[test]
fn what_a_stranger_was_not_told_is_told_weaker_later() {
    let mut house = House::new();
    house.sends(2, ALICE, "bob");
    let by = Evidence::Transport;
    house.ask(BOB, "d", Ask::Ack { pos: 2, by });
    assert_eq!(house.told(), told(&[]));
    house.register(BOB, "e");
    house.sent(BOB, "alice");
    house.sent(ALICE, "bob");
    house.ack(BOB, "e", 99);
    let receipt = told(&[("Alice", "Bob delivered 4 transport")]);
    assert_eq!(house.told(), receipt);
    house.sent(ALICE, "bob");
    house.ack(BOB, "e", 99);
    assert_eq!(house.told(), told(&[("Alice", "Bob delivered 5 client")]));
}
