//! The one thing that is read from a certificate here: until when it is good. Knows no clock and no files.

use crate::time;

/// `notAfter` of an X.509 certificate in DER, in milliseconds since 1970; `None`: it is no certificate.
pub fn not_after(certificate: &[u8]) -> Option<u64> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut body, _) = value(certificate, SEQUENCE)?;
    if let Some((_, rest)) = value(body, VERSION) {
        body = rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, body) = value(body, tag)?;
    }
    let (validity, _) = value(body, SEQUENCE)?;
    let (_, end) = any(validity)?.1;
    match any(end)? {
        (UTC_TIME, (text, _)) => {
            let year = two(text, 0)?;
            // RFC 5280: two digits stand for 1950 to 2049.
            instant(if year < 50 { 2000 } else { 1900 } + year, text.get(2..)?)
        }
        (GENERALIZED_TIME, (text, _)) => {
            instant(two(text, 0)? * 100 + two(text, 2)?, text.get(4..)?)
        }
        _ => None,
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The contents of the first element and what follows it.
type Parts<'a> = (&'a [u8], &'a [u8]);

fn value(bytes: &[u8], tag: u8) -> Option<Parts<'_>> {
    any(bytes)
        .filter(|(found, _)| *found == tag)
        .map(|(_, parts)| parts)
}

fn any(bytes: &[u8]) -> Option<(u8, Parts<'_>)> {
    let (&[tag, first], mut rest) = bytes.split_first_chunk()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        length = 0;
        for _ in 0x80..first {
            let (&byte, after) = rest.split_first()?;
            length = length.checked_mul(256)?.checked_add(usize::from(byte))?;
            rest = after;
        }
    }
    Some((tag, rest.split_at_checked(length)?))
}

fn two(text: &[u8], at: usize) -> Option<u64> {
    let digit = |at: usize| text.get(at).filter(|byte| byte.is_ascii_digit());
    Some(u64::from(digit(at)? - b'0') * 10 + u64::from(digit(at + 1)? - b'0'))
}

/// `rest`: `MMDDhhmmssZ`.
fn instant(year: u64, rest: &[u8]) -> Option<u64> {
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| two(rest, at));
    let (month, day) = (month?, day?);
    if rest.get(10..) != Some(b"Z") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = time::days(year, month, day)?;
    Some((((days * 24 + hour?) * 60 + minute?) * 60 + second?) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, 0x82];
        out.extend_from_slice(&(contents.len() as u16).to_be_bytes());
        out.extend_from_slice(contents);
        out
    }

    fn certificate(tag: u8, end: &str) -> Vec<u8> {
        let validity = [
            element(UTC_TIME, b"200101000000Z"),
            element(tag, end.as_bytes()),
        ];
        let body = [
            element(VERSION, &element(INTEGER, &[2])),
            element(INTEGER, &[7]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &validity.concat()),
        ];
        element(SEQUENCE, &element(SEQUENCE, &body.concat()))
    }

    #[test]
    fn the_end_is_read_from_both_kinds_of_time() {
        for (tag, text, wanted) in [
            (UTC_TIME, "261122104007Z", Some(1_795_344_007_000)),
            (UTC_TIME, "700101000000Z", Some(0)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400_000)),
            (
                GENERALIZED_TIME,
                "99991231235959Z",
                Some(253_402_300_799_000),
            ),
            (UTC_TIME, "490101000000+0100", None),
            (UTC_TIME, "4901", None),
            (GENERALIZED_TIME, "20001301000000Z", None),
            (INTEGER, "261122104007Z", None),
        ] {
            assert_eq!(not_after(&certificate(tag, text)), wanted, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            at in 0..100usize,
            byte: u8,
        ) {
            not_after(&bytes);
            let mut near = certificate(UTC_TIME, "261122104007Z");
            if let Some(slot) = near.get_mut(at) {
                *slot = byte;
            }
            not_after(&near);
        }
    }
}
