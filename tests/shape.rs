//! The short cut for a busy sender's next line: whatever it reads, the whole decoder reads the same.

use privmsgd::wire::command::{Command, Like, Request, Shape, decode};
use proptest::prelude::*;

/// The shape of `line`, and what it makes of `next` right behind it.
fn read_next(line: &[u8], next: &[u8]) -> Option<(Shape, Option<(Request<'static>, usize)>)> {
    let buffer: &'static [u8] = Box::leak([line, b"\n", next].concat().into_boxed_slice());
    let request = decode(buffer.get(..line.len())?).ok()?;
    let shape = Shape::of(&request, &buffer[..line.len()], 0)?;
    let like = shape.next(buffer, &(line.len() + 1..buffer.len()));
    let read = like.map(
        |Like {
             id,
             message,
             length,
         }| {
            (
                Request {
                    id,
                    command: Command::PrivateMessage(message),
                },
                length,
            )
        },
    );
    Some((shape, read))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,80}",
        "\\PC{0,20}",
        Just("x".repeat(300)),
        Just("\\u00e9 \\\" \\\\ \\ud83d\\ude00".to_string()),
        Just("\\ud800".to_string()),
        Just("tab\tor\u{7f}".to_string()),
    ]
}

fn line(text: &str, form: usize, name: &str) -> String {
    match form % 6 {
        0 => format!(r#"{{"type":"privateMessage","toUsername":"{name}","message":"{text}"}}"#),
        1 => {
            format!(r#"{{"type": "privateMessage", "toUsername": "{name}", "message": "{text}"}}"#)
        }
        2 => format!(
            r#"{{"type":"privateMessage","toUsername":"{name}","message":"{text}","id":7}}"#
        ),
        3 => format!(
            r#"{{"id":"a","type":"privateMessage","toUsername":"{name}","message":"{text}"}}"#
        ),
        4 => format!(
            r#"{{"toUsername":"{name}","type":"privateMessage","message":"{text}","kind":"k"}}"#
        ),
        _ => format!(r#"{{"type":"privateMessage","message":"{text}","toUsername":"{name}"}}"#),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_the_shape_reads_the_decoder_reads_alike(
        first in text(), second in text(), form in 0usize..6, other_form in 0usize..7,
        cut in any::<prop::sample::Index>(), byte in any::<Option<u8>>(), name in "[A-Za-z]{2,9}",
    ) {
        let (first, mut next) = (line(&first, form, &name), line(&second, form + other_form / 6 * other_form, &name).into_bytes());
        if let Some(byte) = byte {
            let at = cut.index(next.len());
            next[at] = byte;
        }
        next.push(b'\n');
        if let Some((_, Some((request, length)))) = read_next(first.as_bytes(), &next) {
            prop_assert_eq!(next.get(length - 1), Some(&b'\n'));
            prop_assert!(!next[..length - 1].contains(&b'\n'));
            let whole = next[..length - 1].to_vec().leak();
            prop_assert_eq!(Ok(request), decode(whole));
        }
    }
}

#[test]
fn the_usual_lines_have_a_shape_and_are_read_by_it() {
    for (form, shaped) in [
        (0, true),
        (1, true),
        (2, true),
        (3, false),
        (4, true),
        (5, false),
    ] {
        let read = read_next(
            line("hello", form, "Bob").as_bytes(),
            (line("what?", form, "Bob") + "\n").as_bytes(),
        );
        assert_eq!(read.is_some(), shaped, "form {form}");
        // `kind` behind the message is left to the whole decoder.
        assert_eq!(
            read.and_then(|(_, read)| read).is_some(),
            shaped && form != 4,
            "form {form}"
        );
    }
}

#[test]
fn another_name_beginning_ending_or_byte_is_left_to_the_decoder() {
    let first = line("hello", 0, "Bob");
    let good = line("what?", 0, "Bob") + "\n";
    assert!(
        read_next(first.as_bytes(), good.as_bytes())
            .unwrap()
            .1
            .is_some()
    );
    for next in [
        line("what?", 0, "Bobby") + "\n",
        line("what?", 0, "Bo") + "\n",
        line("what?", 1, "Bob") + "\n",
        line("what?", 0, "Bob"),
        line("what?", 0, "Bob") + "\r\n",
        line("what?", 0, "Bob") + " \n",
        good.replace("what?", "wh\u{7f}t?"),
        good.replace("what?", "wh\u{85}t?"),
        good.replace("what?", "wh\nt?"),
        good.replace("what?", "\\ud800"),
        good.replace("\"}", "\",\"type\":\"bye\"}"),
        good.replace("\"}", "\",\"id\":1.5}"),
        good.replace("\"}", "\",\"id\":1,\"id\":1}"),
        good.replace("what?\"", "what?"),
    ] {
        assert!(
            read_next(first.as_bytes(), next.as_bytes())
                .unwrap()
                .1
                .is_none(),
            "{next}"
        );
    }
    let mut raw = good.into_bytes();
    raw[60] = 0xff;
    assert!(read_next(first.as_bytes(), &raw).unwrap().1.is_none());
}
