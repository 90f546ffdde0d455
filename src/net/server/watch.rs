//! How the daemon is: figures and health, for the metrics listener and the admin socket. Knows no HTTP and no JSON.

use std::time::Instant;

use mio::event::Event;

use crate::net::scrape::Observed;
use crate::net::server::Server;
use crate::net::timers::NEVER;
use crate::ops::health::{Check, Health};
use crate::ops::metrics::{Histogram, Process, Reading};
use crate::ops::{descriptors, log as logs};
use crate::time::Stamp;

/// What is measured of the loop itself.
pub struct Watch {
    delivery: Histogram,
    /// Messages accepted by the end of the last turn, and turns that accepted some.
    messages: u64,
    turns: u64,
    /// What became of the last reading of the configuration.
    reload_ok: bool,
    /// Keys that were read and hold only after a restart.
    waiting: Vec<&'static str>,
    /// When one was taken over last.
    reloaded_unix_ms: u64,
    started_unix_ms: u64,
    max_files: u64,
}

/// Of the turns that accept messages one in so many is measured, the first of them.
const ONE_IN: u64 = 16;

impl Watch {
    pub fn new(unix_ms: u64) -> Self {
        Watch {
            delivery: Histogram::default(),
            messages: 0,
            turns: 0,
            reload_ok: true,
            waiting: Vec::new(),
            reloaded_unix_ms: unix_ms,
            started_unix_ms: unix_ms,
            max_files: descriptors::limit(),
        }
    }

    /// A turn of the loop that began at `woke` has written; `messages` were accepted so far.
    #[inline]
    pub fn turned(&mut self, messages: u64, woke: Instant) {
        if messages != self.messages {
            self.messages = messages;
            if self.turns.is_multiple_of(ONE_IN) {
                self.delivery.observe(woke.elapsed());
            }
            self.turns = self.turns.wrapping_add(1);
        }
    }

    /// `waiting`: keys that hold only after a restart.
    pub fn reloaded(&mut self, waiting: &[&'static str], unix_ms: u64) {
        (self.reload_ok, self.reloaded_unix_ms) = (true, unix_ms);
        self.waiting = waiting.to_vec();
    }

    pub fn reload_failed(&mut self) {
        self.reload_ok = false;
    }
}

impl Server {
    pub(super) fn scrape_event(&mut self, event: &Event) {
        if let Some(scrape) = &mut self.scrape {
            scrape.mark(event);
        }
    }

    pub(super) fn scrape_turn(&mut self) {
        // It is shown the server itself, without it.
        if let Some(mut scrape) = self.scrape.take() {
            scrape.turn(self, self.now_ms);
            self.scrape = Some(scrape);
        }
    }

    pub(super) fn scrape_deadline(&self) -> u64 {
        let scrape = self.scrape.as_ref();
        scrape.map_or(NEVER, |scrape| scrape.next_deadline())
    }

    /// Where figures and health are told over HTTP.
    pub fn metrics_addresses(&self) -> Vec<&str> {
        let listeners = self.scrape.iter().flat_map(|scrape| scrape.listeners());
        listeners.map(|one| one.address.as_str()).collect()
    }

    /// Whether other machines can ask there.
    pub fn shows_metrics_to_others(&self) -> bool {
        let mut listeners = self.scrape.iter().flat_map(|scrape| scrape.listeners());
        listeners.any(|one| !one.is_local)
    }

    fn accepting(&self) -> Check {
        match self.acceptor.is_accepting() {
            _ if self.drained_by_ms != NEVER => Check::failed(
                "draining",
                "it says goodbye to everybody and ends",
                "start it again when it has ended",
            ),
            true => Check::ok("accepting", format!("at {}", self.addresses().join(" "))),
            false => Check::failed(
                "accepting",
                "no descriptor is left for another connection",
                "raise LimitNOFILE= of the service, or ulimit -n",
            ),
        }
    }

