//! What covers the messages for a while: the commands and keys, or why the session has ended. Rows of text at any width;
//! knows no colours and no keys.

use super::command;
use super::text::{harmless, rows, width};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    Help,
    /// Why there is no session any more.
    End(String),
    /// What is to be read once.
    Note(String),
}

/// What stands out, and from column `at` on what explains it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub words: String,
    pub at: usize,
    pub about: String,
}

impl Page {
    /// `mailbox`: with the commands that open mode has not.
    pub fn rows(&self, columns: usize, mailbox: bool) -> Vec<Row> {
        match self {
            Page::Help => help(columns, mailbox),
            Page::End(why) => {
                let keys = "Enter connects again, Ctrl-D leaves, any other key goes back";
                told(why, keys, columns)
            }
            Page::Note(text) => told(text, "any key goes back", columns),
        }
    }
}

fn told(text: &str, keys: &str, columns: usize) -> Vec<Row> {
    let text = explained(String::new(), 0, &harmless(text), columns);
    let keys = explained(String::new(), 0, keys, columns);
    text.into_iter()
        .chain([Row::default()])
        .chain(keys)
        .collect()
}

fn help(columns: usize, mailbox: bool) -> Vec<Row> {
    let end = (String::new(), "any other key goes back");
    let all = command::explained(mailbox).chain([end]);
    let place = |words: &str| match columns > 2 * WORDS {
        true => WORDS,
        false if words.is_empty() => 0,
        false => width(words) + 1,
    };
    all.flat_map(|(words, about)| explained(words.clone(), place(&words), about, columns))
        .collect()
}

/// `about` from column `at` on, in as many rows as it needs; where `at` leaves it less than half, below `words`.
fn explained(words: String, at: usize, about: &str, columns: usize) -> Vec<Row> {
    let beside = at <= columns / 2 || at + width(about) <= columns;
    let at = if beside { at } else { INDENT };
    let parts = rows(about, columns.saturating_sub(at));
    let about = parts.into_iter().map(|part| Row {
        words: String::new(),
        at,
        about: about.get(part).unwrap_or_default().trim_end().to_string(),
    });
    let mut found: Vec<Row> = about.collect();
    match found.first_mut() {
        Some(first) if beside => first.words = words,
        _ => found.insert(
            0,
            Row {
                words,
                ..Row::default()
            },
        ),
    }
    found
}

/// Columns of what is explained.
const WORDS: usize = 31;
const INDENT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(page: &Page, columns: usize) -> Vec<String> {
        let line = |row: Row| match row.about.is_empty() {
            true => row.words,
            false => format!("{:at$}{}", row.words, row.about, at = row.at),
        };
        page.rows(columns, true).into_iter().map(line).collect()
    }

    #[test]
    fn at_any_width_nothing_is_cut_off() {
        let whole: String = shown(&Page::Help, 500).concat();
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        for columns in [200, 80, 64, 50, 40, 30] {
            let rows = shown(&Page::Help, columns);
            let longest = rows.iter().map(|row| width(row)).max();
            assert!(longest <= Some(columns), "{columns}: {rows:?}");
            assert_eq!(letters(&rows.concat()), letters(&whole), "{columns}");
        }
    }

    #[test]
    fn the_reason_of_an_end_is_there_as_a_whole() {
        let end = Page::End("the certificate has changed\n  now  AB\u{1b}".into());
        assert_eq!(
            shown(&end, 40),
            [
                "the certificate has changed",
                "  now  AB␛",
                "",
                "Enter connects again, Ctrl-D leaves, any",
                "other key goes back"
            ]
        );
    }
}
