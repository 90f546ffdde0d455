//! What the manual says of the daemon beside its flags: the page of its configuration file, made of the list of keys, and how
//! it ends. In man's language. For `privmsg gen-docs`; the daemon itself links none of it.

use super::{Config, Key};
use crate::ops::exit::Exit;

/// The page privmsgd.toml(5).
pub fn configuration() -> String {
    let mut page = format!(
        ".TH privmsgd.toml 5 \"\" \"privmsgd {}\"\n{HEAD}",
        env!("CARGO_PKG_VERSION")
    );
    let (defaults, mut table) = (Config::default(), "");
    for key in Key::all().filter(|key| key.table() != "debug") {
        if key.table() != table {
            table = key.table();
            page.push_str(&format!(".SS [{table}]\n"));
        }
        let (name, value) = (text(key.name()), text(&(key.show)(&defaults)));
        let reload = match key.reloads {
            true => "",
            false => " A change takes effect at the next start.",
        };
        let (about, variable) = (text(key.about), text(&key.variable()));
        page.push_str(&format!(
            ".TP\n\\fB{name}\\fR = {value}\n{about}.{reload}\n.br\nVariable: {variable}\n"
        ));
    }
    page + TAIL
}

/// Sections for the end of privmsgd(8).
pub fn sections() -> String {
    let mut page = String::from(".SH \"EXIT STATUS\"\n");
    for (exit, about) in EXITS {
        page.push_str(&format!(".TP\n.B {}\n{about}\n", *exit as u8));
    }
    page + SECTIONS
}

/// `words` as man shows them: no sign in them is a command.
fn text(words: &str) -> String {
    let plain = words.replace('\\', "\\e").replace('-', "\\-");
    match plain.starts_with(['.', '\'']) {
        true => format!("\\&{plain}"),
        false => plain,
    }
}

const EXITS: &[(Exit, &str)] = &[
    (Exit::Ok, "Done; a daemon: ended as it was told to."),
    (Exit::Refused, "The daemon, or the accounts, said no."),
    (
        Exit::Critical,
        "Of check and doctor, after 0 and 1 (a warning): something has failed.",
    ),
    (Exit::Unknown, "Of check: nothing can be known."),
    (Exit::Usage, "The command line is wrong."),
    (Exit::Data, "Stored data is damaged."),
    (Exit::NoInput, "A file that was named cannot be read."),
    (
        Exit::Unavailable,
        "An address is taken or does not exist, or no daemon answers.",
    ),
    (Exit::Internal, "A mistake of the program."),
    (Exit::Os, "The system refused something it usually grants."),
    (Exit::CannotCreate, "A file cannot be made."),
    (Exit::Io, "The disk failed."),
    (Exit::Permission, "Not allowed to read, write or listen."),
    (Exit::Config, "The configuration is wrong."),
];

const HEAD: &str = r#".SH NAME
privmsgd.toml \- configuration of privmsgd
.SH DESCRIPTION
.B privmsgd
reads
.I /etc/privmsgd/privmsgd.toml
if it is there, or the file of
.BR \-\-config .
It is written in TOML: tables, and in them the keys below, each with its default here. All may be left out.
.PP
Each key is a variable of the environment too; lists have commas there, and another variable that begins with PRIVMSGD_ is a
mistake. A flag of the command line wins over a variable, that over the
file, that over the default.
.B privmsgd config show \-\-origin
says what holds and who set it,
.B privmsgd \-\-check\-config
what is wrong, with its place.
.B SIGHUP
reads everything again, and takes all of it over or nothing.
.SH KEYS
"#;

const TAIL: &str = r#".SH EXAMPLES
Accounts, and TLS for other machines:
.PP
.nf
[server]
listen = ["127.0.0.1:7748", "tls:0.0.0.0:7749"]
data = "/var/lib/privmsgd"
[tls]
certificate = "/etc/privmsgd/tls.crt"
key = "/etc/privmsgd/tls.key"
.fi
.SH FILES
.I /etc/privmsgd/privmsgd.toml
.SH "SEE ALSO"
.BR privmsgd (8),
.BR privmsg (1)
"#;

const SECTIONS: &str = r#".SH SIGNALS
.TP
.B SIGHUP
Read the configuration again.
.TP
.B SIGTERM\fR, \fBSIGINT
Say goodbye to everybody and end; the second one ends at once.
.SH FILES
.TP
.I /etc/privmsgd/privmsgd.toml
The configuration.
.TP
.I /var/lib/privmsgd
Accounts and messages of the service in mailbox mode.
.SH "SEE ALSO"
.BR privmsgd.toml (5),
.BR privmsg (1),
.I /usr/share/doc/privmsgd/protocol.md.gz
"#;
