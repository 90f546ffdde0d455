//! Every frame of a mailbox, each as the whole line: its keys in the order of protocol.md, with all of them and with
//! none that may be missing.

use std::sync::Arc;

use super::*;
use crate::wire::code::{AcceptFrom, Evidence, Removed, Stage};
use crate::wire::name::Name;

/// 2026-11-22T10:40:07.412Z
const TIME: u64 = 1_795_344_007_412;

fn who(name: &str) -> Who {
    Arc::new(Name::parse(name).unwrap().into_owned())
}

fn written(frame: Frame<'_>) -> String {
    let mut out = Vec::new();
    frame.write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    String::from_utf8(out).unwrap()
}

fn plain() -> Message {
    Message {
        from: who("Alice"),
        to: None,
        seq: 7,
        to_seq: None,
        time_unix_ms: TIME,
        body: Arc::from(&br#"{"a" : "b"}"#[..]),
        message_id: None,
        kind: None,
        reply_to: None,
        edited_unix_ms: None,
        expires_unix_ms: None,
        removed: None,
    }
}

fn full() -> Message {
    Message {
        to: Some(who("Zoë")),
        message_id: Some((*br"m\u0031").into()),
        kind: Some((*b"note").into()),
        reply_to: Some(3),
        edited_unix_ms: Some(TIME + 1_000),
        expires_unix_ms: Some(TIME + 60_000),
        ..plain()
    }
}

fn hole() -> Message {
    Message {
        to_seq: Some(9),
        body: Arc::from(&b""[..]),
        removed: Some(Removed::Lost),
        ..plain()
    }
}

fn entry(event: Event, redelivered: bool) -> String {
    written(Frame::Entry(&Entry {
        owner: who("Bob"),
        not_for: Some("phone".into()),
        pos: 41,
        event,
        redelivered,
    }))
}

fn event(message: Message) -> Event {
    Event::Message(Arc::new(message))
}

#[test]
fn a_message_of_the_mailbox() {
    assert_eq!(
        entry(event(plain()), false),
        r#"{"type":"privateMessage","from":"Alice","message":{"a" : "b"},"time":"2026-11-22T10:40:07.412Z","seq":7,"pos":41}"#
    );
    assert_eq!(
        entry(event(full()), true),
        r#"{"type":"privateMessage","from":"Alice","message":{"a" : "b"},"time":"2026-11-22T10:40:07.412Z","to":"Zoë","seq":7,"pos":41,"messageId":"m\u0031","kind":"note","replyTo":3,"editedAt":"2026-11-22T10:40:08.412Z","expiresAt":"2026-11-22T10:41:07.412Z","redelivered":true}"#
    );
}

#[test]
fn a_hole_has_a_message_too_which_is_null() {
    assert_eq!(
        entry(event(hole()), true),
        r#"{"type":"privateMessage","from":"Alice","message":null,"time":"2026-11-22T10:40:07.412Z","seq":7,"toSeq":9,"pos":41,"redelivered":true,"removed":"lost"}"#
    );
    let id = Some(Raw(b"5"));
    let message = &hole();
    assert_eq!(
        written(Frame::Replay { id, message }),
        r#"{"type":"privateMessage","from":"Alice","message":null,"time":"2026-11-22T10:40:07.412Z","seq":7,"toSeq":9,"replay":true,"id":5,"removed":"lost"}"#
    );
}

#[test]
fn a_message_of_a_history_has_no_position() {
    let (id, message) = (Some(Raw(br#""h""#)), &full());
    assert_eq!(
        written(Frame::Replay { id, message }),
        r#"{"type":"privateMessage","from":"Alice","message":{"a" : "b"},"time":"2026-11-22T10:40:07.412Z","to":"Zoë","seq":7,"messageId":"m\u0031","kind":"note","replyTo":3,"editedAt":"2026-11-22T10:40:08.412Z","expiresAt":"2026-11-22T10:41:07.412Z","replay":true,"id":"h"}"#
    );
    let (id, message) = (None, &plain());
    assert_eq!(
        written(Frame::Replay { id, message }),
        r#"{"type":"privateMessage","from":"Alice","message":{"a" : "b"},"time":"2026-11-22T10:40:07.412Z","seq":7,"replay":true}"#
    );
}

#[test]
fn receipts() {
    for (stage, by, words) in [
        (
            Stage::Delivered,
            Evidence::Transport,
            ("delivered", "transport"),
        ),
        (Stage::Read, Evidence::Client, ("read", "client")),
    ] {
        let receipt = Event::Receipt {
            with: who("Bob"),
            stage,
            up_to_seq: 9,
            by,
            time_unix_ms: TIME,
        };
        let (stage, by) = words;
        let line = format!(
            r#"{{"type":"receipt","withUsername":"Bob","stage":"{stage}","upToSeq":9,"by":"{by}","time":"2026-11-22T10:40:07.412Z","pos":41"#
        );
        assert_eq!(entry(receipt.clone(), false), format!("{line}}}"));
        assert_eq!(
            entry(receipt, true),
            format!("{line},\"redelivered\":true}}")
        );
    }
}

#[test]
fn changes() {
    let changed = |change| Event::Changed {
        with: who("Bob"),
        seq: 7,
        change,
        time_unix_ms: TIME,
    };
    assert_eq!(
        entry(changed(Change::Edited(Arc::from(&b"[1, 2]"[..]))), false),
        r#"{"type":"messageChanged","withUsername":"Bob","seq":7,"message":[1, 2],"time":"2026-11-22T10:40:07.412Z","pos":41}"#
    );
    for why in Removed::ALL {
        assert_eq!(
            entry(changed(Change::Removed(*why)), false),
            format!(
                r#"{{"type":"messageChanged","withUsername":"Bob","seq":7,"removed":"{}","time":"2026-11-22T10:40:07.412Z","pos":41}}"#,
                why.as_str()
            )
        );
    }
}

#[test]
fn what_another_device_read_and_that_it_is_new() {
    let read = Event::ReadElsewhere {
        with: who("Bob"),
        seq: 7,
    };
    assert_eq!(
        entry(read, false),
        r#"{"type":"readElsewhere","withUsername":"Bob","seq":7,"pos":41}"#
    );
    let new = Event::NewDevice {
        device: r"a\u0020b".into(),
        time_unix_ms: TIME,
    };
    assert_eq!(
        entry(new, false),
        r#"{"type":"sessionNotice","kind":"newDevice","device":"a\u0020b","time":"2026-11-22T10:40:07.412Z","pos":41}"#
    );
}

#[test]
fn what_was_stored_is_accepted() {
    let mut accepted = Accepted {
        to: who("Bob"),
        message_id: None,
        seq: (1 << 53) - 1,
        time_unix_ms: TIME,
        duplicate: false,
    };
    let line = |id, accepted: &Accepted| written(Frame::Stored { id, accepted });
    assert_eq!(
        line(None, &accepted),
        r#"{"type":"accepted","toUsername":"Bob","seq":9007199254740991,"time":"2026-11-22T10:40:07.412Z"}"#
    );
    accepted.message_id = Some((*b"m").into());
    accepted.duplicate = true;
    assert_eq!(
        line(Some(Raw(b"-1")), &accepted),
        r#"{"type":"accepted","id":-1,"messageId":"m","toUsername":"Bob","seq":9007199254740991,"time":"2026-11-22T10:40:07.412Z","duplicate":true}"#
    );
}

#[test]
fn a_registration_says_where_it_stands_in_its_mailbox() {
    let mut opening = Opening {
        epoch: 5,
        head: 41,
        acked: 12,
        from: 0,
        resumed: None,
    };
    let line = |mail: &Opening| {
        written(Frame::Registered {
            id: None,
            username: "Bob",
            resume_token: Some(1),
            device: Some("phone"),
            mail: Some(mail),
            heartbeat_ms: Some(5_000),
        })
    };
    let start = r#"{"type":"registered","username":"Bob","resumeToken":"00000000000000000000000000000001","device":"phone","epoch":5,"pos":41,"ackedPos":12"#;
    assert_eq!(line(&opening), format!("{start},\"heartbeatMs\":5000}}"));
    opening.resumed = Some(false);
    assert_eq!(
        line(&opening),
        format!("{start},\"resumed\":false,\"heartbeatMs\":5000}}")
    );
}

#[test]
fn the_end_of_what_waited_and_an_exported_line() {
    assert_eq!(
        written(Frame::Synced { pos: 0 }),
        r#"{"type":"synced","pos":0}"#
    );
    assert_eq!(written(Frame::Line(br#"{"x":1}"#)), r#"{"x":1}"#);
}

#[test]
fn a_conversation() {
    let conversation = Conversation {
        with: who("Bob"),
        last_seq: 9,
        last_unix_ms: TIME,
        read_seq: 4,
        their_delivered_seq: 8,
        their_read_seq: 7,
        unread: 2,
    };
    let line = |id| {
        written(Frame::Conversation {
            id,
            conversation: &conversation,
        })
    };
    let rest = r#","withUsername":"Bob","lastSeq":9,"lastTime":"2026-11-22T10:40:07.412Z","readSeq":4,"theirDeliveredSeq":8,"theirReadSeq":7,"unread":2}"#;
    assert_eq!(line(None), format!("{{\"type\":\"conversation\"{rest}"));
    assert_eq!(
        line(Some(Raw(b"3"))),
        format!("{{\"type\":\"conversation\",\"id\":3{rest}")
    );
}

#[test]
fn settings_are_told_whole() {
    for accept_from in AcceptFrom::ALL {
        let settings = Settings {
            accept_from: *accept_from,
            delivery_receipts: true,
            read_receipts: false,
        };
        assert_eq!(
            written(Frame::Settings {
                id: Some(Raw(b"1")),
                settings: &settings
            }),
            format!(
                r#"{{"type":"ok","id":1,"command":"settings","acceptFrom":"{}","deliveryReceipts":true,"readReceipts":false}}"#,
                accept_from.as_str()
            )
        );
    }
}
