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

/// Settings of the variables whose name begins with `PRIVMSGD_`; others of them are mistakes.
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
            let hint = meant(&name, &known);
            let is_others = is_others(&name, &value.to_string_lossy());
            return (!is_others).then(|| Err(mistake(unknown("variable", hint.as_deref()))));
        };
        let Ok(value) = value.into_string() else {
            return Some(Err(mistake("is not UTF-8".into())));
        };
        let given = Given::Words(value);
        Some(Ok(Setting { key, given, origin }))
    };
    variables.filter_map(setting).collect()
}

/// The likeliest of what a variable of no key was to be: the key that it names without its table, the flag, or a word
/// that is nearly the same.
fn meant(name: &str, known: &[String]) -> Option<String> {
    let word = name.strip_prefix("PRIVMSGD_")?.to_ascii_lowercase();
    if ["config", "port_file", "check_config"].contains(&word.as_str()) {
        return Some(format!("--{}", word.replace('_', "-")));
    }
    let is_flag_or_key = |key: &&Key| match word.as_str() {
        "metrics" => key.path == "metrics.listen",
        word => key.name() == word,
    };
    let key = Key::all().find(is_flag_or_key).map(Key::variable);
    key.or_else(|| nearest(name, known.iter().map(String::as_str)).map(String::from))
}

/// What others set: Kubernetes and Docker, for whoever looks for a service of this name, and tests of this one.
fn is_others(name: &str, value: &str) -> bool {
    let word = name.strip_prefix("PRIVMSGD_").unwrap_or(name);
    let is_place = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|kind| value.starts_with(kind));
    let of_port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    match word {
        "SERVICE_HOST" | "SERVICE_PORT" => true,
        "PORT" => is_place,
        #[cfg(feature = "planted-faults")]
        "PLANTED" => true,
        _ => word.starts_with("SERVICE_PORT_") || word.strip_prefix("PORT_").is_some_and(of_port),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of one variable; `None`: nothing.
    fn told(variable: &str) -> Option<String> {
        let (name, value) = variable.split_once('=').unwrap();
        let settings = from_environment([(name.into(), value.into())].into_iter());
        let mistake = settings.into_iter().next()?.err()?;
        Some(mistake.to_string())
    }

    #[test]
    fn a_variable_of_no_key_is_a_mistake() {
        for (variable, hint) in [
            ("PRIVMSGD_DATA=/x", "PRIVMSGD_SERVER__DATA"),
            ("PRIVMSGD_LISTEN=foo", "PRIVMSGD_SERVER__LISTEN"),
            ("PRIVMSGD_METRICS=foo", "PRIVMSGD_METRICS__LISTEN"),
            ("PRIVMSGD_ADMIN_SOCKET=/x", "PRIVMSGD_SERVER__ADMIN_SOCKET"),
            ("PRIVMSGD_LOG_LEVEL=info", "PRIVMSGD_LOG__LEVEL"),
            ("PRIVMSGD_CONFIG=/x", "--config"),
            ("PRIVMSGD_PORT_FILE=/x", "--port-file"),
        ] {
            let name = variable.split('=').next().unwrap();
            let wanted = format!("environment {name}: unknown variable; did you mean {hint}?");
            assert_eq!(told(variable), Some(wanted));
        }
        for variable in ["PRIVMSGD_PORT=7748", "PRIVMSGD_=1", "PRIVMSGD_COLOUR=red"] {
            let name = variable.split('=').next().unwrap();
            let wanted = format!("environment {name}: unknown variable");
            assert_eq!(told(variable), Some(wanted));
        }
    }

    /// A pod beside a service of this name has them.
    #[test]
    fn variables_that_others_set_are_left_to_them() {
        for variable in [
            "PRIVMSG_NAME=x",
            "PRIVMSGDX=1",
            "PRIVMSGD_SERVICE_HOST=10.0.0.1",
            "PRIVMSGD_SERVICE_PORT=7748",
            "PRIVMSGD_SERVICE_PORT_PLAIN=7748",
            "PRIVMSGD_PORT=tcp://10.0.0.1:7748",
            "PRIVMSGD_PORT_7748_TCP=tcp://10.0.0.1:7748",
            "PRIVMSGD_PORT_7748_TCP_ADDR=10.0.0.1",
        ] {
            assert_eq!(told(variable), None, "{variable}");
        }
    }
}
