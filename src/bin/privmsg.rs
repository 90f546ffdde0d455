//! The terminal client: arguments → [`privmsgd::client::cli`] → exit code. Knows no protocol.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    privmsgd::client::cli::run(std::env::args_os(), privmsgd::config::command)
}
