//! Lines read by either decoder.

use super::*;
use crate::mailbox::After;
use crate::wire::code::Deliver;

fn refusal(line: &str) -> (Code, Option<&'static str>, Option<&[u8]>, Option<Verb>) {
    let refusal = decode(line.as_bytes()).unwrap_err();
    assert!(refusal.message.len() <= 200, "{}", refusal.message);
    (
        refusal.code,
        refusal.field,
        refusal.id.map(|id| id.0),
        refusal.verb,
    )
}

#[test]
fn a_private_message_is_read_as_it_was_sent() {
    let line = r#"{"type":"privateMessage","toUsername":"Bob","message":{"a":[1e999]},"id":-7,"kind":"k","replyTo":3}"#;
    let request = decode(line.as_bytes()).unwrap();
    assert_eq!(request.id, Some(Raw(b"-7")));
    let Command::PrivateMessage(message) = request.command else {
        panic!("{:?}", request.command)
    };
    assert_eq!(
        (message.to.as_str(), message.to_raw),
        ("Bob", Raw(br#""Bob""#))
    );
    assert_eq!(message.message, Raw(br#"{"a":[1e999]}"#));
    assert_eq!(
        (message.message_id, message.kind),
        (None, Some(Raw(br#""k""#)))
    );
    assert_eq!(
        (message.reply_to, message.expires_in_s),
        (Some(Raw(b"3")), None)
    );
}

#[test]
fn a_registration_keeps_what_open_mode_uses() {
    let token = "00112233445566778899aabbCCDDEEFF";
    let line = format!(
        r#"{{"type":"register","username":"Al","resumeToken":"{token}","heartbeatMs":5000,"status":"away","after":1}}"#
    );
    let request = decode(line.as_bytes()).unwrap();
    let Command::Register(register) = request.command else {
        panic!("{:?}", request.command)
    };
    assert_eq!(
        register.resume_token,
        Some(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)
    );
    assert_eq!(
        (register.heartbeat_ms, register.status),
        (Some(5_000), Some(Status::Away))
    );
    assert_eq!(register.unavailable, Some("after"));
}

#[test]
fn a_token_of_another_shape_matches_nothing() {
    for token in [
        "",
        "0",
        "+0112233445566778899aabbCCDDEEFF",
        "00112233445566778899aabbccddeeff0",
        "é",
    ] {
        let line = format!(r#"{{"type":"register","username":"Al","resumeToken":"{token}"}}"#);
        let Ok(Request {
            command: Command::Register(register),
            ..
        }) = decode(line.as_bytes())
        else {
            panic!()
        };
        assert_eq!(register.resume_token, Some(0), "{token}");
    }
}

#[test]
fn a_refusal_says_what_could_be_read() {
    let known = Some(Verb::PrivateMessage);
    let id = Some(&b"\"x\""[..]);
    let cases = [
        (
            r#"{"id":"x","type":"privateMessage"}"#,
            Code::MissingField,
            Some("toUsername"),
            id,
            known,
        ),
        (
            r#"{"id":"x","type":"privateMessage","id":1}"#,
            Code::DuplicateKey,
            Some("id"),
            None,
            known,
        ),
        (
            r#"{"id":"x","type":"ping","type":"pong"}"#,
            Code::DuplicateKey,
            Some("type"),
            id,
            None,
        ),
        (
            r#"{"id":"x","type":"ping","b":1,"\u0062":2}"#,
            Code::DuplicateKey,
            None,
            id,
            Some(Verb::Ping),
        ),
        (
            r#"{"id":1.5,"type":"privateMessage"}"#,
            Code::BadType,
            Some("id"),
            None,
            known,
        ),
        (
            r#"{"id":"x","type":"nonsense"}"#,
            Code::UnknownType,
            Some("type"),
            id,
            None,
        ),
        (r#"{"id":"x"}"#, Code::MissingField, Some("type"), id, None),
        (r#"["id"]"#, Code::BadType, None, None, None),
    ];
    for (line, code, field, id, verb) in cases {
        assert_eq!(refusal(line), (code, field, id, verb), "{line}");
    }
}

#[test]
fn a_wrong_name_is_echoed_as_sent() {
    let refusal = decode(br#"{"type":"typing","toUsername":"\u0000"}"#).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.to_raw),
        (Code::InvalidName, Some(Raw(br#""\u0000""#)))
    );
    let refusal = decode(br#"{"type":"register","username":"a b"}"#).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.field, refusal.to_raw),
        (Code::InvalidName, Some("username"), None)
    );
}

#[test]
fn a_verb_in_other_letters_is_recognised() {
    for word in ["privatemessage", "private_message", "PRIVATE-MESSAGE"] {
        let line = format!(r#"{{"type":"{word}"}}"#);
        let refusal = decode(line.as_bytes()).unwrap_err();
        assert!(
            refusal.message.contains("\"privateMessage\""),
            "{}",
            refusal.message
        );
    }
}

#[test]
fn several_names_are_one_command() {
    let request =
        decode(r#"{"type":"watch","usernames":["Bob","B\u006fc","Zoë"]}"#.as_bytes()).unwrap();
    let names = ["Bob", "Boc", "Zoë"]
        .map(|name| Name::parse(name).unwrap())
        .to_vec();
    assert_eq!(request.command, Command::Watch { usernames: names });
}

fn registered_in_mailbox(more: &str) -> Register<'static> {
    let line = format!(r#"{{"type":"register","username":"Al"{more}}}"#).leak();
    match decode_in(Mode::Mailbox, line.as_bytes()).map(|request| request.command) {
        Ok(Command::Register(register)) => register,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_registration_says_how_it_wants_its_mail() {
    assert_eq!(
        registered_in_mailbox("").mail,
        Wanted {
            deliver: Deliver::Auto,
            after: None,
            invisible: false
        }
    );
    assert_eq!(registered_in_mailbox("").window, 256);
    let all = registered_in_mailbox(r#","deliver":"ack","after":0,"epoch":1,"window":1024"#);
    let after = Some(After { pos: 0, epoch: 1 });
    assert_eq!(
        (all.mail, all.window),
        (
            Wanted {
                deliver: Deliver::Ack,
                after,
                invisible: false
            },
            1_024
        )
    );
    assert_eq!(
        registered_in_mailbox(r#","deliver":"none""#).mail.deliver,
        Deliver::None
    );
    assert_eq!(registered_in_mailbox(r#","window":1"#).window, 1);
}

#[test]
fn no_secret_of_a_registration_is_shown() {
    let token = "0123456789abcdef0123456789abcdef";
    for (secret, more) in [
        ("hunter2", r#","password":"hunter2""#.to_string()),
        (token, format!(r#","resumeToken":"{token}""#)),
    ] {
        let shown = format!("{:?}", registered_in_mailbox(&more));
        assert!(shown.starts_with("Register { username: "), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
        let number = u128::from_str_radix(token, 16).unwrap().to_string();
        assert!(!shown.contains(&number), "{shown}");
    }
}

#[test]
fn a_registration_that_wants_its_mail_otherwise_is_refused() {
    for (more, code, field) in [
        (r#","after":1"#, Code::MissingField, "epoch"),
        (r#","epoch":1"#, Code::MissingField, "after"),
        (r#","after":-1,"epoch":1"#, Code::BadValue, "after"),
        (r#","after":"1","epoch":1"#, Code::BadType, "after"),
        (r#","after":1,"epoch":0"#, Code::BadValue, "epoch"),
        (r#","after":1,"epoch":null"#, Code::BadType, "epoch"),
        (
            r#","after":1,"epoch":1,"deliver":"none""#,
            Code::BadValue,
            "after",
        ),
        (r#","deliver":"all""#, Code::BadValue, "deliver"),
        (r#","deliver":1"#, Code::BadType, "deliver"),
        (r#","window":0"#, Code::BadValue, "window"),
        (r#","window":1025"#, Code::BadValue, "window"),
        (r#","window":"9""#, Code::BadType, "window"),
    ] {
        let line = format!(r#"{{"type":"register","username":"Al"{more}}}"#);
        let refusal = decode_in(Mode::Mailbox, line.as_bytes()).unwrap_err();
        assert_eq!((refusal.code, refusal.field), (code, Some(field)), "{line}");
    }
}

#[test]
fn lists_cost_as_much_as_five_commands_and_acknowledgements_nothing() {
    for (line, cost) in [
        (r#"{"type":"conversations"}"#, 5),
        (r#"{"type":"history","withUsername":"Bob"}"#, 5),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":"x"}"#,
            1,
        ),
        (r#"{"type":"setStatus","status":"away"}"#, 1),
        (r#"{"type":"ack","pos":1}"#, 0),
        (r#"{"type":"markRead","withUsername":"Bob","seq":1}"#, 0),
        (r#"{"type":"ping"}"#, 0),
        (r#"{"type":"pong"}"#, 0),
    ] {
        let request = decode_in(Mode::Mailbox, line.as_bytes()).unwrap();
        assert_eq!(request.command.cost(), cost, "{line}");
    }
}
