//! The command line of `privmsg`: which commands and options there are, for help, man pages and completions alike. Knows no
//! values.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

pub fn command() -> Command {
    Command::new("privmsg")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sends and receives private messages. Without a command: the interactive session.")
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .subcommand_help_heading("Commands")
        .subcommands([
            send(),
            listen(),
            history(),
            who(),
            ping(),
            login(),
            super::account::command(),
            completions(),
            gen_docs(),
        ])
        .args(who_and_where())
        .after_help(EXIT_CODES)
        .after_long_help(format!("{PROFILES}\n\n{EXIT_CODES}\n\n{EXAMPLES}"))
}

/// Who connects where: for every command.
fn who_and_where() -> [Arg; 10] {
    [
        text("server", "ADDRESS", "HOST[:PORT], tls:HOST[:PORT] or unix:/PATH, as privmsgd prints it [default: 127.0.0.1:7748]")
            .short('s'),
        text("name", "NAME", "Your name").short('u'),
        text("profile", "PROFILE", "A profile of ~/.config/privmsg/config.toml").short('p'),
        file("password-file", "The password is the first line of FILE, which only you may read"),
        file("key", "An Ed25519 private key without passphrase, of ssh-keygen or openssl"),
        file("token-file", "A JSON Web Token"),
        text("device", "DEVICE", "What this installation is called, where names are accounts [default: privmsg]"),
        text("server-name", "NAME", "The server that is meant, if it is not called like its host: what a key signs is for it alone, and with --ca its certificate may be for this name too"),
        file("ca", "Trust a TLS server that a certificate in FILE (PEM) vouches for"),
        text("fingerprint", "HEX", "Trust a TLS server whose certificate has this SHA-256"),
    ]
    .map(|arg| arg.global(true).help_heading("Who and where"))
}

fn send() -> Command {
    Command::new("send")
        .about("Send a message")
        .arg(positional("to", "NAME", "To whom"))
        .arg(
            Arg::new("text")
                .value_name("TEXT")
                .required(true)
                .num_args(1..)
                .help("What, its words joined by spaces, behind -- if it begins with a dash; -: standard input, without a line end at its end"),
        )
        .arg(flag("lines", "With -: one message for each line, as it comes"))
        .arg(text("message-id", "ID", "Name the message: sent twice under one ID, it is there once").conflicts_with("lines"))
        .arg(flag("json", "Print what was accepted, as JSON"))
        .arg(timeout("Give up after so long without an answer", "30"))
        .after_help(
            "Silent when it was accepted. It is sent again over new connections, under the same ID, until it is.\n\
             With --lines, each line that is not accepted is told by its number, and how many there were at the end.\n\n\
             Examples:\n  privmsg send Bob 'Salut Bob !'\n  df -h | privmsg send Bob -\n  \
             tail -f app.log | privmsg send Bob - --lines\n  privmsg --server 127.0.0.1:7748 --name Alice send Bob hi",
        )
}

fn listen() -> Command {
    Command::new("listen")
        .about("Print messages as they come, one a line")
        .arg(flag("json", "Print the server's lines (protocol.md, privateMessage)"))
        .arg(number("count", 'n', "COUNT", "End after so many"))
        .arg(seconds("time", "End after so long").short('t'))
        .arg(text("from", "NAME", "Only from this name; what others wrote is passed over: it is acknowledged, and does not come again for this device"))
        .arg(mark_read())
        .after_help(
            "Goes on where it was when it ended, and prints nothing twice. Connects again when the connection is lost.\n\
             Exit code 124 if -n was given and so many had not come after -t.\n\n\
             Examples:\n  privmsg listen\n  privmsg listen --json | jq -r .message\n  \
             answer=$(privmsg listen --from Bob -n 1 -t 60)",
        )
}

fn history() -> Command {
    Command::new("history")
        .about("Print the last messages with somebody, oldest first")
        .arg(positional("with", "NAME", "With whom"))
        .arg(number("count", 'n', "COUNT", "At most so many; 0: all [default: 50]"))
        .arg(flag("json", "Print the server's lines (protocol.md, privateMessage)"))
        .arg(mark_read())
        .arg(timeout("Give up after so long", "30"))
        .after_help("Only where messages are stored.\n\nExamples:\n  privmsg history Bob\n  privmsg history Bob -n 0 --json > bob.jsonl")
}

