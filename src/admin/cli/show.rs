//! Answers as text for people. Knows no sockets.

use serde_json::Value;

use crate::config::Shown;
use crate::escape;

/// Turns the lines of one answer into text.
pub struct Table {
    columns: &'static [Column],
    begun: bool,
}

/// Heading, member, width.
type Column = (&'static str, &'static str, usize);

const CLIENTS: &[Column] = &[
    ("SERIAL", "serial", 8),
    ("NAME", "name", 16),
    ("ADDRESS", "address", 22),
    ("DEVICE", "device", 10),
    ("CONNECTED", "connected", 24),
    ("QUEUED", "queueBytes", 0),
];

const ACCOUNTS: &[Column] = &[
    ("NAME", "name", 16),
    ("CREATED", "created", 24),
    ("LAST SEEN", "lastSeen", 24),
    ("DISABLED", "disabled", 8),
    ("PASSWORD", "password", 8),
    ("KEYS", "keys", 4),
    ("DEVICES", "devices", 0),
];

impl Table {
    /// `what`: the subcommand.
    pub fn new(what: &str) -> Self {
        let columns = match what {
            "clients" => CLIENTS,
            "account" => ACCOUNTS,
            _ => &[],
        };
        Table {
            columns,
            begun: false,
        }
    }

    pub fn line(&mut self, value: &Value) -> String {
        if self.columns.is_empty() {
            return sentences(value);
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            text = row(self.columns, |(heading, _, _)| (*heading).into());
        }
        text + &row(self.columns, |(_, member, _)| cell(&value[*member]))
    }
}

fn row(columns: &[Column], cell: impl Fn(&Column) -> String) -> String {
    let cells = columns.iter().map(|column| {
        let width = column.2;
        format!("{:width$}", cell(column))
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => escape::plain(text, MAX_CELL_BYTES),
        other => escape::plain(&other.to_string(), MAX_CELL_BYTES),
    }
}

/// What `status`, `kick` and `reload` say.
fn sentences(value: &Value) -> String {
    if let Some(ended) = value["ended"].as_u64() {
        return format!("sessions ended: {ended}\n");
    }
    if let Some(file) = value["file"].as_str() {
        let bytes = value["bytes"].as_u64().unwrap_or(0);
        return format!("{}: {bytes} bytes\n", escape::plain(file, 4_096));
    }
    if value["storeVersion"].is_u64() {
        return stats(value);
    }
    if value["changed"].is_array() {
        let mut text = format!("changed: {}\n", words(&value["changed"], ", "));
        if value["needsRestart"]
            .as_array()
            .is_some_and(|keys| !keys.is_empty())
        {
            let keys = words(&value["needsRestart"], ", ");
            text.push_str(&format!("not taken over before a restart: {keys}\n"));
        }
        return text;
    }
    let number = |member: &str| value[member].as_u64().unwrap_or(0);
    let word = |member: &str| cell(&value[member]);
    let draining = match value["draining"].as_bool() {
        Some(true) => ", draining",
        _ => "",
    };
    let data = match value["data"].as_str() {
        Some(data) => format!("data         {}\n", escape::plain(data, 4_096)),
        None => String::new(),
    };
    let metrics = match value["metrics"].is_array() {
        true => format!("metrics      {}\n", words(&value["metrics"], " ")),
        false => String::new(),
    };
    format!(
        "privmsgd {}, {} mode, process {}, up {}{draining}\n\
         connections  {}: {} registered, {} names\n\
         queued       {} bytes\n\
         listening    {}\n\
         {data}{metrics}log level    {}\n",
        word("version"),
        word("mode"),
        number("pid"),
        duration(number("uptimeMs") / 1_000),
        number("connections"),
        number("registered"),
        number("names"),
        number("queueBytes"),
        words(&value["listeners"], " "),
        word("logLevel"),
    )
}

fn stats(value: &Value) -> String {
    let word = |member: &str| cell(&value[member]);
    let sealed = match value["sealed"].as_bool() {
        Some(true) => "sealed",
        _ => "not sealed",
    };
    let mut text = format!(
        "accounts       {}\n\
         conversations  {}\n\
         messages       {}\n\
         waiting        {}: {} bytes, the oldest of {}\n\
         on the disk    {} bytes\n\
         store          version {}, epoch {}, {}, {sealed}\n",
        word("accounts"),
        word("conversations"),
        word("messages"),
        word("waiting"),
        word("waitingBytes"),
        word("oldestWaiting"),
        word("bytes"),
        word("storeVersion"),
        word("epoch"),
        word("durability"),
    );
    if value["commits"].is_u64() {
        let (jobs, commits) = (word("jobsWaiting"), word("commits"));
        text.push_str(&format!(
            "jobs           {jobs} waiting, {commits} commits\n"
        ));
    }
    text
}

fn words(list: &Value, between: &str) -> String {
    let words: Vec<String> = list.as_array().into_iter().flatten().map(cell).collect();
    match words.is_empty() {
        true => "nothing".into(),
        false => words.join(between),
    }
}

/// In its two largest units.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// One key of the configuration as a JSON line.
pub fn key(key: &Shown) -> String {
    let table: Option<toml::Table> = format!("value = {}", key.value).parse().ok();
    let value = table.and_then(|mut table| table.remove("value"));
    let line = serde_json::json!({
        "key": key.path,
        "value": value,
        "origin": key.origin,
        "about": key.about,
    });
    format!("{line}\n")
}

const MAX_CELL_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_a_heading_and_hide_nothing_hostile() {
        let mut table = Table::new("clients");
        let line = serde_json::json!({
            "serial": 7, "name": null, "address": "unix", "device": "a\u{1b}[31m", "queueBytes": 0
        });
        let text = table.line(&line);
        assert!(text.starts_with("SERIAL    NAME "), "{text}");
        assert!(text.contains("\n7         -  "), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert_eq!(table.line(&line).lines().count(), 1);
    }

    #[test]
    fn durations_are_short() {
        let told = [0, 59, 61, 3_600, 90_000].map(duration);
        assert_eq!(told, ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "1 d 1 h"]);
    }
}
