//! What keys and events do, told as a dialogue with the model.

use std::time::Duration;

use super::super::conversation::{Body, Mark, State};
use super::desk::Desk;
use super::*;
use crate::client::End;
use crate::client::frame::Refusal;

fn refusal(code: &str, message: &str) -> Refusal {
    Refusal {
        command: Some("privateMessage".into()),
        code: code.into(),
        message: message.into(),
        field: None,
        hint: None,
        retryable: false,
        retry_after_ms: None,
    }
}

#[test]
fn a_message_is_sent_accepted_delivered_and_read() {
    let mut desk = Desk::mailbox();
    desk.line("/msg bob hello");
    let serial = desk.sends()[0].0;
    desk.input(Input::Sent {
        serial,
        message_id: "m1".into(),
    });
    assert_eq!(desk.marks(), [Mark::Waiting]);
    desk.accept("m1", 1);
    assert_eq!(desk.model.talk().unwrap().name, "Bob");
    assert_eq!(desk.marks(), [Mark::Accepted]);
    for (stage, mark) in [("delivered", Mark::Delivered), ("read", Mark::Read)] {
        desk.server(&format!(
            r#"{{"type":"receipt","withUsername":"Bob","stage":"{stage}","upToSeq":1,"by":"client","time":"2026-11-22T10:41:00.000Z","pos":2}}"#
        ));
        assert_eq!(desk.marks(), [mark]);
    }
}

#[test]
fn a_refused_message_says_why() {
    let mut desk = Desk::new(80, 24);
    desk.connect("open");
    desk.line("/msg Carol hi");
    let serial = desk.sends()[0].0;
    desk.input(Input::Sent {
        serial,
        message_id: "m1".into(),
    });
    desk.input(Input::Client(Event::Refused {
        message_id: "m1".into(),
        to: "Carol".into(),
        error: refusal("unknownUser", "User \"Carol\" not found"),
    }));
    assert_eq!(desk.marks(), [Mark::Failed]);
    desk.line("again");
    let serial = desk.sends()[0].0;
    desk.input(Input::NotSent {
        serial,
        why: "too long".into(),
    });
    let state = &desk.model.talk().unwrap().log()[1].state;
    assert_eq!(*state, State::Failed("too long".into()));
}

#[test]
fn what_waits_for_a_connection_is_counted_and_stays() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob one");
    let why = "reset".to_string();
    let retry_in = Duration::from_millis(2_500);
    desk.input(Input::Client(Event::Disconnected {
        why: why.clone(),
        retry_in,
    }));
    desk.line("two");
    assert_eq!(desk.sends().len(), 2);
    assert_eq!(desk.model.book.waiting(), 2);
    assert_eq!(
        desk.model.link,
        Link::Lost {
            why,
            again_at: desk.now.mono + 2_500
        }
    );
    assert_eq!(desk.model.sleep(), Some(1_000));
    desk.line("/block");
    assert!(desk.model.notice().unwrap().starts_with("not connected"));
    desk.connect("mailbox");
    assert_eq!(desk.model.book.waiting(), 2);
    desk.input(Input::Client(Event::Ended(End::Closed)));
    assert_eq!(desk.model.link, Link::Ended("closed".into()));
}

#[test]
fn who_cannot_have_a_name_gets_no_conversation() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Al!ce hi");
    let told = desk.model.notice().unwrap();
    assert!(told.starts_with("the name \"Al!ce\""), "{told}");
    assert!(desk.model.book.list().is_empty() && desk.sends().is_empty());
}

#[test]
fn a_message_elsewhere_rings_and_is_unread_until_it_is_shown() {
    let mut desk = Desk::mailbox();
    desk.from_bob(1, "hi");
    assert_eq!(desk.model.book.unread(), 1);
    assert!(desk.rings());
    desk.press(Key::Alt('a'));
    let read = Command::MarkRead {
        with_username: "Bob".into(),
        seq: 1,
        private: false,
    };
    assert!(desk.asked().contains(&read));
    assert_eq!(desk.model.book.unread(), 0);
    desk.from_bob(2, "still here");
    assert!(!desk.rings());
    // Nobody is looking.
    desk.input(Input::Focus(false));
    desk.from_bob(3, "gone?");
    assert!(desk.rings());
    assert_eq!(desk.model.book.unread(), 1);
    desk.input(Input::Focus(true));
    assert_eq!(desk.asked().len(), 1);
    desk.line("/bell off");
    desk.line("/msg Carol");
    desk.from_bob(4, "x");
    assert!(!desk.rings());
}

#[test]
fn nothing_is_read_while_something_else_is_on_the_screen() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob");
    desk.line("/help");
    desk.from_bob(1, "hi");
    assert_eq!(desk.model.book.unread(), 1);
    desk.press(Key::Char('x'));
    assert_eq!(
        (desk.model.book.unread(), desk.model.editor.text()),
        (0, "")
    );
}

