//! The pieces of a line: keys and values, appended to a buffer. Knows no frame.

use crate::wire::command::Raw;

pub(super) fn open(out: &mut Vec<u8>, kind: &'static str, id: Option<Raw<'_>>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    raw(out, "id", id);
}

pub(super) fn key(out: &mut Vec<u8>, key: &'static str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// `value` must not hold what JSON escapes: a name, a time, a word of [`crate::wire::code`]; or be escaped already.
pub(super) fn text(out: &mut Vec<u8>, name: &'static str, value: &str) {
    quoted(out, name, value.as_bytes());
}

/// The same of bytes.
pub(super) fn quoted(out: &mut Vec<u8>, name: &'static str, value: &[u8]) {
    key(out, name);
    out.push(b'"');
    out.extend_from_slice(value);
    out.push(b'"');
}

pub(super) fn raw(out: &mut Vec<u8>, name: &'static str, value: Option<Raw<'_>>) {
    if let Some(value) = value {
        key(out, name);
        out.extend_from_slice(value.0);
    }
}

pub(super) fn optional_text(out: &mut Vec<u8>, name: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        text(out, name, value);
    }
}

pub(super) fn flag(out: &mut Vec<u8>, name: &'static str, value: bool) {
    key(out, name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn optional_number(out: &mut Vec<u8>, name: &'static str, value: Option<u32>) {
    if let Some(value) = value {
        key(out, name);
        number(out, u64::from(value));
    }
}

pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    let mut text = [b'0'; MOST_DIGITS];
    let (mut rest, mut unused) = (value, MOST_DIGITS);
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        unused -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(unused..).unwrap_or_default());
}

/// Sentences of ours and configured text. Writing JSON into a `Vec` cannot fail.
pub(super) fn string(out: &mut Vec<u8>, value: &str) {
    let _ = serde_json::to_writer(out, value);
}

/// Of a `u64`.
const MOST_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_printed() {
        let edges = (0..20).flat_map(|power| [10_u64.pow(power) - 1, 10_u64.pow(power)]);
        for value in edges.chain([u64::MAX, (1 << 53) - 1, 1_024]) {
            let mut out = b"n".to_vec();
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), format!("n{value}"));
        }
    }
}
