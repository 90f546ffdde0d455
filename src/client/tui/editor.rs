//! The line somebody is typing: a cursor, what was killed, and the lines before it. Knows neither commands nor the screen.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

use super::keys::Key;
use super::text::{cluster_width, harmless, width};

/// Bytes of one line; what is typed or pasted beyond them is refused.
pub const MAX_LINE_BYTES: usize = 32_768;
/// Lines kept to come back to.
pub const MAX_HISTORY: usize = 200;

#[derive(Debug, Default)]
pub struct Editor {
    text: String,
    /// A byte of `text`, between two characters.
    cursor: usize,
    killed: String,
    history: VecDeque<String>,
    /// Which line of `history` is shown, and what was being typed before it was.
    recalled: Option<(usize, String)>,
}

/// What a key did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Changed,
    Moved,
    /// There is no room for it.
    Full,
    /// It is no key for editing.
    Unknown,
}

/// The part of the line that fits, and the cursor's column in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    pub text: String,
    pub column: usize,
}

impl Editor {
    pub fn key(&mut self, key: Key) -> Done {
        match key {
            Key::Char(c) => return self.insert(c.encode_utf8(&mut [0; 4])),
            Key::NewLine => return self.insert("\n"),
            Key::Ctrl('y') => {
                let killed = self.killed.clone();
                return self.insert(&killed);
            }
            Key::Left | Key::Ctrl('b') => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::WordLeft | Key::Alt('b') => self.cursor = self.word_left(char::is_alphanumeric),
            Key::WordRight | Key::Alt('f') => self.cursor = self.word_right(),
            Key::Home | Key::Ctrl('a') => self.cursor = 0,
            Key::End | Key::Ctrl('e') => self.cursor = self.text.len(),
            Key::Up | Key::Ctrl('p') => self.recall(true),
            Key::Down | Key::Ctrl('n') => self.recall(false),
            _ => return self.erase(key),
        }
        Done::Moved
    }

    /// Pasted text; it may have line ends.
    pub fn paste(&mut self, text: &str) -> Done {
        self.insert(harmless(text).trim_end_matches('\n'))
    }

