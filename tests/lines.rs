//! Rows C3, C4, C5, C10, C11, C12, C17 and E4: every line of `tests/data/lines.tsv` gets exactly the answer that stands
//! beside it there, with the field it names; nothing of the client's text is in the sentence.

use privmsgd::wire::command::{decode, decode_cold};

const TABLE: &str = include_str!("data/lines.tsv");

#[test]
fn every_line_of_the_table_is_answered_as_it_says() {
    let mut wrong = Vec::new();
    for (expected, field, line) in rows() {
        let answer = answer(&line);
        if answer != (expected.to_owned(), field.to_owned()) {
            let start = String::from_utf8_lossy(&line)
                .chars()
                .take(120)
                .collect::<String>();
            wrong.push(format!(
                "{start}\n  expected {expected} {field}, got {} {}",
                answer.0, answer.1
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn both_readers_agree_on_every_line_of_the_table() {
    for (_, _, line) in rows() {
        assert_eq!(
            decode(&line),
            decode_cold(&line),
            "{}",
            String::from_utf8_lossy(&line)
        );
    }
}

#[test]
fn every_sentence_is_short_and_printable() {
    for (_, _, line) in rows() {
        if let Err(refusal) = decode(&line) {
            assert!(
                (1..=200).contains(&refusal.message.len()),
                "{}",
                refusal.message
            );
            assert!(
                refusal
                    .message
                    .bytes()
                    .all(|byte| (0x20..0x7f).contains(&byte)),
                "{:?}",
                refusal.message
            );
        }
    }
}

#[test]
fn invalid_utf8_is_answered_with_its_offset() {
    let refusal = decode(b"{\"type\":\"\xe9\"}").unwrap_err();
    assert!(refusal.message.contains("byte 9"), "{}", refusal.message);
}

#[test]
fn the_table_is_large_enough_and_its_rows_differ() {
    let mut lines: Vec<_> = rows().map(|(_, _, line)| line).collect();
    assert!(lines.len() >= 200);
    let count = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count, "a row stands twice");
}

fn answer(line: &[u8]) -> (String, String) {
    match decode(line) {
        Ok(_) => ("ok".to_owned(), "-".to_owned()),
        Err(refusal) => (
            refusal.code.as_str().to_owned(),
            refusal.field.unwrap_or("-").to_owned(),
        ),
    }
}

/// Expected code, expected field, bytes of the line.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    TABLE
        .lines()
        .filter(|row| !row.is_empty() && !row.starts_with('#'))
        .map(|row| {
            let mut columns = row.splitn(3, '\t');
            let mut next = || {
                columns
                    .next()
                    .unwrap_or_else(|| panic!("three columns: {row}"))
            };
            (next(), next(), bytes(next()))
        })
}

/// `%41` is a byte, `%(3*ab)` is `ababab`.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        out.extend_from_slice(plain.as_bytes());
        rest = if let Some(repeat) = after.strip_prefix('(') {
            let (count, repeat) = repeat.split_once('*').expect("a count");
            let (what, after) = repeat.split_once(')').expect("an end");
            out.extend(bytes(what).repeat(count.parse().expect("a count")));
            after
        } else {
            out.push(u8::from_str_radix(&after[..2], 16).expect("two hexadecimal digits"));
            &after[2..]
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
