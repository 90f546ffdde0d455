//! Whom one blocks and allows, and the settings.

use super::*;

#[test]
fn a_decision_is_the_same_however_often_it_is_made() {
    let mut house = House::new(&["Alice", "Bob"]);
    for relation in [
        Relation::Unblock,
        Relation::Disallow,
        Relation::Block,
        Relation::Block,
        Relation::Allow,
        Relation::Unblock,
        Relation::Disallow,
    ] {
        assert_eq!(house.relate("Alice", "bob", relation), Answer::Ok);
    }
    assert_eq!(house.relate("Alice", "Bob", Relation::Block), Answer::Ok);
    assert!(!house.regards.is_empty());
    assert_eq!(house.relate("Alice", "Bob", Relation::Block), Answer::Ok);
    assert!(house.regards.is_empty(), "nothing has changed");
}

#[test]
fn unknown_names_and_oneself_are_refused() {
    let mut house = House::new(&["Alice"]);
    let answer = house.relate("Alice", "zoe", Relation::Block);
    assert_eq!(code(&answer), Some(Code::UnknownUser));
    let answer = house.relate("Alice", "alice", Relation::Block);
    assert_eq!(code(&answer), Some(Code::BadValue));
}

#[test]
fn one_decides_about_so_many_only() {
    let mut house = House::new(&["Alice", "Bob", "Carol", "Dave"]);
    house.config.max_relations = 2;
    assert_eq!(house.relate("Alice", "Bob", Relation::Block), Answer::Ok);
    assert_eq!(house.relate("Alice", "Carol", Relation::Allow), Answer::Ok);
    let answer = house.relate("Alice", "Dave", Relation::Block);
    assert_eq!(code(&answer), Some(Code::NotAllowed));
    assert_eq!(
        house.relate("Alice", "Bob", Relation::Allow),
        Answer::Ok,
        "no new one"
    );
    assert_eq!(
        house.relate("Alice", "Carol", Relation::Disallow),
        Answer::Ok
    );
    assert_eq!(house.relate("Alice", "Dave", Relation::Block), Answer::Ok);
}

#[test]
fn who_may_see_ones_presence_is_told_when_that_changes() {
    let mut house = House::new(&["Alice", "Bob"]);
    let seen = |house: &House| {
        let regards = house.regards.iter();
        let seen = regards.map(|r| {
            (
                r.owner.as_str().into(),
                r.toward.as_str().into(),
                r.shows_presence,
            )
        });
        seen.collect::<Vec<(String, String, bool)>>()
    };
    house.relate("Alice", "Bob", Relation::Allow);
    let both = |a, b| {
        vec![
            ("Alice".into(), "Bob".into(), a),
            ("Bob".into(), "Alice".into(), b),
        ]
    };
    assert_eq!(seen(&house), both(true, false));
    house.relate("Alice", "Bob", Relation::Block);
    assert_eq!(seen(&house), both(false, false));
    house.send("Bob", "Bob", "x");
    house.relate("Alice", "Bob", Relation::Unblock);
    assert_eq!(seen(&house), both(true, false));
}

#[test]
fn what_waits_of_somebody_who_is_blocked_later_still_comes() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "before");
    house.relate("Bob", "Alice", Relation::Block);
    house.send("Alice", "Bob", "blocked");
    assert_eq!(house.waiting("Bob").0, 1);
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["1 \"before\""]);
}

#[test]
fn settings_are_answered_with_all_of_them() {
    let mut house = House::new(&["Alice"]);
    let mut set = |accept_from, delivery_receipts, read_receipts| {
        let ask = Ask::Settings {
            accept_from,
            delivery_receipts,
            read_receipts,
        };
        match house.ask("Alice", ask) {
            Answer::Settings(settings) => (settings, house.regards.len()),
            other => panic!("{other:?}"),
        }
    };
    let mut expected = Settings {
        accept_from: AcceptFrom::Anyone,
        delivery_receipts: true,
        read_receipts: false,
    };
    assert_eq!(set(None, None, None), (expected, 0));
    expected.read_receipts = true;
    assert_eq!(set(None, None, Some(true)), (expected, 0));
    (expected.accept_from, expected.delivery_receipts) = (AcceptFrom::Known, false);
    let (settings, regards) = set(Some(AcceptFrom::Known), Some(false), None);
    assert_eq!(settings, expected);
    assert_eq!(regards, 1, "who is reached may have changed");
    assert_eq!(set(None, None, None), (expected, 0));
}
