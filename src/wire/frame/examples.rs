//! The commands of each mode, each with a line that can be pasted. Knows no frame.

use crate::wire::code::{Mode, Verb};

pub fn examples(mode: Mode) -> impl Iterator<Item = (Verb, &'static str)> {
    let (register, has_accounts) = match mode {
        Mode::Open => (REGISTER, false),
        Mode::Mailbox => (REGISTER_PROVED, true),
    };
    let others = OTHERS.iter().copied();
    let there = move |(verb, _): &(Verb, &str)| has_accounts || *verb != Verb::Account;
    std::iter::once((Verb::Register, register)).chain(others.filter(there))
}

const REGISTER: &str = r#"{"type":"register","username":"Alice"}"#;
const REGISTER_PROVED: &str =
    r#"{"type":"register","username":"Alice","password":"correct horse"}"#;

const OTHERS: &[(Verb, &str)] = &[
    (
        Verb::PrivateMessage,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"hello"}"#,
    ),
    (Verb::Typing, r#"{"type":"typing","toUsername":"Bob"}"#),
    (Verb::Watch, r#"{"type":"watch","usernames":["Bob"]}"#),
    (Verb::Unwatch, r#"{"type":"unwatch","usernames":["Bob"]}"#),
    (Verb::SetStatus, r#"{"type":"setStatus","status":"away"}"#),
    (Verb::Account, r#"{"type":"account","action":"devices"}"#),
    (Verb::Ping, r#"{"type":"ping","id":1}"#),
    (Verb::Pong, r#"{"type":"pong"}"#),
    (Verb::Help, r#"{"type":"help"}"#),
    (Verb::Bye, r#"{"type":"bye"}"#),
];
