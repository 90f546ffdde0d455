//! How much may wait: what no device has taken, and how much of it one stranger may hold.

use super::*;

fn fill(house: &mut House, from: AccountId, to: &str) -> u32 {
    let mut sent = 0;
    while code(&house.send(from, to)).is_none() {
        sent += 1;
    }
    assert_eq!(code(&house.send(from, to)), Some(Code::MailboxFull));
    sent
}

#[test]
fn a_stranger_may_hold_a_quarter_and_the_others_all() {
    let mut house = House::new();
    house.config.max_waiting = 20;
    assert_eq!(fill(&mut house, ALICE, "bob"), 5);
    house.relate(BOB, ALICE, false, true);
    assert_eq!(fill(&mut house, ALICE, "bob"), 15);
    assert_eq!(house.waiting(BOB), (20, 80));
    // Nobody else has room either, and others have.
    assert_eq!(code(&house.send(CAROL, "bob")), Some(Code::MailboxFull));
    house.sent(ALICE, "carol");
    house.sent(BOB, "carol");
}

#[test]
fn whoever_was_answered_is_no_stranger() {
    let mut house = House::new();
    house.config.max_waiting = 20;
    house.sent(BOB, "alice");
    assert_eq!(fill(&mut house, ALICE, "bob"), 20);
}

#[test]
fn bytes_count_as_messages_do() {
    let mut house = House::new();
    house.config.max_waiting_bytes = 100;
    let send = |house: &mut House, bytes| {
        let message = "1".repeat(bytes);
        house.ask(ALICE, "d", Ask::Send(letter("bob", &message)))
    };
    assert_eq!(code(&send(&mut house, 26)), Some(Code::MessageTooBig));
    assert_eq!(code(&send(&mut house, 20)), None);
    assert_eq!(code(&send(&mut house, 6)), Some(Code::MailboxFull));
    assert_eq!(code(&send(&mut house, 5)), None);
    house.relate(BOB, ALICE, false, true);
    assert_eq!(code(&send(&mut house, 101)), Some(Code::MessageTooBig));
    assert_eq!(code(&send(&mut house, 76)), Some(Code::MailboxFull));
    assert_eq!(code(&send(&mut house, 75)), None);
    assert_eq!(house.waiting(BOB), (3, 100));
}

#[test]
fn what_a_device_has_taken_waits_no_longer() {
    let mut house = House::new();
    house.config.max_waiting = 20;
    assert_eq!(fill(&mut house, ALICE, "bob"), 5);
    house.ack(BOB, "d", 3);
    assert_eq!(house.waiting(BOB), (2, 8));
    assert_eq!(fill(&mut house, ALICE, "bob"), 3);
    // Acknowledged once more, or by another device: it was counted off.
    house.register(BOB, "e");
    house.ack(BOB, "d", 2);
    house.resume(BOB, "f", 3);
    assert_eq!(house.waiting(BOB), (5, 20));
    let mut house = house.restart();
    assert_eq!(house.waiting(BOB), (5, 20));
    house.ack(BOB, "d", u64::MAX);
    assert_eq!(house.waiting(BOB), (0, 0));
}

#[test]
fn one_stranger_leaves_room_for_the_next() {
    let mut house = House::new();
    house.config.max_waiting = 20;
    assert_eq!(fill(&mut house, ALICE, "bob"), 5);
    assert_eq!(fill(&mut house, CAROL, "bob"), 5);
}
