//! The commands of each mode, each with a line that can be pasted. Knows no frame.

use crate::wire::code::{Mode, Verb};

pub fn examples(mode: Mode) -> &'static [(Verb, &'static str)] {
    match mode {
        Mode::Open => EXAMPLES,
        Mode::Mailbox => MAILBOX_EXAMPLES,
    }
}

pub const EXAMPLES: &[(Verb, &str)] = &[
    (Verb::Register, r#"{"type":"register","username":"Alice"}"#),
    (
        Verb::PrivateMessage,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"hello"}"#,
    ),
    (Verb::Typing, r#"{"type":"typing","toUsername":"Bob"}"#),
    (Verb::Watch, r#"{"type":"watch","usernames":["Bob"]}"#),
    (Verb::Unwatch, r#"{"type":"unwatch","usernames":["Bob"]}"#),
    (Verb::SetStatus, r#"{"type":"setStatus","status":"away"}"#),
    (Verb::Ping, r#"{"type":"ping","id":1}"#),
    (Verb::Pong, r#"{"type":"pong"}"#),
    (Verb::Help, r#"{"type":"help"}"#),
    (Verb::Bye, r#"{"type":"bye"}"#),
];

pub const MAILBOX_EXAMPLES: &[(Verb, &str)] = &[
    (
        Verb::Register,
        r#"{"type":"register","username":"Alice","password":"correct horse"}"#,
    ),
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
