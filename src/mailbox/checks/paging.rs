//! Whatever the limits and directions, the pages of a history together are the same list.

use proptest::prelude::*;

use super::*;

/// What becomes of each message.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    ForBoth,
    ForMe,
    ForOther,
    Blocked,
    Expired,
    /// A hole from this one on over so many.
    Lost(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Kept),
        1 => Just(Fate::ForBoth),
        1 => Just(Fate::ForMe),
        1 => Just(Fate::ForOther),
        1 => Just(Fate::Blocked),
        1 => Just(Fate::Expired),
        1 => (2_u64..9).prop_map(Fate::Lost),
    ]
}

/// Alice's conversation with Bob, in which Bob writes.
fn house(fates: &[Fate]) -> House {
    let mut house = House::new(&["Alice", "Bob"]);
    for (n, fate) in fates.iter().enumerate() {
        let mut sent = letter("Alice", &n.to_string());
        match fate {
            Fate::Blocked => drop(house.relate("Alice", "Bob", Relation::Block)),
            Fate::Expired => sent.expires_in_s = Some(1),
            _ => {}
        }
        let seq = house.send_letter("Bob", sent);
        match fate {
            Fate::ForBoth => drop(house.delete("Bob", "Alice", seq, true)),
            Fate::ForMe => drop(house.delete("Alice", "Bob", seq, false)),
            Fate::ForOther => drop(house.delete("Bob", "Alice", seq, false)),
            Fate::Blocked => drop(house.relate("Alice", "Bob", Relation::Unblock)),
            Fate::Lost(more) => lose(&mut house, seq, *more),
            Fate::Kept | Fate::Expired => {}
        }
    }
    house.wait(1_000);
    house
}

/// As a restore leaves it.
fn lose(house: &mut House, seq: u64, more: u64) {
    let (alice, bob) = (house.id("Alice"), house.id("Bob"));
    let lost = house.store.batch(|tables| {
        let mut conversation = tables.conversation(alice, bob)?.unwrap();
        let mut row = tables.message_at(conversation.id, seq)?.unwrap();
        row.empty(crate::store::MessageState::Lost);
        row.to_seq = Some(seq + more);
        tables.put_message(&row)?;
        conversation.last_seq = seq + more;
        tables.put_conversation(conversation);
        Ok::<_, crate::store::Failed>(())
    });
    lost.unwrap().unwrap();
}

/// One line for each number.
fn spelled_out(messages: &[Message]) -> Vec<(u64, String)> {
    let one = |message: &Message| {
        let (says, seq) = (says(message), message.seq);
        (seq..=message.to_seq.unwrap_or(seq)).map(move |seq| (seq, says.clone()))
    };
    messages.iter().flat_map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_parts_of_one_list(
        fates in proptest::collection::vec(fate(), 1..24),
        limits in proptest::collection::vec(1_u32..8, 1..6),
        start in 0_u64..60,
    ) {
        let mut house = house(&fates);
        let all = spelled_out(&house.history("Alice", "Bob"));
        let numbers: Vec<u64> = all.iter().map(|(seq, _)| *seq).collect();
        prop_assert_eq!(&numbers, &(1..=numbers.len() as u64).collect::<Vec<_>>(), "no gap");

        let mut limits = limits.into_iter().cycle();
        let mut limit = || limits.next().unwrap();
        let (mut on, mut after) = (Vec::new(), start);
        loop {
            let (messages, complete) = house.page("Alice", "Bob", Page::After(after), limit());
            on.extend(spelled_out(&messages));
            after = on.last().map_or(after, |(seq, _)| *seq);
            if complete { break; }
        }
        let (mut back, mut before) = (Vec::new(), start + 1);
        loop {
            let page = Page::Before(Some(before));
            let (messages, complete) = house.page("Alice", "Bob", page, limit());
            let mut some = spelled_out(&messages);
            before = some.first().map_or(before, |(seq, _)| *seq);
            some.extend(back);
            back = some;
            if complete { break; }
        }
        back.extend(on);
        prop_assert_eq!(back, all);
    }
}
