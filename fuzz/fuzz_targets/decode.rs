//! Any bytes as one line, in either mode: both readers agree, and an independent parser agrees with what they accept.
#![no_main]

use std::collections::HashSet;
use std::fmt;

use libfuzzer_sys::fuzz_target;
use privmsgd::wire::code::Mode;
use privmsgd::wire::command::{
    Command, Like, Raw, Refusal, Request, Shape, decode_cold_in, decode_hot, decode_in,
};
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|line: &[u8]| {
    for mode in [Mode::Open, Mode::Mailbox] {
        let answer = decode_in(mode, line);
        let cold = decode_cold_in(mode, line);
        assert_eq!(answer, cold);
        if let Some(hot) = decode_hot(line) {
            assert_eq!(Ok(hot), cold);
        }
        match answer {
            Ok(request) => check_accepted(line, request.id),
            Err(refusal) => check_refused(&refusal),
        }
        check_shape(mode, line);
    }
});

/// Of two lines, the second read by the shape of the first is what it is by itself.
fn check_shape(mode: Mode, lines: &[u8]) -> Option<()> {
    let end = lines.iter().position(|byte| *byte == b'\n')?;
    let first = decode_in(mode, &lines[..end]).ok()?;
    let shape = Shape::of(&first, &lines[..end], 0)?;
    let Like {
        id,
        message,
        length,
    } = shape.next(lines, &(end + 1..lines.len()))?;
    let (line, line_end) = lines[end + 1..end + 1 + length].split_at(length - 1);
    assert_eq!(line_end, b"\n");
    let command = Command::PrivateMessage(message);
    assert_eq!(Ok(Request { id, command }), decode_in(mode, line));
    Some(())
}

fn check_accepted(line: &[u8], id: Option<Raw<'_>>) {
    let text = std::str::from_utf8(line).expect("UTF-8");
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\t'),
        "a raw control character"
    );
    let keys: Keys = serde_json::from_str(text).expect("an object");
    let distinct: HashSet<&String> = keys.0.iter().collect();
    assert_eq!(distinct.len(), keys.0.len(), "a key twice");
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            assert!(depth(&value) <= 16);
            let id = id.map(|id| serde_json::from_slice::<Value>(id.0).expect("JSON"));
            assert_eq!(id.as_ref(), value.get("id"));
        }
        Err(error) => assert!(
            error.to_string().starts_with("number out of range"),
            "{error}"
        ),
    }
}

fn check_refused(refusal: &Refusal<'_>) {
    assert!((1..=200).contains(&refusal.message.len()));
    assert!(
        refusal
            .message
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte))
    );
    for raw in [refusal.id, refusal.to_raw].into_iter().flatten() {
        let text = std::str::from_utf8(raw.0).expect("UTF-8");
        assert!(!text.chars().any(|c| c.is_control() && c != '\t'));
        serde_json::from_str::<Value>(text).expect("JSON, to be echoed");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The keys of an object, with repetitions.
struct Keys(Vec<String>);

impl<'de> serde::Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> serde::de::Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<String, &RawValue>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}