#[test]
fn scrolling_to_the_top_loads_what_was_before() {
    let mut desk = Desk::mailbox();
    desk.from_bob(100, "newest");
    desk.press(Key::Alt('1'));
    desk.history(50..=99, false);
    desk.effects.clear();
    desk.press(Key::PageUp);
    assert_eq!(desk.asked(), []);
    desk.press(Key::PageUp);
    let history = Command::History {
        with_username: "Bob".into(),
        before: Some(50),
        after: None,
        limit: HISTORY_PAGE,
    };
    let asked: Vec<Effect> = std::mem::take(&mut desk.effects);
    assert!(matches!(&asked[..], [Effect::Ask(Ask::History(_), command)] if *command == history));
    desk.press(Key::PageUp);
    assert_eq!(desk.asked(), [], "it is being loaded");
    desk.effects = asked;
    let before = desk.model.talk().unwrap().scroll;
    desk.history(1..=49, true);
    let talk = desk.model.talk().unwrap();
    assert_eq!((talk.log().len(), talk.scroll), (100, before));
    // New messages do not move what is being read, and are not taken for read.
    desk.from_bob(101, "new");
    assert_eq!(
        (desk.model.talk().unwrap().scroll, desk.model.book.unread()),
        (before, 1)
    );
    desk.press(Key::Escape);
    assert_eq!(desk.model.book.unread(), 0);
}

#[test]
fn edits_and_deletions_take_effect_when_they_are_answered() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob helo");
    let serial = desk.sends()[0].0;
    desk.input(Input::Sent {
        serial,
        message_id: "m1".into(),
    });
    desk.line("/edit hello");
    assert!(
        desk.model
            .notice()
            .unwrap()
            .starts_with("there is no message")
    );
    desk.accept("m1", 1);
    desk.line("/edit");
    assert_eq!(desk.model.editor.text(), "helo");
    desk.line("!");
    let Some(Effect::Ask(
        ask,
        Command::EditMessage {
            seq: 1, message, ..
        },
    )) = desk.effects.pop()
    else {
        panic!("no edit");
    };
    assert_eq!(message, "helo!");
    let time = "2026-11-22T10:42:00.000Z".to_string();
    desk.input(Input::Answer(ask, Ok(Answer::Edited { time })));
    let body = |desk: &Desk| desk.model.talk().unwrap().log()[0].body.clone();
    assert_eq!(body(&desk), Body::Text("helo!".into()));
    desk.line("/delete");
    let Some(Effect::Ask(ask, Command::DeleteMessage { for_both: true, .. })) = desk.effects.pop()
    else {
        panic!("no deletion");
    };
    desk.input(Input::Answer(ask, Ok(Answer::Ok)));
    assert_eq!(
        body(&desk),
        Body::Hole {
            why: "deleted".into(),
            to_seq: None
        }
    );
}

