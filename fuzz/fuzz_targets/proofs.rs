//! Any bytes as one line of mailbox mode: what proves a name is read as an independent parser reads it, open mode
//! understands the same lines, and no secret is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privmsgd::accounts::{Credential, NewCredential, Secret};
use privmsgd::wire::base64url;
use privmsgd::wire::code::Mode;
use privmsgd::wire::command::{Account, Command, decode_in};
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let (open, mailbox) = (decode_in(Mode::Open, line), decode_in(Mode::Mailbox, line));
    match (&open, &mailbox) {
        (Ok(open), Ok(mailbox)) => {
            assert_eq!(
                (open.id, open.command.verb()),
                (mailbox.id, mailbox.command.verb())
            );
        }
        (Err(open), Err(mailbox)) => assert_eq!((open.id, open.verb), (mailbox.id, mailbox.verb)),
        _ => {}
    }
    if let Err(refusal) = &mailbox {
        assert!((1..=200).contains(&refusal.message.len()));
        assert!(
            refusal
                .message
                .bytes()
                .all(|byte| (0x20..0x7f).contains(&byte))
        );
    }
    let Ok(request) = mailbox else { return };
    // A number beyond what a double holds is another parser's affair.
    let Ok(json) = serde_json::from_slice::<Value>(line) else {
        return;
    };
    match &request.command {
        Command::Register(register) => {
            let fields = ["password", "token", "publicKey", "resumeToken"];
            let given = fields
                .iter()
                .filter(|field| json.get(field).is_some())
                .count();
            assert_eq!(given, usize::from(register.proof.is_some()));
            device(register.device, &json);
            if let Some(proof) = &register.proof {
                credential(proof, &json);
            }
        }
        Command::Account(account) => action(account, &json),
        _ => {}
    }
});

fn credential(credential: &Credential, json: &Value) {
    match credential {
        Credential::Password(secret) => is_secret(secret, &json["password"], 1_024),
        Credential::Token(secret) => is_secret(secret, &json["token"], 4_096),
        Credential::Key(key, signature) => {
            is_base64url(key, &json["publicKey"]);
            is_base64url(signature, &json["signature"]);
        }
        Credential::Resume(token) => {
            let text = json["resumeToken"].as_str().expect("a string");
            let same = format!("{token:032x}") == text.to_ascii_lowercase();
            assert!(*token == 0 || same, "{text}");
        }
    }
}

fn action(account: &Account<'_>, json: &Value) {
    match account {
        Account::Create {
            credential: NewCredential::Password(secret),
            ..
        }
        | Account::SetPassword(secret) => is_secret(secret, &json["password"], 1_024),
        Account::Create {
            credential: NewCredential::Key(key, signature),
            ..
        } => {
            is_base64url(key, &json["publicKey"]);
            is_base64url(&signature.expect("signed"), &json["signature"]);
        }
        Account::AddKey(key, signature) => {
            is_base64url(key, &json["publicKey"]);
            is_base64url(signature, &json["signature"]);
        }
        Account::RemoveKey(key) => is_base64url(key, &json["publicKey"]),
        Account::RevokeDevice(raw) => device(Some(raw), json),
        Account::Devices | Account::Export | Account::Delete => {}
    }
}

fn is_secret(secret: &Secret, value: &Value, max: usize) {
    let text = value.as_str().expect("a string");
    assert_eq!(secret.expose(), text.as_bytes());
    assert!((1..=max).contains(&text.len()));
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

fn is_base64url(bytes: &[u8], value: &Value) {
    let mut text = Vec::new();
    base64url::encode(&mut text, bytes);
    let given = value.as_str().expect("a string");
    assert_eq!(given.trim_end_matches('=').as_bytes(), text);
}

fn device(raw: Option<&str>, json: &Value) {
    let text = raw.map(|raw| serde_json::from_str::<String>(&format!("\"{raw}\"")).expect("JSON"));
    assert_eq!(text.as_deref(), json.get("device").and_then(Value::as_str));
    if let (Some(raw), Some(text)) = (raw, text) {
        assert!((1..=64).contains(&raw.len()));
        assert!(!text.chars().any(char::is_control));
    }
}
