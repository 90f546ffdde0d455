//! The command line: which flags there are, and what it says. Knows no values.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::keys::Key;
use super::mistake::{Origin, nearest};
use super::sources::Setting;
use super::subcommands;
use super::value::Given;
use crate::escape;

/// What the command line says.
pub struct Arguments {
    pub config: Option<PathBuf>,
    pub check_config: bool,
    pub port_file: Option<PathBuf>,
    pub settings: Vec<Setting>,
    /// `status`, or `account` with a subcommand of its own in it.
    pub subcommand: Option<(String, ArgMatches)>,
}

/// Why there are no [`Arguments`].
pub enum Instead {
    /// `--help` or `--version`: the text for standard output.
    Print(String),
    /// One message for standard error.
    Wrong(String),
}

pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, Instead> {
    let mut matches = command().try_get_matches_from(args).map_err(explain)?;
    let subcommand = matches.remove_subcommand();
    let innermost = innermost(subcommand.as_ref().map_or(&matches, |(_, sub)| sub));
    let settings = FLAGS.iter().filter_map(|flag| match flag.everywhere {
        true => setting(flag, innermost),
        false => setting(flag, &matches),
    });
    let arguments = Arguments {
        config: innermost.get_one::<PathBuf>("config").cloned(),
        check_config: matches.get_flag("check-config"),
        port_file: matches.get_one::<PathBuf>("port-file").cloned(),
        settings: settings.collect(),
        subcommand,
    };
    match arguments.subcommand {
        Some(_) if arguments.check_config || arguments.port_file.is_some() => {
            let what = "--check-config and --port-file go without a subcommand";
            Err(Instead::Wrong(format!("privmsgd: {what}")))
        }
        _ => Ok(arguments),
    }
}

/// Where the flags that stand before or behind subcommands alike are found.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => innermost(inner),
        None => matches,
    }
}

/// The flags, for help, man page and completions alike.
pub fn command() -> Command {
    let flag = |flag: &Flag| {
        Arg::new(flag.name)
            .long(flag.name)
            .value_name(flag.value)
            .help(flag.help)
            .action(ArgAction::Append)
            .global(flag.everywhere)
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
        .disable_help_subcommand(true)
        .subcommand_value_name("SUBCOMMAND")
        .subcommand_help_heading("Subcommands")
        .subcommands(subcommands::all())
        .args(FLAGS.iter().map(flag))
        .arg(file("config", "Read FILE, not /etc/privmsgd/privmsgd.toml").global(true))
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
        .arg(action("help", 'h', "Print this", ArgAction::Help).global(true))
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

fn explain(error: clap::Error) -> Instead {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Instead::Print(text);
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("");
    let mut first = first.strip_prefix("error: ").unwrap_or(first).to_string();
    if first.ends_with(':') {
        // What is missing stands below, one a line.
        for line in lines.take_while(|line| !line.is_empty()) {
            first.push_str(&format!(" {}", line.trim()));
        }
    }
    let first = escape::plain(&first, 1_000);
    let hint = match (error.kind(), context(&error)) {
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(word)) => {
            let words = words(&command());
            // What is known, but not there, is no help.
            let hint = nearest(&word, words.iter().map(String::as_str));
            hint.filter(|hint| *hint != word).map(str::to_string)
        }
        _ => None,
    };
    Instead::Wrong(match hint {
        Some(hint) => format!("privmsgd: {first}; did you mean {hint}?"),
        None => format!("privmsgd: {first}\n  privmsgd --help lists what there is"),
    })
}

/// What was given and is not known.
fn context(error: &clap::Error) -> Option<String> {
    let given = error
        .get(ContextKind::InvalidArg)
        .or(error.get(ContextKind::InvalidSubcommand));
    match given {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    }
}

/// All flags and subcommands.
fn words(command: &Command) -> Vec<String> {
    let flags = command.get_arguments().filter_map(Arg::get_long);
    let mut all: Vec<String> = flags.map(|flag| format!("--{flag}")).collect();
    for subcommand in command.get_subcommands() {
        all.push(subcommand.get_name().into());
        all.extend(words(subcommand));
    }
    all
}

/// A flag that sets a key.
struct Flag {
    name: &'static str,
    shown: &'static str,
    value: &'static str,
    help: &'static str,
    key: &'static str,
    repeats: bool,
    /// For subcommands too.
    everywhere: bool,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "listen",
        shown: "--listen",
        value: "ADDR",
        help: "Listen on [tls:]ADDRESS:PORT (port 0: any free one), unix:/PATH or systemd:NAME; repeatable",
        key: "server.listen",
        repeats: true,
        everywhere: false,
    },
    Flag {
        name: "data",
        shown: "--data",
        value: "DIR",
        help: "Mailbox mode: names are accounts, kept in DIR",
        key: "server.data",
        repeats: false,
        everywhere: true,
    },
    Flag {
        name: "admin-socket",
        shown: "--admin-socket",
        value: "PATH",
        help: "Take subcommands at the UNIX socket PATH",
        key: "server.admin_socket",
        repeats: false,
        everywhere: true,
    },
    Flag {
        name: "metrics",
        shown: "--metrics",
        value: "ADDR",
        help: "Tell Prometheus figures and health at ADDRESS:PORT, unix:/PATH or systemd:NAME",
        key: "metrics.listen",
        repeats: true,
        everywhere: false,
    },
    Flag {
        name: "log-level",
        shown: "--log-level",
        value: "LEVEL",
        help: "off, error, warn, info, debug or trace",
        key: "log.level",
        repeats: false,
        everywhere: false,
    },
    Flag {
        name: "log-format",
        shown: "--log-format",
        value: "FORMAT",
        help: "text or json",
        key: "log.format",
        repeats: false,
        everywhere: false,
    },
];

const EXAMPLES: &str = "\
Each key of the file is a variable too, PRIVMSGD_TABLE__KEY: a flag wins over it, it over the file.

Examples:
  privmsgd                                      for this machine only, port 7748
  privmsgd --listen 0.0.0.0:7748                for everybody (traffic is not encrypted)
  privmsgd --listen tls:0.0.0.0:7749            for everybody, encrypted (see privmsgd tls self-signed --help)";
