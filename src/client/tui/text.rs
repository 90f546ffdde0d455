//! Text of strangers, made harmless for a terminal and cut into rows. Knows neither conversations nor how a screen is drawn.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Characters that are shown on one place of the screen; marks that are heaped up beyond that are left out.
const MAX_CLUSTER_CHARS: usize = 16;
const TAB: &str = "    ";
/// REGIONAL INDICATOR SYMBOL LETTER A to Z.
const FLAG_LETTERS: RangeInclusive<char> = '\u{1f1e6}'..='\u{1f1ff}';

/// What is shown of `text`: nothing in it drives a terminal, or reorders what stands around it. Only line ends stay, as
/// LF; control characters become their pictures, and marks of direction their numbers.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        if cluster == "\r\n" {
            shown.push('\n');
            continue;
        }
        for c in cluster.chars().take(MAX_CLUSTER_CHARS) {
            push_harmless(&mut shown, c);
        }
    }
    shown
}

/// The same on one row: line ends are pictures too.
pub fn harmless_row(text: &str) -> String {
    harmless(text).replace('\n', "⏎")
}

/// Columns that a terminal needs for it. An LF counts as the one of its picture.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(cluster_width).sum()
}

pub fn cluster_width(cluster: &str) -> usize {
    match cluster {
        "\n" => 1,
        _ => cluster.width(),
    }
}

/// `text` with a letter for each half of a flag, so that 🇫🇷 is FR: as wide for us, but no two terminals agree on how wide a
/// flag is.
pub fn plain_flags(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| FLAG_LETTERS.contains(&c)) {
        return Cow::Borrowed(text);
    }
    let plain =
        |c: char| match u8::try_from(u32::from(c).wrapping_sub(u32::from(*FLAG_LETTERS.start()))) {
            Ok(letter @ 0..26) => char::from(b'A' + letter),
            _ => c,
        };
    Cow::Owned(text.chars().map(plain).collect())
}

/// The beginning of `text` that fits into `columns`, with `…` if something is missing.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut left = columns.saturating_sub(1);
    let mut kept = String::new();
    for cluster in text.graphemes(true) {
        let Some(rest) = left.checked_sub(cluster_width(cluster)) else {
            break;
        };
        left = rest;
        kept.push_str(cluster);
    }
    if columns > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// The rows that `text` takes in `columns`, as ranges of its bytes: a new one at each LF, else between words, else within
/// one. Never none. Spaces at the end of a row may hang over; so does a character that is wider than `columns`.
pub fn rows(text: &str, columns: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        break_line(line, start, columns.max(1), &mut found);
        start += line.len() + 1;
    }
    found
}

/// `line` has no LF and begins at byte `offset` of the text.
fn break_line(line: &str, offset: usize, columns: usize, found: &mut Vec<Range<usize>>) {
    let (mut start, mut used, mut word) = (0, 0, 0);
    for (at, cluster) in line.grapheme_indices(true) {
        let wide = cluster_width(cluster);
        if cluster == " " {
            used += wide;
            word = at + 1;
            continue;
        }
        if used + wide > columns && at > start {
            let end = if word > start { word } else { at };
            found.push(offset + start..offset + end);
            start = end;
            used = width(line.get(start..at).unwrap_or(""));
            // A word that alone is too long stands on this row up to here.
            word = start;
        }
        used += wide;
    }
    found.push(offset + start..offset + line.len());
}

fn push_harmless(shown: &mut String, c: char) {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
        '\t' => shown.push_str(TAB),
        '\u{7f}' => shown.push('␡'),
        '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + c as u32).unwrap_or('␀')),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}' => shown.push_str(&format!("<U+{:04X}>", c as u32)),
        _ => shown.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str, columns: usize) -> Vec<&str> {
        rows(text, columns)
            .into_iter()
            .map(|row| &text[row])
            .collect()
    }

    #[test]
    fn nothing_that_drives_a_terminal_is_shown() {
        assert_eq!(harmless("\u{1b}[31mred\u{7}"), "␛[31mred␇");
        assert_eq!(harmless("a\u{9b}2Jb"), "a<U+009B>2Jb");
        assert_eq!(harmless("evil\u{202e}txt.exe"), "evil<U+202E>txt.exe");
        assert_eq!(harmless("a\r\nb\rc\td\u{2028}e"), "a\nb␍c    d\ne");
        assert_eq!(harmless_row("a\nb"), "a⏎b");
        for c in (0..=0x10ffff).filter_map(char::from_u32) {
            let shown = harmless(&c.to_string());
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{c:?}");
        }
    }

    #[test]
    fn families_stay_together_and_heaps_of_marks_do_not_grow() {
        let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!((harmless(family).as_str(), width(family)), (family, 2));
        assert_eq!((width("日本"), width("e\u{301}"), width("…✓●")), (4, 1, 3));
        let heap = format!("a{}b", "\u{300}".repeat(500));
        assert_eq!(harmless(&heap).chars().count(), MAX_CLUSTER_CHARS + 1);
    }

    #[test]
    fn rows_break_between_words_and_within_long_ones() {
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("one two three", 8), ["one two ", "three"]);
        assert_eq!(broken("one two", 3), ["one ", "two"]);
        assert_eq!(broken("a verylongword", 6), ["a ", "verylo", "ngword"]);
        assert_eq!(broken("a\n\nb", 6), ["a", "", "b"]);
        assert_eq!(broken("日本語です", 5), ["日本", "語で", "す"]);
        assert_eq!(broken("日本", 1), ["日", "本"]);
        assert_eq!(broken("ab", 0), ["a", "b"]);
    }

    #[test]
    fn a_flag_is_shown_as_its_letters_and_is_as_wide() {
        assert_eq!(plain_flags("vive la 🇫🇷🇧🇪, 🇿🇦"), "vive la FRBE, ZA");
        assert_eq!(
            plain_flags("👩\u{200d}👧 Aé\u{1f1e5}\u{1f200}"),
            "👩\u{200d}👧 Aé\u{1f1e5}\u{1f200}"
        );
        for text in ["🇫🇷", "🇫🇷🇧🇪", "🇫", "🇫🇷🇧", "a🇫🇷b", "🇫🇷\u{301}"]
        {
            assert_eq!(width(&plain_flags(text)), width(text), "{text}");
        }
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("Alice", 5), "Alice");
        assert_eq!(cut("Alice", 4), "Ali…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), "".into()));
    }
}
