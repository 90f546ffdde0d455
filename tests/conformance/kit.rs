//! Whether a server does what protocol.md says: `tests/conformance/run HOST:PORT`. Knows the protocol and nothing of
//! this server's code.

mod book;
mod conn;
mod faults;
mod identity;
#[path = "../common/pattern.rs"]
mod pattern;
mod play;
mod proxy;
mod report;
mod server;

use std::process::ExitCode;

use report::Options;
use server::Server;

const USAGE: &str = "\
usage: conformance HOST:PORT [--accounts FILE] [--limit KEY=VALUE]... [--only TEXT] [--seed N] [--json]
       conformance --list [--json]

Checks a privmsg server, sentence by sentence of protocol.md. Prints one line for each sentence that does not hold.
Ends with 0 if all hold, 1 if one does not, 2 if there was nothing to check.

  --accounts FILE    in mailbox mode: lines NAME PASSWORD of fresh accounts, three for each check; without it the
                     kit makes its own, for which the server must let clients sign up
  --limit KEY=VALUE  a limit (protocol.md, Limits) that is not at its default; checks that take a limit's time run
                     only if it is short, and those that need a great many connections only if they are allowed
  --only TEXT        only sentences with this text in them
  --seed N           of what the kit chooses: the number that a failed run printed
  --list             all sentences, without a server";

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let checks = book::all();
    if options.list {
        report::list(&checks, options.json);
        return ExitCode::SUCCESS;
    }
    let server = match Server::meet(&options) {
        Ok(server) => server,
        Err(why) => {
            eprintln!("conformance: {why}");
            return ExitCode::from(2);
        }
    };
    let outcomes = report::run(&server, &checks);
    report::print(&server, &outcomes, options.json)
}
