//! The connection table: slots, who must be written to, who is ending. The only way to send.
//! Knows neither the poller nor the rules.

mod followed;
mod input;
mod output;
mod questions;

use slab::Slab;

use crate::accounts::Job;
use crate::config::Limits;
use crate::id::ConnId;
use crate::net::admit::Peer;
use crate::net::conn::{CloseReason, Conn, Expiry, Phase, Transport};
use crate::net::pool::Pool;
use crate::net::tally::Tally;
use crate::net::timers::{NEVER, Timers};
use crate::planted;
use crate::wire::code::Goodbye;
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

pub use crate::net::conn::Arrived;

/// What became of a frame that is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Fits,
    /// Too much is waiting for it, or for all connections together.
    Busy,
    Gone,
}

/// For so many connections room is reserved at most: a table that grows copies what it holds, and the loop waits.
pub const MAX_RESERVED: usize = 1 << 20;

pub struct Conns<S> {
    slots: Slab<Conn<S>>,
    last_serial: u64,
    pub timers: Timers,
    /// To be written to at the end of the turn.
    dirty: Vec<u32>,
    /// To be read from in the next turn without waiting for an event.
    ready: Vec<ConnId>,
    /// Empty, for the next turn's list.
    spare_ready: Vec<ConnId>,
    /// Just registered: nobody but the router knows.
    registered: Vec<ConnId>,
    /// Just ended: the router is not told yet.
    doomed: Vec<(ConnId, CloseReason)>,
    /// Their slots are free at the end of the turn.
    dead: Vec<u32>,
    /// Questions that connections wait for, not taken away yet, and bytes of messages in them.
    jobs: Vec<Job>,
    job_bytes: usize,
    /// Those with room again for what they are sent, and those that are no more: the router is not told yet.
    roomy: Vec<ConnId>,
    ended: Vec<(ConnId, Arrived)>,
    pub pool: Pool,
    /// Capacity of all output buffers in use, in bytes.
    queue_bytes: usize,
    /// Queued since the last flush, in bytes.
    unflushed_bytes: usize,
    pub limits: Limits,
    pub tally: Tally,
    /// Where TLS is spoken, for those who speak it elsewhere: `, or to port 7749`.
    pub tls_elsewhere: Option<Box<str>>,
    /// The monotonic clock at the start of the turn.
    pub now_ms: u64,
}

impl<S: Transport> Conns<S> {
    /// `capacity`: connections at once, for which room is reserved; what is not used of it takes no memory.
    pub fn new(limits: Limits, capacity: usize) -> Self {
        Conns {
            slots: Slab::with_capacity(capacity.min(MAX_RESERVED)),
            last_serial: 0,
            timers: Timers::default(),
            dirty: Vec::new(),
            ready: Vec::new(),
            spare_ready: Vec::new(),
            registered: Vec::new(),
            doomed: Vec::new(),
            dead: Vec::new(),
            jobs: Vec::new(),
            job_bytes: 0,
            roomy: Vec::new(),
            ended: Vec::new(),
            pool: Pool::default(),
            queue_bytes: 0,
            unflushed_bytes: 0,
            limits,
            tally: Tally::default(),
            tls_elsewhere: None,
            now_ms: 0,
        }
    }

    pub fn insert(&mut self, stream: S, peer: Peer) -> ConnId {
        self.last_serial += 1;
        let limited = !peer.is_local() || self.limits.limit_local_peers;
        let mut conn = Conn::new(stream, self.last_serial, peer, limited);
        conn.connected_s = u32::try_from(self.now_ms / 1_000).unwrap_or(u32::MAX);
        let key = self.slots.insert(conn) as u32;
        ConnId {
            key,
            serial: self.last_serial,
        }
    }

    /// Queues a frame. To a connection that is ending, nothing is sent any more.
    #[inline]
    pub fn send(&mut self, to: ConnId, frame: &Frame<'_>) {
        match self.slots.get_mut(to.key as usize) {
            Some(conn) if conn.serial == to.serial && conn.phase == Phase::Open => {}
            _ => return,
        }
        if let Frame::Error(error) = frame {
            self.tally.error(error.code);
        }
        if self.append(to.key, |out| frame.write(out)) > self.limits.queue_hard_bytes {
            self.cut(to.key, CloseReason::Cut(Goodbye::SlowConsumer));
        }
    }

