//! E6, E11, E13: names that left, and tries to prove one that is another's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::pair::Pair;
use crate::bench::place::{PATIENT, Place, password, register, resume};
use crate::bench::process::cpu_ms;
use crate::bench::socket::message;
use crate::bench::{alone, record};
use crate::common::{Address, Chunking, Client};

/// E6: of `messages` for a name that has left, or that was another's, none reaches who comes after.
pub fn e6_a_name_that_left(messages: usize) {
    let config = format!("{PATIENT}signup = \"open\"\n[mailbox]\nmax_waiting = 100000\n");
    let place = Place::with(&config, &["Alice", "Bob", "Mallory"]);
    let mut alice = place.session("Alice", "phone");
    let (bob, old) = place.session_by("Bob", "phone", &password(crate::common::PASSWORD));
    drop(bob);
    alice.expect_nothing();
    for n in 0..messages {
        let line = message("Bob", "for Bob alone");
        alice.send(&line.replace('}', &format!(r#","id":{n}}}"#)));
        alice.expect(&format!(
            r#"{{"type":"accepted","id":{n},"toUsername":"Bob",…}}"#
        ));
    }
    // The same Bob on the device that was away; a new one has what was before in its history.
    let mut phone = place.session("Bob", "phone");
    for _ in 0..messages {
        phone.expect(r#"{"type":"privateMessage","from":"Alice","message":"for Bob alone",…}"#);
    }
    phone.expect_nothing();
    let mut laptop = place.session("Bob", "laptop");
    laptop.expect_nothing();
    phone.expect(r#"{"type":"sessionNotice","kind":"newDevice",…}"#);
    drop((phone, laptop));
    // Nobody else is Bob.
    let mut mallory = place.connect("Mallory");
    mallory.send(r#"{"type":"account","action":"create","username":"bob","password":"mine mine"}"#);
    mallory.expect_error("nameTaken");
    mallory.send(&register("Bob", &password("mine mine")));
    mallory.expect_error("authFailed");
    place.account("remove Bob --yes", "");
    for (credential, code) in [
        (password(crate::common::PASSWORD), "authFailed"),
        (resume(&old), "authFailed"),
    ] {
        place.refused("Bob", &credential, code);
    }
    mallory.send(r#"{"type":"account","action":"create","username":"Bob","password":"mine mine"}"#);
    mallory.expect_error("nameTaken");
    record("E6", format_args!("{messages} messages, 0 to others"));
}

/// E11: 1,000 wrong passwords a second for `time` beside a pair of sessions, from this machine, which no address's
/// allowance holds: for few names, and then for ever new ones. What is not refused at once was hashed.
pub fn e11_brute_force(time: Duration) {
    let _alone = alone();
    let config = "[limits]\nregister_tries = 1000000\n[accounts]\npassword_memory_kib = 19456\n";
    let place = Place::with(config, &["Alice", "ProbeA", "ProbeB"]);
    for few in [true, false] {
        let (a, b) = (place.session("ProbeA", "d"), place.session("ProbeB", "d"));
        let pair = Pair::between(a, b);
        let before = cpu_ms(place.daemon().pid());
        let guesses = guess(&place.address(), time, |guesser, n| {
            match (few, guesser % 4) {
                (true, 0) => "Alice".into(),
                (true, kind) => format!("stranger{kind}"),
                (false, _) => format!("stranger{guesser}x{n}"),
            }
        });
        let used = cpu_ms(place.daemon().pid()) - before;
        let what = if few { "four names" } else { "new names" };
        pair.finish(&format!("E11 {what}"));
        let Guesses {
            tries,
            hashed,
            took,
        } = guesses;
        record(
            "E11",
            format_args!(
                "{what}: {tries} tries in {took:.1?}, {hashed} hashed, {used} ms of processor time"
            ),
        );
        assert!(hashed > 0 && tries >= 100 * time.as_secs(), "{tries} tries");
        if few {
            // Five a minute for each, and nothing more for trying on.
            assert!(hashed <= 4 * (5 + took.as_secs() / 12), "{hashed} hashed");
            assert!(hashed <= 10 * took.as_secs(), "{hashed} hashed");
        }
    }
}

pub struct Guesses {
    pub tries: u64,
    pub hashed: u64,
    pub took: Duration,
}

/// Twenty connections, each of which tries 50 wrong passwords a second: for which name, by its number and the try's.
pub fn guess(
    address: &Address,
    time: Duration,
    name: impl Fn(u32, u64) -> String + Sync,
) -> Guesses {
    let start = Instant::now();
    let (hashed, tries) = (AtomicU64::new(0), AtomicU64::new(0));
    let guess = |guesser: u32| {
        let mut client = Client::dial(address.clone(), "guesser", Chunking::Whole);
        client.expect(r#"{"type":"hello",…}"#);
        let mut next = start;
        for n in 0.. {
            if start.elapsed() >= time {
                break;
            }
            client.send(&register(&name(guesser, n), &password("wrong horse")));
            let line = client.line();
            let was_hashed = line.contains(r#""code":"authFailed""#);
            let limited = line.contains(r#""code":"rateLimited""#) && line.contains("retryAfterMs");
            assert!(was_hashed || limited, "{line}");
            hashed.fetch_add(u64::from(was_hashed), Ordering::Relaxed);
            tries.fetch_add(1, Ordering::Relaxed);
            next += Duration::from_millis(20);
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    };
    let guess = &guess;
    thread::scope(|scope| {
        (0..20).for_each(|guesser| drop(scope.spawn(move || guess(guesser))));
    });
    Guesses {
        tries: tries.into_inner(),
        hashed: hashed.into_inner(),
        took: start.elapsed(),
    }
}

/// E13: a resume token is good once, whenever and wherever it is shown again.
pub fn e13_replays(replays: usize) {
    let config = format!("{PATIENT}[limits]\nregister_tries = 1000000\n");
    let mut place = Place::with(&config, &["Alice", "Bob"]);
    let (_, first) = place.session_by("Alice", "phone", &password(crate::common::PASSWORD));
    let (_, second) = place.session_by("Alice", "phone", &resume(&first));
    let (_, third) = place.session_by("Alice", "phone", &resume(&second));
    let refuse = |address: Address, from: usize, count: usize| {
        let mut client = Client::dial(address, "replays", Chunking::Whole);
        client.expect(r#"{"type":"hello",…}"#);
        for n in from..from + count {
            let (name, device) = [("Alice", "phone"), ("Bob", "phone"), ("Alice", "other")][n % 3];
            let credential = format!(r#""device":"{device}",{}"#, resume(&first));
            client.send(&register(name, &credential));
            client.expect_error("authFailed");
        }
    };
    let quarter = replays / 4;
    for part in 0..2 {
        let address = place.address();
        thread::scope(|scope| {
            for half in 0..2 {
                let (refuse, address) = (&refuse, address.clone());
                scope.spawn(move || refuse(address, (2 * part + half) * quarter, quarter));
            }
        });
        // The second half comes after a restart.
        place.kill();
        place.start();
    }
    // The one that is good is so still.
    place.session_by("Alice", "phone", &resume(&third));
    record("E13", format_args!("{replays} replays, 0 accepted"));
}
