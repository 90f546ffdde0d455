//! The commands of `privmsg`. Data goes to standard output, talk to standard error. Knows the client, and nothing of its
//! connection but for `ping` and `login`, which speak before there is a session.

mod account;
mod args;
mod docs;
mod export;
mod history;
mod listen;
mod login;
mod out;
mod ping;
mod reading;
mod send;
mod who;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;

use super::error::{Error, Kind};
use super::profile::{Entry, Paths, Profile, Profiles};
use super::session::Purpose;
use super::{Client, tui};
use out::Out;

pub use args::command;
pub use docs::Manual;

/// Does what the arguments say; the code to end with. `daemon`: the other program's part of the manual.
pub fn run(arguments: impl IntoIterator<Item = OsString>, daemon: fn() -> Manual) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(Kind::Usage as u8),
            };
        }
    };
    crate::ops::core_files::forbid();
    let mut out = Out::new();
    match act(&matches, daemon, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read it wants no more of it.
        Err(_) if out.is_gone() => ExitCode::SUCCESS,
        Err(error) => {
            out::say(&error.to_string());
            ExitCode::from(error.kind as u8)
        }
    }
}

fn act(matches: &ArgMatches, daemon: fn() -> Manual, out: &mut Out) -> Result<(), Error> {
    match matches.subcommand() {
        None => tui::run(&profile(matches)?),
        Some(("send", sub)) => send::run(sub, out),
        Some(("listen", sub)) => listen::run(sub, out),
        Some(("history", sub)) => history::run(sub, out),
        Some(("who", sub)) => who::run(sub, out),
        Some(("ping", sub)) => ping::run(sub, out),
        Some(("login", sub)) => login::run(sub),
        Some(("account", sub)) => account::run(sub, out),
        Some(("completions", sub)) => completions(sub, out),
        Some(("gen-docs", sub)) => match sub.get_one::<PathBuf>("dir") {
            Some(dir) => docs::write(dir, command(), daemon()),
            None => Ok(()),
        },
        Some((other, _)) => {
            let what = format!("there is no command {other}");
            Err(Error::new(Kind::Usage, what, ""))
        }
    }
}

fn completions(sub: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let shell = text(sub, "shell").unwrap_or_default();
    let shell: clap_complete::Shell = shell
        .parse()
        .map_err(|what: String| Error::new(Kind::Usage, what, ""))?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "privmsg", &mut script);
    out.print(&String::from_utf8_lossy(&script))
}

/// What the command line says of a profile.
fn asked(matches: &ArgMatches) -> Entry {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let text = |name: &str| text(matches, name).map(str::to_owned);
    Entry {
        server: text("server"),
        name: text("name"),
        device: text("device"),
        server_name: text("server-name"),
        password_file: path("password-file"),
        key: path("key"),
        token_file: path("token-file"),
        ca: path("ca"),
        fingerprint: text("fingerprint"),
    }
}

/// The chosen profile, with what the command line says otherwise; its files are not read.
fn entry(matches: &ArgMatches, paths: &Paths) -> Result<Entry, Error> {
    let asked = asked(matches);
    let profiles = Profiles::load(&paths.profiles())?;
    let chosen = profiles.choose(text(matches, "profile"), &asked)?;
    Ok(asked.over(chosen))
}

fn profile(matches: &ArgMatches) -> Result<Profile, Error> {
    let paths = Paths::of_user()?;
    entry(matches, &paths)?.profile(&paths)
}

/// A session that asks, or changes, registered within the time of `--timeout`.
fn session(matches: &ArgMatches, purpose: Purpose) -> Result<(Client, Duration), Error> {
    let patience = duration(matches, "timeout").unwrap_or(PATIENCE);
    let mut client = Client::start(&profile(matches)?, purpose)?;
    let connected = client.connected(patience);
    tell_news(&mut client);
    connected?;
    Ok((client, patience))
}

/// Whom it trusts from now on, once.
fn tell_news(client: &mut Client) {
    if let Some(news) = client.news() {
        out::say(&news);
    }
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    // Not every command has every argument.
    let found = matches.try_get_one::<String>(name).ok().flatten();
    found.map(String::as_str)
}

fn is_set(matches: &ArgMatches, name: &str) -> bool {
    matches!(matches.try_get_one::<bool>(name), Ok(Some(true)))
}

fn count(matches: &ArgMatches) -> Option<u64> {
    matches.get_one::<u64>("count").copied()
}

fn duration(matches: &ArgMatches, name: &str) -> Option<Duration> {
    matches.get_one::<Duration>(name).copied()
}

/// An argument in seconds, which may have a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    let duration = Duration::try_from_secs_f64(seconds).ok();
    duration
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| "not a number of seconds from 0 to 31536000".into())
}

/// For commands without `--timeout`.
const PATIENCE: Duration = Duration::from_secs(30);
/// A year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);
/// For ending in good order.
const FAREWELL: Duration = Duration::from_secs(2);
