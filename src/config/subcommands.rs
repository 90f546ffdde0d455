//! The subcommands: which there are, and what each takes, for help, man pages and completions alike. Knows no values.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::tls_args;

pub fn all() -> Vec<Command> {
    let mut all = vec![
        reporting("status", "Say how the daemon is")
            .after_help("Examples:\n  privmsgd status\n  privmsgd status --json | jq .connections"),
        reporting("clients", "List the connections")
            .after_help("Examples:\n  privmsgd clients\n  privmsgd clients --json | jq -r .name"),
        reporting(
            "check",
            "Say whether it can serve, as monitoring plugins do",
        )
        .after_help(CHECK),
        reporting(
            "doctor",
            "Look for what is wrong, and say how to mend it, daemon or not",
        )
        .after_help(DOCTOR),
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
        all.extend(upkeep());
    }
    all
}

const CHECK: &str = "\
Asks the running daemon what /readyz asks: whether it accepts connections and has room for more, whether the store takes
messages, when the certificate ends, whether the last reload went well.
Exit code, and the first word: 0 OK, 1 WARNING, 2 CRITICAL, it cannot serve or does not answer within five seconds,
3 UNKNOWN, it may not be asked.

Examples:
  privmsgd check
  privmsgd check --json | jq -r '.failed[]'";

const DOCTOR: &str = "\
Looks at the configuration, the daemon if one runs, its listeners, descriptors, certificate, store, keys, disk, clock
and unit, for about a second at most, and changes nothing. What is wrong comes with what to do about it.
Exit code: 0 nothing is wrong, 1 warnings, 2 something does not work.

Examples:
  privmsgd doctor
  privmsgd doctor --config new.toml
  privmsgd doctor --json | jq 'select(.level != \"ok\")'";

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
                .arg(Arg::new("device").value_name("DEVICE").required(true).help("As the account's clients name it: a client lists them"))
                .after_help("Examples:\n  privmsgd account revoke-device Alice phone"),
        )
        .after_help(
            "The daemon does it if it answers; else the accounts in the data directory are changed directly.\n\n\
             Examples:\n  privmsgd account add Alice\n  privmsgd account list --data /var/lib/privmsgd",
        )
}

/// What is done to a store as a whole.
fn upkeep() -> [Command; 4] {
    [
        reporting(
            "stats",
            "Count what is stored, with the daemon running or not",
        )
        .after_help(STATS),
        reporting(
            "backup",
            "Copy the store into one new file, with the daemon running or not",
        )
        .arg(path("to", "The copy: a new file; nothing is overwritten").required(true))
        .after_help(BACKUP),
        reporting(
            "restore",
            "Make a store of a backup, with the daemon stopped",
        )
        .arg(path("from", "What privmsgd backup made; it stays as it is").required(true))
        .arg(flag("replace", "Move the store that is there aside"))
        .after_help(RESTORE),
        reporting(
            "check-store",
            "Read all of a store and list what is wrong, with the daemon stopped",
        )
        .after_help(CHECK_STORE),
    ]
}

const STATS: &str = "\
A running daemon counts between its commits, a bounded number of rows at a time; what changes meanwhile may be
counted or not. waiting: messages that no device of their recipient has taken.

Examples:
  privmsgd stats
  privmsgd stats --json | jq .waiting
  privmsgd stats --data /var/lib/privmsgd";

const BACKUP: &str = "\
A running daemon goes on accepting while it copies; the file has what was accepted until the end of the copy. The file
is complete in itself, for its owner only (mode 600), and on the disk when the command ends. The daemon writes it
itself: as a service it may write below its StateDirectory only. Bodies that mailbox.key seals stay sealed.

Examples:
  privmsgd backup --to /var/lib/privmsgd/$(date +%F).db
  privmsgd backup --to backup.db --data /var/lib/privmsgd --json";

const RESTORE: &str = "\
The file is checked first. Accounts, credentials and messages are as they were when it was made. The store gets a new
epoch, so that clients do not take its numbers for those they saw; the numbers of every conversation and mailbox go on
2^32 later, and what is lost between is one line of each conversation: \"removed\":\"lost\". With --replace the
store that is there gets another name in the same directory. Single damaged messages are listed and told to clients.
Exit code: 65 if the backup is of no use, 73 if there is a store already.

Examples:
  privmsgd restore --from 2026-11-22.db --data /var/lib/privmsgd
  privmsgd restore --from 2026-11-22.db --data /var/lib/privmsgd --replace";

const CHECK_STORE: &str = "\
Reads everything and changes nothing. One line for each thing that is wrong: what kind, where, and what. Kinds:
database (SQLite's own check), schema, reference, journal, message (not as it was written, or not sealed with this
key), numbers (a gap in a conversation that nothing states), log, cursor, count.
Exit code: 0 if nothing is wrong, 65 if anything is, 69 if a daemon runs on the store.

Examples:
  privmsgd check-store --data /var/lib/privmsgd
  privmsgd check-store --data /var/lib/privmsgd --json | jq -r .place";

fn path(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("FILE")
        .help(help)
        .value_parser(value_parser!(PathBuf))
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
