//! The commands of each mode, each with a line that can be pasted. Knows no frame.

use crate::wire::code::{Mode, Verb};

pub fn examples(mode: Mode) -> impl Iterator<Item = (Verb, &'static str)> {
    let (register, of_mailboxes) = match mode {
        Mode::Open => (REGISTER, [].as_slice()),
        Mode::Mailbox => (REGISTER_PROVED, OF_MAILBOXES),
    };
    std::iter::once((Verb::Register, register))
        .chain(MESSAGES.iter().copied())
        .chain(of_mailboxes.iter().copied())
        .chain(ALWAYS.iter().copied())
}

const REGISTER: &str = r#"{"type":"register","username":"Alice"}"#;
const REGISTER_PROVED: &str =
    r#"{"type":"register","username":"Alice","password":"correct horse"}"#;

const MESSAGES: &[(Verb, &str)] = &[
    (
        Verb::PrivateMessage,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"hello"}"#,
    ),
    (Verb::Typing, r#"{"type":"typing","toUsername":"Bob"}"#),
    (Verb::Watch, r#"{"type":"watch","usernames":["Bob"]}"#),
    (Verb::Unwatch, r#"{"type":"unwatch","usernames":["Bob"]}"#),
    (Verb::SetStatus, r#"{"type":"setStatus","status":"away"}"#),
];

/// What only mailbox mode has.
const OF_MAILBOXES: &[(Verb, &str)] = &[
    (Verb::Ack, r#"{"type":"ack","pos":1}"#),
    (
        Verb::MarkRead,
        r#"{"type":"markRead","withUsername":"Bob","seq":1}"#,
    ),
    (
        Verb::History,
        r#"{"type":"history","withUsername":"Bob","limit":10}"#,
    ),
    (
        Verb::Conversations,
        r#"{"type":"conversations","limit":10}"#,
    ),
    (
        Verb::EditMessage,
        r#"{"type":"editMessage","withUsername":"Bob","seq":1,"message":"hello again"}"#,
    ),
    (
        Verb::DeleteMessage,
        r#"{"type":"deleteMessage","withUsername":"Bob","seq":1,"forBoth":true}"#,
    ),
    (Verb::Block, r#"{"type":"block","username":"Bob"}"#),
    (Verb::Unblock, r#"{"type":"unblock","username":"Bob"}"#),
    (Verb::Allow, r#"{"type":"allow","username":"Bob"}"#),
    (Verb::Disallow, r#"{"type":"disallow","username":"Bob"}"#),
    (
        Verb::Settings,
        r#"{"type":"settings","acceptFrom":"known"}"#,
    ),
    (Verb::Account, r#"{"type":"account","action":"devices"}"#),
];

const ALWAYS: &[(Verb, &str)] = &[
    (Verb::Ping, r#"{"type":"ping","id":1}"#),
    (Verb::Pong, r#"{"type":"pong"}"#),
    (Verb::Help, r#"{"type":"help"}"#),
    (Verb::Bye, r#"{"type":"bye"}"#),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::command::{Command, decode_in};

    #[test]
    fn every_example_is_a_command_of_its_mode() {
        for mode in [Mode::Open, Mode::Mailbox] {
            for (verb, line) in examples(mode) {
                let command = decode_in(mode, line.as_bytes()).unwrap().command;
                assert_eq!(command.verb(), verb, "{line}");
                assert_ne!(command, Command::Mailbox(verb), "{line}");
            }
        }
    }

    #[test]
    fn each_mode_lists_what_it_has_and_nothing_else() {
        let listed = |mode| examples(mode).map(|(verb, _)| verb).collect::<Vec<_>>();
        let has = |mode, verb: Verb| {
            let line = format!(r#"{{"type":"{}"}}"#, verb.as_str());
            let answer = decode_in(mode, line.as_bytes()).map(|request| request.command);
            answer != Ok(Command::Mailbox(verb))
        };
        for mode in [Mode::Open, Mode::Mailbox] {
            for verb in Verb::ALL {
                let times = listed(mode).iter().filter(|known| *known == verb).count();
                assert_eq!(times, usize::from(has(mode, *verb)), "{mode:?} {verb:?}");
            }
        }
    }
}
