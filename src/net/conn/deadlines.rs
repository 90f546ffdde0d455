//! What one connection waits for, and until when. Knows no other connection and no clock.

use crate::config::Limits;
use crate::net::conn::{Conn, Phase, Transport};
use crate::net::timers::NEVER;
use crate::wire::code::Goodbye;

/// What a deadline that has come asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Close(Goodbye),
    /// No time is left to say anything.
    Cut,
    Resume,
    Ping,
}

impl<S: Transport> Conn<S> {
    /// When something is due next; [`NEVER`]: this connection waits for its peer alone.
    pub fn deadline(&self, limits: &Limits) -> u64 {
        let stalled = self
            .stalled_since_ms
            .saturating_add(limits.stall_timeout_ms);
        let until = self.rare.as_ref().map_or(NEVER, |rare| rare.until_ms);
        match self.phase {
            Phase::Dead => NEVER,
            Phase::Lingering => until,
            Phase::Flushing => until.min(stalled),
            Phase::Open => {
                let line = self.line_since_ms.saturating_add(limits.line_timeout_ms);
                stalled
                    .min(line)
                    .min(self.resume_deadline(limits))
                    .min(self.heartbeat_deadline())
            }
        }
    }

    /// When a connection that went too fast is read again. While its output is over the bound the flush resumes it,
    /// not the clock; an answer resumes who waits for one, and who is about to be read anyway waits for nothing.
    fn resume_deadline(&self, limits: &Limits) -> u64 {
        let waits_for_flush = self.backlog() > self.output_bound(limits) / 2;
        let waits_for_another = self.pending || self.ready || waits_for_flush;
        if self.held && self.limited && !waits_for_another {
            self.pace.open_at_ms(limits)
        } else {
            NEVER
        }
    }

    /// What is due at `now_ms`.
    pub fn expire(&mut self, limits: &Limits, now_ms: u64) -> Option<Expiry> {
        if self.deadline(limits) > now_ms {
            return None;
        }
        if self.phase != Phase::Open {
            return Some(Expiry::Cut);
        }
        if self
            .stalled_since_ms
            .saturating_add(limits.stall_timeout_ms)
            <= now_ms
        {
            return Some(Expiry::Close(Goodbye::SlowConsumer));
        }
        if self.line_since_ms.saturating_add(limits.line_timeout_ms) <= now_ms {
            return Some(Expiry::Close(Goodbye::LineTimeout));
        }
        if self.heartbeat_deadline() > now_ms {
            return Some(Expiry::Resume);
        }
        match self.rare.as_mut().and_then(|rare| rare.heartbeat.as_mut()) {
            Some(heartbeat) if !heartbeat.pinged => {
                heartbeat.pinged = true;
                Some(Expiry::Ping)
            }
            _ => Some(Expiry::Close(Goodbye::Heartbeat)),
        }
    }

    fn heartbeat_deadline(&self) -> u64 {
        match self.rare.as_ref().and_then(|rare| rare.heartbeat) {
            Some(beat) if !self.held => beat
                .heard_ms
                .saturating_add(u64::from(beat.every_ms) * if beat.pinged { 2 } else { 1 }),
            _ => NEVER,
        }
    }
}