    /// The line, which is empty afterwards; it is remembered.
    pub fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.recalled = None;
        if !text.is_empty() && self.history.back() != Some(&text) {
            self.history.push_back(text.clone());
        }
        if self.history.len() > MAX_HISTORY {
            self.history.pop_front();
        }
        text
    }

    pub fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
        self.recalled = None;
    }

    /// Puts `with` in the place of everything from byte `start` to the cursor.
    pub fn replace_from(&mut self, start: usize, with: &str) {
        if self.text.get(start..self.cursor).is_some() && self.fits(with) {
            self.text.replace_range(start..self.cursor, with);
            self.cursor = start + with.len();
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or("")
    }

    /// `columns` of the line around the cursor, which has a column of its own behind the last character.
    pub fn window(&self, columns: usize) -> Window {
        let mut used = 0;
        let mut shown: Vec<&str> = Vec::new();
        let room = columns.saturating_sub(1);
        for cluster in self.before().graphemes(true).rev() {
            if used + cluster_width(cluster) > room {
                break;
            }
            used += cluster_width(cluster);
            shown.push(cluster);
        }
        let column = used;
        shown.reverse();
        let after = self.text.get(self.cursor..).unwrap_or("");
        for cluster in after.graphemes(true) {
            used += cluster_width(cluster);
            if used > columns {
                break;
            }
            shown.push(cluster);
        }
        let text = shown.concat().replace('\n', "⏎");
        debug_assert!(width(&text) <= columns || columns == 0);
        Window { text, column }
    }

    fn insert(&mut self, text: &str) -> Done {
        if !self.fits(text) {
            return Done::Full;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        Done::Changed
    }

    fn fits(&self, text: &str) -> bool {
        self.text.len() + text.len() <= MAX_LINE_BYTES
    }

    fn erase(&mut self, key: Key) -> Done {
        let (start, end, keep) = match key {
            Key::Backspace | Key::Ctrl('h') => (self.left(), self.cursor, false),
            Key::Delete | Key::Ctrl('d') => (self.cursor, self.right(), false),
            Key::Ctrl('u') => (0, self.cursor, true),
            Key::Ctrl('k') => (self.cursor, self.text.len(), true),
            Key::Ctrl('w') => (self.word_left(|c| !c.is_whitespace()), self.cursor, true),
            Key::DeleteWord => (self.word_left(char::is_alphanumeric), self.cursor, true),
            Key::Alt('d') => (self.cursor, self.word_right(), true),
            _ => return Done::Unknown,
        };
        let killed: String = self.text.drain(start..end).collect();
        self.cursor = start;
        if keep && !killed.is_empty() {
            self.killed = killed;
        }
        Done::Changed
    }

    fn recall(&mut self, older: bool) {
        let last = self.history.len();
        let at = self.recalled.as_ref().map_or(last, |(at, _)| *at);
        let to = if older {
            at.checked_sub(1)
        } else {
            Some(at + 1)
        };
        let Some(to) = to.filter(|to| *to <= last && (older || at < last)) else {
            return;
        };
        let (_, draft) = self.recalled.take().unwrap_or((last, self.text.clone()));
        match self.history.get(to).cloned() {
            Some(line) => {
                self.set(line);
                self.recalled = Some((to, draft));
            }
            None => self.set(draft),
        }
    }

    fn left(&self) -> usize {
        let last = self.before().graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    fn right(&self) -> usize {
        let after = self.text.get(self.cursor..).unwrap_or("");
        self.cursor + after.graphemes(true).next().map_or(0, str::len)
    }

    /// The beginning of the word before the cursor, of characters that `belongs` says.
    fn word_left(&self, belongs: impl Fn(char) -> bool) -> usize {
        let word = self.before().trim_end_matches(|c| !belongs(c));
        word.trim_end_matches(belongs).len()
    }

    fn word_right(&self) -> usize {
        let after = self.text.get(self.cursor..).unwrap_or("");
        let word = after.trim_start_matches(|c: char| !c.is_alphanumeric());
        let rest = word.trim_start_matches(char::is_alphanumeric);
        self.text.len() - rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        for c in text.chars() {
            editor.key(Key::Char(c));
        }
        editor
    }

    fn after(text: &str, keys: &[Key]) -> (String, usize) {
        let mut editor = typed(text);
        for key in keys {
            editor.key(*key);
        }
        (editor.text.clone(), editor.cursor)
    }

    #[test]
    fn readline_keys_move_and_kill() {
        use Key::*;
        let text = |keys: &[Key]| after("one two-three", keys).0;
        assert_eq!(text(&[Ctrl('w')]), "one ");
        assert_eq!(text(&[DeleteWord]), "one two-");
        assert_eq!(text(&[Ctrl('a'), Alt('d')]), " two-three");
        assert_eq!(text(&[Alt('b'), Ctrl('k')]), "one two-");
        assert_eq!(
            text(&[Ctrl('u'), Ctrl('y'), Ctrl('y')]),
            "one two-threeone two-three"
        );
        assert_eq!(text(&[Home, Delete, Right, Ctrl('h')]), "e two-three");
        assert_eq!(after("one two", &[Home, WordRight]).1, 3);
        assert_eq!(typed("x").key(Ctrl('z')), Done::Unknown);
    }

    #[test]
    fn a_character_of_several_code_points_is_one_step() {
        use Key::*;
        let family = "👩\u{200d}👧";
        assert_eq!(after(family, &[Backspace]).0, "");
        assert_eq!(after(&format!("a{family}b"), &[Left, Left]).1, 1);
        assert_eq!(after("ne\u{301}", &[Backspace]).0, "n");
    }

    #[test]
    fn lines_come_back_and_the_draft_too() {
        let mut editor = typed("one");
        assert_eq!(editor.take(), "one");
        editor.set("two".into());
        editor.take();
        editor.set("draft".into());
        let mut seen = Vec::new();
        for key in [Key::Up, Key::Up, Key::Up, Key::Down, Key::Down, Key::Down] {
            editor.key(key);
            seen.push(editor.text().to_string());
        }
        assert_eq!(seen, ["two", "one", "one", "two", "draft", "draft"]);
    }

    #[test]
    fn what_is_kept_has_bounds() {
        let mut editor = Editor::default();
        for number in 0..MAX_HISTORY + 5 {
            editor.set(number.to_string());
            editor.take();
        }
        assert_eq!(editor.history.len(), MAX_HISTORY);
        assert_eq!(editor.paste(&"x".repeat(MAX_LINE_BYTES + 1)), Done::Full);
        assert_eq!(editor.paste("a\u{1b}b\r\nc\n"), Done::Changed);
        assert_eq!(editor.text(), "a␛b\nc");
    }

    #[test]
    fn the_window_follows_the_cursor() {
        let mut editor = typed("hello 日本");
        let mut shown = |columns, key| {
            editor.key(key);
            let Window { text, column } = editor.window(columns);
            (text, column)
        };
        assert_eq!(shown(20, Key::End), ("hello 日本".into(), 10));
        assert_eq!(shown(6, Key::End), (" 日本".into(), 5));
        assert_eq!(shown(7, Key::Home), ("hello ".into(), 0));
        assert_eq!(shown(0, Key::End), ("".into(), 0));
        assert_eq!(shown(1, Key::End), ("".into(), 0));
    }
}