    /// Bytes that are no frame: telnet's answers.
    pub fn send_bytes(&mut self, key: u32, bytes: &[u8]) {
        if self
            .slots
            .get(key as usize)
            .is_some_and(|conn| conn.is_open())
        {
            self.append(key, |out| out.extend_from_slice(bytes));
        }
    }

    /// Whether a frame that is no reply would be queued now.
    #[inline]
    pub fn room(&mut self, to: ConnId) -> Load {
        let full = self.queue_bytes > self.limits.total_queue_bytes;
        match self.slots.get_mut(to.key as usize) {
            Some(conn) if conn.serial == to.serial && conn.phase == Phase::Open => {
                conn.busy |= conn.backlog() > self.limits.queue_soft_bytes
                    && !planted::is(planted::Fault::NeverBusy);
                if conn.busy || full {
                    Load::Busy
                } else {
                    Load::Fits
                }
            }
            _ => Load::Gone,
        }
    }

    /// Queues a frame that is no reply, if there is room for it.
    #[inline]
    pub fn offer(&mut self, to: ConnId, frame: &Frame<'_>) -> Load {
        let load = self.room(to);
        if load == Load::Fits {
            self.append(to.key, |out| frame.write(out));
        }
        load
    }

    /// Says goodbye as the last line and ends the connection once that is written. `reply`: the `id` it answers.
    pub fn close(
        &mut self,
        id: ConnId,
        code: Goodbye,
        reply: Option<Raw<'_>>,
        after_ms: Option<u32>,
    ) {
        if !self.get(id).is_some_and(|conn| conn.is_open()) {
            return;
        }
        let elsewhere = self.tls_elsewhere.take();
        let instead = elsewhere
            .as_deref()
            .filter(|_| code == Goodbye::TlsOnPlainPort);
        self.append(id.key, |out| {
            Frame::Goodbye {
                id: reply,
                code,
                after_ms,
                instead,
            }
            .write(out)
        });
        self.tls_elsewhere = elsewhere;
        let (linger_ms, now_ms) = (self.limits.linger_ms, self.now_ms);
        let Some(conn) = self.slots.get_mut(id.key as usize) else {
            return;
        };
        let until_ms = if code == Goodbye::SlowConsumer {
            now_ms + linger_ms
        } else {
            NEVER
        };
        conn.begin_flush(until_ms);
        self.doomed.push((id, CloseReason::Said(code)));
        self.arm(id.key);
    }

    /// Says goodbye and ends the connection with this turn: its place is needed.
    pub fn evict(&mut self, id: ConnId, code: Goodbye) {
        self.close(id, code, None, None);
        let now_ms = self.now_ms;
        if let Some(conn) = self.get_mut(id).filter(|conn| !conn.is_open()) {
            conn.hurry(now_ms);
            self.arm(id.key);
        }
    }

    /// Ends the connection now, without a word.
    pub fn cut(&mut self, key: u32, reason: CloseReason) {
        let Some(conn) = self.slots.get_mut(key as usize) else {
            return;
        };
        let was = std::mem::replace(&mut conn.phase, Phase::Dead);
        conn.forget_input();
        let serial = conn.serial;
        if was == Phase::Open {
            self.doomed.push((ConnId { key, serial }, reason));
        }
        if was != Phase::Dead {
            self.dead.push(key);
            self.note_end(key);
        }
    }

    /// The next connection that has ended and that the router does not know of yet.
    pub fn next_doomed(&mut self) -> Option<(ConnId, CloseReason)> {
        self.doomed.pop()
    }

    pub fn mark_registered(&mut self, id: ConnId) {
        self.registered.push(id);
        self.arm(id.key);
    }

    /// The next connection that has become a session.
    pub fn next_registered(&mut self) -> Option<ConnId> {
        self.registered.pop()
    }

