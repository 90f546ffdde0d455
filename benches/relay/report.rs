//! What was measured: as JSON, and as the table that people read.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::figures::{Figures, median, value};
use crate::machine;
use crate::rows::Work;
use crate::server::Kind;
use crate::works::Context;

pub struct Sample {
    pub round: usize,
    pub work: &'static str,
    pub kind: Kind,
    pub outcome: Result<Figures, String>,
}

pub struct Report {
    pub samples: Vec<Sample>,
    /// One per round.
    pub distances_ns: Vec<f64>,
    /// One per round, if asked for: messages per CPU-second of the server.
    pub redis_benchmark: Vec<f64>,
    servers: Vec<(Kind, Option<String>)>,
    works: Vec<Work>,
    rounds: usize,
    seconds: f64,
    counts_instructions: bool,
}

impl Report {
    pub fn new(args: &Args, context: &Context) -> Self {
        let servers: Vec<_> = args
            .servers
            .iter()
            .map(|kind| (*kind, kind.version(&context.places)))
            .collect();
        Report {
            samples: Vec::new(),
            distances_ns: Vec::new(),
            redis_benchmark: Vec::new(),
            servers,
            works: args.rows(),
            rounds: args.rounds,
            seconds: args.time.as_secs_f64(),
            counts_instructions: context.counts_instructions,
        }
    }

    pub fn installed(&self) -> Vec<Kind> {
        self.servers
            .iter()
            .filter(|(_, version)| version.is_some())
            .map(|(kind, _)| *kind)
            .collect()
    }

    pub fn to_json(&self) -> String {
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .map(|(kind, version)| {
                let about = json!({
                    "version": version, "missing": version.is_none(), "peer": kind.is_peer(),
                    "configuration": kind.configuration(),
                });
                (kind.name().to_string(), about)
            })
            .collect();
        let works: Vec<Value> = self.works.iter().map(|work| self.row(work)).collect();
        let report = json!({
            "machine": machine::describe(),
            "unixTime": std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            "rounds": self.rounds, "seconds": self.seconds,
            "coreDistanceNs": self.distances_ns,
            "redisBenchmark": self.redis_benchmark,
            "countsInstructions": self.counts_instructions,
            "servers": servers, "works": works,
        });
        format!("{report:#}\n")
    }

    fn row(&self, work: &Work) -> Value {
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .map(|(kind, _)| (kind.name().to_string(), self.cell_json(work, *kind)))
            .collect();
        json!({
            "number": work.number, "label": work.label, "shows": work.shows,
            "higherIsBetter": work.higher_is_better,
            "ratioToFloor": self.ratio(work, |kind| kind == Kind::Floor),
            "ratioToBestPeer": self.ratio(work, Kind::is_peer),
            "servers": servers,
        })
    }

    fn cell_json(&self, work: &Work, kind: Kind) -> Value {
        let mut medians = Map::new();
        let mut samples = Map::new();
        for sample in self.of(work, kind) {
            for (name, value) in sample.outcome.iter().flatten() {
                let list = samples.entry(*name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(json!(value));
                }
            }
        }
        for name in samples.keys() {
            medians.insert(name.clone(), json!(self.median(work, kind, name)));
        }
        let failures: Vec<&String> = self
            .of(work, kind)
            .filter_map(|sample| sample.outcome.as_ref().err())
            .collect();
        let impossible = work.impossible(kind);
        json!({ "median": medians, "samples": samples, "failures": failures, "impossible": impossible })
    }

    fn of(&self, work: &Work, kind: Kind) -> impl Iterator<Item = &Sample> {
        let label = work.label;
        self.samples
            .iter()
            .filter(move |sample| sample.work == label && sample.kind == kind)
    }

    fn values(&self, work: &Work, kind: Kind, name: &str) -> Vec<f64> {
        self.of(work, kind)
            .filter_map(|sample| value(sample.outcome.as_ref().ok()?, name))
            .collect()
    }

    /// Only of servers that never failed: one mismatch, no figure.
    fn median(&self, work: &Work, kind: Kind, name: &str) -> Option<f64> {
        let failed = self.of(work, kind).any(|sample| sample.outcome.is_err());
        if failed {
            return None;
        }
        median(self.values(work, kind, name))
    }

