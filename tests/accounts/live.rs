//! What reaches sessions that are there: ends, notices, and a reload that ends none of them.

use std::time::{Duration, Instant};

use crate::bench::place::{PATIENT, Place, password, register, token};
use crate::bench::socket::message;
use crate::common::PASSWORD;
use crate::proofs::{Signer, eddsa, hs256, tokens, unix_s, with_tokens};

/// By the operator and by the account itself, within 1 s; other accounts go on.
#[test]
fn sessions_end_within_a_second() {
    let place = Place::new(&["Alice", "Bob"]);
    let mut bob = place.session("Bob", "d");
    type Way = (&'static str, bool, bool);
    let ways: [Way; 5] = [
        ("passwd Alice", true, true),
        ("disable Alice", true, true),
        ("revoke-device Alice phone", true, false),
        (
            r#"{"type":"account","action":"setPassword","password":"correct horse","id":1}"#,
            true,
            false,
        ),
        (
            r#"{"type":"account","action":"revokeDevice","device":"phone","id":1}"#,
            true,
            false,
        ),
    ];
    for (way, phone_ends, laptop_ends) in ways {
        let mut phone = place.session("Alice", "phone");
        let mut laptop = place.session("Alice", "laptop");
        // Told or not, by whether the laptop is new: read past it.
        let start = Instant::now();
        match way.starts_with('{') {
            true => laptop.send(way),
            false => place.account(way, PASSWORD),
        }
        for (client, ends) in [(&mut phone, phone_ends), (&mut laptop, laptop_ends)] {
            let mut line = String::new();
            while ends && !line.contains("goodbye") {
                line = client.line();
            }
            assert!(
                !ends || line.contains(r#""code":"revoked""#),
                "{way}: {line}"
            );
        }
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{way}: {:?}",
            start.elapsed()
        );
        if !laptop_ends {
            laptop.send(r#"{"type":"ping","id":2}"#);
            let mut line = String::new();
            while !line.contains("pong") {
                line = laptop.line();
            }
        }
        place.account("enable Alice", "");
    }
    let _alice = place.session("Alice", "phone");
    place.account("remove Alice --yes", "");
    bob.expect_nothing();
}

#[test]
fn notices_of_new_devices_and_of_failed_tries() {
    let place = Place::new(&["Alice", "Bob"]);
    let mut phone = place.session("Alice", "phone");
    let mut bob = place.session("Bob", "phone");
    let mut laptop = place.session("Alice", "laptop");
    phone.expect(r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…",…}"#);
    laptop.expect_nothing();
    for _ in 0..3 {
        place.refused("Alice", &password("wrong horse"), "authFailed");
    }
    // At once, then summed up.
    for client in [&mut phone, &mut laptop] {
        client.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
        client.expect_nothing();
    }
    let mut again = place.session("Alice", "laptop");
    again.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":3,"time":"…"}"#);
    again.expect_nothing();
    laptop.expect_goodbye("replaced");
    phone.expect_nothing();
    bob.expect_nothing();
}

/// New keys are in use at once, old ones are not, and nobody is cut off.
#[test]
fn token_keys_are_rotated_without_a_drop() {
    let (place, minter) = with_tokens(&["Alice", "Bob"]);
    let claims =
        |name: &str| serde_json::json!({"sub": name, "aud": "localhost", "exp": unix_s() + 60});
    let (mut alice, _) = place.session_by("Alice", "d", &token(&eddsa(&minter, &claims("Alice"))));
    let (mut bob, _) = place.session_by("Bob", "d", &token(&hs256(&place, "Bob", "secret", 60)));
    let next = Signer::openssl(&place.file(""), "next.pem");
    next.public_pem("next.pub");
    place.put(
        "next-secret",
        b"a new secret of at least 32 bytes, really\n",
    );
    place.configure(&tokens(&place, &["eddsa:next.pub", "hs256:next-secret"]));
    place.reload("reloaded; changed: accounts.token_keys");
    place.session_by("Alice", "e", &token(&eddsa(&next, &claims("Alice"))));
    place.session_by("Bob", "e", &token(&hs256(&place, "Bob", "next-secret", 60)));
    place.refused(
        "Alice",
        &token(&eddsa(&minter, &claims("Alice"))),
        "authFailed",
    );
    place.refused(
        "Bob",
        &token(&hs256(&place, "Bob", "secret", 60)),
        "authFailed",
    );
    for client in [&mut alice, &mut bob] {
        client.expect(r#"{"type":"sessionNotice","kind":"newDevice","device":"e","time":"…",…}"#);
        client.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
        client.expect_nothing();
    }
    // The same files with other keys in them: nothing that the configuration says has changed.
    place.put("next-secret", b"the newest secret, of at least 32 bytes\n");
    place.reload("reloaded");
    place.refused(
        "Bob",
        &token(&hs256(&place, "Bob", "secret", 60)),
        "authFailed",
    );
    place.session_by("Bob", "e", &token(&hs256(&place, "Bob", "next-secret", 60)));
}

#[test]
fn signing_up_is_opened_and_closed_by_a_reload() {
    let place = Place::new(&["Alice"]);
    let mut alice = place.session("Alice", "d");
    let create = |name: &str| {
        let mut client = place.connect(name);
        client.send(&format!(
            r#"{{"type":"account","action":"create","username":"{name}","password":"battery staple","id":1}}"#
        ));
        client
    };
    create("Dora").expect_error("notAllowed");
    place.configure(&format!("{PATIENT}signup = \"open\"\n"));
    place.reload("reloaded; changed: accounts.signup");
    create("Dora").expect(r#"{"type":"ok","id":1,"command":"account"}"#);
    place.configure(PATIENT);
    place.reload("reloaded; changed: accounts.signup");
    create("Erik").expect_error("notAllowed");
    place.session_by("Dora", "d", &password("battery staple"));
    alice.expect_nothing();
}

/// The first login raises the cost of the hash; the others were being checked against the old one, and failed.
#[test]
fn all_devices_may_return_at_once_after_the_cost_was_raised() {
    let place = Place::with("[accounts]\npassword_memory_kib = 8192\n", &["Alice"]);
    let devices = ["phone", "laptop", "desk", "watch"];
    let mut clients = devices.map(|device| place.connect(device));
    for (device, client) in devices.iter().zip(&mut clients) {
        client.send(&register(
            "Alice",
            &format!(r#""device":"{device}",{}"#, password(PASSWORD)),
        ));
    }
    for client in &mut clients {
        client.expect(r#"{"type":"registered","username":"Alice",…}"#);
    }
    // Another password is another one, whatever was being checked.
    place.account("passwd Alice", "another horse");
    place.refused("Alice", &password(PASSWORD), "authFailed");
}

/// As the memory of one hash has to be aligned, the allocator did not find what was free of it, and kept four heaps of it.
#[test]
fn memory_of_hashes_goes_back_to_the_system() {
    let place = Place::with(
        "[accounts]\npassword_memory_kib = 19456\npassword_passes = 1\n",
        &["Alice"],
    );
    let pid = place.daemon().pid();
    let used = || crate::bench::process::anon_kib(pid);
    place.session("Alice", "d");
    let before = used();
    for _ in 0..12 {
        place.session("Alice", "d");
    }
    let after = used();
    assert!(after < before + 4_096, "{before} KiB, then {after} KiB");
}

/// What sessions know of whom they reach is asked anew when the operator changes it.
#[test]
fn an_account_that_is_disabled_is_reached_by_nobody_and_enabled_by_all() {
    let place = Place::new(&["Alice", "Bob"]);
    let (mut alice, mut bob) = (place.session("Alice", "d"), place.session("Bob", "d"));
    let typing = r#"{"type":"typing","toUsername":"Alice","id":1}"#;
    let ok = r#"{"type":"ok","id":1,"command":"typing"}"#;
    bob.send(typing);
    bob.expect(ok);
    alice.expect(r#"{"type":"typing","from":"Bob"}"#);
    // Bob may see her once she has written to him.
    alice.send(&message("Bob", "hi"));
    bob.expect(r#"{"type":"privateMessage","from":"Alice",…}"#);
    place.account("disable Alice", "");
    alice.expect_goodbye("revoked");
    bob.send(typing);
    bob.expect_error("unknownUser");
    // She is away, and may come back.
    bob.send(r#"{"type":"watch","usernames":["alice"]}"#);
    bob.expect(r#"{"type":"presence","username":"alice","status":"offline",…}"#);
    place.account("enable Alice", "");
    let mut alice = place.session("Alice", "d");
    bob.expect(r#"{"type":"presence","username":"Alice","status":"online",…}"#);
    bob.send(typing);
    bob.expect(ok);
    alice.expect(r#"{"type":"typing","from":"Bob"}"#);
    place.account("remove --yes Alice", "");
    alice.expect_goodbye("revoked");
    bob.expect(r#"{"type":"presence","username":"Alice","status":"offline",…}"#);
    bob.send(typing);
    bob.expect_error("unknownUser");
}
