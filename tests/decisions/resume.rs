//! `resumeToken`: who gets a name that is held.

use crate::common::{Client, Setup, Stage, text_of, transcript, transcript_with};

fn claim(at: &Stage, token: &str) -> Client {
    let mut client = at.connect("claim");
    client.send(&format!(
        r#"{{"type":"register","username":"Alice","resumeToken":"{token}"}}"#
    ));
    client
}

fn token_of(client: &mut Client) -> String {
    text_of(
        &client.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…"}"#),
        "resumeToken",
    )
}

/// > With the holder's, the new connection is registered at once with a new token, and the old one ends with `goodbye replaced`.
#[test]
fn the_token_takes_the_name_over_at_once() {
    transcript(|at| {
        let mut old = at.connect("old");
        let first = old.register("Alice");
        let mut new = claim(at, &first);
        let second = token_of(&mut new);
        assert_ne!(first, second);
        assert!(
            old.expect_goodbye("replaced")
                .contains(r#""reconnect":false"#)
        );
        new.expect_nothing();
    });
}

/// > a client that never received the reply can try once more with the token it has
#[test]
fn a_lost_reply_costs_nothing() {
    transcript(|at| {
        let mut first = at.connect("first");
        let token = first.register("Alice");
        // The reply that holds the next token is never seen.
        let mut lost = at.connect("lost");
        lost.send(&format!(
            r#"{{"type":"register","username":"Alice","resumeToken":"{token}"}}"#
        ));
        token_of(&mut lost);
        let mut again = claim(at, &token);
        token_of(&mut again);
        lost.expect_goodbye("replaced");
        first.expect_goodbye("replaced");
    });
}

/// > The holder's token stays valid beside the new one until the new one is first used
///
/// > A token whose successor was used is void.
#[test]
fn a_token_whose_successor_was_used_is_void() {
    transcript(|at| {
        let mut client = at.connect("client");
        let first = client.register("Alice");
        let mut client = claim(at, &first);
        let second = token_of(&mut client);
        let mut client = claim(at, &second);
        let third = token_of(&mut client);
        claim(at, &first).expect_error("authFailed");
        client.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
        let mut client = claim(at, &second);
        let fourth = token_of(&mut client);
        // Used again, the second token made the third one void.
        claim(at, &third).expect_error("authFailed");
        let mut client = claim(at, &fourth);
        token_of(&mut client);
        claim(at, &second).expect_error("authFailed");
    });
}

/// > With a `resumeToken` that is not the holder's, `authFailed`.
#[test]
fn a_wrong_token_is_not_the_same_as_none() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        let token = alice.register("Alice");
        let shouted = token.to_uppercase();
        for wrong in [
            "",
            "0",
            "00000000000000000000000000000000",
            &token[1..],
            &format!("{token}0"),
        ] {
            claim(at, wrong).expect_error("authFailed");
        }
        let mut other = at.connect("other");
        other.send(r#"{"type":"register","username":"Alice"}"#);
        let line = other.expect_error("nameTaken");
        assert!(
            line.contains("resumeToken"),
            "the hint says what helps: {line}"
        );
        assert_eq!(token.len(), 32, "{shouted}");
    });
}

/// > If the name is free, a `resumeToken` is ignored, whatever it is. A token is good for as long as its connection holds the name.
#[test]
fn a_stale_token_for_a_free_name_is_ignored() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        let token = alice.register("Alice");
        alice.send(r#"{"type":"bye"}"#);
        alice.expect_goodbye("bye");
        let mut stranger = at.connect("stranger");
        stranger.register("Alice");
        claim(at, &token).expect_error("authFailed");
        drop(stranger);
        let mut free = at.connect("free");
        free.send(r#"{"type":"register","username":"Bob","resumeToken":"whatever"}"#);
        free.expect(r#"{"type":"registered","username":"Bob","resumeToken":"…"}"#);
    });
}

/// > at once and then at most once per `claim_notice_interval_ms`, with the number of attempts
/// > since the last one in `count`
#[test]
fn refused_claims_are_counted_and_summed_up() {
    let setup = Setup::new().limit("claim_notice_interval_ms", 300);
    transcript_with(&setup, |at| {
        let mut alice = at.register("Alice");
        claim(at, "x").expect_error("authFailed");
        alice.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
        let mut count = 0;
        for _ in 0..3 {
            claim(at, "x").expect_error("authFailed");
        }
        while count < 3 {
            let line = alice
                .expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":…,"time":"…"}"#);
            let notice: serde_json::Value = serde_json::from_str(&line).expect("a frame is JSON");
            count += notice["count"].as_u64().expect("a count");
        }
        assert_eq!(count, 3);
        alice.expect_nothing();
    });
}

/// The same with the real interval: nothing comes before it is over.
#[test]
fn many_refused_claims_are_one_notice() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for _ in 0..20 {
            claim(at, "x").expect_error("authFailed");
        }
        alice.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
        alice.expect_nothing();
    });
}

/// > nobody can address the connection: its name is free and its watches are over
#[test]
fn the_successor_does_not_inherit_watches() {
    transcript(|at| {
        let mut old = at.connect("old");
        let token = old.register("Alice");
        old.send(r#"{"type":"watch","usernames":["Bob"]}"#);
        old.expect(r#"{"type":"presence","username":"Bob","status":"offline","since":"…"}"#);
        let mut new = claim(at, &token);
        token_of(&mut new);
        let _bob = at.register("Bob");
        new.expect_nothing();
    });
}
