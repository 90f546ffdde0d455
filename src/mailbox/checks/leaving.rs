//! Accounts that are deleted: by their owners, as by the operator.

use super::*;
use crate::accounts::Which;
use crate::mailbox::leaving::Leaving;
use crate::store::State;

fn leave(house: &mut House, user: &str) {
    assert_eq!(house.ask(user, Ask::DeleteAccount), Answer::Ok);
    let ends = house.ends.clone().unwrap();
    assert_eq!((ends.username.as_str(), ends.which), (user, Which::All));
    house.sweep();
    house.store.forget_the_past().unwrap();
}

#[test]
fn a_deleted_account_keeps_its_name_and_nothing_else() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Bob", "Alice", "to alice");
    house.relate("Alice", "Bob", Relation::Allow);
    house.receipts("Alice", true);
    let id = house.id("Alice");
    leave(&mut house, "Alice");
    let (known, devices, mailbox, relations) = house
        .store
        .batch(|t| {
            let known = t.known_named(&name("alice")).unwrap().unwrap();
            (
                known,
                t.device_count(id),
                t.mailbox(id),
                t.relation_count(id),
            )
        })
        .unwrap();
    assert_eq!((known.id, known.state), (id, State::Removed));
    assert_eq!((devices, relations), (Ok(0), Ok(0)));
    assert_eq!(mailbox.unwrap(), crate::store::Mailbox::default());
    assert_eq!(house.log_length("Alice"), 0);
    let answer = house.ask_as(
        sender(id, "d"),
        Ask::Conversations(Box::new(Listing::new(None, 1))),
    );
    assert_eq!(
        code(&answer),
        Some(Code::NotAllowed),
        "a session that has not heard of it"
    );
}

#[test]
fn what_others_have_of_it_stays_with_them() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "from alice");
    house.send("Bob", "Alice", "to alice");
    leave(&mut house, "Alice");
    let messages = house.history("Bob", "Alice");
    assert_eq!(all_say(&messages), ["\"from alice\"", "\"to alice\""]);
    assert_eq!(messages[0].from.as_str(), "alice", "as it is compared");
    let events: Vec<_> = house.take("Bob").iter().map(short).collect();
    assert_eq!(events, ["1 \"from alice\""], "it waited");
    assert_eq!(house.conversations("Bob")[0].with.as_str(), "alice");
    assert_eq!(house.mark("Bob", "Alice", 1), Answer::Ok);
    assert_eq!(house.delete("Bob", "Alice", 2, true), Answer::Ok);
    assert_eq!(told(&house.entries), [""; 0]);
    house.add("Carol");
    let ask = Ask::History {
        with: name("Alice"),
        page: Page::After(0),
        limit: 5,
    };
    assert_eq!(code(&house.ask("Carol", ask)), Some(Code::UnknownUser));
}

/// A16.
#[test]
fn what_only_it_could_see_stands_in_no_file() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Alice", "canary to myself");
    house.send("Alice", "Bob", "canary deleted by bob");
    house.delete("Bob", "Alice", 1, false);
    house.relate("Bob", "Alice", Relation::Block);
    house.send("Alice", "Bob", "canary blocked");
    house.send("Bob", "Alice", "canary bob deleted his");
    house.delete("Bob", "Alice", 3, false);
    house.send("Bob", "Alice", "kept by bob");
    assert!(house.stands_in_files("canary"));
    leave(&mut house, "Alice");
    assert!(!house.stands_in_files("canary"));
    assert!(house.stands_in_files("kept by bob"));
    assert_eq!(
        all_say(&house.history("Bob", "Alice")),
        ["deleted", "blocked", "deleted", "\"kept by bob\""]
    );
    house.delete("Bob", "Alice", 4, false);
    house.store.forget_the_past().unwrap();
    assert!(!house.stands_in_files("kept by bob"), "nobody sees it");
}

#[test]
fn of_a_conversation_whose_accounts_are_both_gone_nothing_is_kept() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "canary one");
    house.send("Bob", "Alice", "canary two");
    let (alice, bob) = (house.id("Alice"), house.id("Bob"));
    leave(&mut house, "Alice");
    assert!(house.stands_in_files("canary one"));
    leave(&mut house, "Bob");
    assert!(!house.stands_in_files("canary"));
    let left = house.store.batch(|t| t.conversation(alice, bob));
    assert_eq!(left.unwrap().unwrap(), None);
}

#[test]
fn much_goes_in_slices_and_after_a_restart() {
    let mut house = House::new(&["Alice", "Bob"]);
    for n in 0..450 {
        house.send("Alice", "Alice", &format!("canary {n}"));
        house.send("Bob", "Alice", "for bob");
        house.take("Alice");
    }
    house.send("Alice", "Bob", "kept");
    let alice = house.id("Alice");
    let removed = house.store.batch(|t| {
        t.put_mailbox(alice, t.mailbox(alice)?);
        t.remove_account(alice)?;
        let mut leaving = Leaving::new(alice);
        for _ in 0..6 {
            assert!(!leaving.slice(t, 100)?);
        }
        Ok::<_, crate::store::Failed>(())
    });
    removed.unwrap().unwrap();
    assert!(house.stands_in_files("canary"));
    // As when the daemon starts again.
    house.sweep = Sweep::default();
    house.sweep();
    house.store.forget_the_past().unwrap();
    assert!(!house.stands_in_files("canary"));
    let left = house.store.batch(|t| t.leaving()).unwrap();
    assert_eq!(left, Ok(Vec::new()));
    assert_eq!(all_say(&house.history("Bob", "Alice")).len(), 451);
}

#[test]
fn an_account_whose_removal_was_not_committed_is_left_alone() {
    let mut house = House::new(&["Alice"]);
    house.send("Alice", "Alice", "kept");
    let alice = house.id("Alice");
    house.sweep.leaves(Leaving::new(alice));
    house.sweep();
    assert_eq!(all_say(&house.history("Alice", "Alice")), ["\"kept\""]);
}

/// Whoever else is gone: one slice looks at no more than it may.
#[test]
fn a_slice_is_bounded_where_both_accounts_of_conversations_are_gone() {
    let peers: Vec<String> = (0..6).map(|n| format!("peer{n}")).collect();
    let mut house = House::new(&["Alice"]);
    for peer in &peers {
        house.add(peer);
        for n in 0..40 {
            house.send("Alice", peer, &format!("canary {n}"));
        }
        leave(&mut house, peer);
    }
    let alice = house.id("Alice");
    let mut count = 240;
    let mut leaving = Leaving::new(alice);
    let begun = house.store.batch(|t| {
        t.put_mailbox(alice, t.mailbox(alice)?);
        t.remove_account(alice)
    });
    begun.unwrap().unwrap();
    let mut slices = 0;
    loop {
        let (is_all, left) = house
            .store
            .batch(|t| {
                Ok::<_, crate::store::Failed>((leaving.slice(t, 30)?, t.messages_from(0, 1_000)?))
            })
            .unwrap()
            .unwrap();
        slices += 1;
        assert!(left.len() + 30 >= count, "{count} and then {}", left.len());
        count = left.len();
        if is_all {
            break;
        }
        assert!(slices < 100);
    }
    assert_eq!(count, 0);
    house.store.forget_the_past().unwrap();
    assert!(!house.stands_in_files("canary"));
}
