//! Works 1 to 4: pairs that write to each other for a while.

use std::time::Duration;

use crate::dialect::Dialect;
use crate::dialect::nats::Nats;
use crate::dialect::privmsgd::Privmsgd;
use crate::dialect::redis::Redis;
use crate::load::{Load, Until};
use crate::server::{Kind, Places, Server, Setup, Used};
use crate::{Figures, Outcome, load_cpu_ns, quantile};

pub fn accepts(
    kind: Kind,
    (pairs, window): (u32, u64),
    extra_us: u32,
    time: Duration,
    places: &Places,
) -> Outcome<Figures> {
    let setup = Setup {
        extra_us,
        ..Setup::default()
    };
    let server = Server::start(kind, setup, places)?;
    let run = Run {
        server: &server,
        pairs,
        window,
        time,
    };
    let mut figures = match kind {
        Kind::Privmsgd => run.measure(&Privmsgd::Stored),
        Kind::Redis => run.measure(&Redis { pairs }),
        Kind::Nats => run.measure(&Nats { pairs }),
    }?;
    if !kind.calls_libc() {
        figures.retain(|(name, _)| *name != "syncs_per_message");
    }
    Ok(figures)
}

/// The same lines in both modes.
pub fn relay(
    open: bool,
    (pairs, window): (u32, u64),
    time: Duration,
    places: &Places,
) -> Outcome<Figures> {
    let setup = Setup {
        open,
        ..Setup::default()
    };
    let server = Server::start(Kind::Privmsgd, setup, places)?;
    let run = Run {
        server: &server,
        pairs,
        window,
        time,
    };
    run.measure(match open {
        true => &Privmsgd::Open,
        false => &Privmsgd::Ephemeral,
    })
}

struct Run<'a> {
    server: &'a Server,
    pairs: u32,
    window: u64,
    time: Duration,
}

impl Run<'_> {
    fn measure<D: Dialect>(&self, dialect: &D) -> Outcome<Figures> {
        let mut load = Load::new(dialect, self.server.address, self.pairs)?;
        let (before, load_before) = (self.server.used(), load_cpu_ns());
        let took = load.run(self.window, Until::Time(self.time))?;
        let (after, load_after) = (self.server.used(), load_cpu_ns());
        let messages = load.totals.arrived as f64;
        let wall_ns = after.at.duration_since(before.at).as_nanos() as f64;
        let cpu_ns = (after.cpu_ns - before.cpu_ns) as f64;
        let mut figures = vec![
            ("server_share_of_its_core", cpu_ns / wall_ns),
            (
                "load_share_of_its_core",
                (load_after - load_before) as f64 / wall_ns,
            ),
        ];
        if dialect.accepts() {
            figures.push(("accepts_per_s", messages / took.as_secs_f64()));
            figures.extend(per_message(&before, &after, messages));
            load.latencies_ns.sort_unstable();
            for (name, part) in [
                ("accept_p50_ns", 0.5),
                ("accept_p99_ns", 0.99),
                ("accept_p999_ns", 0.999),
                ("accept_max_ns", 1.0),
            ] {
                figures.push((name, quantile(&load.latencies_ns, part)));
            }
        } else {
            figures.push(("messages_per_s", messages / took.as_secs_f64()));
            figures.push(("messages_per_cpu_s", messages / cpu_ns * 1e9));
        }
        Ok(figures)
    }
}

fn per_message(before: &Used, after: &Used, messages: f64) -> Figures {
    let by = |before: u64, after: u64| (after - before) as f64 / messages;
    vec![
        ("messages", messages),
        ("cpu_ns_per_message", by(before.cpu_ns, after.cpu_ns)),
        ("syncs_per_message", by(before.syncs, after.syncs)),
        (
            "written_bytes_per_message",
            by(before.written_bytes, after.written_bytes),
        ),
    ]
}
