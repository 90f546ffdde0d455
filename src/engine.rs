//! One turn's work on one connection: bytes through lines and commands into the router, frames out again, and the
//! end of it. The whole relay without poller, listeners and clock; a test or a benchmark brings its own.

mod admin;
mod answers;
mod first_bytes;
mod input;
mod table;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{error, info};

use crate::config::{Config, Limits};
use crate::id::ConnId;
use crate::net::admit::{Admit, Peer, Refused, Verdict};
use crate::net::conn::{CloseReason, Expiry, Transport};
use crate::net::conns::Conns;
use crate::ops::remote_log::{RemoteLog, summary};
use crate::router::{Channel, Input, Policy, Router, Tokens};
use crate::time::Now;
use crate::wire::code::{Goodbye, Mode};
use crate::wire::frame::Frame;

pub use admin::Seen;

pub struct Engine<S> {
    pub conns: Conns<S>,
    router: Router,
    mode: Mode,
    admit: Admit,
    now: Now,
    /// Where every connection is read into, at `front`; before it is room for all that one connection may keep.
    scratch: Vec<u8>,
    front: usize,
    log: RemoteLog,
    handshake_timeout_ms: u64,
    /// A panic left something behind that does not agree with itself.
    broken: bool,
    #[cfg(debug_assertions)]
    debug_hooks: bool,
}

impl<S: Transport> Engine<S> {
    /// `capacity`: connections at once.
    pub fn new(config: &Config, capacity: usize, tokens: Tokens) -> Self {
        let limits = config.limits.clone();
        let policy = Policy::new(config);
        Engine {
            mode: policy.mode(),
            router: Router::new(policy, tokens, capacity),
            admit: Admit::new(capacity),
            scratch: vec![0; kept_bytes(&limits) + limits.read_budget_bytes],
            front: kept_bytes(&limits),
            now: Now::new(0, 0),
            conns: Conns::new(limits, capacity),
            log: RemoteLog::new(0),
            handshake_timeout_ms: config.tls.handshake_timeout_ms,
            broken: false,
            #[cfg(debug_assertions)]
            debug_hooks: config.debug_hooks,
        }
    }

    /// What time it is, from here on: milliseconds of the monotonic clock, and since 1970.
    pub fn advance(&mut self, mono_ms: u64, unix_ms: u64) {
        self.now.advance(mono_ms, unix_ms);
        self.conns.now_ms = mono_ms;
    }

    /// Takes new limits and the greeting that names them.
    pub fn reload(&mut self, config: &Config) {
        // Never less: what connections kept of lines under the old limits still has to fit.
        self.front = self.front.max(kept_bytes(&config.limits));
        self.scratch
            .resize(self.front + config.limits.read_budget_bytes, 0);
        self.router.reload(Policy::new(config));
        self.conns.limits = config.limits.clone();
        self.handshake_timeout_ms = config.tls.handshake_timeout_ms;
        for id in self.conns.ids().collect::<Vec<_>>() {
            self.conns.arm(id.key);
        }
    }

    /// Whether a connection may come in; makes room for it where that is possible.
    pub fn judge(&mut self, peer: &Peer) -> Result<(), Refused> {
        match self
            .admit
            .judge(peer, &self.conns.limits, self.conns.now_ms)
        {
            Verdict::Admit => Ok(()),
            Verdict::Refuse(why) => Err(why),
            Verdict::Evict(key) => {
                if let Some(id) = self.conns.id(key) {
                    self.conns.tally.evicted_for_places += 1;
                    self.admit.settled(id.serial);
                    self.conns.evict(id, Goodbye::RegistrationTimeout);
                }
                Ok(())
            }
        }
    }

    /// A connection that was admitted.
    pub fn connect(&mut self, stream: S, peer: Peer) -> ConnId {
        let id = self.conns.insert(stream, peer);
        self.admit
            .connected(id.key, id.serial, &peer, self.now.mono_ms);
        self.say(format_args!("conn {} from {peer}: connected", id.serial));
        let connected = Input::Connected(channel(&peer));
        self.router.input(id, connected, &mut self.conns, &self.now);
        if peer.is_encrypted() {
            // `hello` waits for the end of the handshake. As something waits, a socket that takes bytes again is written
            // to, and with that what the handshake has left to say.
            self.conns.fit_output(id.key);
        }
        id
    }

    /// Bytes, or the end of them, may be there. `more`: an event said that a short read is not the end of it.
    /// A panic ends this connection only.
    pub fn readable(&mut self, key: u32, more: bool) {
        let Some(id) = self.conns.id(key) else { return };
        if catch_unwind(AssertUnwindSafe(|| self.pump(id, more))).is_err() {
            self.recover(id);
        }
        self.conns.flush_ahead();
    }

    /// The socket takes bytes again.
    pub fn writable(&mut self, key: u32) {
        self.conns.writable(key);
    }

    /// Reads from those that had more than their share in the turn before.
    pub fn resume(&mut self) {
        let ready = self.conns.take_ready();
        for id in &ready {
            if self.conns.get(*id).is_some() {
                self.readable(id.key, true);
            }
        }
        self.conns.give_ready(ready);
    }

