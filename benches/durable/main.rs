//! Stored messages: privmsgd in mailbox mode, Redis streams and NATS JetStream under the same load. README.md beside it
//! says how it measures.

mod accepts;
mod args;
mod dialect;
#[path = "../support/figures.rs"]
mod figures;
mod ledger;
mod line;
mod load;
#[allow(dead_code, reason = "the relay's benchmark counts instructions too")]
#[path = "../support/machine.rs"]
mod machine;
#[path = "../support/places.rs"]
mod places;
mod report;
mod rows;
mod server;
#[path = "../support/step.rs"]
mod step;
mod stored;
mod storm;
#[path = "../support/words.rs"]
mod words;

use std::fs;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
pub use crate::figures::Figures;
use crate::report::{Report, Sample};
use crate::rows::{Row, Task};
use crate::server::{KINDS, Places};

pub type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)).and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    if machine::core_count() < 2 {
        return Err("two cores are needed: one for the server, one for the load".into());
    }
    let mut places = Places::new();
    if let Some(path) = &args.privmsgd {
        places.privmsgd = path.clone();
    }
    fs::create_dir_all(&places.target).map_err(|error| error.to_string())?;
    places.build_shim()?;
    raise_descriptors();
    machine::pin(machine::LOAD_CORE).map_err(|error| error.to_string())?;
    let mut report = Report::new(args, &places);
    for round in 0..args.rounds {
        report.distances_ns.push(machine::core_distance_ns());
        for row in args.rows() {
            // Long, and nobody to be compared with.
            if row.task == Task::Stored && round > 0 {
                continue;
            }
            let subjects = report.subjects(&row);
            for turn in 0..subjects.len() {
                // Nobody always comes after the same neighbour's first.
                let subject = subjects[(turn + round) % subjects.len()];
                sample(args, &places, &mut report, (round, &row, subject));
            }
        }
    }
    server::remove(&places.run());
    let json = places.target.join("durable.json");
    fs::write(&json, report.to_json()).map_err(|error| error.to_string())?;
    println!("{}{}", report.table(), json.display());
    Ok(())
}

fn sample(
    args: &Args,
    places: &Places,
    report: &mut Report,
    (round, row, subject): (usize, &Row, &'static str),
) {
    let outcome = measure(args, places, row, subject);
    let (name, _) = row.shows[0];
    let shown = match &outcome {
        Ok(figures) => figures
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("–".into(), |(_, value)| {
                format!("{} {name}", report::human(*value, name))
            }),
        Err(why) => why.clone(),
    };
    eprintln!("round {} · {} · {subject}: {shown}", round + 1, row.label);
    report.samples.push(Sample {
        round,
        row: row.label,
        subject,
        outcome,
    });
}

fn measure(args: &Args, places: &Places, row: &Row, subject: &str) -> Outcome<Figures> {
    match row.task {
        Task::Accepts {
            pairs,
            window,
            extra_us,
        } => {
            let kind = KINDS.into_iter().find(|kind| kind.name() == subject);
            let kind = kind.ok_or("no such server")?;
            accepts::accepts(kind, (pairs, window), extra_us, args.time, places)
        }
        Task::Relay { pairs, window } => {
            accepts::relay(subject == "open", (pairs, window), args.time, places)
        }
        Task::Storm => storm::measure(args.devices, places),
        Task::Stored => stored::measure(args.stored, places),
    }
}

/// CPU time of this process: of its one thread.
pub fn load_cpu_ns() -> u64 {
    machine::cpu_ns(std::process::id())
}

/// Of sorted values.
pub fn quantile(sorted: &[u32], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (part * last as f64).round() as usize;
    sorted.get(at).map_or(f64::NAN, |value| f64::from(*value))
}

/// Thousands of connections are more than most shells allow at first.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is not allowed, the work that needs it takes fewer.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}
