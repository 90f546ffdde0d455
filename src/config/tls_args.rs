//! The command line of `privmsgd tls …`. Knows no keys and no certificates.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// `privmsgd tls self-signed`: a certificate for these names, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    /// Host names and IP addresses; never empty.
    pub names: Vec<String>,
    /// Where to put `tls.crt` and `tls.key`.
    pub out: PathBuf,
    pub days: u32,
}

/// What is asked for by `tls` and what follows it.
pub fn asked(tls: &ArgMatches) -> Option<SelfSigned> {
    let wanted = tls.subcommand_matches("self-signed")?;
    let names = wanted.get_many("name").into_iter().flatten();
    Some(SelfSigned {
        names: names.cloned().collect(),
        out: wanted.get_one("out").cloned().unwrap_or_else(|| ".".into()),
        days: wanted.get_one("days").copied().unwrap_or(DAYS),
    })
}

/// Where there is no TLS it is not listed, and says so when it is used.
pub fn command() -> Command {
    let self_signed = Command::new("self-signed")
        .about(
            "Make tls.crt and tls.key for a first try: clients must be given tls.crt to trust it",
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
        )
        .after_help(EXAMPLES);
    Command::new("tls")
        .about("Make a certificate for listeners that speak TLS")
        .hide(!cfg!(feature = "tls"))
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(self_signed)
        .after_help(EXAMPLES)
}

const DAYS: u32 = 365;
const EXAMPLES: &str =
    "Examples:\n  privmsgd tls self-signed --name chat.example --out /etc/privmsgd";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::args::{self, Instead};

    fn read(line: &str) -> Result<Option<SelfSigned>, Instead> {
        let arguments = args::parse(line.split_whitespace().map(Into::into))?;
        let tls = arguments.subcommand.filter(|(name, _)| name == "tls");
        Ok(tls.and_then(|(_, matches)| asked(&matches)))
    }

    #[test]
    fn names_repeat_and_the_rest_has_defaults() {
        let Ok(Some(asked)) = read("privmsgd tls self-signed --name a.example --name ::1") else {
            panic!("it is asked for");
        };
        assert_eq!(asked.names, ["a.example", "::1"]);
        assert_eq!((asked.out, asked.days), (".".into(), 365));
        assert!(matches!(read("privmsgd --listen tls"), Ok(None)));
        for wrong in [
            "privmsgd tls",
            "privmsgd tls self-signed",
            "privmsgd tls self-signed --name",
            "privmsgd tls self-signed --name a --days 0",
            "privmsgd tls selfsigned --name a",
        ] {
            assert!(matches!(read(wrong), Err(Instead::Wrong(_))), "{wrong}");
        }
        assert!(matches!(
            read("privmsgd tls --help"),
            Err(Instead::Print(_))
        ));
    }

    #[test]
    fn it_is_among_the_subcommands_that_are_listed_and_guessed() {
        let Err(Instead::Print(help)) = read("privmsgd --help") else {
            panic!("help is printed");
        };
        let listed = help.lines().any(|line| line.starts_with("  tls "));
        assert_eq!(listed, cfg!(feature = "tls"));
        assert!(help.lines().count() <= 40, "{help}");
        let Err(Instead::Wrong(why)) = read("privmsgd tlss self-signed") else {
            panic!("it is no subcommand");
        };
        assert!(why.ends_with("did you mean tls?"), "{why}");
    }
}
