//! The subcommands of the operator: asks the daemon by its socket, or the accounts themselves where no daemon runs.
//! Data goes to standard output, talk to standard error. Knows no rules of either.

#[cfg(feature = "mailbox")]
mod account;
mod check;
mod doctor;
#[cfg(feature = "mailbox")]
mod key;
mod show;
mod talk;
#[cfg(feature = "mailbox")]
mod upkeep;

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use clap::ArgMatches;
use log::LevelFilter;
use serde_json::Value;

use crate::accounts::{Answer, Operator};
use crate::admin::request::Request;
#[cfg(feature = "mailbox")]
use crate::ask::Unanswered;
use crate::config::{self, Config, ConfigError, Subcommand, TlsConfig};
use crate::escape;
use crate::ops::exit::{Exit, StartError, reason};
use crate::upkeep::{Checked, Finding, Restore, Restored, Standing};
use crate::wire::name::Name;

/// The accounts of a data directory that no daemon uses meanwhile.
pub type Offline = Box<dyn FnMut(Operator) -> Answer>;

/// Opens them, or makes the store if the last one says so; [`Exit::Unavailable`]: a daemon uses them.
pub type OpenOffline = fn(&Path, &Config, bool) -> Result<Offline, StartError>;

/// What is done to a store that nobody uses meanwhile; [`Exit::Unavailable`]: a daemon uses it.
#[derive(Clone, Copy)]
pub struct Tools {
    pub accounts: OpenOffline,
    /// Tells each thing that is wrong with a store.
    pub check: Check,
    /// Tells what is wrong with the backup and does not keep it from being used.
    pub restore: BringBack,
    /// Reads the certificate and its key; when it ends, in milliseconds since 1970.
    pub certificate: fn(&TlsConfig) -> Result<u64, StartError>,
    /// Looks at a store, and changes nothing; fails as a start would.
    pub standing: fn(&Path, &Config) -> Result<Standing, StartError>,
    /// What is wrong with the key files of accounts and mailboxes.
    pub faults: fn(&Config) -> Vec<StartError>,
}

type Tell<'a> = &'a mut dyn FnMut(Finding);
type Check = fn(&Path, &Config, Tell<'_>) -> Result<Checked, StartError>;
type Warn<'a> = &'a mut dyn FnMut(&Finding);
type BringBack = fn(&Restore, &Config, Warn<'_>) -> Result<Restored, StartError>;

/// Does what a subcommand says, and says what came of it.
pub fn run(sub: &Subcommand, tools: Tools) -> Exit {
    let mut out = Output { gone: false };
    let done = match sub.name.as_str() {
        "check" => return check::run(sub, &mut out),
        "doctor" => return doctor::run(sub, tools, &mut out),
        "config" => show_config(sub, &mut out),
        #[cfg(feature = "mailbox")]
        "account" => account::run(sub, tools.accounts, &mut out),
        #[cfg(feature = "mailbox")]
        "stats" | "backup" => upkeep::ask(sub, tools, &mut out),
        #[cfg(feature = "mailbox")]
        "check-store" => upkeep::check(sub, tools, &mut out),
        #[cfg(feature = "mailbox")]
        "restore" => upkeep::restore(sub, tools, &mut out),
        name => daemon(name, sub, &mut out),
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(_) if out.gone => Exit::Ok,
        Err(failure) => {
            say(&failure.message);
            failure.code
        }
    }
}

/// Why a subcommand did not do it: up to a few lines.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: Exit,
    message: String,
    /// The daemon's word for it, if it was the daemon.
    refused: Option<String>,
}

impl Failure {
    fn new(code: Exit, message: impl fmt::Display) -> Self {
        Failure {
            code,
            message: format!("privmsgd: {message}"),
            refused: None,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        Failure {
            code: error.code,
            message: error.to_string(),
            refused: None,
        }
    }
}

#[cfg(feature = "mailbox")]
impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Failure {
        Failure::new(unanswered.code, unanswered.what)
    }
}

impl From<&ConfigError> for Failure {
    fn from(error: &ConfigError) -> Failure {
        Failure {
            code: error.code,
            message: error.messages.join("\n"),
            refused: None,
        }
    }
}

/// Standard output, which may go away: `privmsgd clients | head`.
struct Output {
    /// Nobody reads it any more.
    gone: bool,
}

impl Output {
    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        written.map_err(|error| {
            self.gone |= error.kind() == ErrorKind::BrokenPipe;
            let why = reason(&error);
            Failure::new(
                Exit::Io,
                format_args!("cannot write to standard output: {why}"),
            )
        })
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What only a running daemon can do.
fn daemon(name: &str, sub: &Subcommand, out: &mut Output) -> Result<(), Failure> {
    let request = request(name, &sub.matches)?;
    let json = wants_json(&sub.matches);
    let mut stream = talk::find(sub)?;
    let mut ended = None;
    let mut table = show::Table::new(name);
    talk::ask(&mut stream, &request, &mut |line, value| {
        ended = value.get("ended").and_then(Value::as_u64).or(ended);
        match json {
            true => out.print(&format!("{line}\n")),
            false => out.print(&table.line(value)),
        }
    })?;
    match (&request, ended) {
        (Request::Kick(name), Some(0)) => {
            let name = name.as_str();
            Err(Failure::new(
                Exit::Refused,
                format_args!("no session has the name {name}"),
            ))
        }
        (Request::Drain, _) => {
            say("the daemon says goodbye to everybody and ends");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn request(name: &str, matches: &ArgMatches) -> Result<Request, Failure> {
    Ok(match name {
        "status" => Request::Status,
        "clients" => Request::Clients,
        "kick" => Request::Kick(name_in(matches)?),
        "log-level" => Request::LogLevel(level(text_in(matches, "level"))?),
        "reload" => Request::Reload,
        "drain" => Request::Drain,
        _ => return Err(Failure::new(Exit::Usage, "there is no such subcommand")),
    })
}

fn level(text: &str) -> Result<LevelFilter, Failure> {
    let known = text.parse().ok();
    known.ok_or_else(|| {
        let text = escape::plain(text, MAX_SHOWN_BYTES);
        let what = "off, error, warn, info, debug or trace";
        Failure::new(
            Exit::Usage,
            format_args!("the level is {what}, not {text:?}"),
        )
    })
}

fn name_in(matches: &ArgMatches) -> Result<Name<'static>, Failure> {
    let text = text_in(matches, "name");
    let name = Name::parse(text).map(Name::into_owned);
    name.map_err(|error| {
        let shown = escape::plain(text, MAX_SHOWN_BYTES);
        let what = format!("the name {shown:?} {}", error.reason());
        Failure::new(Exit::Usage, what)
    })
}

/// An argument that clap has made sure of.
fn text_in<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

/// Whether a flag is there; not every subcommand has every flag.
fn is_set(matches: &ArgMatches, name: &str) -> bool {
    matches!(matches.try_get_one::<bool>(name), Ok(Some(true)))
}

fn wants_json(matches: &ArgMatches) -> bool {
    is_set(matches, "json")
}

fn show_config(sub: &Subcommand, out: &mut Output) -> Result<(), Failure> {
    let config = sub.config.as_ref()?;
    let keys = config::shown(config, &sub.origins);
    let Some((_, matches)) = sub.matches.subcommand() else {
        return Err(Failure::new(Exit::Usage, "config needs a subcommand: show"));
    };
    match wants_json(matches) {
        true => keys.iter().try_for_each(|key| out.print(&show::key(key))),
        false => out.print(&config::in_file_form(&keys, is_set(matches, "origin"))),
    }
}

const MAX_SHOWN_BYTES: usize = 100;
