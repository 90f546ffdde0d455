//! The session played line by line: a whole server is not needed to see what it says.

mod opening;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::client::event::{Connected, Lost};

const HELLO: &str = r#"{"type":"hello","server":"privmsgd","version":"0.1.0","protocol":1,"mode":"mailbox","serverName":"localhost","auth":["password","publicKey","resumeToken"],"nonce":"AwMDAwMDAwMDAwMDAwMDAw","tls":false,"durability":"fsync","limits":{"maxLineBytes":65536,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024},"later":{"x":1}}"#;
const OPEN: &str = r#"{"type":"hello","server":"privmsgd","version":"0.1.0","protocol":1,"mode":"open","serverName":"localhost","auth":[],"tls":false,"durability":"memory","limits":{"maxLineBytes":100,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024}}"#;

struct Play {
    session: Session,
    now: Instant,
}

impl Play {
    fn with(credential: Credential, cursor: Option<Cursor>, token: Option<&str>) -> Play {
        let who = Who {
            name: "Alice".into(),
            device: "laptop".into(),
            credential,
            server_name: "localhost".into(),
            purpose: Purpose::Receive,
            confidential: true,
        };
        Play {
            session: Session::new(who, cursor, token.map(str::to_owned)),
            now: Instant::now(),
        }
    }

    /// Registered on the first connection, where nothing is known of a mailbox.
    fn registered() -> Play {
        let mut play = Play::with(Credential::password("pw"), None, None);
        play.connect(0);
        play
    }

    /// A connection on which the server's cursor is `acked`.
    fn connect(&mut self, acked: u64) -> Value {
        self.session.connected();
        self.line(HELLO);
        let sent = self.sent();
        self.line(&format!(
            r#"{{"type":"registered","username":"Alice","resumeToken":"t","device":"laptop","epoch":5,"pos":9,"ackedPos":{acked}}}"#
        ));
        assert!(matches!(self.event(), Some(Event::Connected(_))));
        serde_json::from_str(&sent).unwrap()
    }

    fn line(&mut self, line: &str) -> Next {
        self.session.line(line, self.now)
    }

    fn lose(&mut self) {
        self.session.disconnected("cut", Duration::ZERO);
    }

    /// What is to be written now.
    fn sent(&mut self) -> String {
        self.session.pump(self.now);
        String::from_utf8(std::mem::take(self.session.output())).unwrap()
    }

    /// The next event but for those about the connection.
    fn event(&mut self) -> Option<Event> {
        self.session.settle();
        self.session.next_event()
    }

    fn texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(event) = self.event() {
            if let Event::Message(message) = event {
                texts.push(message.body.text().into_owned());
            }
        }
        texts
    }
}

fn message(pos: u64) -> String {
    format!(
        r#"{{"type":"privateMessage","from":"Bob","message":"m{pos}","time":"t","seq":{pos},"pos":{pos}}}"#
    )
}

fn ids(sent: &str) -> Vec<(u64, String)> {
    let lines = sent
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let messages = lines.filter(|line| line["type"] == "privateMessage");
    messages
        .map(|line| {
            (
                line["id"].as_u64().unwrap(),
                line["messageId"].as_str().unwrap().into(),
            )
        })
        .collect()
}

#[test]
fn what_was_not_answered_is_sent_again_under_the_same_id_and_in_order() {
    let mut play = Play::registered();
    for text in ["one", "two", "three"] {
        play.session.send("Bob", text.into(), None).unwrap();
    }
    let first = ids(&play.sent());
    assert_eq!(first.len(), 3);
    assert_eq!(play.sent(), "");
    let (id, message_id) = first[1].clone();
    play.line(&format!(
        r#"{{"type":"accepted","id":{id},"messageId":"{message_id}","toUsername":"Bob","seq":2,"time":"t"}}"#
    ));
    assert!(matches!(
        play.event(),
        Some(Event::Accepted { seq: Some(2), .. })
    ));
    play.lose();
    assert_eq!(play.sent(), "");
    play.event();
    play.connect(0);
    assert_eq!(ids(&play.sent()), [first[0].clone(), first[2].clone()]);
}

