//! One client of privmsgd that waits for each answer.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::Outcome;
use crate::dialect::privmsgd::register;
use crate::load::connect;

pub struct Line {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Line {
    /// Registered; `deliver`: `ack` or `none`.
    pub fn enter(address: SocketAddr, number: u32, name: &str, deliver: &str) -> Outcome<Line> {
        let stream = connect(address, number).map_err(told)?;
        let mut line = Line {
            stream: BufReader::with_capacity(64 * 1024, stream),
            line: String::new(),
        };
        line.expect("hello")?;
        line.send(register(name, deliver).as_bytes())?;
        line.expect("registered")?;
        Ok(line)
    }

    pub fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.stream.get_mut().write_all(bytes).map_err(told)
    }

    /// The next line, which must be of this type.
    pub fn expect(&mut self, kind: &str) -> Outcome<Value> {
        let value = self.next()?;
        match value.get("type").and_then(Value::as_str) == Some(kind) {
            true => Ok(value),
            false => Err(format!("{} instead of {kind}", self.line.trim())),
        }
    }

    /// All lines up to one that begins like this, as they are.
    pub fn until(&mut self, begins: &str) -> Outcome<Vec<String>> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.starts_with(begins)) {
            let mut line = String::new();
            match self.stream.read_line(&mut line).map_err(told)? {
                0 => return Err("the server hung up".into()),
                _ if line.starts_with("{\"type\":\"errorMessage\"") => return Err(line),
                _ => lines.push(line),
            }
        }
        Ok(lines)
    }

    fn next(&mut self) -> Outcome<Value> {
        self.line.clear();
        match self.stream.read_line(&mut self.line).map_err(told)? {
            0 => Err("the server hung up".into()),
            _ => serde_json::from_str(&self.line).map_err(told),
        }
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
