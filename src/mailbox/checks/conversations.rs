//! The list of conversations.

use super::*;

fn names(house: &mut House, before: Option<&str>, limit: u32) -> (Vec<String>, bool) {
    let before = before.map(name);
    match house.ask("Alice", Ask::Conversations { before, limit }) {
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
        let ask = Ask::Conversations {
            before: Some(name(nobody)),
            limit: 5,
        };
        assert_eq!(code(&house.ask("Alice", ask)), Some(refused));
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
