//! Frames as protocol.md §7 writes them, assembled here a second time. Knows no state.

use std::fmt::Write;

use privmsgd::config::Config;
use privmsgd::wire::code::{Goodbye, Mode};
use privmsgd::wire::frame::examples;

/// A value of a frame: JSON already, or text that becomes it.
pub enum Value<'a> {
    Json(&'a str),
    Text(&'a str),
    Number(u64),
    Flag(bool),
    /// The key is left out.
    Missing,
}

use Value::{Flag, Json, Missing, Number, Text};

impl<'a> Value<'a> {
    pub fn json(value: Option<&'a str>) -> Self {
        value.map_or(Missing, Json)
    }

    pub fn text(value: Option<&'a str>) -> Self {
        value.map_or(Missing, Text)
    }
}

/// One line. `id` as the client wrote it.
pub fn frame(kind: &str, id: Option<&str>, fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut line = format!("{{\"type\":\"{kind}\"");
    let mut key = |name: &str, value: &Value<'_>| {
        let value = match value {
            Json(json) => json.to_string(),
            Text(text) => serde_json::to_string(text).unwrap(),
            Number(number) => number.to_string(),
            Flag(flag) => flag.to_string(),
            Missing => return,
        };
        write!(line, ",\"{name}\":{value}").unwrap();
    };
    key("id", &Value::json(id));
    for (name, value) in fields {
        key(name, value);
    }
    line.push_str("}\n");
    line.into_bytes()
}

pub fn hello(config: &Config) -> Vec<u8> {
    let line = config.limits.max_line_bytes;
    let limits = format!(
        "{{\"maxLineBytes\":{line},\"maxFrameBytes\":{},\"maxNameBytes\":64,\"maxWindow\":1024}}",
        line + 1_024
    );
    frame(
        "hello",
        None,
        &[
            ("server", Text("privmsgd")),
            ("version", Text(version())),
            ("protocol", Number(1)),
            ("mode", Text("open")),
            ("serverName", Text(&config.server_name)),
            ("auth", Json("[]")),
            ("tls", Flag(false)),
            ("durability", Text("memory")),
            ("limits", Json(&limits)),
        ],
    )
}

/// The daemon's, also where this file is part of another package.
fn version() -> &'static str {
    let manifest = include_str!("../../Cargo.toml");
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    line.map_or("", |text| text.trim_matches('"'))
}

pub fn help(id: Option<&str>, only: Option<&str>) -> Vec<u8> {
    let commands: Vec<String> = examples(Mode::Open)
        .filter(|(verb, _)| only.is_none_or(|only| only == verb.as_str()))
        .map(|(verb, line)| {
            let line = serde_json::to_string(line).unwrap();
            format!("{{\"command\":\"{}\",\"example\":{line}}}", verb.as_str())
        })
        .collect();
    let list = format!("[{}]", commands.join(","));
    frame("help", id, &[("commands", Json(&list))])
}

/// What was wrong, in the order of `errorMessage`.
#[derive(Default)]
pub struct Fault<'a> {
    pub code: &'a str,
    pub message: String,
    pub field: Option<&'a str>,
    pub to: Option<&'a str>,
    pub hint: Option<&'a str>,
}

impl Fault<'_> {
    pub fn frame(&self, id: Option<&str>, command: Option<&str>) -> Vec<u8> {
        let retryable = matches!(self.code, "recipientBusy" | "overloaded");
        frame(
            "errorMessage",
            id,
            &[
                ("command", Value::text(command)),
                ("code", Text(self.code)),
                ("message", Text(&self.message)),
                ("field", Value::text(self.field)),
                ("toUsername", Value::json(self.to)),
                ("hint", Value::text(self.hint)),
                ("retryable", Flag(retryable)),
            ],
        )
    }
}

pub fn goodbye(id: Option<&str>, code: &str, after: Option<u64>) -> Vec<u8> {
    let known = Goodbye::parse(code).unwrap();
    let again = [
        "serverClosing",
        "registrationTimeout",
        "lineTimeout",
        "slowConsumer",
        "heartbeat",
        "serverFull",
        "internalError",
    ];
    frame(
        "goodbye",
        id,
        &[
            ("code", Text(code)),
            ("message", Text(known.message())),
            ("reconnect", Flag(again.contains(&code))),
            ("afterMs", after.map_or(Missing, Number)),
        ],
    )
}