#[test]
fn a_refusal_that_passes_is_tried_again_later_and_another_is_told() {
    let mut play = Play::registered();
    play.session.send("Bob", "one".into(), None).unwrap();
    play.session.send("Bob", "two".into(), None).unwrap();
    let sent = ids(&play.sent());
    let refuse = |play: &mut Play, id: u64, code: &str| {
        play.line(&format!(
            r#"{{"type":"errorMessage","id":{id},"command":"privateMessage","code":"{code}","message":"no","retryable":true,"retryAfterMs":700}}"#
        ));
    };
    refuse(&mut play, sent[0].0, "mailboxFull");
    assert!(matches!(play.event(), Some(Event::Delayed { .. })));
    assert_eq!(play.sent(), "");
    assert!(play.session.due().is_some());
    play.now += Duration::from_millis(701);
    assert_eq!(ids(&play.sent()), [sent[0].clone()]);
    refuse(&mut play, sent[1].0, "unknownUser");
    assert!(matches!(play.event(), Some(Event::Refused { .. })));
    play.lose();
    play.event();
    play.connect(0);
    assert_eq!(ids(&play.sent()), [sent[0].clone()]);
}

#[test]
fn what_came_is_given_out_once_and_acknowledged_when_it_is_dealt_with() {
    let mut play = Play::registered();
    for pos in 1..=3 {
        play.line(&message(pos));
    }
    assert_eq!(play.sent(), "", "nothing was dealt with");
    play.event();
    assert_eq!(play.sent(), "", "the first is still being dealt with");
    play.event();
    assert_eq!(play.sent(), "{\"type\":\"ack\",\"pos\":1}\n");
    // The third waits, the second is in the caller's hands.
    play.lose();
    let register = play.connect_quietly(1);
    assert_eq!(
        (register["after"].as_u64(), register["epoch"].as_u64()),
        (Some(1), Some(5))
    );
    for pos in 2..=4 {
        play.line(&message(pos));
    }
    assert_eq!(play.texts(), ["m3", "m4"]);
    assert_eq!(play.sent(), "{\"type\":\"ack\",\"pos\":4}\n");
}

impl Play {
    /// The same without taking an event.
    fn connect_quietly(&mut self, acked: u64) -> Value {
        self.session.connected();
        self.line(HELLO);
        let sent = self.sent();
        self.line(&format!(
            r#"{{"type":"registered","username":"Alice","resumeToken":"t","device":"laptop","epoch":5,"pos":9,"ackedPos":{acked},"resumed":true}}"#
        ));
        serde_json::from_str(&sent).unwrap()
    }
}