    fn places(&self) -> Check {
        const FIX: &str = "raise limits.max_connections, or LimitNOFILE= of the service; privmsgd clients shows who is there";
        let traffic = self.engine.traffic();
        let (used, most) = (traffic.connections, traffic.max_connections);
        let what = format!("{used} of {most} connections");
        match used {
            _ if used >= most => Check::failed("connections", what, FIX),
            _ if used >= most / 10 * 9 && most >= 10 => Check::warning("connections", what, FIX),
            _ => Check::ok("connections", what),
        }
    }

    fn store(&self) -> Option<Check> {
        const LITTLE_ROOM: u64 = 64 << 20;
        let vitals = self.inquiries.vitals()?;
        let free = vitals.free.filter(|free| *free < LITTLE_ROOM);
        Some(match (vitals.has_failed, vitals.is_full, free) {
            (true, ..) => Check::failed(
                "store",
                "the store has failed: nothing more is accepted",
                "look in the log; privmsgd check-store and privmsgd restore help once it has ended",
            ),
            (_, true, _) => Check::failed(
                "store",
                "there is no room on the disk: messages are answered storageFull",
                "make room on the disk of the data directory; storing resumes by itself",
            ),
            (.., Some(free)) => Check::warning(
                "store",
                format!(
                    "{} bytes, writable; the disk has {} MiB left",
                    vitals.bytes,
                    free >> 20
                ),
                "make room on the disk of the data directory; mailbox.retention_days bounds what is kept",
            ),
            _ => Check::ok("store", format!("{} bytes, writable", vitals.bytes)),
        })
    }

    fn certificate(&self) -> Option<Check> {
        const DAY_MS: u64 = 86_400_000;
        const FIX: &str = "put a new certificate in its place and reload";
        let end = self.acceptor.tls()?.certificate_end_unix_ms();
        let (name, stamp) = ("certificate", Stamp::new(end));
        let end_text = stamp.as_str();
        Some(match end.checked_sub(self.unix_ms) {
            None | Some(0) => Check::failed(name, format!("it ended at {end_text}"), FIX),
            Some(left) if left <= 14 * DAY_MS => {
                let days = left / DAY_MS;
                Check::warning(name, format!("it ends at {end_text}, in {days} days"), FIX)
            }
            Some(_) => Check::ok(name, format!("good until {end_text}")),
        })
    }

    fn configuration(&self) -> Check {
        let waiting = self.watch.waiting.join(", ");
        match self.watch.reload_ok {
            true if !waiting.is_empty() => Check::warning(
                "reload",
                format!("the configuration has changed, and waits for a restart in: {waiting}"),
                "restart the daemon when that suits, or change it back and reload",
            ),
            true => Check::ok("reload", "the configuration is as it was read last"),
            false => Check::warning(
                "reload",
                "the last reload failed: the one before it holds",
                "privmsgd --check-config names the mistakes; then reload",
            ),
        }
    }
}

impl Observed for Server {
    fn metrics(&self) -> String {
        let reading = Reading {
            mode: match self.config.data {
                Some(_) => "mailbox",
                None => "open",
            },
            started_unix_ms: self.watch.started_unix_ms,
            ready: Observed::health(self).is_ready(),
            traffic: self.engine.traffic(),
            delivery: self.watch.delivery.read(),
            last_reload_ok: self.watch.reload_ok,
            last_reload_ok_unix_ms: self.watch.reloaded_unix_ms,
            lines_lost: logs::lost(),
            certificate_end_unix_ms: self.acceptor.tls().map(|tls| tls.certificate_end_unix_ms()),
            store: self.inquiries.vitals(),
            process: Process::read(self.watch.max_files),
        };
        reading.to_text()
    }

    fn health(&self) -> Health {
        let always = [self.accepting(), self.places(), self.configuration()];
        let rest = [self.store(), self.certificate()];
        let checks = always.into_iter().chain(rest.into_iter().flatten());
        Health::from(checks.collect::<Vec<_>>())
    }
}
