//! `privmsgd check-store`, `backup`, `restore` and `stats`: what is asked, of whom, and what came of it. Knows no
//! sockets and no store.

use std::env;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde::Serialize;

use crate::accounts::Operator;
use crate::admin::cli::account::{Printer, carry_out};
use crate::admin::cli::show::Table;
use crate::admin::cli::{Failure, Output, Tools, is_set, say, wants_json};
use crate::config::{Config, Subcommand};
use crate::escape;
use crate::ops::exit::{Exit, reason};
use crate::upkeep::{Finding, Restore, Upkeep};

/// `stats` and `backup`: the daemon does it if it answers.
pub fn ask(sub: &Subcommand, tools: Tools, out: &mut Output) -> Result<(), Failure> {
    let upkeep = match sub.name.as_str() {
        "backup" => Upkeep::Backup {
            to: absolute(file(&sub.matches, "to"))?,
        },
        _ => Upkeep::Stats,
    };
    let mut printer = Printer {
        out,
        table: Table::new(&sub.name),
        json: wants_json(&sub.matches),
    };
    carry_out(sub, tools.accounts, Operator::Upkeep(upkeep), &mut printer)
}

pub fn check(sub: &Subcommand, tools: Tools, out: &mut Output) -> Result<(), Failure> {
    let config = sub.config.as_ref()?;
    let dir = data(config)?;
    let json = wants_json(&sub.matches);
    let mut printed = Ok(());
    let checked = (tools.check)(dir, config, &mut |finding| {
        if printed.is_ok() {
            printed = out.print(&line(&finding, json));
        }
    })?;
    printed?;
    if json {
        out.print(&json_line(&checked))?;
    } else {
        say(&format!(
            "{}: {} accounts, {} conversations, {} messages, {} log entries read",
            dir.display(),
            checked.accounts,
            checked.conversations,
            checked.messages,
            checked.entries
        ));
    }
    match checked.findings {
        0 => Ok(()),
        count => {
            let fix = "clients are told of damaged messages; for anything else restore a backup: privmsgd restore";
            let dir = dir.display();
            let what = format!("{dir}: {count} things are not as they should be\n  {fix}");
            Err(Failure::new(Exit::Data, what))
        }
    }
}

pub fn restore(sub: &Subcommand, tools: Tools, out: &mut Output) -> Result<(), Failure> {
    let config = sub.config.as_ref()?;
    let asked = Restore {
        from: file(&sub.matches, "from"),
        to: data(config)?.into(),
        replace: is_set(&sub.matches, "replace"),
    };
    let restored = (tools.restore)(&asked, config, &mut |finding| {
        say(line(finding, false).trim_end());
    })?;
    if wants_json(&sub.matches) {
        return out.print(&json_line(&restored));
    }
    let mut text = format!(
        "{}: {} accounts, {} conversations, {} messages; epoch {}\n",
        restored.file, restored.accounts, restored.conversations, restored.messages, restored.epoch
    );
    if let Some(aside) = restored.moved_aside {
        text.push_str(&format!("what was there is now {aside}\n"));
    }
    out.print(&text)
}

fn data(config: &Config) -> Result<&Path, Failure> {
    config.data.as_deref().ok_or_else(|| {
        let what = "which store is not said\n  name its directory: --data DIR";
        Failure::new(Exit::Usage, what)
    })
}

/// An argument that clap has made sure of.
fn file(matches: &ArgMatches, name: &str) -> PathBuf {
    matches
        .get_one::<PathBuf>(name)
        .cloned()
        .unwrap_or_default()
}

/// The daemon has a working directory of its own.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_absolute() {
        return Ok(path);
    }
    let here = env::current_dir().map_err(|error| {
        let why = reason(&error);
        Failure::new(
            Exit::Os,
            format_args!("where this is cannot be told: {why}"),
        )
    })?;
    Ok(here.join(path))
}

fn line(finding: &Finding, json: bool) -> String {
    if json {
        return json_line(finding);
    }
    let text = format!("{}: {}: {}", finding.kind, finding.place, finding.what);
    format!("{}\n", escape::plain(&text, MAX_LINE_BYTES))
}

fn json_line(value: &impl Serialize) -> String {
    // Neither maps nor foreign types are in these, so that it cannot fail.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

const MAX_LINE_BYTES: usize = 1_000;
