//! privmsgd, other message servers and the floor under the same load. README.md beside it says how it measures.

mod args;
mod dialect;
#[path = "../support/figures.rs"]
mod figures;
mod load;
#[path = "../support/machine.rs"]
mod machine;
mod picture;
#[path = "../support/places.rs"]
mod places;
mod report;
mod rows;
mod server;
#[path = "../support/step.rs"]
mod step;
mod tool;
mod traffic;
mod wire;
#[path = "../support/words.rs"]
mod words;
mod works;

use std::fs;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
use crate::load::Outcome;
use crate::machine::Instructions;
use crate::report::{Report, Sample};
use crate::rows::Work;
use crate::server::{Kind, Places};
use crate::works::Context;

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
    let mut places = Places::new();
    if let Some(path) = &args.privmsgd {
        places.privmsgd = path.clone();
    }
    fs::create_dir_all(&places.target).map_err(|error| error.to_string())?;
    let json = places.target.join("relay.json");
    let svg = places.target.join("relay.svg");
    if !args.draw {
        if machine::core_count() < 2 {
            return Err("two cores are needed: one for the server, one for the load".into());
        }
        let report = rounds(args, places)?;
        fs::write(&json, report.to_json()).map_err(|error| error.to_string())?;
        println!("{}", report.table());
    }
    let figures = fs::read_to_string(&json).map_err(|error| error.to_string())?;
    fs::write(&svg, picture::draw(&figures)?).map_err(|error| error.to_string())?;
    println!("{}\n{}", json.display(), svg.display());
    Ok(())
}

fn rounds(args: &Args, places: Places) -> Outcome<Report> {
    raise_descriptors();
    server::build_floor(&places)?;
    machine::pin(machine::LOAD_CORE).map_err(|error| error.to_string())?;
    let context = Context {
        counts_instructions: Instructions::are_counted(),
        places,
    };
    let mut report = Report::new(args, &context);
    let servers = report.installed();
    let works = args.rows();
    for round in 0..args.rounds {
        if args.tool {
            report.redis_benchmark.push(tool::redis(&context.places)?);
        }
        report.distances_ns.push(machine::core_distance_ns());
        for work in &works {
            for turn in 0..servers.len() {
                // Nobody always comes after the same neighbour's first.
                let kind = servers[(turn + round) % servers.len()];
                if work.impossible(kind).is_none() {
                    sample(args, &context, &mut report, round, work, kind);
                }
            }
        }
    }
    Ok(report)
}

fn sample(
    args: &Args,
    context: &Context,
    report: &mut Report,
    round: usize,
    work: &Work,
    kind: Kind,
) {
    let outcome = works::measure(kind, work, args.time, context);
    match &outcome {
        Ok(figures) => {
            let shown = figures.iter().find(|(name, _)| *name == work.shows);
            eprintln!(
                "round {} · {} · {}: {:.0} {}",
                round + 1,
                work.label,
                kind.name(),
                shown.map_or(f64::NAN, |(_, value)| *value),
                work.shows
            );
        }
        Err(why) => eprintln!(
            "round {} · {} · {}: {why}",
            round + 1,
            work.label,
            kind.name()
        ),
    }
    report.samples.push(Sample {
        round,
        work: work.label,
        kind,
        outcome,
    });
}

/// 14,000 connections are more than most shells allow at first.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is not allowed, the work that needs it says so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}
