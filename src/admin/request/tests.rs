//! Requests as lines and back: everything that may be asked, and nothing else.

use super::*;

fn name(text: &'static str) -> Name<'static> {
    Name::parse(text).unwrap()
}

fn operators() -> Vec<Operator> {
    let username = name("Zoë");
    let secret = || Secret::new("p \"ä\\\u{1f600}".as_bytes());
    let key = std::array::from_fn(|at| at as u8 * 8);
    let add = |credential| Operator::Add {
        username: name("Bob"),
        credential,
    };
    vec![
        Operator::List,
        add(None),
        add(Some(NewCredential::Password(secret()))),
        add(Some(NewCredential::Key(key, None))),
        Operator::SetPassword {
            username: username.clone(),
            password: secret(),
        },
        Operator::Disable {
            username: username.clone(),
            disabled: true,
        },
        Operator::Disable {
            username: username.clone(),
            disabled: false,
        },
        Operator::Remove {
            username: username.clone(),
        },
        Operator::AddKey {
            username: username.clone(),
            key,
        },
        Operator::RevokeDevice {
            username,
            device: "my phone".into(),
        },
        Operator::Upkeep(Upkeep::Stats),
        Operator::Upkeep(Upkeep::Backup {
            to: "/var/lib/x/copy \"1\".db".into(),
        }),
    ]
}

#[test]
fn every_request_is_read_as_it_was_written() {
    let account = |operator| Request::Account {
        operator,
        data: Some("/var/lib/x".into()),
    };
    let mut all: Vec<Request> = operators().into_iter().map(account).collect();
    all.extend([
        Request::Status,
        Request::Clients,
        Request::Kick(name("Bob")),
        Request::LogLevel(LevelFilter::Off),
        Request::Reload,
        Request::Drain,
    ]);
    for request in all {
        let line = request.to_line();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(Request::parse(&line), Ok(request));
    }
}

#[test]
fn what_is_no_request_is_named_and_never_quoted() {
    for (line, code) in [
        ("", "badRequest"),
        ("{}", "badRequest"),
        ("[1]", "badRequest"),
        (r#"{"command":"status","x":1}"#, "badRequest"),
        (r#"{"command":"status","command":"drain"}"#, "badRequest"),
        (r#"{"protocol":2,"command":"status"}"#, "unsupportedVersion"),
        (r#"{"command":"stop"}"#, "unknownCommand"),
        (r#"{"command":"kick"}"#, "badRequest"),
        (r#"{"command":"kick","name":"a b"}"#, "invalidName"),
        (r#"{"command":"logLevel","level":"loud"}"#, "badRequest"),
        (r#"{"command":"account","action":"add"}"#, "badRequest"),
        (
            r#"{"command":"account","action":"ad","name":"Bob"}"#,
            "unknownCommand",
        ),
        (
            r#"{"command":"account","action":"setPassword","name":"Bob"}"#,
            "badRequest",
        ),
        (
            r#"{"command":"account","action":"addKey","name":"Bob","key":"00"}"#,
            "badRequest",
        ),
        (
            r#"{"command":"account","password":{"hunter2":1}}"#,
            "badRequest",
        ),
        (r#"{"command":"account","hunter2":1}"#, "badRequest"),
        (r#"{"command":"backup"}"#, "badRequest"),
        (r#"{"command":"backup","to":"copy.db"}"#, "badRequest"),
        (r#"{"command":"backup","to":"/a\u0000b"}"#, "badRequest"),
    ] {
        let fault = Request::parse(line.as_bytes()).unwrap_err();
        assert_eq!(fault.code, code, "{line}");
        assert!(!fault.error.contains("hunter2"), "{fault:?}");
    }
}