    /// privmsgd's figure by the best of some others', round by round; above 1: ours is better.
    fn ratio(&self, work: &Work, among: impl Fn(Kind) -> bool) -> Option<f64> {
        let others: Vec<Kind> = self
            .servers
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| among(*kind) && self.median(work, *kind, work.shows).is_some())
            .collect();
        self.median(work, Kind::Privmsgd, work.shows)?;
        let ratios = (0..self.rounds).filter_map(|round| {
            let of = |kind: Kind| {
                self.of(work, kind)
                    .find(|sample| sample.round == round)
                    .and_then(|sample| value(sample.outcome.as_ref().ok()?, work.shows))
            };
            let ours = of(Kind::Privmsgd)?;
            let theirs = others.iter().filter_map(|kind| of(*kind));
            if work.higher_is_better {
                theirs.reduce(f64::max).map(|best| ours / best)
            } else {
                theirs.reduce(f64::min).map(|best| best / ours)
            }
        });
        median(ratios.collect())
    }

    /// Rows are works, columns servers; under the line, what it was measured with.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let _ = write!(text, "{:<40}", "");
        for (kind, _) in &self.servers {
            let _ = write!(text, "{:>18}", kind.name());
        }
        let _ = writeln!(text, "{:>10}{:>10}", "× floor", "× best");
        for work in &self.works {
            let _ = write!(text, "{:<40}", format!("({}) {}", work.number, work.label));
            for (kind, version) in &self.servers {
                let _ = write!(text, "{:>18}", self.cell(work, *kind, version.is_some()));
            }
            let shown =
                |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
            let _ = writeln!(
                text,
                "{:>10}{:>10}",
                shown(self.ratio(work, |kind| kind == Kind::Floor)),
                shown(self.ratio(work, Kind::is_peer))
            );
        }
        self.legend(&mut text);
        text
    }

    fn cell(&self, work: &Work, kind: Kind, installed: bool) -> String {
        if !installed {
            return "not installed".into();
        }
        if let Some(why) = work.impossible(kind) {
            return why.into();
        }
        let Some(middle) = self.median(work, kind, work.shows) else {
            return "no figure".into();
        };
        let values = self.values(work, kind, work.shows);
        let spread = values
            .iter()
            .map(|value| (value / middle - 1.0).abs())
            .fold(0.0, f64::max);
        format!("{} ±{:.0}%", human(middle, work.shows), spread * 100.0)
    }

    fn legend(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\nrelaying works: messages per CPU-second of the server, medians of {} interleaved rounds of {} s, ± the farthest \
             round; ratios above 1: privmsgd is better",
            self.rounds, self.seconds
        );
        let _ = writeln!(
            text,
            "machine: {}; one core each for server and load",
            machine::describe()
        );
        let distances: Vec<String> = self
            .distances_ns
            .iter()
            .map(|ns| format!("{ns:.0}"))
            .collect();
        let _ = writeln!(
            text,
            "a cache line there and back between the cores, per round: {} ns; instructions: {}",
            distances.join(", "),
            if self.counts_instructions {
                "counted, in the JSON"
            } else {
                "perf does not count them here"
            }
        );
        for work in &self.works {
            self.shares(work, text);
        }
        if let Some(middle) = median(self.redis_benchmark.clone()) {
            let _ = writeln!(
                text,
                "redis-benchmark, 100 publishers, 64 in flight, 100 B: {} messages per CPU-second of redis-server",
                human(middle, "")
            );
        }
        for (kind, version) in &self.servers {
            let version = version
                .as_deref()
                .unwrap_or("NOT INSTALLED (benches/install-peers installs it)");
            let _ = writeln!(text, "{}: {version}; {}", kind.name(), kind.configuration());
        }
        let failures = self
            .samples
            .iter()
            .filter_map(|sample| Some((sample, sample.outcome.as_ref().err()?)));
        for (sample, why) in failures {
            let (round, name) = (sample.round + 1, sample.kind.name());
            let _ = writeln!(
                text,
                "no figure: {name}, {}, round {round}: {why}",
                sample.work
            );
        }
    }

    /// How busy both cores were: where the server's was not, the load generator decided.
    fn shares(&self, work: &Work, text: &mut String) {
        let share = |kind: Kind, name: &str| {
            self.median(work, kind, name)
                .map(|share| format!("{:.0}", share * 100.0))
        };
        let shares: Vec<String> = self
            .servers
            .iter()
            .filter_map(|(kind, _)| {
                let server = share(*kind, "server_share_of_its_core")?;
                let load = share(*kind, "load_share_of_its_core")?;
                Some(format!("{} {server}/{load}", kind.name()))
            })
            .collect();
        if !shares.is_empty() {
            let _ = writeln!(
                text,
                "% of core, server/load, {}: {}",
                work.label,
                shares.join(", ")
            );
        }
    }
}

/// A figure with its unit.
pub fn human(value: f64, name: &str) -> String {
    if name.ends_with("_ns") || name.contains("_ns_") {
        return format!("{:.1} µs", value / 1e3);
    }
    if name.contains("bytes") {
        return format!("{value:.0} B");
    }
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e3.. => format!("{:.1} k", value / 1e3),
        _ => format!("{value:.2}"),
    }
}
