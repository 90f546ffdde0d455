//! The negative twins of each credential: another name, another server, an old nonce, expired, revoked a moment ago,
//! shown again.

use serde_json::json;

use crate::bench::place::{PATIENT, Place, password, register, resume, token};
use crate::common::{Client, PASSWORD, text_of};
use crate::proofs::{Signer, eddsa, hs256, tokens, unix_s, with_tokens};

/// A good one works after all the bad ones, so that none was refused for another reason.
#[track_caller]
fn is_good(place: &Place, name: &str, credential: &str) -> Client {
    place.session_by(name, "good", credential).0
}

#[test]
fn passwords() {
    let place = Place::new(&["Alice", "Bob", "Carol"]);
    place.account("passwd Bob", "another horse");
    for (name, tried) in [
        ("Bob", PASSWORD),
        ("Alice", "another horse"),
        ("Alice", "correct hors"),
        ("Alice", "correct horse "),
        ("Alice", "Correct horse"),
        ("Alice", "correct horse\\u0000"),
        ("Stranger", PASSWORD),
    ] {
        place.refused(name, &password(tried), "authFailed");
    }
    // Nothing at all is no password.
    for credential in [r#""password":"""#, r#""password":null"#, r#""password":[]"#] {
        let mut client = place.connect("Alice");
        client.send(&register("Alice", credential));
        let line = client.line();
        assert!(line.starts_with(r#"{"type":"errorMessage""#), "{line}");
    }
    is_good(&place, "Alice", &password(PASSWORD));
    is_good(&place, "Bob", &password("another horse"));
    place.account("disable Alice", "");
    place.refused("Alice", &password(PASSWORD), "authFailed");
    place.account("enable Alice", "");
    is_good(&place, "Alice", &password(PASSWORD));
    place.account("remove Alice --yes", "");
    place.refused("Alice", &password(PASSWORD), "authFailed");
}

#[test]
fn signatures() {
    let place = Place::new(&["Bob"]);
    let dir = place.file("");
    let (alice, bob) = (
        Signer::openssl(&dir, "alice.pem"),
        Signer::openssl(&dir, "bob.pem"),
    );
    alice.public_pem("alice.pub");
    bob.public_pem("bob.pub");
    let key = |file: &str| place.file(file).display().to_string();
    place.account(&format!("add Alice --key {}", key("alice.pub")), "");
    place.account(&format!("add-key Bob {}", key("bob.pub")), "");
    let (mut client, hello) = place.greeted("Alice");
    let nonce = text_of(&hello, "nonce");
    let (_, other) = place.greeted("another connection");
    let other = text_of(&other, "nonce");
    assert_ne!(nonce, other);
    let good = alice.proof(&nonce, "localhost", "Alice");
    let twins = [
        ("another name", alice.proof(&nonce, "localhost", "Bob")),
        (
            "another spelling",
            alice.proof(&nonce, "localhost", "alice"),
        ),
        (
            "another server",
            alice.proof(&nonce, "localhost.example", "Alice"),
        ),
        ("no server", alice.proof(&nonce, "", "Alice")),
        ("another nonce", alice.proof(&other, "localhost", "Alice")),
        ("somebody's key", bob.proof(&nonce, "localhost", "Alice")),
    ];
    for (n, (what, twin)) in twins.iter().enumerate() {
        if n == 4 {
            // Five failures end a connection, and its nonce with it.
            break;
        }
        client.send(&register("Alice", twin));
        let line = client.expect_error("authFailed");
        assert!(line.contains("authFailed"), "{what}: {line}");
    }
    client.send(&register("Alice", &good));
    client.expect(r#"{"type":"registered","username":"Alice",…}"#);
    drop(client);
    for (what, twin) in twins.iter().skip(4).chain([&("an old nonce", good)]) {
        let line = place.refused("Alice", twin, "authFailed");
        assert!(line.contains("authFailed"), "{what}: {line}");
    }
    // Bob's key proves Bob, and not after it was taken away, a moment ago.
    let (mut client, hello) = place.greeted("Bob");
    let proof = bob.proof(&text_of(&hello, "nonce"), "localhost", "Bob");
    client.send(&register("Bob", &proof));
    client.expect(r#"{"type":"registered","username":"Bob",…}"#);
    client.until_synced();
    let public = crate::proofs::encode(bob.public());
    client.send(&format!(
        r#"{{"type":"account","action":"removeKey","publicKey":"{public}","id":1}}"#
    ));
    client.expect(r#"{"type":"ok","id":1,"command":"account"}"#);
    let (mut again, hello) = place.greeted("Bob");
    let proof = bob.proof(&text_of(&hello, "nonce"), "localhost", "Bob");
    again.send(&register("Bob", &proof));
    again.expect_error("authFailed");
}

#[test]
fn web_tokens() {
    let (place, minter) = with_tokens(&["Alice", "Bob"]);
    let stranger = Signer::openssl(&place.file(""), "stranger.pem");
    place.put("other", b"another secret of at least 32 bytes\n");
    let good = json!({"sub": "Alice", "aud": "localhost", "exp": unix_s() + 60});
    let but = |member: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[member] = value;
        token(&eddsa(&minter, &claims))
    };
    let none = format!(
        "{}.{}.",
        crate::proofs::encode(r#"{"alg":"none"}"#),
        crate::proofs::encode(good.to_string())
    );
    for (what, name, credential) in [
        ("another name", "Bob", token(&eddsa(&minter, &good))),
        (
            "another name",
            "Alice",
            token(&hs256(&place, "Bob", "secret", 60)),
        ),
        (
            "another server",
            "Alice",
            but("aud", json!("localhost.example")),
        ),
        ("no server", "Alice", but("aud", json!(null))),
        ("no end", "Alice", but("exp", json!(null))),
        ("not yet", "Alice", but("nbf", json!(unix_s() + 60))),
        ("another key", "Alice", token(&eddsa(&stranger, &good))),
        (
            "another secret",
            "Alice",
            token(&hs256(&place, "Alice", "other", 60)),
        ),
        ("no signature", "Alice", token(&none)),
        // The public key is no secret.
        (
            "the public key as a secret",
            "Alice",
            token(&hs256(&place, "Alice", "minter.pub", 60)),
        ),
    ] {
        let line = place.refused(name, &credential, "authFailed");
        assert!(line.contains("authFailed"), "{what}: {line}");
    }
    place.refused("Alice", &but("exp", json!(unix_s() - 1)), "tokenExpired");
    place.refused(
        "Alice",
        &token(&hs256(&place, "Alice", "secret", -1)),
        "tokenExpired",
    );
    // Shown again it is good until it expires: whoever mints it says how long.
    let short = hs256(&place, "Alice", "secret", 2);
    let until = std::time::Instant::now() + crate::bench::secs(2);
    for _ in 0..2 {
        is_good(&place, "Alice", &token(&short));
    }
    std::thread::sleep(until.saturating_duration_since(std::time::Instant::now()));
    place.refused("Alice", &token(&short), "tokenExpired");
    // A key that was withdrawn a moment ago.
    let made = token(&eddsa(&minter, &good));
    is_good(&place, "Alice", &made);
    place.configure(&tokens(&place, &["hs256:secret"]));
    place.reload("reloaded; changed: accounts.token_keys");
    place.refused("Alice", &made, "authFailed");
    is_good(
        &place,
        "Alice",
        &token(&hs256(&place, "Alice", "secret", 60)),
    );
    place.account("disable Alice", "");
    place.refused(
        "Alice",
        &token(&hs256(&place, "Alice", "secret", 60)),
        "authFailed",
    );
    // Nor does a token bring back what was removed.
    place.account("remove Alice --yes", "");
    place.refused(
        "Alice",
        &token(&hs256(&place, "Alice", "secret", 60)),
        "authFailed",
    );
}

#[test]
fn resume_tokens() {
    let place = Place::with(
        &format!("{PATIENT}signup = \"closed\"\n"),
        &["Alice", "Bob"],
    );
    let on_phone = |token: &str| format!(r#""device":"phone",{}"#, resume(token));
    let (_, first) = place.session_by("Alice", "phone", &password(PASSWORD));
    let (_, second) = place.session_by("Alice", "phone", &resume(&first));
    let (mut alice, third) = place.session_by("Alice", "phone", &resume(&second));
    place.refused("Alice", &on_phone(&first), "authFailed");
    alice.expect(r#"{"type":"sessionNotice","kind":"authFailures",…}"#);
    place.refused("Bob", &on_phone(&third), "authFailed");
    place.refused(
        "Alice",
        &format!(r#""device":"laptop",{}"#, resume(&third)),
        "authFailed",
    );
    place.refused("Alice", &on_phone(&"0".repeat(32)), "authFailed");
    // Revoked a moment ago, in each of the ways there are.
    place.account("revoke-device Alice phone", "");
    alice.expect_goodbye("revoked");
    place.refused("Alice", &on_phone(&third), "authFailed");
    for end in ["passwd Bob", "disable Bob"] {
        let (_, held) = place.session_by("Bob", "phone", &password(PASSWORD));
        place.account(end, PASSWORD);
        place.refused("Bob", &on_phone(&held), "authFailed");
    }
}
