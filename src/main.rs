//! Arguments → configuration, logger, server, exit code. Knows no protocol.
#![forbid(unsafe_code)]

#[path = "main/announce.rs"]
mod announce;
#[path = "main/office.rs"]
mod office;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use log::{info, warn};

use privmsgd::admin::cli;
use privmsgd::config::{self, Config, ConfigError, Invocation};
use privmsgd::net::listen;
use privmsgd::net::reload::{Fresh, Reload};
use privmsgd::net::server::Server;
use privmsgd::net::tls::{self, Identity};
use privmsgd::ops::exit::{Exit, StartError, reason};
use privmsgd::ops::{Inherited, core_files, descriptors, log as logs, signals, systemd};

use office::Office;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Err(error) = signals::outlive_file_limits() {
        say(&reason(&error));
        return Exit::Os.into();
    }
    match config::load(args.clone()) {
        Ok(Invocation::Run(config)) => end(run(*config, args)),
        Ok(Invocation::Checked(config)) => checked(&config).into(),
        Ok(Invocation::Subcommand(subcommand)) => {
            core_files::forbid();
            cli::run(&subcommand, office::tools()).into()
        }
        Ok(Invocation::SelfSigned(asked)) => end(tls::self_signed(&asked, unix_ms()).map(print)),
        Ok(Invocation::Print(text)) => print(text).into(),
        Err(ConfigError { code, messages }) => {
            say(&messages.join("\n"));
            code.into()
        }
    }
}

fn end(ended: Result<Exit, StartError>) -> ExitCode {
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            say(&error.to_string());
            error.code.into()
        }
    }
}

/// What a start would meet first decides how this ends; all of it is told.
fn checked(config: &Config) -> Exit {
    let certificate = identity(config, &[]).err();
    let mut faults: Vec<StartError> = certificate.into_iter().collect();
    faults.extend(listen::named_twice(config));
    faults.extend(office::faults(config));
    faults.iter().for_each(|fault| say(&fault.to_string()));
    faults.first().map_or(Exit::Ok, |fault| fault.code)
}

fn print(text: String) -> Exit {
    // Nobody is left to tell when standard output is closed.
    let _ = io::stdout().write_all(text.as_bytes());
    Exit::Ok
}

fn run(mut config: Config, args: Vec<OsString>) -> Result<Exit, StartError> {
    let inherited = systemd::inherited()?;
    logs::init(&config.log);
    adapt(&mut config);
    // Open mode without TLS has no secret that outlives a connection.
    if config.data.is_some() || listen::speaks_tls(&config, &inherited) {
        core_files::forbid();
    }
    let identity = identity(&config, &inherited)?;
    let office = Office::default();
    let reload = reload(args, &config, identity.is_some(), &office);
    let desk = office::desk(&config, &office);
    let mut server = Server::bind(&config, inherited, identity, Some(reload), desk)?;
    if let Some(path) = &config.port_file {
        write_port_file(path, &server.addresses())
            .map_err(|error| StartError::port_file(path, &error))?;
    }
    announce::announce(&server, &config);
    let exit = server
        .run()
        .map_err(|error| StartError::new(Exit::Os, "the event loop failed", reason(&error), ""))?;
    info!("ended");
    Ok(exit)
}

/// The certificate, if anything speaks TLS.
fn identity(config: &Config, inherited: &[Inherited]) -> Result<Option<Identity>, StartError> {
    listen::speaks_tls(config, inherited)
        .then(|| tls::load(&config.tls))
        .transpose()
}

fn unix_ms() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    unix.map_or(0, |unix| unix.as_millis() as u64)
}

/// What the surroundings decide; a reload does the same.
fn adapt(config: &mut Config) {
    let Some(memory) = descriptors::memory_limit() else {
        return;
    };
    if config.fit_into(memory) {
        let queues = config.limits.total_queue_bytes;
        warn!(
            "limits.total_queue_bytes is {queues}: a quarter of the {memory} bytes this service may use"
        );
    }
}

/// One address a line; the file appears whole.
fn write_port_file(path: &Path, addresses: &[&str]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    fs::write(&unfinished, addresses.join("\n") + "\n")?;
    fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Reads everything again as it was read at the start.
fn reload(args: Vec<OsString>, start: &Config, needs_tls: bool, office: &Office) -> Reload {
    let (start, office) = (start.clone(), office.clone());
    Arc::new(move || match config::load(args.clone()) {
        Ok(Invocation::Run(mut config)) => {
            adapt(&mut config);
            let identity = needs_tls.then(|| tls::load(&config.tls)).transpose();
            let apply = office::new_rules(&start.reloaded(&config), &office);
            Ok(Fresh {
                identity: identity.map_err(|error| vec![one_line(&error)])?,
                apply: apply.map_err(|error| vec![one_line(&error)])?,
                config: *config,
            })
        }
        Ok(_) => Err(vec!["the arguments do not start a server".into()]),
        Err(ConfigError { messages, .. }) => Err(messages.iter().map(|m| first_line(m)).collect()),
    })
}

/// What happened, where and the fix, for a log.
fn one_line(error: &StartError) -> String {
    let text = error.to_string().replace("\n  ", "; ");
    text.trim_start_matches("privmsgd: ").into()
}

/// What a log has room for: the place and the mistake, without the excerpt.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or(message).to_string()
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
