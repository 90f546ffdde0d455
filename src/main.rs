//! Arguments → configuration, logger, server, exit code. Knows no protocol.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use privmsgd::config::{self, Config, ConfigError, Invocation};
use privmsgd::ops::exit::{Exit, StartError};
use privmsgd::ops::{descriptors, log, systemd};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match config::load(args) {
        Ok(Invocation::Run(config)) => run(&config).unwrap_or_else(|error| refuse(&error)),
        Ok(Invocation::Checked) => Exit::Ok.into(),
        Ok(Invocation::Print(text)) => {
            // Nobody is left to tell when standard output is closed.
            let _ = io::stdout().write_all(text.as_bytes());
            Exit::Ok.into()
        }
        Err(ConfigError { code, messages }) => {
            say(&messages.join("\n"));
            code.into()
        }
    }
}

fn run(config: &Config) -> Result<ExitCode, StartError> {
    let _inherited = systemd::inherited()?;
    log::init(&config.log);
    descriptors::raise();
    Ok(Exit::Ok.into())
}

fn refuse(error: &StartError) -> ExitCode {
    say(&error.to_string());
    error.code.into()
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
