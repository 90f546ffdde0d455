//! What is counted of the relay, for whoever watches it. Knows no figures' names.

use crate::engine::Engine;
use crate::net::conn::Transport;
use crate::ops::metrics::Traffic;

impl<S: Transport> Engine<S> {
    /// Messages taken for their recipients so far.
    pub fn messages(&self) -> u64 {
        self.router.messages()
    }

    pub fn traffic(&self) -> Traffic {
        let (connections, names) = self.population();
        let tally = &self.conns.tally;
        Traffic {
            connections: connections as u64,
            max_connections: self.admit.capacity() as u64,
            registered: self.registered() as u64,
            names: names as u64,
            accepted: self.conns.accepted(),
            refused: tally.refused_by_reason(),
            evicted: vec![
                ("queues", tally.evicted_for_queues),
                ("places", tally.evicted_for_places),
            ],
            closed: tally.closed_by_reason(),
            messages: self.messages(),
            errors: tally.errors_by_code(),
            received_bytes: tally.received_bytes,
            sent_bytes: tally.sent_bytes,
            queue_bytes: self.conns.queue_bytes() as u64,
            max_queue_bytes: self.conns.limits.total_queue_bytes as u64,
            lines_suppressed: tally.lines_suppressed,
            panics: tally.panics,
        }
    }
}
