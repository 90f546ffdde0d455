//! `privmsg ping`: needs no name.

use std::thread;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde::Serialize;

use super::out::{Out, one_line, say};
use super::{PATIENCE, count, duration, entry, is_set};
use crate::client::address::Address;
use crate::client::command::Command;
use crate::client::dialogue::Dialogue;
use crate::client::error::Error;
use crate::client::frame::Hello;
use crate::client::profile::{Paths, SERVER};

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let patience = duration(matches, "timeout").unwrap_or(PATIENCE);
    let paths = Paths::of_user()?;
    let entry = entry(matches, &paths)?;
    let address: Address = entry.server.as_deref().unwrap_or(SERVER).parse()?;
    let mut dialogue = Dialogue::open(&address, &entry.trust(&paths)?, patience)?;
    if let Some(news) = dialogue.news() {
        say(&news);
    }
    let times = count(matches).unwrap_or(1).max(1);
    for time in 1..=times {
        let start = Instant::now();
        dialogue.ask(Command::Ping.line(time), patience)?;
        let took = start.elapsed();
        let text = line(&dialogue.hello, &address, took, is_set(matches, "json"));
        out.print(&text)?;
        if time < times {
            thread::sleep(A_SECOND.saturating_sub(took));
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    server: String,
    server_name: &'a str,
    version: &'a str,
    mode: &'a str,
    tls: bool,
    ms: f64,
}

fn line(hello: &Hello, address: &Address, took: Duration, json: bool) -> String {
    // Microseconds are what can be told apart.
    let ms = (took.as_secs_f64() * 1e6).round() / 1e3;
    if json {
        let line = Line {
            server: address.to_string(),
            server_name: &hello.server_name,
            version: &hello.version,
            mode: &hello.mode,
            tls: hello.tls,
            ms,
        };
        return serde_json::to_string(&line).unwrap_or_default() + "\n";
    }
    let tls = if hello.tls { "TLS" } else { "not encrypted" };
    let (name, version, mode) = (
        one_line(&hello.server_name),
        one_line(&hello.version),
        one_line(&hello.mode),
    );
    format!("{address} is {name}, privmsgd {version}, {mode} mode, {tls}: {ms} ms\n")
}

const A_SECOND: Duration = Duration::from_secs(1);
