//! The fields of an accepted line, read with serde_json. Knows no command.

use std::collections::HashMap;

use serde_json::value::RawValue;

pub type Fields<'a> = HashMap<String, &'a RawValue>;

pub fn raw<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a str> {
    fields.get(name).map(|value| value.get())
}

pub fn word(fields: &Fields<'_>, name: &str) -> Option<String> {
    raw(fields, name).and_then(|json| serde_json::from_str(json).ok())
}

pub fn words(fields: &Fields<'_>, name: &str) -> Vec<String> {
    raw(fields, name)
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// A token, or a number that is none.
pub fn number_of(text: &str) -> u128 {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = digits
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten();
    number.filter(|number| *number != 0).unwrap_or(u128::MAX)
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the decoder read it as UTF-8")
}
