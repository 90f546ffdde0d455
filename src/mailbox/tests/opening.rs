//! Where devices begin, and what may have been sent to them before.

use super::*;

#[test]
fn the_first_device_begins_at_the_start_and_the_next_at_the_head() {
    let mut house = House::new();
    let dora = house.with(|t| t.add_account("Dora", "dora", &["dora".into()], None, START_MS));
    house.sent(ALICE, "dora");
    let first = house.register(dora, "a");
    assert_eq!(
        (first.head, first.acked, first.from, first.resumed),
        (1, 0, 0, None)
    );
    assert!(house.entries.is_empty());
    let second = house.register(dora, "b");
    // The first is told of the second, and that is in the log.
    assert_eq!(house.told(), told(&[("Dora", "new b")]));
    assert_eq!(house.entries[0].not_for.as_deref(), Some("b"));
    assert_eq!((second.head, second.acked, second.from), (2, 2, 2));
    assert!(house.fetch(dora, "b", 2).entries.is_empty());
    assert_eq!(house.fetch(dora, "a", 1).entries.len(), 1);
    assert_eq!(house.register(dora, "b").acked, 2, "it is known now");
    assert!(house.entries.is_empty());
}

#[test]
fn after_acknowledges_and_never_moves_back() {
    let mut house = House::new();
    house.sent(BOB, "alice");
    house.sends(4, ALICE, "bob");
    let opening = house.resume(BOB, "d", 2);
    assert_eq!(
        (opening.acked, opening.from, opening.resumed),
        (2, 2, Some(true))
    );
    assert_eq!(house.told(), told(&[("Alice", "Bob delivered 3 client")]));
    assert_eq!(house.waiting(BOB).0, 2);
    let opening = house.resume(BOB, "d", 0);
    assert_eq!(
        (opening.acked, opening.from, opening.resumed),
        (2, 0, Some(true))
    );
    assert_eq!(house.fetch(BOB, "d", 0).entries.len(), 4);
    let opening = house.resume(BOB, "d", 99);
    assert_eq!((opening.acked, opening.from, opening.head), (4, 4, 4));
}

#[test]
fn after_tells_nobody_while_invisible() {
    let mut house = House::new();
    house.sent(BOB, "alice");
    house.sends(2, ALICE, "bob");
    let epoch = house.with(|t| Ok(t.epoch()));
    let wanted = Wanted {
        deliver: Deliver::Ack,
        after: Some(After { pos: 1, epoch }),
        invisible: true,
    };
    assert_eq!(house.register_with(BOB, "d", wanted).acked, 1);
    assert!(house.entries.is_empty());
    assert_eq!(house.waiting(BOB).0, 1);
}

#[test]
fn a_new_device_begins_where_it_wants() {
    let mut house = House::new();
    house.sends(4, ALICE, "bob");
    let opening = house.resume(BOB, "e", 2);
    assert_eq!((opening.acked, opening.from), (2, 2));
    assert_eq!(house.waiting(BOB).0, 2);
    let opening = house.resume(BOB, "f", 0);
    assert_eq!((opening.acked, opening.from), (0, 0));
}

#[test]
fn of_another_epoch_after_does_not_count() {
    let mut house = House::new();
    house.sends(4, ALICE, "bob");
    house.ack(BOB, "d", 1);
    let epoch = house.with(|t| Ok(t.epoch())) + 1;
    let wanted = Wanted {
        deliver: Deliver::Ack,
        after: Some(After { pos: 3, epoch }),
        invisible: false,
    };
    let opening = house.register_with(BOB, "d", wanted);
    assert_eq!(
        (opening.acked, opening.from, opening.resumed),
        (1, 1, Some(false))
    );
    assert_eq!(opening.epoch, epoch - 1);
    assert_eq!(house.register_with(BOB, "e", wanted).acked, 5);
}

fn redelivered(house: &mut House) -> Vec<bool> {
    let entries = house.fetch(BOB, "d", 0).entries;
    entries.iter().map(|entry| entry.redelivered).collect()
}

#[test]
fn what_a_session_was_sent_and_has_not_taken_is_sent_again_as_such() {
    let mut house = House::new();
    house.sends(3, ALICE, "bob");
    assert_eq!(redelivered(&mut house), [false, false, false]);
    house.leave(BOB, "d", 2);
    house.leave(BOB, "d", 1);
    house.register(BOB, "d");
    assert_eq!(redelivered(&mut house), [true, true, false]);
    house.ack(BOB, "d", 3);
    assert_eq!(redelivered(&mut house), [true, true, true]);
}

#[test]
fn after_a_crash_all_that_was_there_may_have_been_sent() {
    let mut house = House::new();
    house.sends(2, ALICE, "bob");
    let mut house = house.restart();
    house.sent(ALICE, "bob");
    house.register(BOB, "d");
    assert_eq!(redelivered(&mut house), [true, true, false]);
    // Whoever had left was sent what it said.
    house.leave(BOB, "d", 0);
    let mut house = house.restart();
    house.sent(ALICE, "bob");
    house.register(BOB, "d");
    assert_eq!(redelivered(&mut house), [true, true, false, false]);
    // Nothing has come since: all of it.
    let mut house = house.restart();
    house.register(BOB, "d");
    assert_eq!(redelivered(&mut house), [true; 4]);
}

#[test]
fn a_session_that_takes_anothers_place_does_not_know_what_that_was_sent() {
    let mut house = House::new();
    house.sent(ALICE, "bob");
    house.register(BOB, "d");
    house.sent(ALICE, "bob");
    assert_eq!(redelivered(&mut house), [true, false]);
    house.leave(BOB, "d", 1);
    let mut house = house.restart();
    house.register(BOB, "d");
    assert_eq!(
        redelivered(&mut house),
        [true, true],
        "the second was there to the end"
    );
}

#[test]
fn what_a_device_has_caused_itself_is_not_looked_through_again() {
    let mut house = House::new();
    house.register(ALICE, "e");
    house.sends(5, ALICE, "bob");
    assert_eq!(
        house.fetch(ALICE, "d", 0).entries.len(),
        1,
        "the notice of e"
    );
    house.ack(ALICE, "d", 1);
    assert!(house.fetch(ALICE, "d", 1).complete);
    assert_eq!(house.register(ALICE, "d").acked, 6);
    assert_eq!(house.fetch(ALICE, "e", 1).entries.len(), 5);
}
