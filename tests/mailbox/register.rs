//! `register` where names are proved.

use crate::desk::sign;
use crate::house::{base64url, limits, transcript, transcript_with};

/// > In mailbox mode `nonce` is there: the base64url of 16 random bytes, others for each connection.
#[test]
fn hello_says_how_a_name_is_proved_here() {
    transcript(|at| {
        let (mut a, first) = at.connect_for_nonce("A");
        let (_, second) = at.connect_for_nonce("B");
        assert_ne!(first, second);
        a.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
        a.expect_error("notRegistered");
        a.expect_nothing();
    });
}

/// > A `register` without a credential is `authRequired`; `hint` says which ones this connection may send.
#[test]
fn a_bare_name_is_not_enough() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(r#"{"type":"register","username":"Alice","id":1}"#);
        a.expect(r#"{"type":"errorMessage","id":1,"command":"register","code":"authRequired","message":"names are proved on this server","hint":"…","retryable":false}"#);
        a.send(r#"{"type":"register","username":"Alice","password":"pw","id":2}"#);
        a.expect(r#"{"type":"registered","id":2,"username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#);
        a.expect(r#"{"type":"synced","pos":…}"#);
    });
}

/// > `registered.username` is the name as the account was created.
#[test]
fn the_name_is_the_account_s() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(r#"{"type":"register","username":"aLICE","password":"pw","heartbeatMs":5000}"#);
        a.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…,"heartbeatMs":5000}"#);
        let mut b = at.register("Bob", "phone");
        a.expect(r#"{"type":"synced","pos":…}"#);
        b.send(r#"{"type":"privateMessage","toUsername":"ALICE","message":"hi","id":1}"#);
        a.expect(
            r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":…,"pos":…}"#,
        );
        b.expect(r#"{"type":"accepted","id":1,"toUsername":"Alice","seq":…,"time":"…"}"#);
    });
}

#[test]
fn each_kind_of_credential_proves_a_name() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(r#"{"type":"register","username":"Alice","token":"good:Alice"}"#);
        let line = a.expect(
            r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#,
        );
        a.expect(r#"{"type":"synced","pos":…}"#);
        let token = crate::common::text_of(&line, "resumeToken");
        let (mut b, nonce) = at.connect_for_nonce("B");
        b.send(&format!(
            r#"{{"type":"register","username":"Alice","resumeToken":"{token}","device":"default"}}"#
        ));
        b.expect(
            r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#,
        );
        b.expect(r#"{"type":"synced","pos":…}"#);
        a.expect_goodbye("replaced");
        let (key, signature) = ([7; 32], sign([7; 32], nonce));
        b.send(&format!(
            r#"{{"type":"account","action":"addKey","publicKey":"{}","signature":"{}","id":1}}"#,
            base64url(&key),
            base64url(&signature)
        ));
        b.expect(r#"{"type":"ok","id":1,"command":"account"}"#);
        let (mut c, nonce) = at.connect_for_nonce("C");
        let line = |nonce| {
            format!(
                r#"{{"type":"register","username":"Alice","device":"c","publicKey":"{}","signature":"{}"}}"#,
                base64url(&key),
                base64url(&sign(key, nonce))
            )
        };
        c.send(&line([1; 16]));
        c.expect_error("authFailed");
        b.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
        c.send(&line(nonce));
        c.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"c","epoch":1,"pos":…,"ackedPos":…}"#);
        c.expect(r#"{"type":"synced","pos":…}"#);
        c.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
    });
}

/// > A connection has one name for its whole life, in mailbox mode too.
#[test]
fn the_identity_is_fixed() {
    transcript(|at| {
        let mut a = at.register("Alice", "phone");
        for name in ["Alice", "Bob"] {
            a.send(&format!(
                r#"{{"type":"register","username":"{name}","password":"pw"}}"#
            ));
            a.expect_error("alreadyRegistered");
        }
        let mut b = at.register("Bob", "phone");
        a.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
        b.expect(
            r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…","seq":…,"pos":…}"#,
        );
    });
}

/// > Failed tries are counted as in open mode.
#[test]
fn five_failed_tries_end_the_connection() {
    transcript(|at| {
        let mut a = at.connect("A");
        for try_ in 0..5 {
            a.send(r#"{"type":"register","username":"Alice","password":"wrong"}"#);
            a.expect(r#"{"type":"errorMessage","command":"register","code":"authFailed","message":"…","retryable":false}"#);
            eprintln!("{try_}");
        }
        a.expect_goodbye("tooManyErrors");
    });
}

/// > The new session learns of failed tries since the name was last proved.
#[test]
fn failed_tries_are_told_to_who_proves_the_name_next() {
    transcript(|at| {
        let mut a = at.connect("A");
        for name in ["Alice", "Alice", "Zoe"] {
            a.send(&format!(
                r#"{{"type":"register","username":"{name}","password":"wrong"}}"#
            ));
            a.expect_error("authFailed");
        }
        let mut b = at.register_with("Alice", "phone", "");
        b.expect(r#"{"type":"synced","pos":0}"#);
        b.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":2,"time":"…"}"#);
        b.expect_nothing();
    });
}

/// > They are summed up: at most one such notice within `claim_notice_interval_ms`.
#[test]
fn failed_tries_are_summed_up() {
    let config = limits(|limits| limits.claim_notice_interval_ms = 300);
    transcript_with(&config, |at| {
        let mut b = at.register("Alice", "phone");
        let mut a = at.connect("A");
        for _ in 0..4 {
            a.send(r#"{"type":"register","username":"Alice","password":"wrong"}"#);
            a.expect_error("authFailed");
        }
        b.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
        let mut told = 1;
        while told < 4 {
            let line =
                b.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":…,"time":"…"}"#);
            let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            told += json["count"].as_u64().expect("a count");
        }
        assert_eq!(told, 4);
        b.expect_nothing();
    });
}

/// > A credential that has not its form is refused before anything is looked up, and more than one is `badValue`.
#[test]
fn two_credentials_are_one_too_many() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(r#"{"type":"register","username":"Alice","password":"pw","token":"t","id":1}"#);
        a.expect(r#"{"type":"errorMessage","id":1,"command":"register","code":"badValue","message":"…","field":"token","retryable":false}"#);
        a.send(
            r#"{"type":"register","username":"Alice","publicKey":"AAAA","signature":"","id":2}"#,
        );
        a.expect(r#"{"type":"errorMessage","id":2,"command":"register","code":"badValue","message":"…","field":"publicKey","retryable":false}"#);
        let key = base64url(&[1; 32]);
        a.send(&format!(
            r#"{{"type":"register","username":"Alice","publicKey":"{key}","id":3}}"#
        ));
        a.expect(r#"{"type":"errorMessage","id":3,"command":"register","code":"missingField","message":"…","field":"signature","hint":"…","retryable":false}"#);
    });
}
