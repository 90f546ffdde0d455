//! The subcommands: which there are, and what each takes, for help, man pages and completions alike. Knows no values.

use clap::{Arg, ArgAction, Command};

use super::tls_args;

pub fn all() -> Vec<Command> {
    let mut all = vec![
        reporting("status", "Say how the daemon is")
            .after_help("Examples:\n  privmsgd status\n  privmsgd status --json | jq .connections"),
        reporting("clients", "List the connections")
            .after_help("Examples:\n  privmsgd clients\n  privmsgd clients --json | jq -r .name"),
        reporting("kick", "End all sessions of a name: goodbye revoked")
            .arg(name())
            .after_help("Examples:\n  privmsgd kick Mallory"),
        Command::new("log-level")
            .about("Log more or less, until the next reload")
            .arg(
                Arg::new("level")
                    .value_name("LEVEL")
                    .required(true)
                    .help(LEVELS),
            )
            .after_help("Examples:\n  privmsgd log-level debug"),
        reporting(
            "reload",
            "Read the configuration again; say what changed, or every mistake",
        )
        .after_help("Examples:\n  privmsgd --check-config && privmsgd reload"),
        Command::new("drain")
            .about("Say goodbye to everybody and end, as SIGTERM does")
            .after_help("Examples:\n  privmsgd drain"),
        config(),
        tls_args::command(),
    ];
    if cfg!(feature = "mailbox") {
        all.push(account());
    }
    all
}

const LEVELS: &str = "off, error, warn, info, debug or trace";

fn config() -> Command {
    Command::new("config")
        .about("Show the configuration")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            reporting(
                "show",
                "Print every key with its value, as a file that could be read",
            )
            .arg(flag("origin", "Say of each who set it"))
            .after_help(
                "Examples:\n  privmsgd config show --origin\n  privmsgd config show > new.toml",
            ),
        )
        .after_help("Examples:\n  privmsgd config show --origin")
}

fn account() -> Command {
    let of_name =
        |verb: &'static str, about: &'static str| Command::new(verb).about(about).arg(name());
    Command::new("account")
        .about("Make, list, change and remove accounts, with the daemon running or not")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(add())
        .subcommand(
            reporting("list", "List the accounts")
                .after_help("Examples:\n  privmsgd account list --json | jq -r .name"),
        )
        .subcommand(
            of_name("passwd", "Set another password; its sessions end")
                .after_help(format!("{PASSWORD}\n\nExamples:\n  privmsgd account passwd Alice")),
        )
        .subcommand(
            of_name("disable", "Let nobody prove the name; its sessions end")
                .after_help("Examples:\n  privmsgd account disable Alice"),
        )
        .subcommand(
            of_name("enable", "Undo disable").after_help("Examples:\n  privmsgd account enable Alice"),
        )
        .subcommand(
            of_name("remove", "Remove the account; its sessions end, its name stays reserved")
                .arg(flag("yes", "Do not ask"))
                .after_help("Examples:\n  privmsgd account remove Alice --yes"),
        )
        .subcommand(
            of_name("add-key", "Let one more Ed25519 key prove the name")
                .arg(key().required(true).num_args(1..=3))
                .after_help(format!("{KEYS}\n\nExamples:\n  privmsgd account add-key Alice ~alice/.ssh/id_ed25519.pub")),
        )
        .subcommand(
            of_name("revoke-device", "Forget a device; its sessions end")
                .arg(Arg::new("device").value_name("DEVICE").required(true).help("As account list and clients show it"))
                .after_help("Examples:\n  privmsgd account revoke-device Alice phone"),
        )
        .after_help(
            "The daemon does it if it answers; else the accounts in the data directory are changed directly.\n\n\
             Examples:\n  privmsgd account add Alice\n  privmsgd account list --data /var/lib/privmsgd",
        )
}

fn add() -> Command {
    Command::new("add")
        .about("Make an account")
        .arg(name())
        .arg(key().long("key").conflicts_with("no-credential"))
        .arg(flag(
            "no-credential",
            "No password and no key: it is proved by tokens",
        ))
        .after_help(format!(
            "{PASSWORD}\n{KEYS}\n\nExamples:\n  privmsgd account add Alice\n  \
             pwgen -s 24 1 | privmsgd account add Bot\n  \
             privmsgd account add Carol --key carol.pub\n  \
             privmsgd account add Dave --no-credential"
        ))
}

const PASSWORD: &str =
    "The password is asked for, or is the one line of standard input; it is never an argument.";

const KEYS: &str = "KEY: base64url of the 32 bytes, a line ssh-ed25519 AAAA…, or a FILE (or @FILE) that holds one\n\
                    of these or a PEM public key.";

fn name() -> Arg {
    Arg::new("name")
        .value_name("NAME")
        .required(true)
        .help("Its name")
}

fn key() -> Arg {
    Arg::new("key")
        .value_name("KEY")
        .help("An Ed25519 public key")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

/// With `--json`.
fn reporting(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .arg(flag("json", "Answer with one JSON object a line"))
}
