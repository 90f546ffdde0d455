//! `privmsgd check`: how the daemon says it is, as monitoring plugins say it. Knows no check.

use serde_json::json;

use crate::admin::cli::{Failure, Output, talk, wants_json};
use crate::admin::request::Request;
use crate::config::Subcommand;
use crate::escape;
use crate::ops::exit::Exit;
use crate::ops::health::{Check, Health, Level};

pub fn run(sub: &Subcommand, out: &mut Output) -> Exit {
    let json = wants_json(&sub.matches);
    let asked = talk::find(sub).and_then(|mut stream| {
        let mut health = None;
        talk::ask(&mut stream, &Request::Check, &mut |_, line| {
            health = serde_json::from_value(line.clone()).ok();
            Ok(())
        })?;
        health.ok_or_else(|| Failure::new(Exit::Unavailable, "what answers there is no privmsgd"))
    });
    let health: Health = match asked {
        Ok(health) => health,
        Err(failure) if failure.code == Exit::Permission || failure.refused.is_some() => {
            let _ = out.print(&unknown(&failure, json));
            return Exit::Unknown;
        }
        // A line for whoever reads what plugins say, in the same form.
        Err(failure) => {
            let (what, fix) = split(&failure.message);
            Health::from(vec![Check::failed("daemon", what, fix)])
        }
    };
    let text = match json {
        true => health.to_json(),
        false => summary(&health),
    };
    // Whoever closed standard output has the exit code.
    let _ = out.print(&text);
    exit(health.status)
}

pub fn exit(level: Level) -> Exit {
    match level {
        Level::Ok => Exit::Ok,
        Level::Warning => Exit::Refused,
        Level::Failed => Exit::Critical,
    }
}

/// The first line is what plugins' readers show; what to do comes below.
fn summary(health: &Health) -> String {
    let word = match health.status {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Failed => "CRITICAL",
    };
    let concerns = |check: &&Check| check.level == health.status;
    let told = health.checks.iter().filter(concerns);
    let told = told.map(|check| format!("{}: {}", check.check, check.what));
    let first = told.collect::<Vec<_>>().join("; ");
    let mut text = format!("{word} - {}\n", escape::plain(&first, MAX_LINE_BYTES));
    for check in health.checks.iter().filter(|check| !check.fix.is_empty()) {
        let fix = escape::plain(&check.fix, MAX_LINE_BYTES);
        text.push_str(&format!("{}: {fix}\n", check.check));
    }
    text
}

/// Plugins have a word for it that the daemon has no use for: whoever can be asked knows how it is.
fn unknown(failure: &Failure, json: bool) -> String {
    let (what, fix) = split(&failure.message);
    if json {
        let check = json!({"check": "daemon", "level": "unknown", "what": what, "fix": fix});
        let health = json!({"status": "unknown", "failed": [], "checks": [check]});
        return format!("{health}\n");
    }
    let what = escape::plain(&what, MAX_LINE_BYTES);
    let mut text = format!("UNKNOWN - daemon: {what}\n");
    if !fix.is_empty() {
        let fix = escape::plain(&fix, MAX_LINE_BYTES);
        text.push_str(&format!("daemon: {fix}\n"));
    }
    text
}

/// What went wrong, and what to do.
fn split(message: &str) -> (String, String) {
    let message = message.trim_start_matches("privmsgd: ");
    let (what, fix) = message.split_once("\n  ").unwrap_or((message, ""));
    (what.into(), fix.into())
}

const MAX_LINE_BYTES: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_worst_and_the_others_what_to_do() {
        let health = Health::from(vec![
            Check::ok("accepting", "at 127.0.0.1:7748"),
            Check::warning("certificate", "it ends", "renew it"),
        ]);
        let wanted = "WARNING - certificate: it ends\ncertificate: renew it\n";
        assert_eq!(summary(&health), wanted);
        let health = Health::from(vec![
            Check::ok("accepting", "at a"),
            Check::ok("store", "b"),
        ]);
        assert_eq!(summary(&health), "OK - accepting: at a; store: b\n");
        assert_eq!(exit(Level::Warning) as u8, 1);
        assert_eq!(exit(Level::Failed) as u8, 2);
        let failure = Failure::new(Exit::Permission, "a\n  b");
        assert_eq!(unknown(&failure, false), "UNKNOWN - daemon: a\ndaemon: b\n");
        assert_eq!(split("privmsgd: a\n  b"), ("a".into(), "b".into()));
    }
}
