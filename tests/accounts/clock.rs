//! E14: the wall clock jumps by ten years either way. Sessions, registering and throttles go by the other clock; only
//! what names a time, a token's `exp`, goes by this one.

use std::path::{Path, PathBuf};

use crate::bench::place::{Place, password, resume, token};
use crate::bench::socket::message;
use crate::bench::{secs, wait_until};
use crate::common::{Client, PASSWORD, Setup, text_of};
use crate::proofs::{hs256, tokens};

/// The library of the Debian package faketime.
fn library() -> PathBuf {
    let dirs = std::fs::read_dir("/usr/lib").expect("/usr/lib");
    let paths = dirs.map(|dir| {
        dir.expect("/usr/lib")
            .path()
            .join("faketime/libfaketime.so.1")
    });
    let mut found = paths.filter(|path| path.exists());
    found
        .next()
        .expect("libfaketime is missing: apt-get install faketime")
}

/// The year that the daemon shows.
fn year(client: &mut Client) -> i32 {
    client.send(r#"{"type":"ping","id":1}"#);
    let line = client.expect(r#"{"type":"pong","id":1,"time":"…"}"#);
    text_of(&line, "time")[..4].parse().expect("a year")
}

/// A daemon whose wall clock is off by what stands in the file `clock`, with the throttle as it is by default.
fn place(clock: &Path) -> Place {
    let mut setup = Setup::new().env("LD_PRELOAD", &library().display().to_string());
    for (variable, value) in [
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DISABLE_SHM", "1"),
        ("NO_FAKE_STAT", "1"),
    ] {
        setup = setup.env(variable, value);
    }
    let setup = setup.env("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string());
    let mut place = Place::stopped(setup, "");
    place.put("secret", b"correct horse battery staple and more\n");
    place.configure(&tokens(&place, &["hs256:secret"]).replace("tries_per_minute = 60000\n", ""));
    for name in ["Alice", "Bob", "Carol"] {
        place.account(&format!("add {name}"), PASSWORD);
    }
    place.start();
    place
}

#[test]
fn e14_the_clock_jumps_ten_years_and_nobody_notices() {
    let clock = crate::bench::scratch(&format!("clock-{}", std::process::id()));
    let set = |offset: &str| {
        let new = clock.with_extension("new");
        std::fs::write(&new, format!("{offset}\n")).expect("write");
        std::fs::rename(new, &clock).expect("rename");
    };
    set("+0");
    let place = place(&clock);
    let mut alice = place.session("Alice", "d");
    let (mut bob, mut resumes) = place.session_by("Bob", "d", &password(PASSWORD));
    let made = hs256(&place, "Alice", "secret", 60);
    place.session_by("Alice", "by token", &token(&made));
    alice.expect(r#"{"type":"sessionNotice","kind":"newDevice",…}"#);
    for _ in 0..5 {
        place.refused("Carol", &password("wrong horse"), "authFailed");
    }
    place.refused("Carol", &password(PASSWORD), "rateLimited");
    // Connected before the jump, and not yet registered.
    let mut early = place.connect("early");
    let now = year(&mut alice);
    for (n, (offset, years, code)) in [
        ("+3650d", 9..=10, "tokenExpired"),
        ("-3650d", -10..=-9, ""),
        ("-1s", -1..=0, ""),
        ("+1s", 0..=1, ""),
        ("+3650d", 9..=10, "tokenExpired"),
        ("+0", 0..=0, ""),
    ]
    .into_iter()
    .enumerate()
    {
        set(offset);
        wait_until(offset, secs(10), || {
            years.contains(&(year(&mut alice) - now))
        });
        // Both go on, and nothing overtakes.
        for m in 0..20 {
            let line = message("Bob", &format!("{n} {m}"));
            alice.send(&line.replace('}', r#","ephemeral":true}"#));
        }
        for m in 0..20 {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{n} {m}","time":"…",…}}"#
            ));
        }
        is_throttled_for_seconds(&place);
        // Others register as ever, by password and by a token of another time.
        place.session("Alice", "late");
        if n == 0 {
            alice.expect(r#"{"type":"sessionNotice","kind":"newDevice",…}"#);
        }
        (bob, resumes) = {
            let next = place.session_by("Bob", "d", &resume(&resumes));
            bob.expect_goodbye("replaced");
            next
        };
        match code {
            "" => drop(place.session_by("Alice", "by token", &token(&made))),
            code => {
                place.refused("Alice", &token(&made), code);
            }
        }
        early.expect_nothing();
        while let Some(line) = notice(&mut alice) {
            assert!(line.contains("authFailures"), "{line}");
        }
    }
    early.send(&crate::bench::place::register("Alice", &password(PASSWORD)));
    early.expect(r#"{"type":"registered","username":"Alice",…}"#);
    let _ = std::fs::remove_file(clock);
}

/// Still, and not for years.
fn is_throttled_for_seconds(place: &Place) {
    let line = place.refused("Carol", &password(PASSWORD), "rateLimited");
    let json: serde_json::Value = serde_json::from_str(&line).expect("a frame is JSON");
    let wait = json["retryAfterMs"].as_u64().expect("a number");
    assert!((1..=24_000).contains(&wait), "{line}");
}

/// What came before the answer to a ping, which is not given.
fn notice(client: &mut Client) -> Option<String> {
    client.send(r#"{"type":"ping","id":"n"}"#);
    let mut found = None;
    loop {
        let line = client.line();
        if line.starts_with(r#"{"type":"pong""#) {
            return found;
        }
        found = Some(line);
    }
}
