//! Every key with its value and who set it, as a file that could be read again. Knows no key's meaning.

use std::collections::BTreeMap;

use super::{Config, Key};

/// One key as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub path: &'static str,
    /// In TOML.
    pub value: String,
    pub about: &'static str,
    /// `default`, `file:line`, a variable, a flag, or that it was lowered to agree with another key.
    pub origin: String,
}

/// `origins`: who set a key, by its path.
pub fn shown(config: &Config, origins: &BTreeMap<&'static str, String>) -> Vec<Shown> {
    let defaults = Config::default();
    let origin = |path: &'static str, differs: bool| match origins.get(path) {
        Some(origin) => origin.clone(),
        None if differs => "lowered to agree with another key".into(),
        None => "default".into(),
    };
    let shown = |key: &Key| {
        let value = (key.show)(config);
        Shown {
            path: key.path,
            origin: origin(key.path, value != (key.show)(&defaults)),
            value: toml_escapes(&value),
            about: key.about,
        }
    };
    Key::all().map(shown).collect()
}

/// A file with all of `keys`, which are in order of their tables.
pub fn in_file_form(keys: &[Shown], with_origin: bool) -> String {
    let (mut text, mut table) = (String::new(), "");
    for key in keys {
        let (in_table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if in_table != table {
            let gap = if table.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{in_table}]\n"));
            table = in_table;
        }
        text.push_str(&format!("# {}\n{name} = {}", key.about, key.value));
        if with_origin {
            text.push_str(&format!("  # {}", key.origin));
        }
        text.push('\n');
    }
    text
}

/// Rust writes `\u{7f}` in strings where TOML wants `\U0000007f`; the other escapes are the same.
fn toml_escapes(value: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(value.len()), value);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let number = escape
            .strip_prefix("\\u{")
            .and_then(|rest| rest.split_once('}'));
        rest = match number {
            Some((number, rest)) => {
                text.push_str(&format!("\\U{number:0>8}"));
                rest
            }
            None => {
                let (pair, rest) = escape.split_at(escape.len().min(2));
                text.push_str(pair);
                rest
            }
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_toml_has_it() {
        for text in ["", "a\\u{41}\"b", "\u{7f}\u{200b}é\t", "\\\\u{7f}\u{1f600}"] {
            let line = format!("v = {}", toml_escapes(&format!("{text:?}")));
            let table: toml::Table = line.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(table["v"].as_str(), Some(text), "{line}");
        }
    }

    #[test]
    fn who_set_a_key_stands_behind_it() {
        let mut config = Config::default();
        config.limits.max_errors = 3;
        config.limits.queue_soft_bytes = 2_000;
        let origins = BTreeMap::from([("limits.max_errors", "f.toml:7".to_string())]);
        let text = in_file_form(&shown(&config, &origins), true);
        for line in [
            "max_errors = 3  # f.toml:7",
            "queue_soft_bytes = 2000  # lowered to agree with another key",
            "level = \"info\"  # default",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
