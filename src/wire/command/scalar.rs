//! Rules for single values, in their raw form, that both readers of lines share. Knows no field.

use crate::wire::code::Code;

/// Bytes of an `id` or `kind` as sent, and of a `messageId` or `device`, which must not be empty.
pub(super) const MAX_WORD_BYTES: usize = 64;

/// 2^53 − 1: what every JSON implementation keeps exactly.
pub(super) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The value of a JSON number without fraction and exponent.
///
/// `raw` is valid JSON. `BadType`: it is something else; `BadValue`: beyond ± [`MAX_INTEGER`].
pub(super) fn integer(raw: &[u8]) -> Result<i64, Code> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Code::BadType);
    }
    if digits.len() > 16 {
        return Err(Code::BadValue);
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    if value > MAX_INTEGER {
        return Err(Code::BadValue);
    }
    Ok(if raw.len() > digits.len() {
        -value
    } else {
        value
    })
}

/// What stands between the quotes, if `raw`, valid JSON, is a string.
pub(super) fn unquoted(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The number in the first four bytes as hexadecimal digits, and what follows.
#[inline]
pub(super) fn hex4(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut value = 0_u16;
    for digit in digits {
        value = value << 4 | char::from(*digit).to_digit(16)? as u16;
    }
    Some((value, rest))
}
