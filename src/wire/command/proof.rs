//! What proves a name, and devices: read from a line's fields. Knows no account.

use super::Refusal;
use super::fields::{Fields, bad_value, missing};
use super::scalar;
use crate::accounts::{Credential, MAX_PASSWORD_BYTES, MAX_TOKEN_BYTES};
use crate::accounts::{PublicKey, Secret, Signature};
use crate::wire::base64url;
use crate::wire::code::Proof;

pub(super) const ONE_TOO_MANY: &str = "is one credential too many: send one";

/// The one that was given, or none.
pub(super) fn credential<'a>(fields: &Fields<'a>) -> Result<Option<Credential>, Refusal<'a>> {
    let token = secret(fields, "token", MAX_TOKEN_BYTES)?;
    let key = signed_key(fields)?;
    let given = [
        (Proof::Password, password(fields)?.map(Credential::Password)),
        (Proof::Token, token.map(Credential::Token)),
        (
            Proof::PublicKey,
            key.map(|(key, signature)| Credential::Key(key, signature)),
        ),
        (
            Proof::ResumeToken,
            resume_token(fields)?.map(Credential::Resume),
        ),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(proof, credential)| Some((proof, credential?)));
    let first = given.next().map(|(_, credential)| credential);
    match given.next() {
        None => Ok(first),
        Some((proof, _)) => Err(bad_value(proof.as_str(), ONE_TOO_MANY)),
    }
}

pub(super) fn password<'a>(fields: &Fields<'a>) -> Result<Option<Secret>, Refusal<'a>> {
    secret(fields, "password", MAX_PASSWORD_BYTES)
}

/// Zero for what has not the form of a token: 32 hexadecimal digits.
pub(super) fn resume_token<'a>(fields: &Fields<'a>) -> Result<Option<u128>, Refusal<'a>> {
    let Some(text) = fields.word("resumeToken")? else {
        return Ok(None);
    };
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(Some(match digits {
        true => u128::from_str_radix(&text, 16).unwrap_or(0),
        false => 0,
    }))
}

/// Both or neither.
pub(super) fn signed_key<'a>(
    fields: &Fields<'a>,
) -> Result<Option<(PublicKey, Signature)>, Refusal<'a>> {
    match (public_key(fields)?, bytes(fields, "signature")?) {
        (Some(key), Some(signature)) => Ok(Some((key, signature))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("signature")),
        (None, Some(_)) => Err(missing("publicKey")),
    }
}

pub(super) fn public_key<'a>(fields: &Fields<'a>) -> Result<Option<PublicKey>, Refusal<'a>> {
    bytes(fields, "publicKey")
}

/// As it stands between its quotes.
pub(super) fn device<'a>(fields: &Fields<'a>) -> Result<Option<&'a str>, Refusal<'a>> {
    let Some(raw) = fields.short_string("device", 1)? else {
        return Ok(None);
    };
    let text = fields.word("device")?.unwrap_or_default();
    if text.chars().any(char::is_control) {
        return Err(bad_value("device", "holds a control character"));
    }
    Ok(scalar::unquoted(raw.0).and_then(|text| std::str::from_utf8(text).ok()))
}

fn secret<'a>(
    fields: &Fields<'a>,
    field: &'static str,
    max: usize,
) -> Result<Option<Secret>, Refusal<'a>> {
    let Some(text) = fields.word(field)? else {
        return Ok(None);
    };
    match text.len() {
        0 => Err(bad_value(field, "is empty")),
        length if length > max => Err(bad_value(field, &format!("is longer than {max} bytes"))),
        _ => Ok(Some(Secret::from(text))),
    }
}

