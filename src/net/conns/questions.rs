//! Questions that only others can answer, and who waits for them. Knows neither what is asked nor who answers.

use crate::accounts::{Asker, Job, Origin};
use crate::id::ConnId;
use crate::net::conn::{Conn, Transport};
use crate::net::conns::Conns;

/// Questions of one turn, and bytes of messages in them: more than any desk takes at once.
const MAX_JOBS: usize = 65_536;
const MAX_JOB_BYTES: usize = 64 * 1024 * 1024;

impl<S: Transport> Conns<S> {
    /// Puts a question; its connection's next line waits for the answer. False: no room.
    pub fn ask(&mut self, job: Job) -> bool {
        if self.jobs.len() >= MAX_JOBS {
            return false;
        }
        if let Asker::Conn(id) = job.asker
            && let Some(conn) = self.get_mut(id)
        {
            conn.asked();
        }
        self.jobs.push(job);
        true
    }

    /// Puts a question with `bytes` of a message in it, for which its connection waits only when it has put too many.
    /// False: no room.
    pub fn post(&mut self, job: Job, bytes: usize) -> bool {
        if self.jobs.len() >= MAX_JOBS || self.job_bytes > MAX_JOB_BYTES {
            return false;
        }
        let max = self.limits.max_pending_commands;
        if let Asker::Conn(id) = job.asker
            && let Some(conn) = self.get_mut(id)
        {
            conn.posted(max);
        }
        self.job_bytes = self.job_bytes.saturating_add(bytes);
        self.jobs.push(job);
        true
    }

    /// Puts what has no answer that anybody waits for. There is always room: the caller bounds how often.
    pub fn tell(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// What was asked since the last call.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        self.job_bytes = 0;
        std::mem::take(&mut self.jobs)
    }

    /// The answer has come: the connection goes on in the next turn. Whether it is still there to be told.
    pub fn answered(&mut self, id: ConnId) -> bool {
        self.goes_on(id, Conn::ask_answered)
    }

    /// The same of one that was posted.
    pub fn post_answered(&mut self, id: ConnId) -> bool {
        self.goes_on(id, Conn::post_answered)
    }

    /// No line of the connection is handled any more: it is about to end.
    pub fn end_lines(&mut self, id: ConnId) {
        if let Some(conn) = self.get_mut(id) {
            conn.end_lines();
        }
    }

    /// Answers that `id` awaits.
    pub fn awaited(&self, id: ConnId) -> u32 {
        self.get(id).map_or(0, Conn::awaited)
    }

    fn goes_on(&mut self, id: ConnId, answered: impl FnOnce(&mut Conn<S>, u32) -> bool) -> bool {
        let max = self.limits.max_pending_commands;
        let Some(conn) = self.get_mut(id) else {
            return false;
        };
        let may_go_on = answered(conn, max);
        let is_open = conn.is_open();
        if may_go_on && is_open {
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
