//! Runs all checks, several at a time, and says which hold.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::book::Check;
use crate::play::{Outcome, Why, play};
use crate::server::Server;

/// Checks that run at once: most of them wait for a limit's time.
const AT_ONCE: usize = 16;

#[derive(Debug, Default)]
pub struct Options {
    pub address: String,
    pub accounts: Option<String>,
    pub limits: HashMap<String, u64>,
    pub only: Option<String>,
    pub seed: u64,
    pub json: bool,
    pub list: bool,
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            seed: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| u64::from(now.subsec_nanos())),
            ..Options::default()
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--json" => options.json = true,
                "--list" => options.list = true,
                "--accounts" => options.accounts = Some(value()?),
                "--only" => options.only = Some(value()?),
                "--seed" => {
                    options.seed = value()?.parse().map_err(|_| "--seed needs a number")?;
                }
                "--limit" => {
                    let given = value()?;
                    let pair = given.split_once('=').and_then(|(key, number)| {
                        Some((key.to_owned(), number.replace(',', "").parse().ok()?))
                    });
                    options
                        .limits
                        .extend([pair.ok_or("--limit needs KEY=NUMBER")?]);
                }
                _ if arg.starts_with('-') => return Err(format!("what is {arg}?")),
                _ => options.address = arg,
            }
        }
        match options.address.is_empty() && !options.list {
            true => Err("no address".into()),
            false => Ok(options),
        }
    }
}

/// Outcomes in the order of the checks, and how long all took.
pub struct Outcomes<'a> {
    pub all: Vec<(&'a Check, Outcome)>,
    pub ms: u128,
}

impl Outcomes<'_> {
    pub fn failed(&self) -> impl Iterator<Item = (&Check, &str)> {
        self.all
            .iter()
            .filter_map(|(check, outcome)| match outcome {
                Outcome::Fails(why) => Some((*check, why.as_str())),
                _ => None,
            })
    }

    pub fn held(&self) -> usize {
        let held = |outcome: &Outcome| matches!(outcome, Outcome::Holds);
        self.all.iter().filter(|(_, outcome)| held(outcome)).count()
    }
}

pub fn run<'a>(server: &Server, checks: &'a [Check]) -> Outcomes<'a> {
    let begun = Instant::now();
    let wanted = |check: &&Check| match &server.only {
        Some(text) => check.quote.contains(text) || check.place.contains(text),
        None => true,
    };
    let checks: Vec<&Check> = checks.iter().filter(wanted).collect();
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(check) = checks.get(number) else {
                        return;
                    };
                    let outcome = play(server, check, number);
                    let mut outcomes = outcomes.lock().expect("no panic while it is held");
                    outcomes.push((number, *check, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no panic while it is held");
    outcomes.sort_by_key(|(number, ..)| *number);
    Outcomes {
        all: outcomes
            .into_iter()
            .map(|(_, check, outcome)| (check, outcome))
            .collect(),
        ms: begun.elapsed().as_millis(),
    }
}

pub fn print(server: &Server, outcomes: &Outcomes<'_>, as_json: bool) -> ExitCode {
    let (held, failed) = (outcomes.held(), outcomes.failed().count());
    let skipped = |why: Why| {
        outcomes
            .all
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(it) if *it == why))
            .count()
    };
    let (limits, accounts) = (skipped(Why::OtherLimit), skipped(Why::NoAccounts));
    if as_json {
        let failures: Vec<_> = outcomes
            .failed()
            .map(|(check, why)| json!({"sentence": check.quote, "check": check.place, "why": why}))
            .collect();
        let report = json!({
            "server": server.hello, "held": held, "failed": failed, "skippedForLimits": limits, "skippedForAccounts": accounts,
            "ms": outcomes.ms as u64, "seed": server.seed, "failures": failures,
        });
        println!("{report}");
    } else {
        for (check, why) in outcomes.failed() {
            println!("{}: {}\n    {why}", check.place, check.quote);
        }
        let ms = outcomes.ms;
        println!(
            "{held} hold, {failed} do not; {limits} need other limits, {accounts} more accounts; {ms} ms, seed {}",
            server.seed
        );
    }
    ExitCode::from(match (failed, held) {
        (0, 0) => 2,
        (0, _) => 0,
        _ => 1,
    })
}

pub fn list(checks: &[Check], as_json: bool) {
    for check in checks {
        match as_json {
            true => println!(
                "{}",
                json!({"sentence": check.quote, "check": check.place, "mode": check.mode.as_str()})
            ),
            false => println!("{} ({}): {}", check.place, check.mode.as_str(), check.quote),
        }
    }
}