    /// The socket takes bytes again.
    pub fn writable(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize)
            && std::mem::take(&mut conn.blocked)
            && !std::mem::replace(&mut conn.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Reads from `key` in the next turn even if no event comes.
    pub fn mark_ready(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize)
            && !std::mem::replace(&mut conn.ready, true)
        {
            self.ready.push(ConnId {
                key,
                serial: conn.serial,
            });
        }
    }

    /// Takes the list of those to read from; [`Conns::mark_ready`] fills another meanwhile. Goes back to
    /// [`Conns::give_ready`].
    pub fn take_ready(&mut self) -> Vec<ConnId> {
        let spare = std::mem::take(&mut self.spare_ready);
        let ready = std::mem::replace(&mut self.ready, spare);
        for id in &ready {
            if let Some(conn) = self.get_mut(*id) {
                conn.ready = false;
            }
        }
        ready
    }

    /// Keeps the list's memory for the next turn.
    pub fn give_ready(&mut self, mut ready: Vec<ConnId>) {
        ready.clear();
        self.spare_ready = ready;
    }

    /// Whether the turn has something left to read, to write, to ask or to bury without waiting for an event.
    pub fn has_work(&self) -> bool {
        let lists = self.ready.is_empty() && self.dirty.is_empty() && self.dead.is_empty();
        !(lists && self.jobs.is_empty())
    }

    /// Frees the slots of the dead; `buried` learns of each.
    pub fn reap(&mut self, mut buried: impl FnMut(u64, &Peer)) {
        while let Some(key) = self.dead.pop() {
            let Some(mut conn) = self.slots.try_remove(key as usize) else {
                continue;
            };
            self.timers.disarm(key, &mut conn.armed_ms);
            self.queue_bytes -= conn.out.capacity();
            buried(conn.serial, &conn.peer);
        }
    }

    /// The first connection whose deadline has come, and what that asks for. Whoever did it arms the next one.
    pub fn expire(&mut self) -> Option<(ConnId, Option<Expiry>)> {
        let key = self.timers.expired(self.now_ms)?;
        let conn = self.slots.get_mut(key as usize)?;
        self.timers.disarm(key, &mut conn.armed_ms);
        let expiry = conn.expire(&self.limits, self.now_ms);
        let id = ConnId {
            key,
            serial: conn.serial,
        };
        Some((id, expiry))
    }

    /// Makes sure that the connection's next deadline is not missed.
    pub fn arm(&mut self, key: u32) {
        if let Some(conn) = self.slots.get_mut(key as usize) {
            let at = conn.deadline(&self.limits);
            self.timers.arm(key, &mut conn.armed_ms, at);
        }
    }

    pub fn get(&self, id: ConnId) -> Option<&Conn<S>> {
        self.slots
            .get(id.key as usize)
            .filter(|conn| conn.serial == id.serial)
    }

    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn<S>> {
        self.slots
            .get_mut(id.key as usize)
            .filter(|conn| conn.serial == id.serial)
    }

    /// Who has the slot now.
    pub fn id(&self, key: u32) -> Option<ConnId> {
        self.slots.get(key as usize).map(|conn| ConnId {
            key,
            serial: conn.serial,
        })
    }

    pub fn stream_mut(&mut self, id: ConnId) -> Option<&mut S> {
        self.get_mut(id).map(|conn| &mut conn.stream)
    }

    pub fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.slots.iter().map(|(key, conn)| ConnId {
            key: key as u32,
            serial: conn.serial,
        })
    }

    /// No slot from here on is in use.
    pub fn end_of_slots(&self) -> usize {
        self.slots.capacity()
    }

    /// Slots in use, those of ending connections included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Connections so far.
    pub fn accepted(&self) -> u64 {
        self.last_serial
    }

    /// Capacity of all output buffers in use, in bytes.
    pub fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    /// Whether what the table knows of `id` agrees with itself.
    pub fn is_sound(&self, id: ConnId) -> bool {
        self.get(id).is_none_or(|conn| {
            conn.sent as usize <= conn.out.len()
                && self.queue_bytes >= conn.out.capacity()
                && (!conn.dirty || self.dirty.contains(&id.key))
                && (conn.phase != Phase::Dead || self.dead.contains(&id.key))
        })
    }
}
