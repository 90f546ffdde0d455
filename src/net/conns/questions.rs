//! Questions that only others can answer, and who waits for them. Knows neither what is asked nor who answers.

use crate::accounts::{Asker, Job, Origin};
use crate::id::ConnId;
use crate::net::conn::Transport;
use crate::net::conns::Conns;

/// Questions of one turn: more than any desk takes at once.
const MAX_JOBS: usize = 1_024;

impl<S: Transport> Conns<S> {
    /// Puts a question; its connection's next line waits for the answer. False: no room.
    pub fn ask(&mut self, job: Job) -> bool {
        if self.jobs.len() >= MAX_JOBS {
            return false;
        }
        if let Asker::Conn(id) = job.asker
            && let Some(conn) = self.get_mut(id)
        {
            conn.pending = true;
        }
        self.jobs.push(job);
        true
    }

    /// What was asked since the last call.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// The answer has come: the connection goes on in the next turn. Whether it is still there to be told.
    pub fn answered(&mut self, id: ConnId) -> bool {
        let Some(conn) = self.get_mut(id) else {
            return false;
        };
        let waited = std::mem::take(&mut conn.pending);
        let is_open = conn.is_open();
        if waited && is_open {
            self.mark_ready(id.key);
        }
        is_open
    }

    /// Where `id` comes from, for the throttle.
    pub fn origin(&self, id: ConnId) -> Origin {
        self.get(id)
            .map_or(Origin::Local, |conn| conn.peer.origin())
    }
}
