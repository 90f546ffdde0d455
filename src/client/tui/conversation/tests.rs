//! The order of messages, their marks, and what is kept of them.

use jiff::tz::TimeZone;

use super::*;

const TIME: &str = "2026-11-22T10:40:07.412Z";

fn message(serial: u64, mine: bool, seq: Option<u64>, text: &str) -> Message {
    let mut message = Message::typed(serial, text);
    message.mine = mine;
    message.seq = seq;
    message.state = State::Accepted;
    message
}

fn texts<'a>(conversation: &'a Conversation) -> Vec<&'a str> {
    let text = |message: &'a Message| match message {
        Message {
            body: Body::Text(text),
            ..
        } => text.as_str(),
        _ => "(a hole)",
    };
    conversation.log.iter().map(text).collect()
}

#[test]
fn messages_stand_by_number_and_what_waits_is_last() {
    let mut talk = Conversation::new(1, "Bob");
    talk.add(message(1, false, Some(7), "seven"));
    talk.add(Message::typed(2, "waiting"));
    talk.add(message(3, false, None, "ephemeral"));
    talk.add(message(4, false, Some(9), "nine"));
    talk.add(message(5, true, Some(8), "eight"));
    talk.add(message(6, false, Some(2), "two"));
    assert_eq!(
        texts(&talk),
        ["two", "seven", "ephemeral", "eight", "nine", "waiting"]
    );
    assert_eq!(
        (talk.first_seq(), talk.last_of_theirs()),
        (Some(2), Some(9))
    );
    assert!(!talk.add(message(7, false, Some(9), "nine, edited")));
    assert_eq!(texts(&talk)[4..], ["nine, edited", "waiting"]);
}

#[test]
fn an_accepted_message_takes_its_place_once() {
    let zone = TimeZone::UTC;
    let mut talk = Conversation::new(1, "Bob");
    for (serial, text) in [(1, "one"), (2, "two")] {
        let mut typed = Message::typed(serial, text);
        typed.id = Some(format!("m{serial}"));
        talk.add(typed);
    }
    assert_eq!(talk.waiting(), 2);
    assert!(talk.accepted("m1", Some(4), TIME, &zone));
    assert!(!talk.accepted("m3", Some(5), TIME, &zone));
    talk.add(message(3, false, Some(5), "theirs"));
    // A copy of what was sent from here: the answer was lost.
    let mut copy = message(4, true, Some(6), "two");
    copy.id = Some("m2".into());
    assert!(!talk.add(copy));
    assert_eq!(texts(&talk), ["one", "theirs", "two"]);
    assert_eq!((talk.waiting(), talk.log[2].serial), (0, 2));
}

#[test]
fn marks_follow_the_receipts() {
    let mut talk = Conversation::new(1, "Bob");
    for seq in 1..=3 {
        talk.add(message(seq, true, Some(seq), "x"));
    }
    talk.add(Message::typed(4, "x"));
    talk.add(message(5, false, Some(4), "x"));
    (talk.delivered, talk.read) = (2, 1);
    let marks: Vec<Mark> = talk.log.iter().map(|message| talk.mark(message)).collect();
    assert_eq!(
        marks,
        [
            Mark::Read,
            Mark::Delivered,
            Mark::Accepted,
            Mark::None,
            Mark::Waiting
        ]
    );
    talk.with(4, |message| message.fail("no such user"));
    assert_eq!(talk.mark(&talk.log[4]), Mark::Failed);
}

#[test]
fn gaps_are_found_and_stated_holes_are_none() {
    let mut talk = Conversation::new(1, "Bob");
    let mut hole = message(1, false, Some(1), "");
    hole.body = Body::Hole {
        why: "lost".into(),
        to_seq: Some(10),
    };
    talk.add(hole);
    talk.add(message(2, false, Some(11), "x"));
    assert_eq!(talk.gap(), None);
    talk.add(message(3, false, Some(13), "x"));
    assert_eq!(talk.gap(), Some(13));
    talk.add(message(4, true, Some(12), "x"));
    assert_eq!(talk.gap(), None);
}

#[test]
fn what_is_kept_is_bounded_and_what_waits_stays() {
    let mut talk = Conversation::new(1, "Bob");
    talk.complete = true;
    talk.add(Message::typed(0, "waiting"));
    for serial in 1..=HIDDEN.messages as u64 {
        talk.add(message(serial, false, Some(serial), "x"));
    }
    talk.trim(HIDDEN);
    assert_eq!((talk.log.len(), talk.waiting()), (HIDDEN.messages, 1));
    assert!(!talk.complete);
    talk.add(message(
        9_999,
        false,
        Some(9_999),
        &"x".repeat(HIDDEN.bytes),
    ));
    talk.trim(HIDDEN);
    assert_eq!(texts(&talk), ["waiting"]);
    assert_eq!(talk.bytes, talk.log[0].bytes());
}

#[test]
fn what_was_counted_once_is_not_counted_again() {
    let mut talk = Conversation::new(1, "Bob");
    let listed = Listed {
        with_username: "Bob".into(),
        last_seq: 5,
        last_time: TIME.into(),
        read_seq: 3,
        their_delivered_seq: 0,
        their_read_seq: 0,
        unread: 2,
    };
    talk.listed(&listed);
    for seq in [4, 5, 6] {
        talk.add(message(seq, false, Some(seq), "x"));
        talk.count_unread(Some(seq));
    }
    assert_eq!(talk.unread, 3);
    talk.read_elsewhere(5);
    assert_eq!(talk.unread, 1);
    // An answer from before that was read.
    talk.listed(&listed);
    assert_eq!(talk.unread, 1);
}

#[test]
fn the_line_above_what_is_new_waits_for_what_is_before_it() {
    let mut talk = Conversation::new(1, "Bob");
    talk.fresh = Some(Fresh::After(3));
    talk.loading = true;
    talk.add(message(1, false, Some(6), "x"));
    talk.find_fresh();
    assert_eq!(talk.fresh, Some(Fresh::After(3)));
    for seq in 2..6 {
        talk.add(message(seq + 10, seq == 4, Some(seq), "x"));
    }
    talk.loading = false;
    talk.find_fresh();
    // The other's: number 4 is one's own.
    assert_eq!(talk.fresh, Some(Fresh::From(15)));
}
