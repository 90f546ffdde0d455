//! `privmsgd account …`: what is asked, of whom, and what came of it. Knows no sockets and no store.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde_json::Value;

use crate::accounts::{Answer, NewCredential, Operator};
use crate::admin::cli::show::Table;
use crate::admin::cli::{
    Failure, Offline, OpenOffline, Output, is_set, key, name_in, say, talk, text_in, wants_json,
};
use crate::admin::reply::{self, Fault};
use crate::admin::request::Request;
use crate::ask;
use crate::config::Subcommand;
use crate::ops::exit::{Exit, StartError};
use crate::upkeep::Told;

pub fn run(sub: &Subcommand, offline: OpenOffline, out: &mut Output) -> Result<(), Failure> {
    let Some((verb, matches)) = sub.matches.subcommand() else {
        return Err(Failure::new(Exit::Usage, "account needs a subcommand"));
    };
    let operator = operator(verb, matches)?;
    let mut printer = Printer {
        out,
        table: Table::new("account"),
        json: wants_json(matches),
    };
    carry_out(sub, offline, operator, &mut printer)?;
    if verb != "list" {
        say(&format!(
            "account {}: {}",
            text_in(matches, "name"),
            done(verb)
        ));
    }
    Ok(())
}

/// By the daemon if it answers, else by this process.
pub fn carry_out(
    sub: &Subcommand,
    offline: OpenOffline,
    operator: Operator,
    printer: &mut Printer<'_>,
) -> Result<(), Failure> {
    match by_daemon(sub, &operator, printer)? {
        Reached::Done => Ok(()),
        Reached::Nobody { denied } => by_itself(sub, offline, operator, denied, printer),
    }
}

fn done(verb: &str) -> &str {
    match verb {
        "add" => "made",
        "passwd" => "its password is another, its sessions have ended",
        "disable" => "disabled, its sessions have ended",
        "enable" => "enabled",
        "remove" => "removed, its sessions have ended",
        "add-key" => "one more key proves it",
        _ => "the device is forgotten, its sessions have ended",
    }
}

/// What the arguments ask for, with what they must not hold: the password.
fn operator(verb: &str, matches: &ArgMatches) -> Result<Operator, Failure> {
    if verb == "list" {
        return Ok(Operator::List);
    }
    let username = name_in(matches)?;
    Ok(match verb {
        "add" => Operator::Add {
            credential: credential(matches)?,
            username,
        },
        "passwd" => Operator::SetPassword {
            password: ask::new_password(username.as_str())?,
            username,
        },
        "disable" | "enable" => Operator::Disable {
            username,
            disabled: verb == "disable",
        },
        "remove" => {
            if !is_set(matches, "yes") {
                ask::confirm(&format!(
                    "Remove the account {} and all it has?",
                    username.as_str()
                ))?;
            }
            Operator::Remove { username }
        }
        "add-key" => {
            let words = matches.get_many::<String>("key").into_iter().flatten();
            let words: Vec<&str> = words.map(String::as_str).collect();
            Operator::AddKey {
                username,
                key: key::read(&words.join(" "))?,
            }
        }
        "revoke-device" => Operator::RevokeDevice {
            username,
            device: text_in(matches, "device").into(),
        },
        _ => return Err(Failure::new(Exit::Usage, "there is no such subcommand")),
    })
}

fn credential(matches: &ArgMatches) -> Result<Option<NewCredential>, Failure> {
    if is_set(matches, "no-credential") {
        return Ok(None);
    }
    let credential = match matches.get_one::<String>("key") {
        Some(text) => NewCredential::Key(key::read(text)?, None),
        None => NewCredential::Password(ask::new_password(text_in(matches, "name"))?),
    };
    Ok(Some(credential))
}

pub struct Printer<'a> {
    pub out: &'a mut Output,
    pub table: Table,
    pub json: bool,
}

impl Printer<'_> {
    fn print(&mut self, line: &str, value: &Value) -> Result<(), Failure> {
        match self.json {
            true => self.out.print(&format!("{line}\n")),
            false => self.out.print(&self.table.line(value)),
        }
    }
}

enum Reached {
    Done,
    Nobody {
        /// A socket that is there, but not for this user.
        denied: Option<PathBuf>,
    },
}

/// By the daemon that has these accounts, if it answers.
fn by_daemon(
    sub: &Subcommand,
    operator: &Operator,
    printer: &mut Printer<'_>,
) -> Result<Reached, Failure> {
    let data = sub.guess.data.as_deref();
    let data = data.map(|data| data.canonicalize().unwrap_or(data.into()));
    let request = Request::of(
        operator.clone(),
        data.map(|data| data.display().to_string()),
    );
    let is_named = sub.guess.admin_socket.is_some();
    let mut denied = None;
    for place in talk::places(&sub.guess) {
        let mut stream = match UnixStream::connect(&place) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                denied = Some(place);
                continue;
            }
            Err(_) => continue,
        };
        let asked = talk::ask(&mut stream, &request, &mut |line, value| {
            printer.print(line, value)
        });
        match asked {
            Err(failure) if !is_named && sub.guess.data.is_some() && is_other(&failure) => {}
            Err(failure) => return Err(failure),
            Ok(()) => return Ok(Reached::Done),
        }
    }
    Ok(Reached::Nobody { denied })
}

