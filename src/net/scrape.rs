//! The metrics listener in the event loop: who may connect, how many at once, for how long. What is told there comes
//! from [`Observed`]. Knows no figure.
//!
//! Whoever can reach it can ask as often as it likes: a few connections at once, the oldest giving way; one request of
//! bounded length on each, within a bounded time; and the figures are put together at most ten times a second.

mod conn;
mod http;

use std::io::{self, ErrorKind};

use mio::{Interest, Registry, Token, event::Event};

use crate::net::listen::Listener;
use crate::net::stream::Stream;
use crate::net::timers::NEVER;
use crate::ops::health::{Check, Health};
use conn::{Conn, State};
use http::{Request, Status};

/// The daemon, for those who look at it. Nothing here waits.
pub trait Observed {
    /// In Prometheus' text format.
    fn metrics(&self) -> String;
    /// Whether it can serve.
    fn health(&self) -> Health;
}

/// Connections at once; one more takes the place of the oldest.
const MAX_CONNECTIONS: usize = 16;
/// From connecting to the end of the answer.
const PATIENCE_MS: u64 = 5_000;
/// How long figures are told again before they are put together anew.
const FRESH_MS: u64 = 100;
/// Connections taken in one turn of the loop.
const ACCEPTS: usize = 16;
/// How long to leave a system alone that has no descriptor for a connection.
const RETRY_MS: u64 = 100;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const PLACES: &str = "there are /metrics, /livez and /readyz\n";

pub struct Scrape {
    listeners: Vec<Listener>,
    slots: [Option<Conn<Stream>>; MAX_CONNECTIONS],
    first_token: usize,
    registry: Registry,
    /// The listener whose edge is spent: connections may be waiting.
    waiting: Vec<bool>,
    /// When to accept again after that failed, in monotonic ms.
    retry_ms: u64,
    /// Something is left to do without an event.
    more: bool,
    page: Page,
}

/// The figures as they were told last, and when.
struct Page {
    text: String,
    /// [`NEVER`]: they were not.
    since_ms: u64,
}

impl Scrape {
    /// Takes the tokens from `first_token` on: one for each listener, then one for each connection.
    pub fn new(
        mut listeners: Vec<Listener>,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        for (at, listener) in listeners.iter_mut().enumerate() {
            listener.register(registry, Token(first_token + at))?;
        }
        Ok(Scrape {
            waiting: vec![true; listeners.len()],
            listeners,
            slots: Default::default(),
            first_token,
            registry: registry.try_clone()?,
            retry_ms: NEVER,
            more: true,
            page: Page {
                text: String::new(),
                since_ms: NEVER,
            },
        })
    }

    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// An event came for one of its tokens.
    pub fn mark(&mut self, event: &Event) {
        self.more = true;
        let at = event.token().0.saturating_sub(self.first_token);
        if let Some(waiting) = self.waiting.get_mut(at) {
            *waiting = true;
            return;
        }
        let slot = self.slots.get_mut(at - self.listeners.len());
        if let Some(Some(conn)) = slot {
            let over = event.is_error() || event.is_read_closed();
            conn.may_read |= event.is_readable() || over;
            conn.may_write |= event.is_writable() || over;
        }
    }

    /// Goes on with everybody.
    pub fn turn(&mut self, daemon: &dyn Observed, now_ms: u64) {
        if self.retry_ms <= now_ms {
            (self.retry_ms, self.more) = (NEVER, true);
        }
        for slot in &mut self.slots {
            slot.take_if(|conn| conn.deadline_ms <= now_ms);
        }
        if !std::mem::take(&mut self.more) {
            return;
        }
        if self.retry_ms == NEVER {
            self.accept(now_ms);
        }
        let page = &mut self.page;
        for slot in &mut self.slots {
            let over = slot.as_mut().is_some_and(|conn| {
                conn.turn(|asked| answer(asked, daemon, page, now_ms)) == State::Over
            });
            if over {
                *slot = None;
            }
        }
    }

    /// When something is due, in monotonic ms; 0: at once.
    pub fn next_deadline(&self) -> u64 {
        if self.more {
            return 0;
        }
        let deadlines = self.slots.iter().flatten().map(|conn| conn.deadline_ms);
        deadlines.fold(self.retry_ms, u64::min)
    }

    fn accept(&mut self, now_ms: u64) {
        let mut left = ACCEPTS;
        for at in 0..self.listeners.len() {
            while left > 0 && self.waiting.get(at).is_some_and(|waiting| *waiting) {
                left -= 1;
                match self.listeners.get(at).map(Listener::accept) {
                    Some(Ok((stream, _))) => self.admit(stream, now_ms),
                    Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                        self.waiting
                            .iter_mut()
                            .skip(at)
                            .take(1)
                            .for_each(|it| *it = false);
                    }
                    Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                    _ => {
                        self.retry_ms = now_ms.saturating_add(RETRY_MS);
                        return;
                    }
                }
            }
        }
        self.more = left == 0;
    }

    fn admit(&mut self, stream: Stream, now_ms: u64) {
        let age = |at: &usize| {
            let conn = self.slots.get(*at).and_then(Option::as_ref);
            conn.map_or(0, |conn| conn.deadline_ms)
        };
        // A free place, else the oldest one's.
        let Some(at) = (0..MAX_CONNECTIONS).min_by_key(age) else {
            return;
        };
        let mut conn = Conn::new(stream, now_ms.saturating_add(PATIENCE_MS));
        let token = Token(self.first_token + self.listeners.len() + at);
        let both = Interest::READABLE.add(Interest::WRITABLE);
        let registered = self.registry.register(&mut conn.stream, token, both);
        if let (Ok(()), Some(place)) = (registered, self.slots.get_mut(at)) {
            *place = Some(conn);
        }
    }
}

fn answer(
    asked: Result<Request<'_>, Status>,
    daemon: &dyn Observed,
    page: &mut Page,
    now_ms: u64,
) -> Vec<u8> {
    let Request { path, only_head } = match asked {
        Ok(request) => request,
        Err(status) => return http::answer(status, TEXT, PLACES, false),
    };
    let health = match path {
        "/metrics" => {
            if page.since_ms == NEVER || page.since_ms.saturating_add(FRESH_MS) <= now_ms {
                (page.text, page.since_ms) = (daemon.metrics(), now_ms);
            }
            return http::answer(Status::Ok, TEXT, &page.text, only_head);
        }
        // The loop that answers is the one that is asked about: no answer in five seconds is the other answer.
        "/livez" => Health::from(vec![Check::ok("loop", "it turns")]),
        "/readyz" => daemon.health(),
        _ => return http::answer(Status::NotFound, TEXT, PLACES, only_head),
    };
    let status = match health.is_ready() {
        true => Status::Ok,
        false => Status::Unavailable,
    };
    http::answer(status, JSON, &health.to_json(), only_head)
}
