//! The command line: which flags there are. Knows no values.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::keys::Key;
use super::mistake::{Origin, nearest};
use super::sources::Setting;
use super::value::Given;
use crate::escape;

/// What the command line says.
pub struct Arguments {
    pub config: Option<PathBuf>,
    pub check_config: bool,
    pub port_file: Option<PathBuf>,
    pub settings: Vec<Setting>,
}

/// Why there are no [`Arguments`].
pub enum Instead {
    /// `--help` or `--version`: the text for standard output.
    Print(String),
    /// One message for standard error.
    Wrong(String),
}

pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, Instead> {
    let matches = command().try_get_matches_from(args).map_err(explain)?;
    let settings = FLAGS.iter().filter_map(|flag| setting(flag, &matches));
    Ok(Arguments {
        config: matches.get_one::<PathBuf>("config").cloned(),
        check_config: matches.get_flag("check-config"),
        port_file: matches.get_one::<PathBuf>("port-file").cloned(),
        settings: settings.collect(),
    })
}

/// The flags, for help, man page and completions alike.
pub fn command() -> Command {
    let flag = |flag: &Flag| {
        Arg::new(flag.name)
            .long(flag.name)
            .value_name(flag.value)
            .help(flag.help)
            .action(ArgAction::Append)
    };
    let file = |name, help| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .help(help)
            .value_parser(value_parser!(PathBuf))
    };
    Command::new("privmsgd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Carries private messages between named clients, one JSON object per line over TCP.")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(FLAGS.iter().map(flag))
        .arg(file("config", "Read FILE, not /etc/privmsgd/privmsgd.toml"))
        .arg(file(
            "port-file",
            "Write the real addresses to FILE when ready",
        ))
        .arg(
            Arg::new("check-config")
                .long("check-config")
                .help("Check flags, environment and file, start nothing: silent, or all mistakes")
                .action(ArgAction::SetTrue),
        )
        .arg(action("help", 'h', "Print this", ArgAction::Help))
        .arg(action(
            "version",
            'V',
            "Print the version",
            ArgAction::Version,
        ))
        .after_help(EXAMPLES)
}

fn action(name: &'static str, short: char, help: &'static str, action: ArgAction) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .help(help)
        .action(action)
}

fn setting(flag: &Flag, matches: &ArgMatches) -> Option<Setting> {
    let words: Vec<String> = matches.get_many(flag.name)?.cloned().collect();
    let last = words.last()?.clone();
    let given = match flag.repeats {
        true => Given::List(words.into_iter().map(Given::Words).collect()),
        false => Given::Words(last),
    };
    Some(Setting {
        key: Key::find(flag.key)?,
        given,
        origin: Origin::Flag(flag.shown),
    })
}

pub(super) fn explain(error: clap::Error) -> Instead {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Instead::Print(text);
    }
    let first = text.lines().next().unwrap_or("");
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let first = escape::plain(first, 1_000);
    let hint = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => {
            nearest(word, ALL_FLAGS.into_iter())
        }
        _ => None,
    };
    Instead::Wrong(match hint {
        Some(hint) => format!("privmsgd: {first}; did you mean {hint}?"),
        None => format!("privmsgd: {first}\n  privmsgd --help lists what there is"),
    })
}

/// A flag that sets a key.
struct Flag {
    name: &'static str,
    shown: &'static str,
    value: &'static str,
    help: &'static str,
    key: &'static str,
    repeats: bool,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "listen",
        shown: "--listen",
        value: "ADDR",
        help: "Listen on [tls:]ADDRESS:PORT (port 0: any free one), unix:/PATH or systemd:NAME; repeatable",
        key: "server.listen",
        repeats: true,
    },
    Flag {
        name: "data",
        shown: "--data",
        value: "DIR",
        help: "Mailbox mode: names are accounts, kept in DIR",
        key: "server.data",
        repeats: false,
    },
    Flag {
        name: "log-level",
        shown: "--log-level",
        value: "LEVEL",
        help: "off, error, warn, info, debug or trace",
        key: "log.level",
        repeats: false,
    },
    Flag {
        name: "log-format",
        shown: "--log-format",
        value: "FORMAT",
        help: "text or json",
        key: "log.format",
        repeats: false,
    },
];

const ALL_FLAGS: [&str; 9] = [
    "--listen",
    "--data",
    "--log-level",
    "--log-format",
    "--config",
    "--port-file",
    "--check-config",
    "--help",
    "--version",
];

const EXAMPLES: &str = "\
Every key of the file is also a variable: PRIVMSGD_TABLE__KEY, lists with commas.
A flag wins over a variable, a variable over the file, the file over the default.

Examples:
  privmsgd                                      for this machine only, port 7748
  privmsgd --listen 0.0.0.0:7748                for everybody (traffic is not encrypted)
  privmsgd --listen tls:0.0.0.0:7749            for everybody, encrypted (see privmsgd tls self-signed --help)
  privmsgd --listen unix:/run/privmsgd/socket   no network at all
  PRIVMSGD_LOG__LEVEL=debug privmsgd --listen 127.0.0.1:0 --port-file port
  privmsgd --check-config --config new.toml && kill -HUP \"$(pidof privmsgd)\"";
