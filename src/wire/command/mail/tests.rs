//! Every command of a mailbox, with each of its fields missing, of a wrong type and out of range.

use super::super::{Request, decode_cold_in, decode_in};
use super::*;
use crate::wire::code::{Code, Mode};

fn command(line: &str) -> Result<Command<'_>, (Code, Option<&'static str>)> {
    let answer = decode_in(Mode::Mailbox, line.as_bytes());
    assert_eq!(answer, decode_cold_in(Mode::Mailbox, line.as_bytes()));
    match answer {
        Ok(Request { command, .. }) => Ok(command),
        Err(refusal) => {
            assert!(refusal.message.len() <= 200, "{}", refusal.message);
            Err((refusal.code, refusal.field))
        }
    }
}

fn mail_of(line: &str) -> Mail<'_> {
    match command(line) {
        Ok(Command::Mail(mail)) => *mail,
        other => panic!("{line}: {other:?}"),
    }
}

fn bob() -> Name<'static> {
    Name::parse("Bob").unwrap().into_owned()
}

/// What a field may not be, and how that is answered.
type Wrong = (&'static str, &'static [(&'static str, Code)]);

const NO_NUMBER: [(&str, Code); 5] = [
    (r#""7""#, Code::BadType),
    ("null", Code::BadType),
    ("1.5", Code::BadType),
    ("1e3", Code::BadType),
    ("9007199254740992", Code::BadValue),
];
const NO_SEQ: &[(&str, Code)] = &with_edge(("0", Code::BadValue), ("-1", Code::BadValue));
const NO_POS: &[(&str, Code)] = &with_edge(("-1", Code::BadValue), ("[0]", Code::BadType));
const NO_LIMIT: &[(&str, Code)] = &with_edge(("0", Code::BadValue), ("501", Code::BadValue));
const NO_NAME: &[(&str, Code)] = &[
    ("7", Code::BadType),
    ("null", Code::BadType),
    (r#"["Bob"]"#, Code::BadType),
    (r#""""#, Code::InvalidName),
    (r#""no one""#, Code::InvalidName),
    (r#""server""#, Code::InvalidName),
];
const NO_FLAG: &[(&str, Code)] = &[
    ("1", Code::BadType),
    ("null", Code::BadType),
    (r#""true""#, Code::BadType),
];
const NO_PEOPLE: &[(&str, Code)] = &[
    ("true", Code::BadType),
    ("null", Code::BadType),
    (r#""""#, Code::BadValue),
    (r#""Anyone""#, Code::BadValue),
];

const fn with_edge(
    below: (&'static str, Code),
    above: (&'static str, Code),
) -> [(&'static str, Code); 7] {
    let [a, b, c, d, e] = NO_NUMBER;
    [a, b, c, d, e, below, above]
}

type Good = (&'static str, &'static str);

/// Type, fields that must be there with a good value, and what none of the fields may be.
const COMMANDS: &[(&str, &[Good], &[Wrong])] = &[
    ("ack", &[("pos", "0")], &[("pos", NO_POS)]),
    (
        "markRead",
        &[("withUsername", r#""Bob""#), ("seq", "1")],
        &[
            ("withUsername", NO_NAME),
            ("seq", NO_SEQ),
            ("private", NO_FLAG),
        ],
    ),
    (
        "history",
        &[("withUsername", r#""Bob""#)],
        &[
            ("withUsername", NO_NAME),
            ("before", NO_SEQ),
            ("after", NO_POS),
            ("limit", NO_LIMIT),
        ],
    ),
    (
        "conversations",
        &[],
        &[("before", NO_NAME), ("limit", NO_LIMIT)],
    ),
    (
        "editMessage",
        &[
            ("withUsername", r#""Bob""#),
            ("seq", "1"),
            ("message", "null"),
        ],
        &[("withUsername", NO_NAME), ("seq", NO_SEQ)],
    ),
    (
        "deleteMessage",
        &[("withUsername", r#""Bob""#), ("seq", "1")],
        &[
            ("withUsername", NO_NAME),
            ("seq", NO_SEQ),
            ("forBoth", NO_FLAG),
        ],
    ),
    (
        "block",
        &[("username", r#""Bob""#)],
        &[("username", NO_NAME)],
    ),
    (
        "unblock",
        &[("username", r#""Bob""#)],
        &[("username", NO_NAME)],
    ),
    (
        "allow",
        &[("username", r#""Bob""#)],
        &[("username", NO_NAME)],
    ),
    (
        "disallow",
        &[("username", r#""Bob""#)],
        &[("username", NO_NAME)],
    ),
    (
        "settings",
        &[],
        &[
            ("acceptFrom", NO_PEOPLE),
            ("deliveryReceipts", NO_FLAG),
            ("readReceipts", NO_FLAG),
        ],
    ),
];

fn line(kind: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(key, value)| format!(r#","{key}":{value}"#));
    format!(r#"{{"type":"{kind}"{}}}"#, fields.collect::<String>())
}

#[test]
fn every_mailbox_command_is_in_the_table() {
    for verb in Verb::ALL {
        let listed = COMMANDS.iter().any(|(kind, ..)| *kind == verb.as_str());
        assert_eq!(listed, is_mail(*verb) || *verb == Verb::Ack, "{verb:?}");
    }
}

#[test]
fn a_command_with_all_it_needs_is_read() {
    for (kind, needed, _) in COMMANDS {
        let line = line(kind, needed);
        let read = command(&line).unwrap_or_else(|why| panic!("{line}: {why:?}"));
        assert_eq!(read.verb().as_str(), *kind);
    }
}

#[test]
fn a_field_that_is_missing_is_named() {
    for (kind, needed, _) in COMMANDS {
        for (missing, _) in *needed {
            let others: Vec<_> = needed
                .iter()
                .copied()
                .filter(|(key, _)| key != missing)
                .collect();
            let line = line(kind, &others);
            let (code, field) = command(&line).unwrap_err();
            assert_eq!(
                (code, field),
                (Code::MissingField, Some(*missing)),
                "{line}"
            );
        }
    }
}

#[test]
fn a_field_of_a_wrong_type_or_out_of_range_is_named() {
    for (kind, needed, wrong) in COMMANDS {
        for (field, values) in *wrong {
            for (value, code) in *values {
                let others = needed.iter().copied().filter(|(key, _)| key != field);
                let fields: Vec<_> = others.chain([(*field, *value)]).collect();
                let line = line(kind, &fields);
                assert_eq!(command(&line), Err((*code, Some(*field))), "{line}");
            }
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_named() {
    for (kind, needed, wrong) in COMMANDS {
        for field in needed
            .iter()
            .map(|(key, _)| key)
            .chain(wrong.iter().map(|(key, _)| key))
        {
            let line = line(kind, &[(field, "1"), (field, "1")]);
            assert_eq!(
                command(&line),
                Err((Code::DuplicateKey, Some(*field))),
                "{line}"
            );
        }
    }
}

#[test]
fn open_mode_looks_into_none_of_them() {
    for (kind, ..) in COMMANDS {
        let line = format!(r#"{{"type":"{kind}","pos":"x","withUsername":7,"id":1}}"#);
        let read = decode_in(Mode::Open, line.as_bytes()).unwrap().command;
        assert_eq!(read, Command::Mailbox(Verb::parse(kind).unwrap()));
    }
}

#[test]
fn what_was_written_is_what_is_read() {
    let cases = [
        (
            r#"{"type":"markRead","withUsername":"B\u006fb","seq":9007199254740991,"private":true}"#,
            Mail::MarkRead {
                with: bob(),
                seq: (1 << 53) - 1,
                private: true,
            },
        ),
        (
            r#"{"type":"markRead","withUsername":"Bob","seq":7}"#,
            Mail::MarkRead {
                with: bob(),
                seq: 7,
                private: false,
            },
        ),
        (
            r#"{"type":"history","withUsername":"Bob"}"#,
            Mail::History {
                with: bob(),
                page: Page::Before(None),
                limit: 50,
            },
        ),
        (
            r#"{"type":"history","withUsername":"Bob","before":1,"limit":1}"#,
            Mail::History {
                with: bob(),
                page: Page::Before(Some(1)),
                limit: 1,
            },
        ),
        (
            r#"{"type":"history","withUsername":"Bob","after":0,"limit":500}"#,
            Mail::History {
                with: bob(),
                page: Page::After(0),
                limit: 500,
            },
        ),
        (
            r#"{"type":"conversations"}"#,
            Mail::Conversations {
                before: None,
                limit: 50,
            },
        ),
    ];
    for (line, mail) in cases {
        assert_eq!(mail_of(line), mail, "{line}");
    }
}

#[test]
fn what_changes_something_is_what_is_read() {
    let cases = [
        (
            r#"{"type":"conversations","before":"Bob","limit":500}"#,
            Mail::Conversations {
                before: Some(bob()),
                limit: 500,
            },
        ),
        (
            r#"{"type":"editMessage","withUsername":"Bob","seq":2,"message": {"a" : 1} }"#,
            Mail::Edit {
                with: bob(),
                seq: 2,
                message: super::super::Raw(br#"{"a" : 1}"#),
            },
        ),
        (
            r#"{"type":"deleteMessage","withUsername":"Bob","seq":2,"forBoth":true}"#,
            Mail::Delete {
                with: bob(),
                seq: 2,
                for_both: true,
            },
        ),
        (
            r#"{"type":"deleteMessage","withUsername":"Bob","seq":2}"#,
            Mail::Delete {
                with: bob(),
                seq: 2,
                for_both: false,
            },
        ),
        (
            r#"{"type":"settings","acceptFrom":"allowed","readReceipts":true}"#,
            Mail::Settings {
                accept_from: Some(AcceptFrom::Allowed),
                delivery_receipts: None,
                read_receipts: Some(true),
            },
        ),
        (
            r#"{"type":"settings"}"#,
            Mail::Settings {
                accept_from: None,
                delivery_receipts: None,
                read_receipts: None,
            },
        ),
    ];
    for (line, mail) in cases {
        assert_eq!(mail_of(line), mail, "{line}");
    }
}

#[test]
fn relations_and_ack_are_read() {
    let with = bob();
    for (word, relation) in [
        ("block", Relation::Block),
        ("unblock", Relation::Unblock),
        ("allow", Relation::Allow),
        ("disallow", Relation::Disallow),
    ] {
        let line = line(word, &[("username", r#""Bob""#)]);
        let relate = Mail::Relate {
            username: with.clone(),
            relation,
        };
        assert_eq!(mail_of(&line), relate);
    }
    assert_eq!(
        command(r#"{"type":"ack","pos":12}"#),
        Ok(Command::Ack { pos: 12 })
    );
}

#[test]
fn a_page_has_one_edge() {
    let line = r#"{"type":"history","withUsername":"Bob","before":9,"after":2}"#;
    assert_eq!(command(line), Err((Code::BadValue, Some("after"))));
}

#[test]
fn a_message_may_expire_within_ten_years() {
    let expires = |value: &str| {
        let line = format!(
            r#"{{"type":"privateMessage","toUsername":"Bob","message":1,"expiresIn":{value}}}"#
        );
        match command(line.leak())? {
            Command::PrivateMessage(message) => Ok(message.expires_in_s),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(expires("1"), Ok(Some(1)));
    assert_eq!(expires("316224000"), Ok(Some(316_224_000)));
    for (value, code) in NO_SEQ.iter().chain(&[("316224001", Code::BadValue)]) {
        assert_eq!(expires(value), Err((*code, Some("expiresIn"))), "{value}");
    }
}
