//! Text that strangers chose, made fit for one line of a log or terminal. Knows nothing of where it goes.

/// Control characters (C0, DEL, C1), line separators and bidirectional controls become `\n`, `\t` or
/// `\u{1b}`; the rest stays. The result ends with `…` where it would pass `limit` bytes.
pub fn plain(text: &str, limit: usize) -> String {
    bounded(text, limit, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        c if is_hostile(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    })
}

/// The same characters, quotes and backslashes as JSON string escapes, without the surrounding quotes.
pub fn json(text: &str, limit: usize) -> String {
    bounded(text, limit, |out, c| match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        c if is_hostile(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push(c),
    })
}

fn bounded(text: &str, limit: usize, push: impl Fn(&mut String, char)) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        let before = out.len();
        push(&mut out, c);
        if out.len() > limit {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

/// Every one of these is in the basic plane, so that four hex digits name it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F11.
    #[test]
    fn every_hostile_character_is_escaped_in_both_forms() {
        let ranges = [0..=0x1f, 0x7f..=0x9f, 0x202a..=0x202e, 0x2066..=0x2069];
        for c in ranges.into_iter().flatten().filter_map(char::from_u32) {
            let text = format!("a{c}b");
            for out in [plain(&text, 100), json(&text, 100)] {
                assert!(!out.contains(c), "{:?} stands raw in {out:?}", c);
                assert!(out.starts_with("a\\") && out.ends_with('b'), "{out:?}");
            }
            let back: String = serde_json::from_str(&format!("\"{}\"", json(&text, 100))).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn ordinary_text_is_left_alone_and_long_text_is_cut_between_characters() {
        assert_eq!(plain("Zoë said: \"é\\n\" %s", 100), "Zoë said: \"é\\n\" %s");
        assert_eq!(plain("ééé", 5), "éé…");
        assert_eq!(json("a\u{1b}b", 4), "a…");
    }
}
