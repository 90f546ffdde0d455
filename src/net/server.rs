//! The turn: tick · poll · dispatch · flush · reap. Owns the poller, the listeners, the signals and the clock.
//! Knows no names, no JSON and no rules.

mod admin;
mod reloads;
mod watch;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::info;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::accounts::Desk;
use crate::admin::Admin;
use crate::config::Config;
use crate::engine::Engine;
use crate::net::accept::Acceptor;
use crate::net::inquiries::{Inquiries, OpenDesk};
use crate::net::listen;
use crate::net::reload::{Reload, Reloader};
use crate::net::scrape::Scrape;
use crate::net::stream::Stream;
use crate::net::sys;
use crate::net::timers::NEVER;
use crate::net::tls::{Identity, Layer};
use crate::ops::crowd::Crowd;
use crate::ops::exit::{Exit, StartError, reason};
use crate::ops::signals::{Signal, Signals};
use crate::ops::systemd::Notifier;
use crate::ops::{Inherited, descriptors};
use crate::router::Tokens;
use watch::Watch;

pub struct Server {
    poll: Poll,
    events: Events,
    acceptor: Acceptor,
    engine: Engine<Stream>,
    inquiries: Inquiries,
    signals: Signals,
    notifier: Notifier,
    reloader: Option<Reloader>,
    admin: Option<Box<Admin>>,
    scrape: Option<Box<Scrape>>,
    watch: Watch,
    config: Config,
    origin: Instant,
    /// When polling returned last.
    woke: Instant,
    now_ms: u64,
    unix_ms: u64,
    next_ping_ms: u64,
    crowd: Crowd,
    /// When draining ends; [`NEVER`]: the server is not draining.
    drained_by_ms: u64,
    exit: Exit,
}

const EVENTS: usize = 1_024;
/// Tokens from here on are not slots of connections.
const FIRST_LISTENER: usize = 1 << 40;
const FIRST_ADMIN: usize = 1 << 41;
const FIRST_METRICS: usize = 1 << 42;
const SIGNALS: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);