fn who() -> Command {
    Command::new("who")
        .about("Print whom you talk with, and who of them is there")
        .arg(
            Arg::new("names")
                .value_name("NAME")
                .num_args(0..)
                .help("Of these names, whoever they are"),
        )
        .arg(flag("json", "Print JSON, one object a line"))
        .arg(timeout("Give up after so long", "30"))
        .after_help(
            "There is no directory. Without stored messages there are no conversations: give NAMEs.\n\n\
             Examples:\n  privmsg who\n  privmsg who Bob --json | jq -r .status",
        )
}

fn ping() -> Command {
    Command::new("ping")
        .about("See whether the server is there; needs no name")
        .arg(number(
            "count",
            'n',
            "COUNT",
            "So often, one a second [default: 1]",
        ))
        .arg(flag("json", "Print JSON, one object a line"))
        .arg(timeout("Give up after so long", "10"))
        .after_help(
            "Examples:\n  privmsg ping\n  privmsg ping --server tls:chat.example --json | jq .ms",
        )
}

fn login() -> Command {
    Command::new("login")
        .about("Prove a name once, and make a profile of it")
        .arg(flag("register", "Make the account first, where the server lets clients do that"))
        .arg(flag("keep-password", "Keep the password instead of a key that is made for this installation"))
        .arg(timeout("Give up after so long without an answer", "30"))
        .after_help(
            "Asks for what is not given; the password without echo, or as one line of standard input.\n\
             Makes a key for this installation, tells the server, and keeps the key and not the password.\n\
             With --key that key is used, and nothing is made. The profile is called as --profile says, or default.\n\n\
             Examples:\n  privmsg login\n  privmsg login --server tls:chat.example --name Alice\n  \
             privmsg login --server tls:chat.example --name Carol --key ~/.ssh/id_ed25519",
        )
}

fn completions() -> Command {
    Command::new("completions")
        .about("Print completions for a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(["bash", "zsh", "fish"])
                .help("bash, zsh or fish"),
        )
        .after_help("Examples:\n  source <(privmsg completions bash)")
}

/// For whoever makes a package; of no use to others.
fn gen_docs() -> Command {
    Command::new("gen-docs")
        .about("Write man pages and completions of privmsg and privmsgd into DIR")
        .hide(true)
        .arg(positional("dir", "DIR", "Where").value_parser(value_parser!(PathBuf)))
}

fn mark_read() -> Arg {
    flag(
        "mark-read",
        "Say that what is printed has been read: it is unread nowhere, and who wrote it may learn of it",
    )
}

pub fn positional(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name(value).required(true).help(help)
}

pub fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

pub fn file(name: &'static str, help: &'static str) -> Arg {
    text(name, "FILE", help).value_parser(value_parser!(PathBuf))
}

pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

fn number(name: &'static str, short: char, value: &'static str, help: &'static str) -> Arg {
    text(name, value, help)
        .short(short)
        .value_parser(value_parser!(u64))
}

fn seconds(name: &'static str, help: &'static str) -> Arg {
    text(name, "SECONDS", help).value_parser(super::seconds)
}

pub fn timeout(help: &'static str, default: &'static str) -> Arg {
    seconds("timeout", help).short('t').default_value(default)
}

const PROFILES: &str = "\
~/.config/privmsg/config.toml:
  default = \"home\"

  [profile.home]
  server = \"tls:chat.example:7749\"
  name = \"Alice\"
  device = \"laptop\"
  key = \"/home/alice/.config/privmsg/secrets/home.key\"   # or password_file, or token_file
  ca = \"/etc/ssl/chat.pem\"                               # or fingerprint; neither: trust on first use
An option wins over the profile. What proves the name of the default profile is not used for another name or server.
Secrets stand in files that only you may read. In ~/.local/state/privmsg are the cursors of listen and of the session, and
resume tokens: until it ends, such a token proves the name for this device as a password does, so that these two may succeed
with a wrong password or with none.";

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the server or the other end said no; 64 wrong usage; 69 no connection; 74 reading or writing failed;
77 no permission, or a server that is not trusted; 78 wrong configuration; 124 not in time.";

const EXAMPLES: &str = "\
Examples:
  privmsg --server 127.0.0.1:7748 --name Bob listen
  privmsg --server 127.0.0.1:7748 --name Alice send Bob 'Salut Bob !'
  privmsg login --server tls:chat.example --name Alice && privmsg";
