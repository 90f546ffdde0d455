//! Arguments → configuration, logger, server, exit code. Knows no protocol.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
#[cfg(feature = "mailbox")]
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use log::{info, warn};

#[cfg(feature = "mailbox")]
use privmsgd::accounts;
use privmsgd::admin::cli::{self, Offline};
use privmsgd::config::{self, Config, ConfigError, Invocation};
use privmsgd::net::inquiries::OpenDesk;
use privmsgd::net::listen;
use privmsgd::net::reload::{Fresh, Reload};
use privmsgd::net::server::Server;
use privmsgd::net::tls::{self, Identity};
use privmsgd::ops::exit::{Exit, StartError, reason};
use privmsgd::ops::{Inherited, core_files, descriptors, log as logs, systemd};
#[cfg(feature = "mailbox")]
use privmsgd::store::Store;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match config::load(args.clone()) {
        Ok(Invocation::Run(config)) => end(run(*config, args)),
        Ok(Invocation::Checked(config)) => end(identity(&config, &[]).map(|_| Exit::Ok)),
        Ok(Invocation::Subcommand(subcommand)) => {
            core_files::forbid();
            cli::run(&subcommand, offline).into()
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
    let desk = desk(&config, &office);
    let mut server = Server::bind(&config, inherited, identity, Some(reload), desk)?;
    if let Some(path) = &config.port_file {
        write_port_file(path, &server.addresses())
            .map_err(|error| StartError::port_file(path, &error))?;
    }
    announce(&server, &config);
    let exit = server
        .run()
        .map_err(|error| StartError::new(Exit::Os, "the event loop failed", reason(&error), ""))?;
    info!("ended");
    Ok(exit)
}

/// The accounts in `dir`, for `privmsgd account` without a daemon.
#[cfg(feature = "mailbox")]
fn offline(dir: &Path, config: &Config) -> Result<Offline, StartError> {
    let mut accounts = accounts::Offline::open(dir, config)?;
    Ok(Box::new(move |asked| accounts.ask(asked)))
}

#[cfg(not(feature = "mailbox"))]
fn offline(dir: &Path, _: &Config) -> Result<Offline, StartError> {
    let what = "this build of privmsgd keeps no accounts";
    Err(StartError::new(Exit::Config, what, dir.display(), ""))
}

/// What the desk goes by, once it is open.
#[cfg(feature = "mailbox")]
type Office = Arc<OnceLock<accounts::Rules>>;
/// Nobody's.
#[cfg(not(feature = "mailbox"))]
#[derive(Clone, Default)]
struct Office(());

/// Who proves names, in mailbox mode.
#[cfg(feature = "mailbox")]
fn desk<'a>(config: &'a Config, office: &Office) -> Option<OpenDesk<'a>> {
    let dir = config.data.as_deref()?;
    let office = office.clone();
    Some(Box::new(move |wake| {
        let settings = accounts::Settings::load(config)?;
        let store = Store::open(dir)?;
        let worker = accounts::Worker::start(store, settings, move || wake())?;
        office.get_or_init(|| worker.rules());
        Ok(Box::new(worker))
    }))
}

#[cfg(not(feature = "mailbox"))]
fn desk<'a>(config: &'a Config, _: &Office) -> Option<OpenDesk<'a>> {
    let dir = config.data.as_deref()?;
    Some(Box::new(move |_| {
        let what = "this build of privmsgd keeps no accounts";
        Err(StartError::new(Exit::Config, what, dir.display(), ""))
    }))
}

/// Reads what the desk will go by; the result makes it do so.
#[cfg(feature = "mailbox")]
fn new_rules(config: &Config, office: &Office) -> Result<Box<dyn FnOnce() + Send>, StartError> {
    let Some(rules) = office.get().cloned() else {
        return Ok(Box::new(|| {}));
    };
    let settings = accounts::Settings::load(config)?;
    Ok(Box::new(move || rules.replace(settings)))
}

#[cfg(not(feature = "mailbox"))]
fn new_rules(_: &Config, _: &Office) -> Result<Box<dyn FnOnce() + Send>, StartError> {
    Ok(Box::new(|| {}))
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

fn announce(server: &Server, config: &Config) {
    for address in server.addresses() {
        info!("listening on {address}");
    }
    if server.is_local() {
        info!("local only: other machines cannot connect; --listen ADDRESS:PORT opens it to them");
    }
    let exposed = server.exposed().join(" ");
    if !exposed.is_empty() {
        let secrets = match config.data.is_some() && !config.accounts.plaintext_credentials {
            true => "; passwords and tokens are refused there",
            false => "",
        };
        warn!(
            "other machines can read and change every line on {exposed}: it is not encrypted{secrets}; close it with \
             --listen 127.0.0.1:7748, or encrypt it with --listen tls:ADDRESS:PORT"
        );
    }
    if !server.is_local() && config.data.is_none() {
        warn!(
            "open mode beyond this machine: whoever connects takes any free name, unproved; \
             --data DIR makes names accounts"
        );
    }
    if let Some(dir) = &config.data {
        info!(
            "accounts in {}: privmsgd account add NAME makes one",
            dir.display()
        );
    }
    if let Some(command) = server
        .addresses()
        .first()
        .and_then(|address| command(address))
    {
        info!(
            "try it in two terminals: {command}   then type {{\"type\":\"register\",\"username\":\"Alice\"}}"
        );
    }
}

/// What to type to connect to `address`.
fn command(address: &str) -> Option<String> {
    if let Some(address) = address.strip_prefix("tls:") {
        let address = address
            .replace("0.0.0.0", "127.0.0.1")
            .replace("[::]", "[::1]");
        return Some(format!("openssl s_client -quiet -connect {address}"));
    }
    if let Some(path) = address.strip_prefix("unix:") {
        return Some(format!("nc -U {path}"));
    }
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let reachable = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    Some(format!("nc {reachable} {port}"))
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
            let apply = new_rules(&start.reloaded(&config), &office);
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