impl Server {
    /// Listens, and serves once [`Server::run`] is called. `identity`: for listeners that speak TLS. `reload` reads the
    /// configuration again, on a thread of its own. `desk`: who proves names, in mailbox mode.
    pub fn bind(
        config: &Config,
        inherited: Vec<Inherited>,
        identity: Option<Identity>,
        reload: Option<Reload>,
        desk: Option<OpenDesk<'_>>,
    ) -> Result<Self, StartError> {
        let bound = listen::bind(config, inherited)?;
        let no_loop = |error: io::Error| {
            StartError::new(Exit::Os, "cannot set up the event loop", reason(&error), "")
        };
        let poll = Poll::new().map_err(no_loop)?;
        // One for all: a poll takes only one.
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(no_loop)?);
        let wake = waker.clone();
        let open = |open: OpenDesk<'_>| {
            // Fails only when the loop is not there any more.
            open(Arc::new(move || drop(wake.wake())))
        };
        let desk = desk.map(open).transpose()?;
        // Behind the desk, which makes the data directory.
        let mut admin = Admin::bind(config)?;
        if let Some(admin) = &mut admin {
            admin
                .register(poll.registry(), FIRST_ADMIN)
                .map_err(no_loop)?;
        }
        let reloader = reload.map(|reload| Reloader::new(reload, waker));
        let scrape = Scrape::new(bound.metrics, poll.registry(), FIRST_METRICS).map_err(no_loop)?;
        let server = Server::assemble(
            config.clone(),
            bound.clients,
            identity,
            admin,
            poll,
            reloader,
            desk,
        );
        let mut server = server.map_err(no_loop)?;
        server.scrape = (!scrape.listeners().is_empty()).then(|| Box::new(scrape));
        Ok(server)
    }

    /// Serves until a signal ends it. Fails only when polling does.
    pub fn run(&mut self) -> io::Result<Exit> {
        let (names, local) = (self.addresses().join(" "), self.is_local());
        self.notifier.ready(&format!(
            "listening on {names}{}",
            if local { ", local only" } else { "" }
        ));
        loop {
            let sleep = self.tick();
            self.poll(sleep)?;
            self.dispatch();
            self.flush();
            if self.reap() {
                self.inquiries.hand_in(&mut self.engine);
                return Ok(self.exit);
            }
        }
    }

    /// The real addresses, as clients would write them.
    pub fn addresses(&self) -> Vec<&str> {
        self.acceptor
            .listeners()
            .iter()
            .map(|listener| listener.address.as_str())
            .collect()
    }

    /// Those of the addresses where other machines can connect without TLS.
    pub fn exposed(&self) -> Vec<&str> {
        self.acceptor
            .listeners()
            .iter()
            .filter(|listener| !listener.is_local && !listener.is_tls)
            .map(|listener| listener.address.as_str())
            .collect()
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.acceptor
            .listeners()
            .iter()
            .all(|listener| listener.is_local)
    }

    fn assemble(
        config: Config,
        listeners: Vec<listen::Listener>,
        identity: Option<Identity>,
        admin: Option<Admin>,
        poll: Poll,
        reloader: Option<Reloader>,
        desk: Option<Box<dyn Desk>>,
    ) -> io::Result<Self> {
        let capacity = descriptors::connections(&config.limits, descriptors::raise());
        let mut signals = Signals::new()?;
        poll.registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        let mut server = Server {
            acceptor: Acceptor::new(
                listeners,
                identity.map(Layer::new),
                poll.registry(),
                FIRST_LISTENER,
            )?,
            engine: Engine::new(&config, capacity, tokens()),
            events: Events::with_capacity(EVENTS),
            inquiries: Inquiries::new(desk),
            poll,
            signals,
            notifier: Notifier::from_env(),
            reloader,
            admin: admin.map(Box::new),
            scrape: None,
            watch: Watch::new(unix_ms()),
            config,
            origin: Instant::now(),
            woke: Instant::now(),
            now_ms: 0,
            unix_ms: 0,
            next_ping_ms: 0,
            crowd: Crowd::default(),
            drained_by_ms: NEVER,
            exit: Exit::Ok,
        };
        server.engine.conns.tls_elsewhere = server.tls_port();
        server.read_clock();
        Ok(server)
    }

    /// Does what is due. Returns how long polling may sleep; `None`: until something happens.
    fn tick(&mut self) -> Option<Duration> {
        let due = self
            .engine
            .tick()
            .min(self.acceptor.next_deadline())
            .min(self.admin_deadline())
            .min(self.scrape_deadline())
            .min(self.inquiries.next_deadline())
            .min(self.ping())
            .min(self.give_memory_back())
            .min(self.owed_notice())
            .min(self.remind())
            .min(self.drained_by_ms);
        (due != NEVER).then(|| Duration::from_millis(due.saturating_sub(self.now_ms)))
    }

    fn poll(&mut self, sleep: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, sleep) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => self.read_clock(),
        }
        Ok(())
    }

    fn dispatch(&mut self) {
        if let Some(tls) = self.acceptor.tls() {
            tls.begin_turn(self.config.tls.accepts_per_turn);
        }
        self.engine.resume();
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                SIGNALS => self.signalled(),
                WAKER => self.reloaded(),
                Token(token) if token >= FIRST_METRICS => self.scrape_event(event),
                Token(token) if token >= FIRST_ADMIN => self.admin_event(event),
                Token(token) if token >= FIRST_LISTENER => {
                    self.acceptor.mark(token - FIRST_LISTENER)
                }
                Token(key) => self.transport(key as u32, event),
            }
        }
        self.events = events;
        let tls_share = self.config.tls.accepts_per_turn;
        self.acceptor
            .turn(&mut self.engine, tls_share, self.poll.registry());
        self.admin_turn();
        self.scrape_turn();
    }

    fn flush(&mut self) {
        self.engine.flush();
        self.watch.turned(self.engine.messages(), self.woke);
    }

    /// Frees what has ended; whether the server has.
    fn reap(&mut self) -> bool {
        self.engine.reap();
        if self.engine.is_broken() && self.drained_by_ms == NEVER {
            self.exit = Exit::Internal;
            self.drain();
        }
        if let Some(exit) = self.inquiries.failed().filter(|_| self.exit == Exit::Ok) {
            self.exit = exit;
            if self.drained_by_ms == NEVER {
                self.drain();
            }
        }
        self.drained_by_ms != NEVER
            && (self.engine.population().0 == 0 || self.now_ms >= self.drained_by_ms)
    }

    fn transport(&mut self, key: u32, event: &Event) {
        if event.is_writable() {
            self.engine.writable(key);
        }
        let more = event.is_read_closed() || event.is_error() || event.is_priority();
        if event.is_readable() || more {
            self.engine.readable(key, more);
        }
    }

    fn signalled(&mut self) {
        let signals: Vec<Signal> = self.signals.pending().collect();
        for signal in signals {
            match signal {
                Signal::Terminate if self.drained_by_ms == NEVER => self.drain(),
                Signal::Terminate => self.drained_by_ms = 0,
                Signal::Reload => drop(self.reload()),
            }
        }
    }

    fn drain(&mut self) {
        let (connections, names) = self.engine.population();
        info!("closing: {connections} connections, {names} names");
        self.notifier.stopping("closing");
        self.acceptor.close();
        self.engine.drain();
        self.drained_by_ms = self.now_ms + self.config.limits.drain_timeout_ms;
    }

    /// Tells the watchdog that the loop turns. Returns when to do so next.
    fn ping(&mut self) -> u64 {
        let Some(interval) = self.notifier.watchdog_interval() else {
            return NEVER;
        };
        if self.now_ms >= self.next_ping_ms {
            self.notifier.ping();
            self.next_ping_ms = self.now_ms + interval.as_millis() as u64;
        }
        self.next_ping_ms
    }

    /// Logs what is due about the certificate. Returns when something is due next.
    fn remind(&self) -> u64 {
        match self.acceptor.tls() {
            Some(tls) => tls.remind(self.unix_ms, self.now_ms),
            None => NEVER,
        }
    }

    /// Where those are sent who speak TLS on another port.
    fn tls_port(&self) -> Option<Box<str>> {
        let listeners = self.acceptor.listeners();
        let address = &listeners.iter().find(|listener| listener.is_tls)?.address;
        let (_, port) = address.rsplit_once(':')?;
        Some(format!(", or with it to port {port}").into())
    }

    /// Says to the service manager what it had no room for. Returns when to try again.
    fn owed_notice(&mut self) -> u64 {
        const RETRY_MS: u64 = 100;
        if self.notifier.retry() {
            self.now_ms + RETRY_MS
        } else {
            NEVER
        }
    }

    /// After a crowd has left. Returns when to look again.
    fn give_memory_back(&mut self) -> u64 {
        let (connections, _) = self.engine.population();
        let due_ms = self.crowd.count(connections);
        if due_ms <= self.now_ms {
            sys::trim_heap();
            self.crowd.given_back(connections, self.now_ms);
            return NEVER;
        }
        due_ms
    }

    fn read_clock(&mut self) {
        self.woke = Instant::now();
        self.now_ms = self.woke.duration_since(self.origin).as_millis() as u64;
        self.unix_ms = unix_ms();
        self.engine.advance(self.now_ms, self.unix_ms);
    }
}

fn unix_ms() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    unix.unwrap_or_default().as_millis() as u64
}

/// 128 random bits at a time, had from the system 256 at a time.
fn tokens() -> Tokens {
    let mut pool = [0u128; 256];
    let mut left = 0usize;
    Box::new(move || {
        if left == 0 {
            let mut bytes = [0; 16 * 256];
            getrandom::fill(&mut bytes).ok()?;
            for (token, bytes) in pool.iter_mut().zip(bytes.chunks_exact(16)) {
                *token = u128::from_ne_bytes(bytes.try_into().ok()?);
            }
            left = pool.len();
        }
        left -= 1;
        // Zero stands for "no token": it cannot be given out.
        Some(std::mem::take(&mut pool[left]).max(1))
    })
}
