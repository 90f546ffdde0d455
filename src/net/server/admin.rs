//! What the daemon does for its operator: the server as the admin socket sees it. Knows no requests and no JSON.

use std::fmt::Arguments;

use log::LevelFilter;
use mio::event::Event;

use crate::admin::{Client, House, Status};
use crate::config::Changes;
use crate::net::admit::Peer;
use crate::net::scrape::Observed;
use crate::net::server::Server;
use crate::net::timers::NEVER;
use crate::ops::health::Health;
use crate::time::Stamp;
use crate::wire::name::Name;

impl Server {
    pub(super) fn admin_event(&mut self, event: &Event) {
        if let Some(admin) = &mut self.admin {
            admin.mark(event);
        }
    }

    /// Does what the operator asks for, and fetches answers for everybody.
    pub(super) fn admin_turn(&mut self) {
        let now_ms = self.now_ms;
        // It is given the server itself, without it.
        let mut admin = self.admin.take();
        if let Some(admin) = &mut admin {
            admin.turn(self, now_ms);
            for job in admin.take_jobs() {
                if let Err(job) = self.inquiries.submit(job) {
                    admin.turn_down(&job, now_ms);
                }
            }
        }
        self.inquiries.turn(&mut self.engine, |serial, answer| {
            if let Some(admin) = &mut admin {
                admin.answer(serial, answer, now_ms);
            }
        });
        self.admin = admin;
    }

    pub(super) fn admin_reloaded(&mut self, outcome: Result<&Changes, &[String]>) {
        let now_ms = self.now_ms;
        if let Some(admin) = &mut self.admin {
            admin.reloaded(outcome, now_ms);
        }
    }

    pub(super) fn admin_deadline(&self) -> u64 {
        self.admin
            .as_ref()
            .map_or(NEVER, |admin| admin.next_deadline())
    }
}

impl House for Server {
    fn status(&self) -> Status<'_> {
        let (connections, names) = self.engine.population();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            mode: match self.config.data {
                Some(_) => "mailbox",
                None => "open",
            },
            pid: std::process::id(),
            data: None,
            uptime_ms: self.now_ms,
            connections,
            registered: self.engine.registered(),
            names,
            queue_bytes: self.engine.conns.queue_bytes(),
            listeners: self.addresses(),
            metrics: self.metrics_addresses(),
            log_level: level(log::max_level()),
            draining: self.drained_by_ms != NEVER,
        }
    }

    fn clients(
        &self,
        from: u32,
        limit: usize,
        slots: usize,
        show: &mut dyn FnMut(&Client<'_>),
    ) -> Option<u32> {
        let end = self.engine.conns.end_of_slots();
        let stop = end.min((from as usize).saturating_add(slots));
        let mut left = limit;
        for key in from..stop as u32 {
            if left == 0 {
                return Some(key);
            }
            if let Some(seen) = self.engine.seen(key) {
                left -= 1;
                let address = match *seen.peer == Peer::unix() {
                    true => "unix".into(),
                    false => seen.peer.to_string(),
                };
                show(&Client {
                    serial: seen.serial,
                    name: seen.name,
                    address: &address,
                    tls: seen.peer.is_encrypted(),
                    device: seen.device,
                    connected: Stamp::new(seen.connected_unix_ms).as_str(),
                    queue_bytes: seen.queue_bytes,
                    ending: seen.ending,
                });
            }
        }
        (stop < end).then_some(stop as u32)
    }

    fn kick(&mut self, name: &Name<'_>) -> usize {
        self.engine.kick(name)
    }

    fn set_level(&mut self, level: LevelFilter) {
        log::set_max_level(level);
    }

    fn reload(&mut self) -> Result<(), String> {
        Server::reload(self)
    }

    fn drain(&mut self) {
        if self.drained_by_ms == NEVER {
            Server::drain(self);
        }
    }

    fn health(&self) -> Health {
        Observed::health(self)
    }

    fn say(&mut self, line: Arguments<'_>) {
        self.engine.say(line);
    }
}

fn level(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::Off => "off",
        LevelFilter::Error => "error",
        LevelFilter::Warn => "warn",
        LevelFilter::Info => "info",
        LevelFilter::Debug => "debug",
        LevelFilter::Trace => "trace",
    }
}