    /// Does what has become due. Returns when something is due next, in monotonic ms; 0: at once.
    pub fn tick(&mut self) -> u64 {
        while let Some((id, expiry)) = self.conns.expire() {
            if let Some(expiry) = expiry {
                self.expired(id, expiry);
            }
            self.conns.arm(id.key);
            self.conns.flush_ahead();
        }
        while let Some(id) = self
            .admit
            .overdue(&self.conns.limits, self.now.mono_ms)
            .and_then(|key| self.conns.id(key))
        {
            self.admit.settled(id.serial);
            self.conns
                .close(id, Goodbye::RegistrationTimeout, None, None);
            self.conns.flush_ahead();
        }
        let handshake_ms = self.handshake_timeout_ms;
        while let Some((serial, key)) = self.admit.overdue_handshake(handshake_ms, self.now.mono_ms)
        {
            self.admit.shook_hands(serial);
            self.conns.cut(key, CloseReason::Handshake);
        }
        let router = self.router.tick(&mut self.conns, &self.now);
        self.settle();
        match self.log.recovered(self.now.mono_ms) {
            0 => {}
            suppressed => info!("{}", summary(suppressed)),
        }
        if self.conns.has_work() {
            return 0;
        }
        router
            .min(self.conns.timers.next())
            .min(self.admit.next_deadline(&self.conns.limits))
            .min(self.admit.next_handshake_deadline(handshake_ms))
    }

    /// One write to each connection that has something to be written.
    pub fn flush(&mut self) {
        self.settle();
        self.conns.flush();
        self.settle();
    }

    /// Frees what has ended.
    pub fn reap(&mut self) {
        let Engine {
            conns, admit, now, ..
        } = self;
        conns.reap(|serial, peer| admit.gone(serial, peer, now.mono_ms));
    }

    /// Says goodbye to everybody. Clients are asked to come back spread over five seconds.
    pub fn drain(&mut self) {
        self.conns.limits.linger_ms = self.conns.limits.linger_ms.min(DRAIN_LINGER_MS);
        for id in self.conns.ids().collect::<Vec<_>>() {
            let after_ms = 500 + (id.serial.wrapping_mul(0x9e37_79b9) % 4_500) as u32;
            if self.admit.is_handshaking(id.serial) {
                // It cannot be told anything.
                self.conns
                    .cut(id.key, CloseReason::Cut(Goodbye::ServerClosing));
                continue;
            }
            self.conns
                .close(id, Goodbye::ServerClosing, None, Some(after_ms));
            self.conns.flush_ahead();
        }
        self.settle();
    }

    /// Whether the daemon must end because its own state is not to be trusted.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether everything that is known of `id` agrees with itself.
    pub fn is_sound(&self, id: ConnId) -> bool {
        self.conns.is_sound(id) && self.router.is_sound(id)
    }

    /// Connections, those that are ending included, and registered names.
    pub fn population(&self) -> (usize, usize) {
        (self.conns.len(), self.router.len())
    }

    /// Says in the log what a peer caused; how often is bounded.
    pub fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let Some(suppressed) = self.log.admit(self.conns.now_ms) else {
            self.conns.tally.lines_suppressed += 1;
            return;
        };
        if suppressed > 0 {
            info!("{}", summary(suppressed));
        }
        info!("{line}");
    }

    fn expired(&mut self, id: ConnId, expiry: Expiry) {
        match expiry {
            Expiry::Close(code) => self.conns.close(id, code, None, None),
            Expiry::Cut => self.conns.cut(id.key, CloseReason::Lost),
            Expiry::Resume => self.conns.mark_ready(id.key),
            Expiry::Ping => self.conns.send(
                id,
                &Frame::Ping {
                    time: self.now.stamp,
                },
            ),
        }
    }

    /// Tells everybody concerned of connections that have registered, have room again or have ended.
    fn settle(&mut self) {
        while let Some(id) = self.conns.next_registered() {
            self.admit.settled(id.serial);
            let name = self.router.name(id).unwrap_or_default().to_owned();
            self.say(format_args!("conn {}: registered as {name}", id.serial));
        }
        while let Some((id, reason)) = self.conns.next_doomed() {
            self.conns.tally.closed(reason);
            self.admit.settled(id.serial);
            let name = self
                .router
                .name(id)
                .map(|name| format!(" ({name})"))
                .unwrap_or_default();
            self.say(format_args!(
                "conn {}{name}: ended, {}",
                id.serial,
                reason.as_str()
            ));
            self.router
                .input(id, Input::Gone, &mut self.conns, &self.now);
        }
        while let Some((id, arrived)) = self.conns.next_ended() {
            let ended = Input::Ended(arrived);
            self.router.input(id, ended, &mut self.conns, &self.now);
        }
        while let Some(id) = self.conns.next_roomy() {
            self.router
                .input(id, Input::Room, &mut self.conns, &self.now);
        }
        // Who has room again may be found to be lost.
        if self.conns.has_ended() {
            self.settle();
        }
    }

    /// After a panic: ends the connection that caused it, and looks whether anything else was hurt.
    fn recover(&mut self, id: ConnId) {
        self.conns.tally.panics += 1;
        self.conns.close(id, Goodbye::InternalError, None, None);
        let sound = self.is_sound(id);
        self.settle();
        if !sound {
            error!("a panic left broken state behind: the daemon ends");
            self.broken = true;
        }
    }
}

/// How long, when the daemon ends, a client's own end is awaited after its goodbye was written.
const DRAIN_LINGER_MS: u64 = 100;

/// What one connection keeps at most: an unfinished line or, while it is held back, that and one turn's share.
fn kept_bytes(limits: &Limits) -> usize {
    limits.max_line_bytes + limits.read_budget_bytes + 1_024
}

fn channel(peer: &Peer) -> Channel {
    match peer.is_encrypted() {
        true => Channel::Tls,
        false if peer.is_local() => Channel::Local,
        false => Channel::Plain,
    }
}
