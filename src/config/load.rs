//! Flag over environment over file over default → [`Config`], or every mistake at once.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::args::{self, Arguments, Instead};
use super::check;
use super::mistake::{Mistake, Origin, Place};
use super::sources::{self, Settings};
use super::{Config, ConfigError, Invocation, Subcommand, tls_args};
use crate::ops::exit::{Exit, StartError, reason};

/// `args` begin with the program's name. Reads the environment and at most one file.
pub fn load(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, ConfigError> {
    let mut arguments = match args::parse(args) {
        Ok(arguments) => arguments,
        Err(Instead::Print(text)) => return Ok(Invocation::Print(text)),
        Err(Instead::Wrong(message)) => return Err(ConfigError::one(Exit::Usage, message)),
    };
    // It needs no configuration.
    if let Some((name, matches)) = &arguments.subcommand
        && name == "tls"
        && let Some(asked) = tls_args::asked(matches)
    {
        return Ok(Invocation::SelfSigned(asked));
    }
    let file = read_file(arguments.config.as_deref()).map_err(unreadable);
    let (only_check, subcommand) = (arguments.check_config, arguments.subcommand.take());
    if let Some((name, matches)) = subcommand {
        let what = (name, matches);
        return Ok(Invocation::Subcommand(Box::new(order(
            what, arguments, file,
        ))));
    }
    let config = combine(arguments, env::vars_os(), file?).finish()?;
    Ok(match only_check {
        true => Invocation::Checked(Box::new(config)),
        false => Invocation::Run(Box::new(config)),
    })
}

/// A subcommand that only talks to the daemon is of use even where the configuration is wrong.
fn order(
    (name, matches): (String, ArgMatches),
    arguments: Arguments,
    file: Result<Option<FileText>, ConfigError>,
) -> Subcommand {
    let (file, unreadable) = match file {
        Ok(file) => (file, None),
        Err(error) => (None, Some(error)),
    };
    let reading = combine(arguments, env::vars_os(), file);
    let (guess, origins) = (reading.config.clone(), reading.origins.clone());
    let config = match (unreadable, reading.finish()) {
        (None, Ok(config)) => Ok(config),
        (Some(error), _) | (None, Err(error)) => Err(error),
    };
    let told = |(path, origin): (&'static str, Option<Origin>)| Some((path, origin?.to_string()));
    Subcommand {
        name,
        matches,
        guess,
        config,
        origins: origins.into_iter().filter_map(told).collect(),
    }
}

/// A file's path and what is in it.
type FileText = (PathBuf, Vec<u8>);

fn combine(
    arguments: Arguments,
    variables: impl Iterator<Item = (OsString, OsString)>,
    file: Option<FileText>,
) -> Reading {
    let mut reading = Reading::default();
    if let Some((path, bytes)) = &file {
        reading.take(from_bytes(path, bytes));
    }
    reading.take(sources::from_environment(variables));
    reading.take(arguments.settings.into_iter().map(Ok).collect());
    reading.config.port_file = arguments.port_file;
    reading
}

/// A configuration being put together.
#[derive(Default)]
struct Reading {
    config: Config,
    mistakes: Vec<Mistake>,
    /// Who set each key last, by its path; `None` after a value that was refused.
    origins: BTreeMap<&'static str, Option<Origin>>,
}

impl Reading {
    /// Later settings win.
    fn take(&mut self, settings: Settings) {
        for setting in settings {
            let setting = match setting {
                Ok(setting) => setting,
                Err(mistake) => {
                    self.mistakes.push(mistake);
                    continue;
                }
            };
            let (path, origin) = (setting.key.path, setting.origin);
            match (setting.key.set)(&mut self.config, &setting.given) {
                Ok(()) => {
                    self.origins.insert(path, Some(origin));
                }
                Err(what) => {
                    self.origins.insert(path, None);
                    let what = format!("{path} {what}");
                    self.mistakes.push(Mistake { origin, what });
                }
            }
        }
    }

    fn finish(mut self) -> Result<Config, ConfigError> {
        let origins = &self.origins;
        check::settle(&mut self.config, |path| origins.contains_key(path));
        for conflict in check::conflicts(&self.config) {
            let set: Vec<_> = conflict
                .keys
                .iter()
                .filter_map(|key| self.origins.get(key))
                .collect();
            // A refused value left its default behind, which proves nothing about the others.
            if let [Some(first), ..] = &set[..]
                && set.iter().all(|origin| origin.is_some())
            {
                self.mistakes.push(Mistake {
                    origin: first.clone(),
                    what: conflict.what,
                });
            }
        }
        if self.mistakes.is_empty() {
            return Ok(self.config);
        }
        self.mistakes.sort();
        let by_flag = |mistake: &Mistake| matches!(mistake.origin, Origin::Flag(_));
        Err(ConfigError {
            code: match self.mistakes.iter().all(by_flag) {
                true => Exit::Usage,
                false => Exit::Config,
            },
            messages: self.mistakes.iter().map(Mistake::to_string).collect(),
        })
    }
}

fn from_bytes(path: &Path, bytes: &[u8]) -> Settings {
    match std::str::from_utf8(bytes) {
        Ok(text) => sources::from_file(path, text.trim_start_matches('\u{feff}')),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let end = valid.len();
            vec![Err(Mistake {
                origin: Origin::File(Place::new(path, &valid, end..end)),
                what: "the file is not UTF-8 from here".into(),
            })]
        }
    }
}

/// The file that was named must exist, the usual one need not.
fn read_file(named: Option<&Path>) -> Result<Option<FileText>, (PathBuf, io::Error)> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    match read(path) {
        Ok(bytes) => Ok(Some((path.into(), bytes))),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err((path.into(), error)),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable((path, error): (PathBuf, io::Error)) -> ConfigError {
    let (code, fix) = match error.kind() {
        ErrorKind::NotFound => (Exit::NoInput, "name a file that exists: --config FILE"),
        ErrorKind::PermissionDenied => (Exit::Permission, "let this user read it: chmod a+r"),
        ErrorKind::IsADirectory | ErrorKind::FileTooLarge => {
            (Exit::NoInput, "name a TOML file: --config FILE")
        }
        _ => (Exit::Io, ""),
    };
    let what = format!("cannot read the configuration: {}", reason(&error));
    let start = StartError::new(code, &what, path.display(), fix);
    ConfigError::one(code, start.to_string())
}

const DEFAULT_PATH: &str = "/etc/privmsgd/privmsgd.toml";
const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Listen, LogFormat};

    /// The configuration of these flags, variables and this file, or the messages.
    fn combined(args: &str, variables: &str, file: &str) -> Result<Config, ConfigError> {
        let args = ["privmsgd"].into_iter().chain(args.split_whitespace());
        let Ok(arguments) = args::parse(args.map(OsString::from)) else {
            panic!("the flags are known");
        };
        let variable = |pair: &str| pair.split_once('=').map(|(k, v)| (k.into(), v.into()));
        let variables = variables.split_whitespace().filter_map(variable);
        let file = (PathBuf::from("f.toml"), file.as_bytes().to_vec());
        combine(arguments, variables, Some(file)).finish()
    }

    fn messages(args: &str, variables: &str, file: &str) -> Vec<String> {
        combined(args, variables, file)
            .expect_err("a mistake")
            .messages
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let file = "log = { level = 'error', format = 'json' }\n[server]\nlisten = ['[::1]:3']";
        let variables = "PRIVMSGD_LOG__LEVEL=warn PRIVMSGD_SERVER__LISTEN=127.0.0.1:1,unix:/s";
        let flags = "--log-level debug --port-file p --listen systemd:plain --listen 127.0.0.1:0";
        let level = |args, variables, file| combined(args, variables, file).unwrap().log.level;
        assert_eq!(level("", "", ""), log::LevelFilter::Info);
        assert_eq!(level("", "", file), log::LevelFilter::Error);
        assert_eq!(level("", variables, file), log::LevelFilter::Warn);
        assert_eq!(level(flags, variables, file), log::LevelFilter::Debug);
        let config = combined("", variables, file).unwrap();
        assert_eq!(config.log.format, LogFormat::Json);
        let unix = Listen::Unix("/s".into());
        let tcp = Listen::Tcp("127.0.0.1:1".parse().unwrap());
        assert_eq!(config.listen, [tcp, unix]);
        let config = combined(flags, variables, file).unwrap();
        let tcp = Listen::Tcp("127.0.0.1:0".parse().unwrap());
        assert_eq!(config.listen, [Listen::Inherited("plain".into()), tcp]);
        assert!(!config.listen_is_default);
        assert_eq!(config.port_file, Some("p".into()));
    }

    #[test]
    fn every_key_can_be_given_by_file_and_variable() {
        let defaults = Config {
            listen_is_default: false,
            ..Config::default()
        };
        for key in super::super::Key::all() {
            let shown = (key.show)(&defaults);
            let file = format!("[{}]\n{} = {shown}", key.table(), key.name());
            let plain = shown.replace(['"', '[', ']', ' '], "");
            let plain = plain.replace("::1", "[::1]");
            for config in [
                combined("", "", &file),
                combined("", &format!("{}={plain}", key.variable()), ""),
            ] {
                let config = config.unwrap_or_else(|e| panic!("{:?}", e.messages));
                assert_eq!((key.show)(&config), shown, "{}", key.path);
            }
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_places() {
        let file = "[limits]\nmax_lines_bytes = 4\nlinger_ms = -1\n[log]\nlevel = 3\nformat = =\n";
        let told = messages(
            "--listen :7748",
            "PRIVMSGD_LIMIT__X=1 PRIVMSGD_LOG_FORMAT=json PRIVMSGD_ZZZZZ=/ HOME=/",
            file,
        );
        let wanted = [
            "f.toml:2:1: unknown key \"max_lines_bytes\" in [limits]; did you mean max_line_bytes?",
            "f.toml:3:13: limits.linger_ms must be a whole number from 0 to 86400000, not the number -1",
            "f.toml:5:9: log.level must be",
            "f.toml:6:10: ",
            "environment PRIVMSGD_LIMIT__X: unknown variable",
            "environment PRIVMSGD_LOG_FORMAT: unknown variable; did you mean PRIVMSGD_LOG__FORMAT?",
            "environment PRIVMSGD_ZZZZZ: unknown variable",
            "--listen: server.listen must be",
        ];
        assert_eq!(told.len(), wanted.len(), "{told:#?}");
        for (told, wanted) in told.iter().zip(wanted) {
            assert!(told.starts_with(wanted), "{told}");
        }
        assert!(
            told[7].ends_with("did you mean 0.0.0.0:7748?"),
            "{}",
            told[7]
        );
    }

    #[test]
    fn values_that_contradict_each_other_are_told_where_they_stand() {
        let file = "[limits]\nqueue_soft_bytes = 2000\nqueue_hard_bytes = 1500\n";
        let told = messages("", "", file);
        assert!(
            told[0].starts_with("f.toml:2:20: limits.queue_soft_bytes (2000)"),
            "{told:?}"
        );
        // The refused value of the one proves nothing about the other.
        let told = messages(
            "",
            "",
            "[limits]\nqueue_soft_bytes = 9_000_000\nqueue_hard_bytes = true\n",
        );
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn strange_files_are_one_mistake_and_no_panic() {
        for (file, wanted) in [
            (
                "limits = 3",
                "f.toml:1:1: limits must be a table: write [limits]",
            ),
            (
                "[limit]\na = 1\nb = 2",
                "f.toml:1:2: unknown table [limit]; did you mean [limits]?",
            ),
            (
                "level = 'info'",
                "f.toml:1:1: unknown key \"level\"; did you mean level in [log]?",
            ),
            ("[[limits]]", "f.toml:1:3: limits must be a table"),
            ("[log]\nlevel = \"\u{1b}[31m\"", "f.toml:2:10: "),
            ("x", "f.toml:1:2: "),
        ] {
            let told = messages("", "", file);
            assert_eq!(told.len(), 1, "{told:#?}");
            assert!(told[0].starts_with(wanted), "{}", told[0]);
            assert!(!told[0].contains('\u{1b}'));
        }
        let place = from_bytes(Path::new("f"), b"a = 1\n\xff");
        assert!(matches!(&place[..], [Err(m)] if m.to_string().starts_with("f:2:1: ")));
        assert!(combined("", "", "\u{feff}# nothing\r\n").is_ok());
    }

    /// F3: what a reload applies, and what it names instead.
    #[test]
    fn changes_are_told_apart_by_what_it_takes_to_apply_them() {
        let old = combined("", "", "").unwrap();
        let file = "[limits]\nmax_errors = 3\nmax_connections = 9\n[server]\nname = 'x'\n";
        let new = combined("", "PRIVMSGD_LOG__LEVEL=trace", file).unwrap();
        let changes = old.changes(&new);
        assert_eq!(changes.reloadable, ["limits.max_errors", "log.level"]);
        assert_eq!(
            changes.needs_restart,
            ["server.name", "limits.max_connections"]
        );
        let reloaded = old.reloaded(&new);
        assert_eq!(old.changes(&reloaded).reloadable, changes.reloadable);
        assert!(old.changes(&reloaded).needs_restart.is_empty());
    }

    /// D4.
    #[test]
    fn the_queues_take_at_most_a_quarter_of_the_memory() {
        let mut config = Config::default();
        assert!(!config.fit_into(1 << 40));
        assert_eq!(config, Config::default());
        assert!(config.fit_into(2_000_000));
        assert_eq!(config.limits.total_queue_bytes, 500_000);
        assert!(check::conflicts(&config).is_empty());
    }

    proptest::proptest! {
        /// C1.
        #[test]
        fn any_file_is_a_configuration_or_messages(
            table in "(\\[(log|limits|x)\\]\n)?",
            text in "(\\PC|[ \\t\r\n=\"'{}#.0-9]|level|max_errors|\\[|\\]){0,40}",
        ) {
            let _ = combined("", "", &format!("{table}{text}"));
        }
    }
}
