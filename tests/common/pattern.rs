//! What a line must look like: the line itself, byte for byte, with wildcards for what varies.
//!
//! - `"…"`: any string; `"…word"`: any string, which is remembered: the same word later stands for the same string.
//! - `…` in place of a value: any value; `…word`: any value, remembered like a string.
//! - `,…}`: any further members.
//!
//! Key order, spaces and members that should not be there are thereby checked too.

use std::collections::HashMap;

/// The values behind the words, strings with their quotes.
pub type Bindings = HashMap<String, String>;

const DOTS: &str = "…";

/// The offset in `line` up to which the pattern holds, if it does not hold to the end.
pub fn check(pattern: &str, line: &str, bindings: &mut Bindings) -> Result<(), usize> {
    let (mut want, mut have) = (pattern, line);
    loop {
        let at = line.len() - have.len();
        if let Some(rest) = want.strip_prefix(",…}") {
            let members = members_len(have).ok_or(at)?;
            (want, have) = (rest, have[members..].strip_prefix('}').ok_or(at)?);
        } else if let Some((word, rest)) = wild_string(want) {
            let length = string_len(have).ok_or(at)?;
            let (string, after) = have.split_at(length);
            if !word.is_empty()
                && *bindings.entry(word.into()).or_insert_with(|| string.into()) != string
            {
                return Err(at);
            }
            (want, have) = (rest, after);
        } else if let Some(rest) = want.strip_prefix(DOTS) {
            let (word, rest) = rest.split_at(word_len(rest));
            let (value, after) = have.split_at(value_len(have).ok_or(at)?);
            if !word.is_empty()
                && *bindings.entry(word.into()).or_insert_with(|| value.into()) != value
            {
                return Err(at);
            }
            (want, have) = (rest, after);
        } else if want.starts_with('"') {
            let length = string_len(want).unwrap_or(want.len());
            (want, have) = (
                &want[length..],
                have.strip_prefix(&want[..length]).ok_or(at)?,
            );
        } else {
            let (Some(wanted), Some(had)) = (want.chars().next(), have.chars().next()) else {
                return if want.is_empty() && have.is_empty() {
                    Ok(())
                } else {
                    Err(at)
                };
            };
            if wanted != had {
                return Err(at);
            }
            (want, have) = (&want[wanted.len_utf8()..], &have[had.len_utf8()..]);
        }
    }
}

/// `line` with every `"…word"` or `…word` replaced by the value that the word stands for.
pub fn fill(line: &str, bindings: &Bindings) -> String {
    let mut filled = line.to_owned();
    for (word, value) in bindings {
        let bare = format!("{DOTS}{word}");
        filled = filled.replace(&format!("\"{bare}\""), value);
        filled = [",", "}"].iter().fold(filled, |filled, end| {
            filled.replace(&format!("{bare}{end}"), &format!("{value}{end}"))
        });
    }
    filled
}

fn word_len(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_alphanumeric).count()
}

/// `"…word"rest` as word and rest.
fn wild_string(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.strip_prefix("\"…")?.split_once('"')?;
    word.chars()
        .all(|c| c.is_ascii_alphanumeric())
        .then_some((word, rest))
}

fn string_len(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    if bytes.next()?.1 != b'"' {
        return None;
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => drop(bytes.next()?),
            _ => {}
        }
    }
    None
}

/// The length of the JSON value that `text` begins with: up to a comma or an end that is not its own.
fn value_len(text: &str) -> Option<usize> {
    nested_len(text, |byte| matches!(byte, b',' | b'}' | b']')).filter(|&length| length > 0)
}

/// The length of all further members up to the end of the object.
fn members_len(text: &str) -> Option<usize> {
    nested_len(text, |byte| byte == b'}').filter(|_| text.starts_with([',', '}']))
}

fn nested_len(text: &str, ends: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            byte if depth == 0 && ends(byte) => return Some(at),
            b'"' => at += string_len(&text[at..])? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(at)
}
