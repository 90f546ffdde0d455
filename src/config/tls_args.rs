//! The command line of `privmsgd tls …`. Knows no keys and no certificates.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::args::{Instead, explain};

/// `privmsgd tls self-signed`: a certificate for these names, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    /// Host names and IP addresses; never empty.
    pub names: Vec<String>,
    /// Where to put `tls.crt` and `tls.key`.
    pub out: PathBuf,
    pub days: u32,
}

/// What is asked for, if it is `tls`; `args` begin with the program's name.
pub fn asked(args: &[OsString]) -> Option<Result<SelfSigned, Instead>> {
    (args.get(1).map(OsString::as_os_str) == Some(OsStr::new("tls"))).then(|| parse(args))
}

fn parse(args: &[OsString]) -> Result<SelfSigned, Instead> {
    let matches = command().try_get_matches_from(args).map_err(explain)?;
    let wanted = matches
        .subcommand_matches("tls")
        .and_then(|tls| tls.subcommand_matches("self-signed"));
    let Some(wanted) = wanted else {
        return Err(Instead::Wrong(
            "privmsgd: tls what? privmsgd tls --help".into(),
        ));
    };
    Ok(SelfSigned {
        names: wanted
            .get_many("name")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        out: wanted.get_one("out").cloned().unwrap_or_else(|| ".".into()),
        days: wanted.get_one("days").copied().unwrap_or(DAYS),
    })
}

fn command() -> Command {
    let self_signed = Command::new("self-signed")
        .about(
            "Makes tls.crt and tls.key for a first try: clients must be given tls.crt to trust it",
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("HOST")
                .help("What clients connect to: a host name or an IP address; repeatable")
                .required(true)
                .action(ArgAction::Append),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .help("Where to put them; the current directory if not given")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("days")
                .long("days")
                .value_name("N")
                .help("How long it is good, from today; 365 if not given")
                .value_parser(value_parser!(u32).range(1..=36_500)),
        );
    let tls = Command::new("tls")
        .about("Certificates for listeners that speak TLS")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(self_signed);
    Command::new("privmsgd").subcommand(tls)
}

const DAYS: u32 = 365;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<SelfSigned, Instead>> {
        let words = line.split_whitespace().map(OsString::from);
        asked(&words.collect::<Vec<_>>())
    }

    #[test]
    fn names_repeat_and_the_rest_has_defaults() {
        let Some(Ok(asked)) = read("privmsgd tls self-signed --name a.example --name ::1") else {
            panic!("it is asked for");
        };
        assert_eq!(asked.names, ["a.example", "::1"]);
        assert_eq!((asked.out, asked.days), (".".into(), 365));
        assert!(read("privmsgd --listen tls").is_none());
        for wrong in [
            "privmsgd tls",
            "privmsgd tls self-signed",
            "privmsgd tls self-signed --name",
            "privmsgd tls self-signed --name a --days 0",
            "privmsgd tls selfsigned --name a",
        ] {
            assert!(
                matches!(read(wrong), Some(Err(Instead::Wrong(_)))),
                "{wrong}"
            );
        }
        assert!(matches!(
            read("privmsgd tls --help"),
            Some(Err(Instead::Print(_)))
        ));
    }
}
