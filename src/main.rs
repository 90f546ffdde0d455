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
        Ok(Invocation::Run(config)) => match run(*config) {
            Ok(exit) => exit.into(),
            Err(error) => {
                say(&error.to_string());
                error.code.into()
            }
        },
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

fn run(mut config: Config) -> Result<Exit, StartError> {
    let inherited = systemd::inherited()?;
    let names: Vec<String> = inherited.iter().map(|socket| socket.name.clone()).collect();
    log::init(&config.log);
    adapt(&mut config, &names);
    Ok(Exit::Ok)
}

/// What the surroundings decide where the configuration leaves it open; a reload must do the same.
fn adapt(config: &mut Config, inherited: &[String]) {
    config.prefer_inherited(inherited.iter().map(String::as_str));
    let Some(memory) = descriptors::memory_limit() else {
        return;
    };
    if config.fit_into(memory) {
        let queues = config.limits.total_queue_bytes;
        ::log::warn!(
            "limits.total_queue_bytes is {queues}: a quarter of the {memory} bytes this service may use"
        );
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
