//! Many messages, counted: nothing comes of nothing, nobody speaks as another, nothing grows, nothing is lost in silence.

use std::time::Instant;

use privmsgd::config::{Config, Limits};
use serde_json::{Value, json};

use crate::model::choice::{Choice, first_seed};
use crate::model::stage::{Client, Stage, TIME};

fn patient() -> Config {
    let limits = Limits {
        max_errors: u32::MAX,
        ..Limits::default()
    };
    Config {
        limits,
        ..Config::default()
    }
}

#[test]
fn c7_a_million_empty_lines_are_not_answered() {
    let mut stage = Stage::new(&Config::default());
    let [silent, alice] = [stage.connect(), stage.register("Alice")];
    stage.turn();
    let before = [silent.far.seen().written, alice.far.seen().written];
    let lines = vec![b'\n'; 10_000];
    let start = Instant::now();
    for client in [&silent, &alice] {
        for _ in 0..100 {
            stage.give(client, &lines);
            stage.turn();
        }
        assert_eq!((client.far.unread(), client.far.seen().end), (0, false));
    }
    println!("2,000,000 empty lines in {:?}", start.elapsed());
    assert_eq!(
        [silent.far.seen().written, alice.far.seen().written],
        before
    );
}

#[test]
fn c17_nobody_speaks_as_another() {
    let mut stage = Stage::new(&patient());
    let [alice, bob] = [stage.register("Alice"), stage.register("Bob")];
    let mut choice = Choice::Seed(first_seed());
    for attempt in 0..10_000 {
        let line = spoof(&mut choice, attempt);
        stage.give(&alice, line.as_bytes());
        stage.turn();
        let (told, got) = (alice.heard(), bob.heard());
        if told.contains("duplicateKey") {
            assert_eq!(got, "", "{line}");
            continue;
        }
        let expected = json!({
            "type": "privateMessage", "from": "Alice", "message": attempt, "time": TIME,
        });
        assert_eq!(
            serde_json::from_str::<Value>(&got).unwrap(),
            expected,
            "{line}"
        );
    }
}

/// A message with up to four fields that are the server's to set, written in several ways and places.
fn spoof(choice: &mut Choice<'_>, attempt: usize) -> String {
    const KEYS: [&str; 10] = [
        "from",
        "fr\\u006fm",
        "\\u0066rom",
        "time",
        "ts",
        "seq",
        "pos",
        "From",
        "to",
        "replay",
    ];
    const VALUES: [&str; 6] = [
        "\"Bob\"",
        "{\"admin\":true}",
        "null",
        "1",
        "[\"Carol\"]",
        "\"\"",
    ];
    let mut fields = vec![
        "\"type\":\"privateMessage\"".to_owned(),
        "\"toUsername\":\"Bob\"".to_owned(),
        format!("\"message\":{attempt}"),
    ];
    for _ in 0..=choice.below(4) {
        let field = format!("\"{}\":{}", choice.of(&KEYS), choice.of(&VALUES));
        fields.insert(choice.below(fields.len() + 1), field);
    }
    format!("{{{}}}\n", fields.join(","))
}

#[test]
fn d8_what_goes_out_is_bounded_by_what_came_in() {
    let mut stage = Stage::new(&patient());
    let clients =
        ["Alice", "Bob", "CarolWithALongNameOfThirtyTwo.00"].map(|name| stage.register(name));
    let names = [
        "Alice",
        "Bob",
        "CarolWithALongNameOfThirtyTwo.00",
        "nobody",
        "Nicht-Da",
    ];
    let mut choice = Choice::Seed(first_seed());
    let sum = |clients: &[Client; 3]| {
        clients
            .iter()
            .map(|client| client.far.seen().written)
            .sum::<u64>()
    };
    let mut worst = 0.0_f64;
    for _ in 0..100_000 {
        let text = choice
            .of(&["x", "\\u0001", "é", "\\\\", " "])
            .repeat(choice.below(200));
        let id = choice.of(&[
            "",
            ",\"id\":123456",
            ",\"messageId\":\"abc\"",
            ",\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"",
        ]);
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"{}\",\"message\":\"{text}\"{id}}}\n",
            choice.of(&names)
        );
        let before = sum(&clients);
        stage.give(&clients[choice.below(3)], line.as_bytes());
        stage.turn();
        let out = (sum(&clients) - before) as f64;
        worst = worst.max(out - line.len() as f64 * 1.2);
        assert!(worst <= 200.0, "{out} bytes for {line}");
        clients
            .iter()
            .for_each(|client| drop(client.far.take(usize::MAX)));
    }
    println!("at most 1.2 × what came in and {worst:.0} bytes");
}

/// Bob's connection breaks at any moment, also between the lookup of his name and the write.
#[test]
fn b18_no_message_is_lost_in_silence() {
    let mut stage = Stage::new(&patient());
    let alice = stage.register("Alice");
    let mut bob = stage.register("Bob");
    let mut choice = Choice::Seed(first_seed());
    let (mut delivered, mut refused, mut died) = (0, 0, 0);
    for id in 0..100_000 {
        let broken = choice.once_in(4);
        if broken {
            bob.far.reset();
        }
        if broken && choice.once_in(2) {
            stage.engine.readable(bob.id.key, true);
        }
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":{id},\"id\":{id}}}\n"
        );
        stage.give(&alice, line.as_bytes());
        stage.turn();
        let (told, got) = (alice.heard(), bob.heard());
        assert_eq!(told.matches(&format!("\"id\":{id},")).count(), 1, "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        if told.contains("unknownUser") {
            assert!(broken);
            refused += 1;
        } else if got.contains(&format!("\"message\":{id},")) {
            delivered += 1;
        } else {
            assert!(
                broken,
                "accepted, and neither delivered nor a connection that died"
            );
            died += 1;
        }
        if broken {
            bob = stage.register("Bob");
        }
    }
    println!("{delivered} delivered, {refused} refused, {died} with the recipient's connection");
}
