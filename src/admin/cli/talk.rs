//! One request to a daemon over its admin socket. Waits, but never for ever. Knows no subcommands.

use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::admin::cli::Failure;
use crate::admin::place;
use crate::admin::reply::FAULTS;
use crate::admin::request::{self, Request};
use crate::config::{Config, Subcommand};
use crate::escape;
use crate::ops::exit::{Exit, reason};

/// How much longer than the daemon itself waits.
const PATIENCE_MS: u64 = 5_000;
const MAX_LINE_BYTES: u64 = 1024 * 1024;
const MAX_SHOWN_BYTES: usize = 1_000;

/// The places where a daemon's socket may be.
pub fn places(config: &Config) -> Vec<PathBuf> {
    place::candidates(config, env::var_os("RUNTIME_DIRECTORY"))
}

/// Connects to the daemon that a subcommand is for.
pub fn find(sub: &Subcommand) -> Result<UnixStream, Failure> {
    match &sub.config {
        // A file that was named and is not there says of no daemon which one is meant.
        Err(error) if error.code == Exit::NoInput => Err(error.into()),
        _ => find_by(&sub.guess),
    }
}

/// Connects to the first daemon that is there and keeps its data where `config` says, if it says so.
pub fn find_by(config: &Config) -> Result<UnixStream, Failure> {
    let places = places(config);
    let (mut denied, mut other) = (None, None);
    for place in &places {
        match UnixStream::connect(place) {
            Ok(mut stream) => match elsewhere(config, place, &mut stream)? {
                None => return Ok(stream),
                Some(data) => other = Some((place, data)),
            },
            Err(error) if error.kind() == ErrorKind::PermissionDenied => denied = Some(place),
            Err(_) => {}
        }
    }
    Err(match (denied, other) {
        (Some(place), _) => not_allowed(place),
        (None, Some((place, data))) => {
            let fix = "no daemon answers for the directory that was named; leave --data out to ask that one";
            let what = format!("{}: that daemon has {data}\n  {fix}", place.display());
            Failure::new(Exit::Unavailable, what)
        }
        (None, None) => {
            let fix = "is one running? in open mode, by hand, it has an admin socket only if it is started with --admin-socket PATH";
            let what = format!("{}: no daemon answers\n  {fix}", list(&places));
            Failure::new(Exit::Unavailable, what)
        }
    })
}

/// What the daemon at `place` keeps, if that is not the data that is meant. In its data directory, or where the socket was
/// named, there is no other.
fn elsewhere(
    config: &Config,
    place: &Path,
    stream: &mut UnixStream,
) -> Result<Option<String>, Failure> {
    let Some(wanted) = config.data.as_deref() else {
        return Ok(None);
    };
    if config.admin_socket.is_some() || place.parent() == Some(wanted) {
        return Ok(None);
    }
    let wanted = match wanted.canonicalize() {
        // Who may not look there cannot tell.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
        found => found.unwrap_or(wanted.into()),
    };
    let mut kept = None;
    ask(stream, &Request::Status, &mut |_, status| {
        kept = status.get("data").and_then(Value::as_str).map(String::from);
        Ok(())
    })?;
    Ok(match kept {
        Some(kept) if Path::new(&kept) == wanted => None,
        Some(kept) => Some(format!(
            "its data in {}",
            escape::plain(&kept, MAX_SHOWN_BYTES)
        )),
        None => Some("no data: it runs in open mode".into()),
    })
}

pub fn not_allowed(place: &Path) -> Failure {
    let place = place.display();
    let fix = "be root, or the user of the daemon";
    Failure::new(
        Exit::Permission,
        format_args!("{place}: permission denied\n  {fix}"),
    )
}

pub fn list(places: &[PathBuf]) -> String {
    let places = places.iter().map(|place| place.display().to_string());
    places.collect::<Vec<_>>().join(", ")
}

/// Hands over each line of the answer but the last, as text and as what it says.
pub fn ask(
    stream: &mut UnixStream,
    request: &Request,
    each: &mut dyn FnMut(&str, &Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let patience = request.patience_ms().saturating_add(PATIENCE_MS);
    ask_within(patience, stream, request, each)
}

/// The same for who does not wait so long.
pub fn ask_within(
    patience_ms: u64,
    stream: &mut UnixStream,
    request: &Request,
    each: &mut dyn FnMut(&str, &Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let patience = Duration::from_millis(patience_ms);
    let set = stream
        .set_read_timeout(Some(patience))
        .and_then(|()| stream.set_write_timeout(Some(patience)));
    set.map_err(|error| lost(&error))?;
    let line = request.to_line();
    let written = stream.write_all(&line);
    request::wipe(line);
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let read = lines.by_ref().take(MAX_LINE_BYTES).read_line(&mut line);
        if !line.ends_with('\n') {
            // What it could still say is of more use than why the request did not get there.
            return Err(match (written, read) {
                (Err(error), _) | (_, Err(error)) => lost(&error),
                _ => lost(&ErrorKind::UnexpectedEof.into()),
            });
        }
        let line = line.trim_end();
        let value: Value =
            serde_json::from_str(line).map_err(|_| lost(&ErrorKind::InvalidData.into()))?;
        if value.get("done").is_some() {
            return Ok(());
        }
        if let Some(error) = value.get("error") {
            return Err(refused(error.as_str().unwrap_or_default(), &value));
        }
        each(line, &value)?;
    }
}

fn refused(error: &str, fault: &Value) -> Failure {
    let code = fault.get("code").and_then(Value::as_str).unwrap_or("");
    let more = fault.get("messages").and_then(Value::as_array);
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    let lines = error.lines().chain(more);
    let lines: Vec<String> = lines
        .map(|line| escape::plain(line, MAX_SHOWN_BYTES))
        .collect();
    let message = lines.join("\n");
    let exit = match code {
        "notAllowed" => Exit::Permission,
        "busy" | "timeout" => Exit::Unavailable,
        "reloadFailed" => Exit::Config,
        code => match FAULTS.iter().find(|(_, known)| *known == code) {
            Some((exit, _)) => *exit,
            None => Exit::Refused,
        },
    };
    Failure {
        refused: Some(code.into()),
        ..Failure::new(exit, message)
    }
}

fn lost(error: &io::Error) -> Failure {
    let what = match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the daemon does not answer".into(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "the daemon ended the connection without an answer".into()
        }
        ErrorKind::InvalidData => "what answers there is no privmsgd".into(),
        _ => format!("the connection to the daemon is lost: {}", reason(error)),
    };
    Failure::new(Exit::Unavailable, what)
}
