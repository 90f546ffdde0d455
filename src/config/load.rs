//! Flag over environment over file over default → [`Config`], or every mistake at once.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::args::{self, Arguments, Instead};
use super::check;
use super::mistake::{Mistake, Origin, Place};
use super::sources::{self, Settings};
use super::{Config, ConfigError, Invocation};
use crate::ops::exit::{Exit, StartError, reason};

/// `args` begin with the program's name. Reads the environment and at most one file.
pub fn load(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, ConfigError> {
    let arguments = match args::parse(args) {
        Ok(arguments) => arguments,
        Err(Instead::Print(text)) => return Ok(Invocation::Print(text)),
        Err(Instead::Wrong(message)) => return Err(ConfigError::one(Exit::Usage, message)),
    };
    let file = read_file(arguments.config.as_deref()).map_err(unreadable)?;
    let only_check = arguments.check_config;
    let config = combine(arguments, env::vars_os(), file)?;
    Ok(match only_check {
        true => Invocation::Checked,
        false => Invocation::Run(Box::new(config)),
    })
}

/// A file's path and what is in it.
type FileText = (PathBuf, Vec<u8>);

fn combine(
    arguments: Arguments,
    variables: impl Iterator<Item = (OsString, OsString)>,
    file: Option<FileText>,
) -> Result<Config, ConfigError> {
    let mut reading = Reading::default();
    if let Some((path, bytes)) = &file {
        reading.take(from_bytes(path, bytes));
    }
    reading.take(sources::from_environment(variables));
    reading.take(arguments.settings.into_iter().map(Ok).collect());
    reading.config.port_file = arguments.port_file;
    reading.finish()
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