/// The daemon that answered is not the one that was meant.
fn is_other(failure: &Failure) -> bool {
    matches!(failure.refused.as_deref(), Some("openMode" | "otherData"))
}

fn by_itself(
    sub: &Subcommand,
    offline: OpenOffline,
    operator: Operator,
    denied: Option<PathBuf>,
    printer: &mut Printer<'_>,
) -> Result<(), Failure> {
    let config = sub.config.as_ref()?;
    let Some(data) = &config.data else {
        return Err(denied.as_deref().map(talk::not_allowed).unwrap_or_else(|| {
            let places = talk::list(&talk::places(config));
            let fix = "name the directory of the accounts, --data DIR, or the daemon's socket, --admin-socket PATH";
            Failure::new(Exit::Config, format_args!("{places}: no daemon answers\n  {fix}"))
        }));
    };
    // Nobody else makes a store: where a directory is mistyped, it would be an empty one.
    let makes = matches!(operator, Operator::Add { .. });
    let open = || offline(data, config, makes);
    let answer = match opened(open, denied.is_some()) {
        Ok(mut accounts) => accounts(operator),
        Err(error) if error.code == Exit::Unavailable => {
            let fix = match denied {
                Some(place) => format!("{}: {FOR_OTHERS}", place.display()),
                None => {
                    "its daemon does not answer here: name its socket, --admin-socket PATH".into()
                }
            };
            return Err(StartError { fix, ..error }.into());
        }
        Err(error) => return Err(error.into()),
    };
    print_answer(&answer, printer)
}

/// Another command may have it for a moment; a daemon whose socket is not for this user has it for long.
fn opened(
    open: impl Fn() -> Result<Offline, StartError>,
    is_daemon: bool,
) -> Result<Offline, StartError> {
    let start = Instant::now();
    loop {
        let opened = open();
        let is_busy = |error: &StartError| error.code == Exit::Unavailable && !is_daemon;
        if !opened.as_ref().is_err_and(is_busy) || start.elapsed() > PATIENCE {
            return opened;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// For other commands, one after the other.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const FOR_OTHERS: &str = "the socket of its daemon is for root and the daemon's user only";

fn print_answer(answer: &Answer, printer: &mut Printer<'_>) -> Result<(), Failure> {
    let mut lines = Vec::new();
    match answer {
        Answer::Refused(refused) => {
            let fault = Fault::from(refused);
            return Err(Failure {
                refused: Some(fault.code.into()),
                ..Failure::new(Exit::Refused, fault.error)
            });
        }
        Answer::Upkeep(Told::Failed(error)) => return Err((**error).clone().into()),
        Answer::Upkeep(told) => drop(reply::told(&mut lines, told)),
        Answer::Accounts(accounts) => accounts
            .iter()
            .for_each(|account| reply::account(&mut lines, account)),
        Answer::Devices(devices) => devices
            .iter()
            .for_each(|device| reply::device(&mut lines, device)),
        Answer::Ok | Answer::Registered(_) | Answer::Mail { .. } => {}
    }
    let broken = || Failure::new(Exit::Internal, "an answer was made that is no JSON");
    let text = String::from_utf8(lines).map_err(|_| broken())?;
    for line in text.lines() {
        let value = serde_json::from_str(line).map_err(|_| broken())?;
        printer.print(line, &value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::accounts::PublicKey;
    use crate::config;
    use crate::wire::name::Name;

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn asked(line: &str) -> Result<Operator, Failure> {
        let matches = config::command().try_get_matches_from(line.split_whitespace());
        let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
        let (_, account) = matches.subcommand().unwrap();
        let (verb, matches) = account.subcommand().unwrap();
        operator(verb, matches)
    }

    fn name(text: &'static str) -> Name<'static> {
        Name::parse(text).unwrap()
    }

    fn key() -> PublicKey {
        std::array::from_fn(|at| at as u8)
    }

    #[test]
    fn arguments_become_what_the_accounts_are_asked() {
        let add = |credential| Operator::Add {
            username: name("Bob"),
            credential,
        };
        let disable = |disabled| Operator::Disable {
            username: name("Bob"),
            disabled,
        };
        let username = name("Bob");
        for (line, wanted) in [
            ("list --json", Operator::List),
            ("add Bob --no-credential", add(None)),
            (
                &format!("add Bob --key {KEY}"),
                add(Some(NewCredential::Key(key(), None))),
            ),
            ("disable Bob", disable(true)),
            ("enable Bob", disable(false)),
            (
                "remove Bob --yes",
                Operator::Remove {
                    username: username.clone(),
                },
            ),
            (
                &format!("add-key Bob {KEY}"),
                Operator::AddKey {
                    username: username.clone(),
                    key: key(),
                },
            ),
            (
                "revoke-device Bob phone",
                Operator::RevokeDevice {
                    username,
                    device: "phone".into(),
                },
            ),
        ] {
            let line = format!("privmsgd account {line} --data /d");
            assert_eq!(asked(&line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn wrong_arguments_are_64_and_change_nothing() {
        for line in ["add a*b --no-credential", "add-key Bob AAAA", "disable 'x"] {
            let failure = asked(&format!("privmsgd account {line}")).unwrap_err();
            assert_eq!(failure.code, Exit::Usage, "{failure:?}");
        }
    }
}
