//! Bytes as text and back. Knows no fields and no frames.

/// RFC 4648 §5, without padding.
pub fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or(0))
        });
        for digit in 0..=three.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            out.extend(DIGITS.get(index as usize));
        }
    }
}

/// RFC 4648 §5, with or without padding. `None`: not the one text that stands for `N` bytes.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if digits.len() != (N * 8).div_ceil(6) || (padding > 0 && text.len() != N.div_ceil(3) * 4) {
        return None;
    }
    let mut bytes = [0; N];
    let mut to = bytes.iter_mut();
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        bits = bits << 6 | value_of(digit)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            *to.next()? = (bits >> held) as u8;
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        encode(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base64url_of_known_texts() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"\xfb\xff\xfe", "-__-"),
        ] {
            let mut out = Vec::new();
            encode(&mut out, bytes);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn base64url_is_read_as_it_is_written_and_in_no_other_way() {
        for last in 0..=255u8 {
            let bytes: [u8; 32] = std::array::from_fn(|at| last.wrapping_mul(at as u8 + 1));
            let text = text(&bytes);
            assert_eq!(text.len(), 43);
            assert_eq!(decode(&text), Some(bytes));
            assert_eq!(decode(&format!("{text}=")), Some(bytes));
            assert_eq!(decode::<32>(&format!("{text}==")), None);
            assert_eq!(decode::<32>(&format!("{text}A")), None);
            assert_eq!(decode::<31>(&text), None);
        }
        // Bits that stand for nothing; the other alphabet; a character of two bytes.
        let zeros = "A".repeat(42);
        for end in ["B", "+", "/", " ", "é"] {
            assert_eq!(decode::<32>(&(zeros.clone() + end)), None, "{end}");
        }
        assert_eq!(decode::<64>(&text(&[0xff; 64])), Some([0xff; 64]));
        assert_eq!(decode::<64>(&(text(&[7; 64]) + "==")), Some([7; 64]));
        assert_eq!(decode::<64>(&(text(&[7; 64]) + "=")), None);
    }
}
