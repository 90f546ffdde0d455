//! Text of the file and names of the environment → settings of known keys, and mistakes about the rest.
//! Knows no values: those are judged by their key.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::keys::Key;
use super::mistake::{Mistake, Origin, Place, nearest};
use super::value::Given;

/// One key, what it was given, and by whom.
pub struct Setting {
    pub key: &'static Key,
    pub given: Given,
    pub origin: Origin,
}

pub type Settings = Vec<Result<Setting, Mistake>>;

/// Settings of a TOML file, in no order. A line that is no TOML is one mistake, whatever else it holds.
pub fn from_file(path: &Path, text: &str) -> Settings {
    let file = File { path, text };
    let (root, errors) = DeTable::parse_recoverable(text);
    let syntax: Vec<Mistake> = errors
        .iter()
        .map(|error| file.mistake(error.span().unwrap_or(0..0), error.message().into()))
        .collect();
    let mut settings: Settings = Vec::new();
    for (name, value) in root.get_ref() {
        file.table(name, value, &mut settings);
    }
    settings.retain(|setting| {
        let origin = setting.as_ref().map_or_else(|m| &m.origin, |s| &s.origin);
        !syntax.iter().any(|error| same_line(&error.origin, origin))
    });
    settings.extend(syntax.into_iter().map(Err));
    settings
}

/// Settings of the variables whose name begins with `PRIVMSGD_` and has a `__`.
pub fn from_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Settings {
    let known: Vec<String> = Key::all().map(Key::variable).collect();
    let setting = |(name, value): (OsString, OsString)| {
        let name = name.to_string_lossy().into_owned();
        name.strip_prefix("PRIVMSGD_")?;
        let origin = Origin::Variable(name.clone());
        let mistake = |what| Mistake {
            origin: origin.clone(),
            what,
        };
        let at = known.iter().position(|variable| *variable == name);
        let Some(key) = at.and_then(|at| Key::all().nth(at)) else {
            let hint = nearest(&name, known.iter().map(String::as_str));
            let meant = hint.is_some() || name.contains("__");
            return meant.then(|| Err(mistake(unknown("variable", hint))));
        };
        let Ok(value) = value.into_string() else {
            return Some(Err(mistake("is not UTF-8".into())));
        };
        let given = Given::Words(value);
        Some(Ok(Setting { key, given, origin }))
    };
    variables.filter_map(setting).collect()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

type Name<'i> = Spanned<std::borrow::Cow<'i, str>>;

impl File<'_> {
    /// One entry of the top level.
    fn table(&self, name: &Name, value: &Spanned<DeValue>, settings: &mut Settings) {
        let table = name.get_ref().as_ref();
        let is_known = Key::all().any(|key| key.table() == table);
        match value.get_ref() {
            DeValue::Table(entries) if is_known => {
                // Where the text has no value, the parser puts one of no width.
                let given = entries.iter().filter(|(_, value)| !value.span().is_empty());
                settings.extend(given.map(|(name, value)| self.entry(table, name, value)));
            }
            DeValue::Table(_) => {
                let hint = nearest(table, Key::all().map(|key| key.table()));
                let hint = hint.map(|table| format!("[{table}]"));
                let what = unknown(&format!("table [{table}]"), hint.as_deref());
                settings.push(Err(self.mistake(name.span(), what)));
            }
            _ if is_known => {
                let what = format!("{table} must be a table: write [{table}]");
                settings.push(Err(self.mistake(name.span(), what)));
            }
            _ => settings.push(Err(self.unknown_key(None, name))),
        }
    }

    fn entry(
        &self,
        table: &str,
        name: &Name,
        value: &Spanned<DeValue>,
    ) -> Result<Setting, Mistake> {
        let key = Key::find(&format!("{table}.{}", name.get_ref()));
        let key = key.ok_or_else(|| self.unknown_key(Some(table), name))?;
        let given = given(value.get_ref());
        let origin = self.origin(value.span());
        Ok(Setting { key, given, origin })
    }

    /// The same key of another table is a better guess than a similar one of this.
    fn unknown_key(&self, table: Option<&str>, name: &Name) -> Mistake {
        let word = name.get_ref().as_ref();
        let elsewhere = Key::all().find(|key| key.name() == word);
        let here = || Key::all().filter(|key| table == Some(key.table()));
        let hint = match elsewhere {
            Some(key) => Some(format!("{word} in [{}]", key.table())),
            None => nearest(word, here().map(|key| key.name())).map(str::to_string),
        };
        let place = table.map_or(String::new(), |table| format!(" in [{table}]"));
        let what = unknown(&format!("key {word:?}{place}"), hint.as_deref());
        self.mistake(name.span(), what)
    }

    fn mistake(&self, span: Range<usize>, what: String) -> Mistake {
        Mistake {
            origin: self.origin(span),
            what,
        }
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File(Place::new(self.path, self.text, span))
    }
}

fn unknown(what: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("unknown {what}; did you mean {hint}?"),
        None => format!("unknown {what}"),
    }
}

fn same_line(a: &Origin, b: &Origin) -> bool {
    matches!((a, b), (Origin::File(a), Origin::File(b)) if a.shares_line(b))
}

fn given(value: &DeValue) -> Given {
    match value {
        DeValue::String(text) => Given::Text(text.to_string()),
        DeValue::Integer(number) => integer(number),
        DeValue::Boolean(value) => Given::Boolean(*value),
        DeValue::Array(items) => Given::List(items.iter().map(|i| given(i.get_ref())).collect()),
        DeValue::Float(_) => Given::Other("a number with a fraction"),
        DeValue::Datetime(_) => Given::Other("a date"),
        DeValue::Table(_) => Given::Other("a table"),
    }
}

fn integer(number: &DeInteger) -> Given {
    match i128::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Given::Number(number),
        Err(_) => Given::Other("a number of more than 128 bits"),
    }
}
