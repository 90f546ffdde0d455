//! Rows C13, C14 and C16 at the level of one line: what a client sends arrives as the same bytes on one line, both
//! readers of lines agree, and the work grows with the length of the line.

use std::time::{Duration, Instant};

use privmsgd::time::Stamp;
use privmsgd::wire::code::Mode;
use privmsgd::wire::command::{Command, Request, decode, decode_cold_in, decode_hot, decode_in};
use privmsgd::wire::frame::{Envelope, Frame};
use proptest::prelude::*;
use serde_json::Value;

/// What the recipient gets for `line`, if it is a private message.
fn relayed(line: &str) -> Option<Vec<u8>> {
    let Ok(Request {
        command: Command::PrivateMessage(message),
        ..
    }) = decode(line.as_bytes())
    else {
        return None;
    };
    let mut out = Vec::new();
    Frame::PrivateMessage {
        envelope: &Envelope::new(b"Alice", Stamp::new(0)),
        message: &message,
    }
    .write(&mut out);
    Some(out)
}

/// Text as a client library would quote it: raw but for quotes, backslashes, controls, and what drives terminals.
fn quoted(text: &str) -> String {
    let plain = serde_json::to_string(text).expect("a string");
    let escape = |c: char| {
        if c.is_control() {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    plain.chars().map(escape).collect()
}

/// The same text with every UTF-16 unit escaped.
fn escaped(text: &str) -> String {
    let units: String = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04X}"))
        .collect();
    format!("\"{units}\"")
}

fn line(message: &str) -> String {
    format!("{{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":{message}}}")
}

fn check_relay(message: &str, text: &str) {
    let frame = relayed(&line(message)).unwrap_or_else(|| panic!("refused: {message}"));
    assert_eq!(frame.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert!(frame.ends_with(b"}\n") && frame.iter().all(|byte| *byte >= 0x20 || *byte == b'\n'));
    let start = b"{\"type\":\"privateMessage\",\"from\":\"Alice\",\"message\":";
    assert!(
        frame
            .strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(message.as_bytes()))
    );
    let parsed: Value = serde_json::from_slice(&frame).expect("JSON");
    assert_eq!(parsed["message"].as_str(), Some(text));
}

#[test]
fn bodies_at_the_limits_are_relayed_byte_for_byte() {
    for text in [
        String::new(),
        "\u{1f600}".repeat(10_000),
        "\u{202b}\u{5d0}\u{5d1}\u{202c}".repeat(1_000),
        "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}".repeat(1_000),
        format!("e{}", "\u{301}".repeat(10_000)),
        "\n\r\t\u{1b}[31m\"\\\u{2028}\u{2029}\0\u{7f}\u{85}\u{9b}".to_owned(),
        "Zoe\u{308} \u{212b} \u{fb01}".to_owned(),
    ] {
        check_relay(&quoted(&text), &text);
        check_relay(&escaped(&text), &text);
    }
}

/// Lines that are nearly right, so that every branch of both readers is taken often.
fn near_line() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        any::<String>().prop_map(|text| quoted(&text)),
        "[ -~]{0,70}".prop_map(|text| format!("\"{text}\"")),
        "-?[0-9]{1,18}([.][0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
        prop::sample::select(vec![
            "true",
            "false",
            "null",
            "\"Bob\"",
            "\"privateMessage\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "1",
            "[]",
            "{}",
            "\"root\""
        ])
        .prop_map(str::to_owned),
    ];
    let value = scalar.prop_recursive(20, 40, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(inner, 0..3).prop_map(|items| format!(
                "{{{}}}",
                items
                    .iter()
                    .map(|item| format!("\"k\" :{item}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        ]
    });
    let key = prop::sample::select(vec![
        "message",
        "messageId",
        "id",
        "kind",
        "replyTo",
        "ephemeral",
        "expiresIn",
        "x",
        "typ\\u0065",
        "toUsername",
        "type",
    ]);
    let extra = prop::collection::vec((key, value.clone()), 0..4);
    let space = prop::sample::select(vec!["", "", "", " ", "\t", "  "]);
    (extra, value, space, any::<prop::sample::Index>(), 0..20_u8).prop_map(
        |(extra, message, space, cut, damage)| {
            let mut fields = vec![
                "\"type\":\"privateMessage\"".to_owned(),
                "\"toUsername\":\"Bob\"".to_owned(),
                format!("\"message\":{message}"),
            ];
            fields.extend(
                extra
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\":{value}")),
            );
            let last = fields.len();
            fields.swap(0, cut.index(last));
            let mut line = format!(
                "{{{space}{}{space}}}",
                fields.join(&format!("{space},{space}"))
            );
            if damage == 0 {
                let at = (0..=cut.index(line.len()))
                    .rev()
                    .find(|at| line.is_char_boundary(*at))
                    .unwrap_or(0);
                line.truncate(at);
            }
            line
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_arrives_as_it_was_sent(text in any::<String>()) {
        check_relay(&quoted(&text), &text);
        check_relay(&escaped(&text), &text);
    }

    #[test]
    fn the_short_cut_and_the_rules_agree(line in near_line()) {
        for mode in [Mode::Open, Mode::Mailbox] {
            let cold = decode_cold_in(mode, line.as_bytes());
            prop_assert_eq!(&decode_in(mode, line.as_bytes()), &cold);
            if let Some(hot) = decode_hot(line.as_bytes()) {
                prop_assert_eq!(Ok(hot), cold);
            }
        }
    }

    #[test]
    fn what_is_accepted_is_json_to_others_too(line in near_line()) {
        let other: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(&line);
        if let (Ok(_), Err(error)) = (decode(line.as_bytes()), other) {
            // The grammar allows 1e999, a double does not.
            prop_assert!(error.to_string().starts_with("number out of range"), "{}: {}", error, line);
        }
    }
}

/// A line by how often something stands in it.
type Shape = fn(usize) -> String;

/// C13. The least of several runs, and three times what linear growth would give, as machines are shared.
#[test]
fn work_grows_with_the_length_of_a_line() {
    let shapes: [(&str, Shape); 6] = [
        ("keys", many_keys),
        ("escapes", |count| {
            line(&format!("\"{}\"", "\\u0041".repeat(count)))
        }),
        ("backslashes", |count| {
            line(&format!("\"{}\"", "\\\\".repeat(count)))
        }),
        ("emoji", |count| {
            line(&format!("\"{}\"", "\u{1f600}".repeat(count)))
        }),
        ("numbers", |count| {
            line(&format!("[{}1]", "1,".repeat(count)))
        }),
        ("digits", |count| line(&"1".repeat(count))),
    ];
    for (name, shape) in shapes {
        let (short, long) = (shape(2_500), shape(10_000));
        let (short, long) = (least(&short), least(&long));
        assert!(
            long < short * 12 + Duration::from_micros(50),
            "{name}: {short:?}, four times as long {long:?}"
        );
    }
}

fn many_keys(count: usize) -> String {
    let fields: String = (0..count).map(|index| format!(",\"k{index}\":0")).collect();
    format!("{{\"type\":\"ping\"{fields}}}")
}

fn least(line: &str) -> Duration {
    let once = || {
        let start = Instant::now();
        assert!(decode(line.as_bytes()).is_ok());
        start.elapsed()
    };
    (0..20).map(|_| once()).min().unwrap_or_default()
}
