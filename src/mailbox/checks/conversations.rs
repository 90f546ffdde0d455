//! The list of conversations.

use super::*;
use crate::store::Tables;

fn names(house: &mut House, before: Option<&str>, limit: u32) -> (Vec<String>, bool) {
    match house.list("Alice", before, limit) {
        Answer::Conversations {
            conversations,
            complete,
        } => {
            let names = conversations
                .iter()
                .map(|listed| listed.with.as_str().into());
            (names.collect(), complete)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_latest_is_first_and_a_name_goes_on_from_there() {
    let mut house = House::new(&["Alice", "Bob", "Carol", "Dave", "Eve"]);
    for with in ["Bob", "Carol", "Dave"] {
        house.send("Alice", with, "x");
        house.wait(1_000);
    }
    house.send("Bob", "Alice", "y");
    let expect = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).into())
            .collect::<Vec<String>>()
    };
    assert_eq!(
        names(&mut house, None, 50),
        (expect(&["Bob", "Dave", "Carol"]), true)
    );
    assert_eq!(
        names(&mut house, None, 2),
        (expect(&["Bob", "Dave"]), false)
    );
    assert_eq!(
        names(&mut house, Some("dave"), 2),
        (expect(&["Carol"]), true)
    );
    let no_list = [("Eve", Code::NotFound), ("zoe", Code::UnknownUser)];
    for (nobody, refused) in no_list {
        let answer = house.list("Alice", Some(nobody), 5);
        assert_eq!(code(&answer), Some(refused));
    }
}

#[test]
fn those_of_one_millisecond_are_all_listed_once() {
    let people: Vec<String> = (0..25).map(|n| format!("p{n}")).collect();
    let mut house = House::new(&["Alice"]);
    for person in &people {
        house.add(person);
        house.send("Alice", person, "x");
    }
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let (some, complete) = names(&mut house, before.as_deref(), 4);
        before = some.last().cloned();
        all.extend(some);
        if complete {
            break;
        }
    }
    all.sort();
    let mut people = people;
    people.sort();
    assert_eq!(all, people);
}

#[test]
fn what_is_blocked_moves_nothing() {
    let mut house = House::new(&["Alice", "Bob", "Carol"]);
    house.send("Bob", "Alice", "1");
    house.wait(1_000);
    house.send("Carol", "Alice", "2");
    let was = house.conversations("Alice");
    house.relate("Alice", "Bob", Relation::Block);
    house.wait(1_000);
    house.send("Bob", "Alice", "blocked");
    assert_eq!(house.conversations("Alice"), was);
    assert_eq!(house.conversations("Bob")[0].last_seq, 2);
    house.add("Eve");
    house.relate("Alice", "Eve", Relation::Block);
    house.send("Eve", "Alice", "blocked");
    assert_eq!(house.conversations("Alice"), was);
    assert_eq!(house.conversations("Eve")[0].last_seq, 1);
}

#[test]
fn the_unread_are_those_of_the_other_that_are_to_be_seen() {
    let mut house = House::new(&["Alice", "Bob"]);
    for n in 1..=6 {
        let mut sent = letter("Alice", &n.to_string());
        sent.expires_in_s = (n == 2).then_some(1);
        house.send_letter("Bob", sent);
    }
    house.send("Alice", "Bob", "own");
    house.delete("Bob", "Alice", 3, true);
    house.delete("Alice", "Bob", 4, false);
    house.wait(1_000);
    assert_eq!(house.conversations("Alice")[0].unread, 3, "1, 5 and 6");
    house.mark("Alice", "Bob", 5);
    assert_eq!(house.conversations("Alice")[0].unread, 1);
}

#[test]
fn what_they_took_is_told_as_it_was_shown() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "a");
    house.take("Bob");
    assert_eq!(
        house.conversations("Alice")[0].their_delivered_seq,
        0,
        "Bob did not answer"
    );
    house.send("Bob", "Alice", "b");
    house.send("Alice", "Bob", "c");
    house.take("Bob");
    let listed = house.conversations("Alice").remove(0);
    assert_eq!((listed.their_delivered_seq, listed.their_read_seq), (3, 0));
}

#[test]
fn notes_to_oneself_are_a_conversation() {
    let mut house = House::new(&["Alice"]);
    house.send("Alice", "Alice", "note");
    let listed = house.conversations("Alice").remove(0);
    assert_eq!(
        (listed.with.as_str(), listed.last_seq, listed.unread),
        ("Alice", 1, 0)
    );
    assert_eq!(all_say(&house.history("Alice", "Alice")), ["\"note\""]);
}

/// Alice's with so many others, half of whom have a lower number than she; the names in the order of a list.
pub fn many(house: &mut House, count: u64) -> Vec<String> {
    let add = |t: &Tables<'_>, name: &str| {
        let key = name.to_lowercase();
        t.add_account(name, &key, &[], None, START_MS).unwrap()
    };
    let made = house.store.batch(|t| {
        let mut named = |n: u64| (n, add(t, &format!("p{n}")));
        let mut peers: Vec<_> = (0..count / 2).map(&mut named).collect();
        let alice = add(t, "Alice");
        peers.extend((count / 2..count).map(&mut named));
        // No two times are equal, and their order is not that of the rows.
        let time = |n: u64| START_MS + n * 7_919 % 15_013;
        for (n, peer) in &peers {
            let mut row = t.conversation_of(alice, *peer).unwrap();
            row.note_last(alice, 1, time(*n), false);
            t.put_conversation(row);
        }
        let mut numbers: Vec<u64> = (0..count).collect();
        numbers.sort_by_key(|n| std::cmp::Reverse(time(*n)));
        numbers.iter().map(|n| format!("p{n}")).collect()
    });
    house.add_device("Alice", "d");
    made.unwrap()
}

/// A page of many conversations is put together in more jobs than one, each of which looks at a part of them.
#[test]
fn many_are_gone_through_a_part_at_a_time() {
    let mut house = House::new(&[]);
    let expected = many(&mut house, 4_600);
    let (mut all, mut complete, mut jobs) = (Vec::<String>::new(), false, 0);
    while !complete {
        let before = all.last().map(|last| name(last));
        let mut asked = Box::new(Listing::new(before, 500));
        let some = loop {
            jobs += 1;
            match house.ask("Alice", Ask::Conversations(asked)) {
                Answer::Listing(goes_on) => asked = goes_on,
                Answer::Conversations {
                    conversations,
                    complete: is_all,
                } => {
                    complete = is_all;
                    break conversations;
                }
                other => panic!("{other:?}"),
            }
        };
        all.extend(some.iter().map(|listed| listed.with.as_str().to_owned()));
    }
    assert_eq!(all, expected);
    assert_eq!(jobs, 10 * 3, "ten pages, and 2,000 conversations a job");
}
