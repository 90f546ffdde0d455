//! `privmsgd doctor`: asks the daemon, if one runs, has the rest looked at, and prints what was found. Knows no check.

use std::path::Path;

use serde_json::Value;

use crate::admin::cli::check::exit;
use crate::admin::cli::{Failure, Output, Tools, say, talk, wants_json};
use crate::admin::request::Request;
use crate::config::{Config, Subcommand};
use crate::escape;
use crate::ops::doctor::{self, Patient, Running};
use crate::ops::exit::Exit;
use crate::ops::health::{Check, Health, Level};

/// For each answer of the daemon.
const PATIENCE_MS: u64 = 300;

pub fn run(sub: &Subcommand, tools: Tools, out: &mut Output) -> Exit {
    let dir = sub.guess.data.as_deref();
    let standing = dir.map(|dir| (tools.standing)(dir, &sub.guess));
    let (mut checks, running, is_hidden) = match daemon(sub) {
        Ok((checks, running)) => (checks, Some(running), false),
        Err(failure) => {
            let is_hidden = failure.code == Exit::Permission;
            let is_in_use = matches!(&standing, Some(Ok(found)) if found.is_in_use);
            let found = match is_in_use && !is_hidden {
                true => unreachable(&failure, &sub.guess),
                false => absent(&failure),
            };
            (vec![found], None, is_hidden)
        }
    };
    checks.extend(doctor::examine(&Patient {
        config: match &sub.config {
            Ok(config) => Ok(config),
            Err(error) => Err(&error.messages),
        },
        guess: &sub.guess,
        running,
        is_hidden,
        standing,
        faults: tools.faults,
        certificate: tools.certificate,
    }));
    let json = wants_json(&sub.matches);
    for check in &checks {
        let text = match json {
            true => serde_json::to_string(check).unwrap_or_default() + "\n",
            false => line(check),
        };
        if out.print(&text).is_err() {
            break;
        }
    }
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (failed, warnings) = (count(Level::Failed), count(Level::Warning));
    if !json {
        say(&format!("{failed} failed, {warnings} warnings"));
    }
    exit(Health::from(checks).status)
}

/// What the daemon says of itself, and how others find it.
fn daemon(sub: &Subcommand) -> Result<(Vec<Check>, Running), Failure> {
    let mut stream = talk::find_by(&sub.guess)?;
    let mut status = Value::Null;
    talk::ask_within(
        PATIENCE_MS,
        &mut stream,
        &Request::Status,
        &mut |_, line| {
            status = line.clone();
            Ok(())
        },
    )?;
    let mut health = None;
    talk::ask_within(PATIENCE_MS, &mut stream, &Request::Check, &mut |_, line| {
        health = serde_json::from_value::<Health>(line.clone()).ok();
        Ok(())
    })?;
    let word = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or("?");
    let list = |name: &str| -> Vec<String> {
        let items = status.get(name).and_then(Value::as_array);
        let items = items.into_iter().flatten().filter_map(Value::as_str);
        items.map(String::from).collect()
    };
    let running = Running {
        pid: status
            .get("pid")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        listeners: list("listeners"),
    };
    let (version, mode, pid) = (word("version"), word("mode"), running.pid);
    let what = format!("privmsgd {version} runs in {mode} mode as process {pid}");
    let mut checks = vec![match version == env!("CARGO_PKG_VERSION") {
        true => Check::ok("daemon", what),
        false => Check::warning(
            "daemon",
            what,
            format!(
                "this is version {}: restart the daemon",
                env!("CARGO_PKG_VERSION")
            ),
        ),
    }];
    checks.extend(health.into_iter().flat_map(|health| health.checks));
    Ok((checks, running))
}

/// A process runs on the store, and its socket is gone, or it hangs.
fn unreachable(failure: &Failure, config: &Config) -> Check {
    if hangs(failure) {
        return absent(failure);
    }
    let dir = config.data.as_deref().unwrap_or(Path::new(""));
    let what = format!(
        "a process runs on the store in {}, and no daemon answers at {}",
        dir.display(),
        talk::list(&talk::places(config))
    );
    Check::warning(
        "daemon",
        what,
        "its admin socket is gone, or is elsewhere: a restart makes it again, systemctl restart privmsgd",
    )
}

fn hangs(failure: &Failure) -> bool {
    failure.message.contains("does not answer")
}

fn absent(failure: &Failure) -> Check {
    let what = failure.message.trim_start_matches("privmsgd: ");
    let what = what.lines().next().unwrap_or(what).to_string();
    match failure.code {
        Exit::Permission => Check::warning("daemon", what, "be root, or the user of the daemon"),
        _ if hangs(failure) => Check::failed(
            "daemon",
            "it has not answered within 0.3 s",
            "look in its log; systemctl restart privmsgd ends it if it hangs",
        ),
        _ => Check::warning(
            "daemon",
            what,
            "start it: systemctl start privmsgd, or privmsgd; by hand in open mode it answers only with --admin-socket PATH",
        ),
    }
}

fn line(check: &Check) -> String {
    let word = match check.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Failed => "FAILED",
    };
    let what = escape::plain(&check.what, MAX_LINE_BYTES);
    let mut text = format!("{word:8} {:14} {what}\n", check.check);
    if !check.fix.is_empty() {
        let fix = escape::plain(&check.fix, MAX_LINE_BYTES);
        text.push_str(&format!("{:23} fix: {fix}\n", ""));
    }
    text
}

const MAX_LINE_BYTES: usize = 1_000;
