//! What was measured: as JSON, and as the table that people read.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::figures::{Figures, median, value};
use crate::machine;
use crate::rows::{Bar, Row, Task};
use crate::server::{Kind, Places};

pub struct Sample {
    pub round: usize,
    pub row: &'static str,
    pub subject: &'static str,
    pub outcome: Result<Figures, String>,
}

pub struct Report {
    pub samples: Vec<Sample>,
    /// One per round.
    pub distances_ns: Vec<f64>,
    servers: Vec<(Kind, Option<String>)>,
    rows: Vec<Row>,
    rounds: usize,
    seconds: f64,
}

impl Report {
    pub fn new(args: &Args, places: &Places) -> Self {
        let servers = args.servers.iter();
        Report {
            samples: Vec::new(),
            distances_ns: Vec::new(),
            servers: servers.map(|kind| (*kind, kind.version(places))).collect(),
            rows: args.rows(),
            rounds: args.rounds,
            seconds: args.time.as_secs_f64(),
        }
    }

    /// Whom a row compares; ours, if it is there, is the first.
    pub fn subjects(&self, row: &Row) -> Vec<&'static str> {
        match row.task {
            Task::Accepts { extra_us, .. } => {
                let able = |kind: &Kind| extra_us == 0 || kind.calls_libc();
                let installed = self.servers.iter().filter(|(_, version)| version.is_some());
                let kinds = installed.map(|(kind, _)| *kind).filter(able);
                kinds.map(Kind::name).collect()
            }
            Task::Relay { .. } => vec!["mailbox", "open"],
            Task::Storm | Task::Stored => vec!["privmsgd"],
        }
    }

    pub fn to_json(&self) -> String {
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .map(|(kind, version)| {
                let about = json!({"version": version, "configuration": kind.configuration()});
                (kind.name().to_string(), about)
            })
            .collect();
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        let report = json!({
            "machine": machine::describe(),
            "unixTime": std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            "rounds": self.rounds, "seconds": self.seconds,
            "coreDistanceNs": self.distances_ns,
            "servers": servers, "works": rows,
        });
        format!("{report:#}\n")
    }

    fn row_json(&self, row: &Row) -> Value {
        let mut subjects = Map::new();
        for subject in self.subjects(row) {
            let mut samples: Map<String, Value> = Map::new();
            for (name, value) in self
                .of(row, subject)
                .flat_map(|s| s.outcome.iter().flatten())
            {
                let list = samples.entry(*name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(json!(value));
                }
            }
            let medians: Map<String, Value> = samples
                .keys()
                .map(|name| (name.clone(), json!(self.median(row, subject, name))))
                .collect();
            let failures: Vec<_> = self
                .of(row, subject)
                .filter_map(|sample| sample.outcome.as_ref().err())
                .collect();
            let cell = json!({"median": medians, "samples": samples, "failures": failures});
            subjects.insert(subject.into(), cell);
        }
        let bars: Vec<Value> = row
            .bars
            .iter()
            .map(|bar| {
                let (wanted, value, reached) = self.judge(row, bar);
                json!({"wanted": wanted, "value": value, "reached": reached})
            })
            .collect();
        json!({
            "number": row.number, "label": row.label, "shows": row.shows[0].0, "subjects": subjects, "bars": bars,
            "ratioToRedis": self.ratio(row, "redis"),
        })
    }

    fn of(&self, row: &Row, subject: &str) -> impl Iterator<Item = &Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.row == row.label && sample.subject == subject)
    }

    /// Only of subjects that never failed: one mismatch, no figure.
    fn median(&self, row: &Row, subject: &str, name: &str) -> Option<f64> {
        let mut values = Vec::new();
        for sample in self.of(row, subject) {
            let figures = sample.outcome.as_ref().ok()?;
            values.extend(value(figures, name));
        }
        median(values)
    }

    /// The farthest round's distance from the median, as a part of it.
    fn spread(&self, row: &Row, subject: &str, name: &str) -> f64 {
        let middle = self.median(row, subject, name).unwrap_or(f64::NAN);
        self.of(row, subject)
            .filter_map(|sample| value(sample.outcome.as_ref().ok()?, name))
            .map(|value| (value / middle - 1.0).abs())
            .fold(0.0, f64::max)
    }

    /// `None`: it was not to be measured.
    fn ours(&self, row: &Row) -> Option<&'static str> {
        let first = *self.subjects(row).first()?;
        matches!(first, "privmsgd" | "mailbox").then_some(first)
    }

    /// Our first figure by another's, round by round; above 1: ours is better.
    fn ratio(&self, row: &Row, other: &str) -> Option<f64> {
        let (name, ours) = (row.shows[0].0, self.ours(row)?);
        self.median(row, ours, name)?;
        self.median(row, other, name)?;
        let of = |subject: &str, round: usize| {
            let sample = self.of(row, subject).find(|sample| sample.round == round)?;
            value(sample.outcome.as_ref().ok()?, name)
        };
        let ratios =
            (0..self.rounds).filter_map(|round| Some(of(ours, round)? / of(other, round)?));
        median(ratios.collect())
    }

    /// What was wanted, what came of it, and whether that is enough.
    fn judge(&self, row: &Row, bar: &Bar) -> (String, Option<f64>, Option<bool>) {
        let ours = |figure| self.median(row, self.ours(row)?, figure);
        match *bar {
            Bar::Ratio { to, least } => {
                let ratio = self.ratio(row, to);
                (
                    format!("≥ {least:.2} × {to}"),
                    ratio,
                    ratio.map(|ratio| ratio >= least),
                )
            }
            Bar::Least { figure, least } => {
                let value = ours(figure);
                let wanted = format!("{figure} ≥ {}", human(least, figure));
                (wanted, value, value.map(|value| value >= least))
            }
            Bar::Most { figure, most } => {
                let value = ours(figure);
                let wanted = format!("{figure} ≤ {}", human(most, figure));
                (wanted, value, value.map(|value| value <= most))
            }
        }
    }

    /// A paragraph for each row; under them, what it was measured with.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let _ = write!(text, "({}) {}\n{:<12}", row.number, row.label, "");
            for (_, heading) in row.shows {
                let _ = write!(text, "{heading:>16}");
            }
            text.push('\n');
            for subject in self.subjects(row) {
                self.line(row, subject, &mut text);
            }
            self.verdicts(row, &mut text);
            text.push('\n');
        }
        self.legend(&mut text);
        text
    }

    fn line(&self, row: &Row, subject: &str, text: &mut String) {
        let _ = write!(text, "  {subject:<10}");
        for (at, (name, _)) in row.shows.iter().enumerate() {
            let cell = match self.median(row, subject, name) {
                None => "–".into(),
                Some(middle) if at == 0 => {
                    let spread = self.spread(row, subject, name) * 100.0;
                    format!("{} ±{spread:.0}%", human(middle, name))
                }
                Some(middle) => human(middle, name),
            };
            let _ = write!(text, "{cell:>16}");
        }
        text.push('\n');
    }

    fn verdicts(&self, row: &Row, text: &mut String) {
        for bar in row.bars {
            let (wanted, value, reached) = self.judge(row, bar);
            let verdict = match reached {
                None => "no figure",
                Some(true) => "reached",
                Some(false) => "NOT reached",
            };
            let value = value.map_or("–".into(), |value| match bar {
                Bar::Ratio { .. } => format!("{value:.2}"),
                Bar::Least { figure, .. } | Bar::Most { figure, .. } => human(value, figure),
            });
            let _ = writeln!(text, "  wanted: {wanted}: {value}: {verdict}");
        }
        let is_ratio = |bar: &Bar| matches!(bar, Bar::Ratio { .. });
        if !row.bars.iter().any(is_ratio)
            && let Some(ratio) = self.ratio(row, "redis")
        {
            let _ = writeln!(text, "  privmsgd / redis: {ratio:.2}");
        }
        let share = |subject: &str, name: &str| {
            let share = self.median(row, subject, name)?;
            Some(format!("{:.0}", share * 100.0))
        };
        let shares: Vec<String> = self
            .subjects(row)
            .into_iter()
            .filter_map(|subject| {
                let server = share(subject, "server_share_of_its_core")?;
                let load = share(subject, "load_share_of_its_core")?;
                Some(format!("{subject} {server}/{load}"))
            })
            .collect();
        if !shares.is_empty() {
            let _ = writeln!(text, "  % of core, server/load: {}", shares.join(", "));
        }
    }

    fn legend(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "medians of {} interleaved rounds of {} s, ± the farthest round; ratios are taken within a round. Accepts are counted when \
             the sender has the reply, and only of runs in which every message was accepted, delivered and acknowledged; the time \
             ends with the last acknowledgement. +1 ms: added to every fsync and fdatasync by syncs.c (not for nats: Go calls no \
             libc); fsyncs are counted by the same",
            self.rounds, self.seconds
        );
        let distances: Vec<String> = self
            .distances_ns
            .iter()
            .map(|ns| format!("{ns:.0}"))
            .collect();
        let _ = writeln!(
            text,
            "machine: {}; one core each for server and load; a cache line there and back, per round: {} ns",
            machine::describe(),
            distances.join(", ")
        );
        for (kind, version) in &self.servers {
            let version = version
                .as_deref()
                .unwrap_or("NOT INSTALLED (benches/install-peers installs it)");
            let _ = writeln!(text, "{}: {version}; {}", kind.name(), kind.configuration());
        }
        for sample in &self.samples {
            if let Err(why) = &sample.outcome {
                let (subject, row, round) = (sample.subject, sample.row, sample.round + 1);
                let _ = writeln!(text, "no figure: {subject}, {row}, round {round}: {why}");
            }
        }
    }
}

/// A figure with its unit.
pub fn human(value: f64, name: &str) -> String {
    let scaled = |value: f64, units: [&str; 3], step: f64| match value {
        _ if value >= step * step => format!("{:.2} {}", value / step / step, units[2]),
        _ if value >= step => format!("{:.1} {}", value / step, units[1]),
        _ => format!("{value:.0} {}", units[0]),
    };
    if name.contains("_ns") {
        return scaled(value / 1e3, ["µs", "ms", "s"], 1e3);
    }
    if name.contains("bytes") {
        return scaled(value, ["B", "KiB", "MiB"], 1024.0);
    }
    if name.starts_with("syncs") {
        return format!("{value:.4}");
    }
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e3.. => format!("{:.1} k", value / 1e3),
        1.0.. => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}