/// `N` bytes in base64url.
fn bytes<'a, const N: usize>(
    fields: &Fields<'a>,
    field: &'static str,
) -> Result<Option<[u8; N]>, Refusal<'a>> {
    let Some(text) = fields.word(field)? else {
        return Ok(None);
    };
    match base64url::decode(&text) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(bad_value(field, &format!("must be base64url of {N} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::code::{Code, Mode};
    use crate::wire::command::{Account, Command, Register, decode_in};

    fn register(more: &str) -> Result<Register<'static>, (Code, Option<&'static str>)> {
        let line = format!(r#"{{"type":"register","username":"Al"{more}}}"#).leak();
        match decode_in(Mode::Mailbox, line.as_bytes()) {
            Ok(request) => match request.command {
                Command::Register(register) => Ok(register),
                other => panic!("{other:?}"),
            },
            Err(refusal) => Err((refusal.code, refusal.field)),
        }
    }

    fn proof(more: &str) -> Option<Credential> {
        register(more).unwrap().proof.map(|proof| *proof)
    }

    fn account(more: &str) -> Result<Account<'static>, (Code, Option<&'static str>)> {
        let line = format!(r#"{{"type":"account"{more}}}"#).leak();
        match decode_in(Mode::Mailbox, line.as_bytes()) {
            Ok(request) => match request.command {
                Command::Account(account) => Ok(*account),
                other => panic!("{other:?}"),
            },
            Err(refusal) => Err((refusal.code, refusal.field)),
        }
    }

    fn text(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        base64url::encode(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_registration_holds_one_credential_decoded() {
        assert_eq!(proof(""), None);
        assert_eq!(
            proof(r#","password":"p\u00e4\n\ud83d\ude00\"""#),
            Some(Credential::Password(Secret::new("pä\n😀\"".as_bytes())))
        );
        assert_eq!(
            proof(r#","token":"a.b.c""#),
            Some(Credential::Token(Secret::new(b"a.b.c")))
        );
        assert_eq!(proof(r#","resumeToken":"x""#), Some(Credential::Resume(0)));
        let (key, signature) = (text(&[3; 32]), text(&[4; 64]));
        let signed = format!(r#","publicKey":"{key}","signature":"{signature}""#);
        assert_eq!(proof(&signed), Some(Credential::Key([3; 32], [4; 64])));
        for (more, code, field) in [
            (r#","password":7"#, Code::BadType, "password"),
            (r#","password":"""#, Code::BadValue, "password"),
            (r#","token":null"#, Code::BadType, "token"),
            (r#","publicKey":"abc""#, Code::BadValue, "publicKey"),
            (
                &format!(r#","publicKey":"{key}""#),
                Code::MissingField,
                "signature",
            ),
            (
                &format!(r#","signature":"{signature}""#),
                Code::MissingField,
                "publicKey",
            ),
            (
                r#","password":"a","resumeToken":"b""#,
                Code::BadValue,
                "resumeToken",
            ),
            (
                &format!(r#"{signed},"token":"a""#),
                Code::BadValue,
                "publicKey",
            ),
            (
                &format!(r#","password":"{}""#, "p".repeat(1_025)),
                Code::BadValue,
                "password",
            ),
            (
                &format!(r#","token":"{}""#, "t".repeat(4_097)),
                Code::BadValue,
                "token",
            ),
        ] {
            assert_eq!(register(more).map(drop), Err((code, Some(field))), "{more}");
        }
    }

    #[test]
    fn a_device_is_kept_as_it_was_written() {
        let device = |more: &str| register(more).map(|register| register.device);
        assert_eq!(device(""), Ok(None));
        assert_eq!(
            device(r#","device":"my \"phone\" \u00e9""#),
            Ok(Some(r#"my \"phone\" \u00e9"#))
        );
        let bad = |more: &str| device(more).map(drop);
        let fault = |code| Err((code, Some("device")));
        assert_eq!(bad(r#","device":"""#), fault(Code::BadValue));
        assert_eq!(bad(r#","device":"a\u0007""#), fault(Code::BadValue));
        assert_eq!(bad(r#","device":["a"]"#), fault(Code::BadType));
        let long = format!(r#","device":"{}""#, "d".repeat(65));
        assert_eq!(bad(&long), fault(Code::BadValue));
    }

    #[test]
    fn mailboxes_have_every_field() {
        for more in [
            r#","after":0,"epoch":1"#,
            r#","deliver":"ack""#,
            r#","deliver":"none""#,
            r#","deliver":"auto","window":9"#,
            r#","status":"invisible""#,
        ] {
            assert_eq!(register(more).unwrap().unavailable, None, "{more}");
        }
    }

    #[test]
    fn each_action_has_its_fields() {
        let secret = || Secret::new(b"pw");
        let (key, signature) = (text(&[3; 32]), text(&[4; 64]));
        assert_eq!(
            account(r#","action":"setPassword","password":"pw""#),
            Ok(Account::SetPassword(secret()))
        );
        assert_eq!(
            account(&format!(r#","action":"removeKey","publicKey":"{key}""#)),
            Ok(Account::RemoveKey([3; 32]))
        );
        let signed = format!(r#","publicKey":"{key}","signature":"{signature}""#);
        assert_eq!(
            account(&format!(r#","action":"addKey"{signed}"#)),
            Ok(Account::AddKey([3; 32], [4; 64]))
        );
        assert_eq!(account(r#","action":"devices""#), Ok(Account::Devices));
        assert_eq!(
            account(r#","action":"revokeDevice","device":"old""#),
            Ok(Account::RevokeDevice("old"))
        );
        assert_eq!(account(r#","action":"export""#), Ok(Account::Export));
        for (more, code, field) in [
            ("", Code::MissingField, "action"),
            (r#","action":1"#, Code::BadType, "action"),
            (r#","action":"rename""#, Code::BadValue, "action"),
            (r#","action":"create""#, Code::MissingField, "username"),
            (
                r#","action":"create","username":"Al""#,
                Code::MissingField,
                "password",
            ),
            (
                &format!(r#","action":"create","username":"Al","password":"p"{signed}"#),
                Code::BadValue,
                "publicKey",
            ),
            (
                r#","action":"create","username":"a b""#,
                Code::InvalidName,
                "username",
            ),
            (r#","action":"setPassword""#, Code::MissingField, "password"),
            (r#","action":"addKey""#, Code::MissingField, "publicKey"),
            (
                &format!(r#","action":"addKey","publicKey":"{key}""#),
                Code::MissingField,
                "signature",
            ),
            (r#","action":"removeKey""#, Code::MissingField, "publicKey"),
            (r#","action":"revokeDevice""#, Code::MissingField, "device"),
        ] {
            assert_eq!(account(more).map(drop), Err((code, Some(field))), "{more}");
        }
    }

    #[test]
    fn open_mode_looks_into_none_of_it() {
        let line = br#"{"type":"account","action":7}"#;
        let request = decode_in(Mode::Open, line).unwrap();
        assert_eq!(
            request.command,
            Command::Mailbox(crate::wire::code::Verb::Account)
        );
        let line =
            br#"{"type":"register","username":"Al","password":7,"token":[],"device":"\u0007"}"#;
        match decode_in(Mode::Open, line).unwrap().command {
            Command::Register(register) => {
                assert_eq!(
                    (register.unavailable, register.proof),
                    (Some("password"), None)
                )
            }
            other => panic!("{other:?}"),
        }
    }

    /// The most usual line must not become dearer to hand on because of these.
    #[test]
    fn a_request_is_no_larger_than_a_message_makes_it() {
        use crate::wire::command::{PrivateMessage, Request};
        assert!(size_of::<Request<'_>>() <= size_of::<PrivateMessage<'_>>() + 48);
    }
}