#[test]
fn what_changes_elsewhere_changes_here() {
    let mut desk = Desk::mailbox();
    desk.from_bob(1, "one");
    desk.from_bob(2, "two");
    desk.server(r#"{"type":"messageChanged","withUsername":"Bob","seq":1,"message":"ONE","time":"2026-11-22T10:42:00.000Z","pos":3}"#);
    desk.server(r#"{"type":"messageChanged","withUsername":"Bob","seq":2,"removed":"deleted","time":"2026-11-22T10:42:00.000Z","pos":4}"#);
    assert_eq!(desk.model.book.unread(), 1);
    desk.server(r#"{"type":"readElsewhere","withUsername":"Bob","seq":2,"pos":5}"#);
    assert_eq!(desk.model.book.unread(), 0);
    desk.server(r#"{"type":"privateMessage","from":"Alice","to":"Bob","message":"from my phone","time":"2026-11-22T10:43:00.000Z","seq":3,"pos":6,"messageId":"p1"}"#);
    desk.press(Key::Alt('1'));
    assert_eq!(desk.marks(), [Mark::None, Mark::None, Mark::Accepted]);
    assert!(desk.model.talk().unwrap().log()[0].edited);
}

#[test]
fn a_gap_is_asked_for_when_it_stays() {
    let mut desk = Desk::mailbox();
    desk.from_bob(1, "one");
    desk.press(Key::Alt('1'));
    desk.history(1..=1, true);
    desk.effects.clear();
    desk.from_bob(3, "three");
    desk.asked();
    assert_eq!(desk.model.sleep(), Some(GAP_MS));
    desk.wait(GAP_MS);
    let before = Some(3);
    let asked = desk.asked();
    assert!(matches!(&asked[..], [Command::History { before: asked, .. }] if *asked == before));
    desk.wait(GAP_MS);
    assert_eq!(desk.asked(), []);
}

#[test]
fn typing_is_told_now_and_then_and_only_to_who_is_there() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob");
    desk.effects.clear();
    let press = |desk: &mut Desk, c| {
        desk.press(Key::Char(c));
        desk.asked().len()
    };
    assert_eq!(press(&mut desk, 'a'), 0);
    desk.server(r#"{"type":"presence","username":"Bob","status":"online","since":"2026-11-22T10:42:00.000Z"}"#);
    assert_eq!((press(&mut desk, 'b'), press(&mut desk, 'c')), (1, 0));
    desk.wait(TELL_TYPING_MS);
    assert_eq!(press(&mut desk, 'd'), 1);
    desk.server(r#"{"type":"typing","from":"Bob"}"#);
    assert!(desk.model.is_typing(desk.model.talk().unwrap()));
    desk.wait(TYPING_MS);
    assert!(!desk.model.is_typing(desk.model.talk().unwrap()));
    desk.press(Key::Ctrl('u'));
    assert_eq!(press(&mut desk, '/'), 0);
}

#[test]
fn open_mode_has_no_commands_that_it_could_not_do() {
    let mut desk = Desk::new(80, 24);
    desk.line("/edit");
    assert_eq!(desk.model.notice(), Some("not connected yet"));
    desk.connect("open");
    for line in ["/edit", "/delete", "/block Bob", "/receipts on"] {
        desk.line(line);
        assert!(
            desk.model
                .notice()
                .unwrap()
                .starts_with("this server stores nothing")
        );
    }
    desk.server(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"2026-11-22T10:40:07.412Z"}"#);
    assert_eq!(desk.model.book.unread(), 1);
    desk.press(Key::Next);
    desk.press(Key::PageUp);
    assert_eq!(desk.model.book.unread(), 0);
    let asked = desk.asked();
    assert!(
        asked
            .iter()
            .all(|command| matches!(command, Command::Watch { .. })),
        "{asked:?}"
    );
    desk.line("/msg Alice");
    desk.line("to myself");
    desk.server(r#"{"type":"privateMessage","from":"Alice","message":"to myself","time":"2026-11-22T10:41:07.412Z"}"#);
    assert_eq!(desk.model.talk().unwrap().log().len(), 1);
    assert_eq!(desk.model.book.unread(), 0);
}

#[test]
fn nobody_leaves_with_unsent_messages_by_mistake() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob one");
    let serial = desk.sends()[0].0;
    desk.input(Input::Sent {
        serial,
        message_id: "m1".into(),
    });
    desk.press(Key::Ctrl('d'));
    assert!(!desk.effects.contains(&Effect::Quit));
    assert!(desk.model.notice().unwrap().contains("once more"));
    desk.accept("m1", 1);
    assert_eq!(desk.model.notice(), None);
    desk.line("two");
    desk.press(Key::Ctrl('d'));
    desk.line("/quit");
    assert!(desk.effects.contains(&Effect::Quit));
}

#[test]
fn last_seen_is_said_only_of_who_was_seen() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob");
    let presence = |desk: &mut Desk, status: &str, since: &str| {
        desk.server(&format!(
            r#"{{"type":"presence","username":"Bob","status":"{status}","since":"{since}"}}"#
        ));
        let talk = desk.model.talk().unwrap();
        talk.presence.as_ref().unwrap().since.is_some()
    };
    // The moment in which it was asked for.
    assert!(!presence(&mut desk, "offline", "2026-11-22T12:00:00.000Z"));
    assert!(presence(&mut desk, "online", "2026-11-22T12:00:00.000Z"));
    assert!(presence(&mut desk, "offline", "2026-11-22T12:00:00.000Z"));
}

#[test]
fn tab_goes_through_what_fits() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob");
    desk.line("/msg Bernd");
    let typed = |desk: &mut Desk, text: &str| {
        desk.input(Input::Key(Key::Ctrl('u')));
        text.chars().for_each(|c| desk.press(Key::Char(c)));
    };
    typed(&mut desk, "/q");
    desk.press(Key::Tab);
    assert_eq!(desk.model.editor.text(), "/quit ");
    typed(&mut desk, "/msg b");
    let mut seen = Vec::new();
    for key in [Key::Tab, Key::Tab, Key::Tab, Key::BackTab] {
        desk.press(key);
        seen.push(desk.model.editor.text().to_string());
    }
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[1], seen[3]);
    assert_ne!(seen[0], seen[1]);
    typed(&mut desk, "zzz");
    desk.press(Key::Tab);
    assert_eq!(desk.model.editor.text(), "zzz");
}

#[test]
fn what_is_typed_belongs_to_its_conversation() {
    let mut desk = Desk::mailbox();
    desk.line("/msg Bob");
    "draft".chars().for_each(|c| desk.press(Key::Char(c)));
    desk.press(Key::Next);
    desk.input(Input::Key(Key::Ctrl('u')));
    desk.line("/msg Carol");
    assert_eq!(desk.model.editor.text(), "");
    desk.press(Key::Ctrl('d'));
    assert_eq!(desk.effects.last(), Some(&Effect::Quit));
}
