//! The terminal client: arguments → [`privmsgd::client::cli`] → exit code. Knows no protocol.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use privmsgd::client::cli::{self, Manual};
use privmsgd::config::{self, manual};

fn main() -> ExitCode {
    cli::run(std::env::args_os(), || Manual {
        command: config::command(),
        sections: manual::sections(),
        configuration: manual::configuration(),
    })
}
