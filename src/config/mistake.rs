//! What is wrong in a configuration, and where: one message each. Knows no keys.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::escape;

/// Where a value comes from. Ordered as messages are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    File(Place),
    /// The name of an environment variable.
    Variable(String),
    /// `--listen`
    Flag(&'static str),
}

/// In one word: `file:line`, a variable or a flag.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Origin::File(place) => format!("{}:{}", place.path.display(), place.line),
            Origin::Variable(name) => name.clone(),
            Origin::Flag(flag) => (*flag).into(),
        };
        f.write_str(&escape::plain(&text, MAX_MESSAGE_BYTES))
    }
}

/// A stretch of one line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    path: PathBuf,
    /// Both count from 1, columns in characters.
    line: usize,
    column: usize,
    excerpt: String,
    /// Characters of `excerpt` before and under the mark.
    mark: (usize, usize),
}

impl Place {
    /// `span`: bytes of `text`; only its part on the first line is marked.
    pub fn new(path: &Path, text: &str, span: Range<usize>) -> Self {
        let start = floor(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let stop = floor(text, span.end).clamp(start, end);
        let shown = |part: &str| escape::plain(&part.replace('\t', " "), MAX_EXCERPT_BYTES);
        let width = |part: &str| shown(part).chars().count();
        Place {
            path: path.into(),
            line: text[..begin].matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            excerpt: shown(text[begin..end].trim_end_matches('\r')),
            mark: (width(&text[begin..start]), width(&text[start..stop]).max(1)),
        }
    }

    /// Whether both stand on the same line of the same file.
    pub fn shares_line(&self, other: &Place) -> bool {
        self.line == other.line && self.path == other.path
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    pub origin: Origin,
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = escape::plain(&self.what, MAX_MESSAGE_BYTES);
        match &self.origin {
            Origin::Flag(flag) => write!(f, "{flag}: {what}"),
            Origin::Variable(name) => {
                let name = escape::plain(name, MAX_EXCERPT_BYTES);
                write!(f, "environment {name}: {what}")
            }
            Origin::File(place) => {
                let path = place.path.display().to_string();
                let path = escape::plain(&path, MAX_MESSAGE_BYTES);
                let (line, (before, marked)) = (place.line, place.mark);
                let gutter = line.to_string().len();
                writeln!(f, "{path}:{line}:{}: {what}", place.column)?;
                writeln!(f, "  {line} | {}", place.excerpt)?;
                write!(f, "  {:gutter$} | {:before$}{:^<marked$}", "", "", "")
            }
        }
    }
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of one character (Levenshtein), ignoring ASCII case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let kept = diagonal + usize::from(!from.eq_ignore_ascii_case(to));
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

const MAX_EXCERPT_BYTES: usize = 200;
const MAX_MESSAGE_BYTES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_line_and_column_and_marked() {
        let text = "a = 1\r\nbé = \"\u{1b}x\"\n";
        let at = text.find('"').unwrap();
        let mistake = Mistake {
            origin: Origin::File(Place::new(Path::new("f.toml"), text, at..at + 4)),
            what: "must be 1".into(),
        };
        let wanted = "f.toml:2:6: must be 1\n  2 | bé = \"\\u{1b}x\"\n    |      ^^^^^^^^^";
        assert_eq!(mistake.to_string(), wanted);
        for span in [0..0, 5..9, 100..200, text.len()..text.len()] {
            Place::new(Path::new("f"), text, span);
        }
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let words = ["max_line_bytes", "max_errors", "level"];
        let near = |word| nearest(word, words.into_iter());
        assert_eq!(near("max_lines_bytes"), Some("max_line_bytes"));
        assert_eq!(near("Level"), Some("level"));
        assert_eq!(near("lvel"), Some("level"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
    }
}
