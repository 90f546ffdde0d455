//! `account`: its actions.

use privmsgd::config::Config;

use crate::desk::sign;
use crate::house::{base64url, transcript, transcript_with};

/// > `create` is allowed before `register`, and only where the operator has opened it; else it is `notAllowed`.
#[test]
fn accounts_are_created_where_signing_up_is_open() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(r#"{"type":"account","action":"create","username":"Dora","password":"pw","id":1}"#);
        a.expect(r#"{"type":"errorMessage","id":1,"command":"account","code":"notAllowed","message":"…","retryable":false}"#);
        a.send(r#"{"type":"account","action":"devices","id":2}"#);
        a.expect_error("notRegistered");
        a.send(r#"{"type":"account","action":"create","id":3}"#);
        a.expect_error("notRegistered");
    });
    let mut open = Config::default();
    open.accounts.signup_open = true;
    transcript_with(&open, |at| {
        let (mut a, nonce) = at.connect_for_nonce("A");
        a.send(r#"{"type":"account","action":"create","id":1}"#);
        a.expect(r#"{"type":"errorMessage","id":1,"command":"account","code":"missingField","message":"…","field":"username","hint":"…","retryable":false}"#);
        a.send(r#"{"type":"account","action":"create","username":"alice","password":"pw","id":2}"#);
        a.expect_error("nameTaken");
        a.send(
            r#"{"type":"account","action":"create","username":"Dora","password":"p\u0077","id":3}"#,
        );
        a.expect(r#"{"type":"ok","id":3,"command":"account"}"#);
        a.send(r#"{"type":"register","username":"dora","password":"pw"}"#);
        a.expect(r#"{"type":"registered","username":"Dora","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#);
        a.expect(r#"{"type":"synced","pos":…}"#);
        a.send(r#"{"type":"account","action":"create","username":"Emil","password":"pw","id":4}"#);
        a.expect_error("alreadyRegistered");
        let (key, signature) = (base64url(&[9; 32]), base64url(&sign([9; 32], nonce)));
        let mut b = at.connect("B");
        b.send(&format!(
            r#"{{"type":"account","action":"create","username":"Emil","publicKey":"{key}","signature":"{signature}","id":5}}"#
        ));
        // Signed for another connection.
        b.expect_error("authFailed");
    });
}

/// > A new password ends every other session of the account.
#[test]
fn a_new_password_ends_the_other_sessions() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        laptop.send(r#"{"type":"account","action":"setPassword","password":"n\u00e9w","id":1}"#);
        laptop.expect(r#"{"type":"ok","id":1,"command":"account"}"#);
        let goodbye = phone.expect_goodbye("revoked");
        assert!(goodbye.contains(r#""reconnect":false"#), "{goodbye}");
        laptop.expect_nothing();
        let mut again = at.connect("A");
        again.send(r#"{"type":"register","username":"Alice","password":"pw"}"#);
        again.expect_error("authFailed");
        again.send(r#"{"type":"register","username":"Alice","password":"néw"}"#);
        again.expect(r#"{"type":"registered",…}"#);
    });
}

#[test]
fn devices_are_listed_and_revoked() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        laptop.send(r#"{"type":"account","action":"devices"}"#);
        laptop.expect(r#"{"type":"device","device":"phone","createdAt":"…","seenAt":"…"}"#);
        laptop.expect(
            r#"{"type":"device","device":"laptop","createdAt":"…","seenAt":"…","current":true}"#,
        );
        laptop.expect(r#"{"type":"done","command":"account","count":2,"complete":true}"#);
        laptop.send(r#"{"type":"account","action":"revokeDevice","device":"none","id":1}"#);
        laptop.expect_error("notFound");
        laptop.send(r#"{"type":"account","action":"revokeDevice","device":"phone"}"#);
        phone.expect_goodbye("revoked");
        // One's own: the answer comes, then the end.
        laptop.send(r#"{"type":"account","action":"revokeDevice","device":"laptop","id":2}"#);
        laptop.expect(r#"{"type":"ok","id":2,"command":"account"}"#);
        laptop.expect_goodbye("revoked");
    });
}

#[test]
fn keys_come_and_go() {
    transcript(|at| {
        let mut alice = at.register("Alice", "phone");
        let key = base64url(&[3; 32]);
        let add = |signature: &[u8]| {
            format!(
                r#"{{"type":"account","action":"addKey","publicKey":"{key}","signature":"{}","id":1}}"#,
                base64url(signature)
            )
        };
        alice.send(&add(&[0; 64]));
        alice.expect_error("authFailed");
        alice.send(&format!(
            r#"{{"type":"account","action":"removeKey","publicKey":"{key}","id":2}}"#
        ));
        alice.expect_error("notFound");
        alice.send(r#"{"type":"account","action":"rename","id":4}"#);
        alice.expect(r#"{"type":"errorMessage","id":4,"command":"account","code":"badValue","message":"…","field":"action","retryable":false}"#);
    });
}
