//! The harness itself: what its patterns accept and refuse, and how it reads a block.

mod common;

use common::{Bindings, Chunking, blocks, check, fill};

#[track_caller]
fn accepts(pattern: &str, line: &str) {
    assert_eq!(
        check(pattern, line, &mut Bindings::new()),
        Ok(()),
        "{pattern} should accept {line}"
    );
}

#[track_caller]
fn refuses(pattern: &str, line: &str) {
    assert!(
        check(pattern, line, &mut Bindings::new()).is_err(),
        "{pattern} should refuse {line}"
    );
}

#[test]
fn a_pattern_is_the_line_itself() {
    accepts(r#"{"a":1,"b":"x"}"#, r#"{"a":1,"b":"x"}"#);
    refuses(r#"{"a":1,"b":"x"}"#, r#"{"b":"x","a":1}"#);
    refuses(r#"{"a":1}"#, r#"{"a": 1}"#);
    refuses(r#"{"a":1}"#, r#"{"a":1,"b":2}"#);
    refuses(r#"{"a":1,"b":2}"#, r#"{"a":1}"#);
    refuses(r#"{"a":1}"#, r#"{"a":1} "#);
}

#[test]
fn dots_in_quotes_are_any_string_and_nothing_else() {
    accepts(r#"{"a":"…","b":1}"#, r#"{"a":"x\",\"b","b":1}"#);
    refuses(r#"{"a":"…"}"#, r#"{"a":1}"#);
    refuses(r#"{"a":"…"}"#, r#"{"a":"x","b":1}"#);
    refuses(r#"{"a":"b…"}"#, r#"{"a":"bc"}"#);
    accepts(r#"{"a":"b…"}"#, r#"{"a":"b…"}"#);
}

#[test]
fn bare_dots_are_any_value_or_any_further_members() {
    accepts(r#"{"a":…,"b":2}"#, r#"{"a":[1,{"c":"]"}],"b":2}"#);
    refuses(r#"{"a":…}"#, r#"{"a":}"#);
    refuses(r#"{"a":…}"#, r#"{"a":1,"b":2}"#);
    accepts(r#"{"a":1,…}"#, r#"{"a":1,"b":{"c":[]}}"#);
    accepts(r#"{"a":1,…}"#, r#"{"a":1}"#);
    refuses(r#"{"a":1,…}"#, r#"{"a":1,"b":2} "#);
    refuses(r#"{"a":1,…}"#, r#"{"a":12}"#);
}

#[test]
fn a_word_stands_for_one_string() {
    let mut bindings = Bindings::new();
    assert_eq!(check(r#"["…t"]"#, r#"["x"]"#, &mut bindings), Ok(()));
    assert_eq!(check(r#"["…t"]"#, r#"["x"]"#, &mut bindings), Ok(()));
    assert!(check(r#"["…t"]"#, r#"["y"]"#, &mut bindings).is_err());
}

#[test]
fn a_bare_word_stands_for_one_value() {
    let mut bindings = Bindings::new();
    assert_eq!(check("{\"p\":…p}", "{\"p\":12}", &mut bindings), Ok(()));
    assert_eq!(check("[…p,…q,…p]", "[12,13,12]", &mut bindings), Ok(()));
    assert!(check("[…p]", "[1]", &mut bindings).is_err());
    assert_eq!(
        fill("{\"p\":…p,\"q\":…q}", &bindings),
        "{\"p\":12,\"q\":13}"
    );
}

#[test]
fn a_block_is_read_step_by_step() {
    let text = "```wire mailbox line_timeout_ms=5 accounts.signup=open\nA: (connects)\n# a remark\nS→A: {…}\nA: (bytes ff 0a)\n```\n```json\nA: x\n```\n";
    let blocks = blocks("x.md", text);
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].place, "x.md:1");
    assert_eq!(
        blocks[0].keys,
        [
            ("limits.line_timeout_ms".to_owned(), "5".to_owned()),
            ("accounts.signup".to_owned(), "open".to_owned())
        ]
    );
    assert!(blocks[0].mailbox);
    assert_eq!(blocks[0].steps.len(), 3);
}

#[test]
fn chunkings_lose_nothing() {
    for chunking in Chunking::ALL {
        assert_eq!(chunking.cut(b"ab\nc\n\nd").concat(), b"ab\nc\n\nd");
    }
    assert_eq!(Chunking::Line.cut(b"ab\nc").len(), 2);
}
