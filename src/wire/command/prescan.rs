//! What a line must keep to whatever its grammar: bytes that drive terminals, surrogates, depth.
//! Knows of JSON only where strings begin and end.
//!
//! One pass in constant space, before any parser that could be led into deep recursion.

use super::scalar::hex4;
use super::{MAX_DEPTH, Refusal};
use crate::wire::code::Code;

/// `line` is valid UTF-8. What is wrong with its grammar passes: the parser says so.
pub(super) fn check(line: &[u8]) -> Result<(), Refusal<'static>> {
    let mut depth = 0_usize;
    let mut rest = line;
    while let [byte, after @ ..] = rest {
        let offset = line.len() - rest.len();
        rest = after;
        match byte {
            b'"' => rest = string(after, line.len())?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'\t' => {}
            0..=0x1f | 0x7f => return Err(invalid("a control byte", offset)),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::new(
                Code::TooDeep,
                format!("nested deeper than {MAX_DEPTH} at byte {offset}"),
            ));
        }
    }
    Ok(())
}

/// From after a string's opening quote to after its closing one; to the end if it has none.
fn string(mut rest: &[u8], line_len: usize) -> Result<&[u8], Refusal<'static>> {
    loop {
        let offset = line_len - rest.len();
        rest = match rest {
            [] => return Ok(rest),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'u', after @ ..] => match unicode_escape(after) {
                Some(after) => after,
                None => return Err(invalid("half a surrogate pair", offset)),
            },
            [b'\\', _, after @ ..] => after,
            [0..=0x1f | 0x7f, ..] | [0xc2, 0x80..=0x9f, ..] => {
                return Err(invalid("a control character that is not escaped", offset));
            }
            [_, after @ ..] => after,
        }
    }
}

/// From after a `\u` to after the character it stands for. None: a surrogate without its other half.
fn unicode_escape(text: &[u8]) -> Option<&[u8]> {
    let Some((unit, after)) = hex4(text) else {
        return Some(text);
    };
    match (unit, after) {
        (0xd800..=0xdbff, [b'\\', b'u', low @ ..]) => hex4(low)
            .filter(|(unit, _)| matches!(unit, 0xdc00..=0xdfff))
            .map(|(_, after)| after),
        (0xd800..=0xdfff, _) => None,
        _ => Some(after),
    }
}

fn invalid(what: &str, offset: usize) -> Refusal<'static> {
    Refusal::new(
        Code::InvalidJson,
        format!("the line holds {what} at byte {offset}, counted from 0"),
    )
}