#[test]
fn nothing_is_acknowledged_that_this_connection_did_not_bring() {
    let mut play = Play::registered();
    play.line(&message(1));
    play.line(&message(2));
    play.lose();
    play.connect_quietly(0);
    assert_eq!(play.texts(), ["m1", "m2"]);
    play.event();
    assert_eq!(play.sent(), "", "both were dealt with, none came here");
    play.line(&message(1));
    assert_eq!(play.sent(), "{\"type\":\"ack\",\"pos\":1}\n");
    play.line(&message(2));
    play.line(r#"{"type":"synced","pos":2}"#);
    assert_eq!(play.sent(), "{\"type\":\"ack\",\"pos\":2}\n");
    assert_eq!(play.texts(), [""; 0]);
}

/// After a power cut the file here may be older than what the server was told.
#[test]
fn what_was_acknowledged_once_is_not_shown_again() {
    let cursor = Cursor { epoch: 5, pos: 2 };
    let mut play = Play::with(Credential::password("pw"), Some(cursor), None);
    assert_eq!(play.connect(4)["after"].as_u64(), Some(2));
    for pos in 3..=5 {
        play.line(&message(pos));
    }
    assert_eq!(play.texts(), ["m5"]);
    play.event();
    assert_eq!(play.sent(), "{\"type\":\"ack\",\"pos\":5}\n");
}

#[test]
fn a_restored_store_begins_anew_and_says_so() {
    let cursor = Cursor { epoch: 4, pos: 77 };
    let mut play = Play::with(Credential::password("pw"), Some(cursor), None);
    play.session.connected();
    play.line(HELLO);
    assert!(play.sent().contains("\"after\":77,\"epoch\":4"));
    play.line(r#"{"type":"registered","username":"Alice","resumeToken":"t","device":"laptop","epoch":5,"pos":9,"ackedPos":3,"resumed":false}"#);
    let restored = matches!(
        play.event(),
        Some(Event::Connected(Connected { restored: true, .. }))
    );
    assert!(restored);
    play.line(&message(4));
    assert_eq!(play.texts(), ["m4"]);
    assert_eq!(play.session.settle(), None);
}

#[test]
fn every_question_has_one_answer_after_a_lost_connection_too() {
    let mut play = Play::registered();
    let history = |play: &mut Play| {
        play.session.request(Command::History {
            with_username: "Bob".into(),
            before: None,
            after: None,
            limit: 2,
        })
    };
    let first = history(&mut play);
    assert_eq!(
        play.sent(),
        format!(
            "{{\"type\":\"history\",\"withUsername\":\"Bob\",\"limit\":2,\"id\":{}}}\n",
            first.0
        )
    );
    play.line(&format!(
        r#"{{"type":"privateMessage","from":"Bob","message":{{"a": 1}},"time":"t","to":"Alice","seq":1,"replay":true,"id":{}}}"#,
        first.0
    ));
    play.line(&format!(
        r#"{{"type":"done","id":{},"command":"history","count":1,"complete":true}}"#,
        first.0
    ));
    match play.event() {
        Some(Event::Answer {
            id,
            answer:
                Ok(Answer::History {
                    messages,
                    complete: true,
                }),
        }) => {
            assert_eq!(
                (id, messages[0].body.text().as_ref()),
                (first, r#"{"a": 1}"#)
            );
        }
        other => panic!("{other:?}"),
    }
    let asked = history(&mut play);
    play.sent();
    let unasked = history(&mut play);
    play.lose();
    let answer = play.session.take_answer(asked);
    assert_eq!(
        answer.map(|answer| answer.err()),
        Some(Some(Lost::Disconnected))
    );
    play.event();
    play.connect(0);
    assert!(play.sent().contains(&format!("\"id\":{}", unasked.0)));
}

#[test]
fn in_open_mode_a_message_that_is_sent_again_is_shown_once() {
    let mut play = Play::with(Credential::None, None, None);
    play.session.connected();
    play.line(OPEN);
    let sent = play.sent();
    assert!(
        !sent.contains("after") && !sent.contains("password"),
        "{sent}"
    );
    play.line(r#"{"type":"registered","username":"Alice","resumeToken":"t"}"#);
    for (id, text) in [("a", "hi"), ("a", "hi"), ("b", "hi"), ("a", "other")] {
        play.line(&format!(
            r#"{{"type":"privateMessage","from":"Bob","message":"{text}","time":"t","messageId":"{id}"}}"#
        ));
    }
    play.line(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"t"}"#);
    play.line(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"t"}"#);
    assert_eq!(play.texts(), ["hi", "hi", "other", "hi", "hi"]);
    let text = "x".repeat(100);
    play.session.send("Bob", text.into(), None).unwrap();
    assert_eq!(play.sent(), "");
    assert!(matches!(play.event(), Some(Event::Refused { .. })));
    assert!(play.session.is_idle());
}

#[test]
fn names_are_watched_again_and_what_is_not_known_is_passed_over() {
    let mut play = Play::registered();
    play.session.request(Command::Watch {
        usernames: vec!["Bob".into(), "Carol".into()],
    });
    play.session.request(Command::Unwatch {
        usernames: vec!["Carol".into()],
    });
    play.sent();
    for line in [
        r#"{"type":"later","x":1}"#,
        "{}",
        "nonsense",
        r#"{"type":"receipt"}"#,
    ] {
        assert_eq!(play.line(line), Next::Go);
    }
    play.line(r#"{"type":"ping","time":"t"}"#);
    assert_eq!(play.sent(), "{\"type\":\"pong\"}\n");
    play.lose();
    while play.event().is_some() {}
    play.connect(0);
    assert!(
        play.sent()
            .contains(r#"{"type":"watch","usernames":["Bob"],"#)
    );
}

/// Over a link that dies soon, all at once would never be answered.
#[test]
fn few_are_sent_at_first_and_more_with_each_answer() {
    let mut play = Play::registered();
    for number in 0..100 {
        play.session.send("Bob", number.into(), None).unwrap();
    }
    let first = ids(&play.sent());
    assert_eq!(first.len(), 4);
    for (id, message_id) in &first {
        play.line(&format!(
            r#"{{"type":"accepted","id":{id},"messageId":"{message_id}","toUsername":"Bob","seq":1,"time":"t"}}"#
        ));
    }
    assert_eq!(ids(&play.sent()).len(), 8);
    play.lose();
    while play.event().is_some() {}
    play.connect(0);
    assert_eq!(ids(&play.sent()).len(), 4);
}
