//! Whole sessions: every short one against the reference, one in every chunking, lines cut off by the end of input.

use privmsgd::config::{Config, Limits};

use crate::model::actions::config;
use crate::model::choice::{Choice, Repeat, first_seed, number, rounds};
use crate::model::driver::Driver;
use crate::model::stage::Stage;

/// One line of each type, and the end of input.
const TYPES: [&str; 12] = [
    r#"{"type":"register","username":"Alice","id":1}"#,
    r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":2}"#,
    r#"{"type":"typing","toUsername":"Bob","id":3}"#,
    r#"{"type":"watch","usernames":["Bob","Alice"],"id":4}"#,
    r#"{"type":"unwatch","usernames":["Bob"],"id":5}"#,
    r#"{"type":"setStatus","status":"away","id":6}"#,
    r#"{"type":"ping","id":7}"#,
    r#"{"type":"pong","id":8}"#,
    r#"{"type":"help","command":"help","id":9}"#,
    r#"{"type":"bye","id":10}"#,
    r#"{"type":"history","withUsername":"Bob","id":11}"#,
    "",
];

/// C20. 271,452 sessions of up to five lines; TEST_LENGTH for another length.
#[test]
fn c20_every_short_session_agrees_with_the_reference() {
    let mut driver = Driver::new(&Config::default(), 100);
    let bob = driver.connect(usize::MAX).expect("a place");
    let lines = [
        r#"{"type":"register","username":"Bob"}"#,
        r#"{"type":"watch","usernames":["Alice"]}"#,
    ];
    driver.send(bob, (lines.join("\n") + "\n").as_bytes());
    driver.settle();
    let mut count = 0;
    for length in 1..=number("TEST_LENGTH").unwrap_or(5) {
        for mut index in 0..(TYPES.len() as u64).pow(length as u32) {
            let session = (0..length).map(|_| {
                let one = index % TYPES.len() as u64;
                index /= TYPES.len() as u64;
                TYPES[one as usize]
            });
            short_session(&mut driver, session);
            count += 1;
        }
    }
    driver.leave();
    println!("{count} sessions, {} frames as expected", driver.frames);
}

fn short_session<'a>(driver: &mut Driver, lines: impl Iterator<Item = &'a str>) {
    driver.advance(1_000);
    let alice = driver.connect(usize::MAX).expect("a place");
    for line in lines {
        if line.is_empty() {
            driver.end(alice);
        }
        driver.send(alice, format!("{line}\n").as_bytes());
    }
    driver.events();
    driver.end_turn();
    driver.reset(alice);
    driver.readable(alice, true);
    driver.end_turn();
    driver.take_all();
}

/// Everything that framing has to do, and one line of most types. Bob listens.
fn session() -> Vec<u8> {
    let mut bytes = b"\xef\xbb\xbf{\"type\":\"ping\",\"data\":\"caf\xc3\xa9\"}\r\n\n \t\n".to_vec();
    bytes.extend(b"\xff\xfd\x06{\"type\":\"regi\xff\xf4ster\",\"username\":\"Alice\"}\r\0");
    bytes.extend(
        b"{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":\"one\",\"id\":1}\n",
    );
    bytes.extend(vec![b'x'; 2_060]);
    bytes.extend(b"\n{\"type\":\"privateMessage\",\"toUsername\":\"bob\",\"message\":[2, {}]}\n");
    bytes.extend(
        b"nonsense\n{\"type\":\"history\"}\n\xc3(\n{\"type\":\"typing\",\"toUsername\":\"Bob\"}\n",
    );
    bytes.extend(
        b"\xff\xfb\x01\xff\xfa\x18\x01\n\xff\xf0{\"type\":\"watch\",\"usernames\":[\"Bob\"]}\n",
    );
    bytes.extend(b"{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":\"last\"}");
    bytes
}

/// What Alice and Bob hear when the session arrives in these pieces.
fn heard(pieces: &[&[u8]]) -> (String, String) {
    let mut config = config();
    config.limits.max_skipped_bytes = 65_536;
    let mut stage = Stage::new(&config);
    let bob = stage.register("Bob");
    let alice = stage.connect();
    for piece in pieces {
        stage.give(&alice, piece);
        stage.turn();
    }
    stage.end(&alice);
    (alice.heard(), bob.heard())
}

#[test]
fn b1_every_split_of_a_session_is_answered_alike() {
    let session = session();
    let whole = heard(&[&session]);
    assert_eq!(whole.1.matches("privateMessage").count(), 3, "{whole:?}");
    assert!(whole.0.ends_with("\"reconnect\":false}\n"), "{whole:?}");
    assert_eq!(heard(&session.chunks(1).collect::<Vec<_>>()), whole);
    for at in 1..session.len() {
        let (first, second) = session.split_at(at);
        assert_eq!(heard(&[first, second]), whole, "split at {at}");
    }
    for seed in first_seed()..first_seed() + rounds(10_000) {
        let _repeat = Repeat(seed);
        let (mut choice, mut rest, mut pieces) = (Choice::Seed(seed), &session[..], vec![]);
        let longest = choice.of(&[3, 40, 400, 3_000]);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(choice.below(longest) + 1));
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(heard(&pieces), whole);
    }
}

/// A hundred lines, each a message to Bob if it is whole.
fn hundred_lines() -> Vec<String> {
    let messages = [
        "\"hi\"",
        "{\"a\":[1,2]}",
        "\"}\"",
        "[\"{\", 7]",
        "null",
        "\"\\\"}\"",
    ];
    let tails = [
        "",
        ",\"id\":7",
        ",\"messageId\":\"}\"",
        " ",
        ",\"kind\":\"k\",\"replyTo\":12",
    ];
    (0..100)
        .map(|at| {
            let (message, tail) = (messages[at % 6], tails[at % 5]);
            match at % 3 {
                0 => format!("{{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":{message}{tail}}}"),
                1 => format!("{{\"message\":{message},\"toUsername\":\"bob\",\"type\":\"privateMessage\"{tail}}}"),
                _ => format!(" {{ \"toUsername\" : \"Bob\", \"message\":{message}{tail} ,\"type\":\"privateMessage\"}}\t"),
            }
        })
        .collect()
}

#[test]
fn b5_a_line_that_was_cut_off_is_no_message() {
    let limits = Limits {
        max_errors: u32::MAX,
        ..Limits::default()
    };
    let mut stage = Stage::new(&Config {
        limits,
        ..Config::default()
    });
    let bob = stage.register("Bob");
    let mut prefixes = 0;
    for line in hundred_lines() {
        let whole = line.trim_end();
        for cut in 0..=whole.len() {
            let alice = stage.register("Alice");
            stage.give(&alice, &whole.as_bytes()[..cut]);
            stage.end(&alice);
            let accepted = bob.heard().contains("privateMessage");
            assert_eq!(accepted, cut == whole.len(), "{}", &whole[..cut]);
            assert!(alice.heard().contains("\"drained\""));
            prefixes += 1;
        }
    }
    println!("{prefixes} prefixes");
}
