//! Questions out, answers in: what connections wait for while others work on it. Knows no desk and no rule.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::error;

use crate::accounts::{Ask, Asker, Done, Job};
use crate::engine::Engine;
use crate::mailbox;
use crate::net::conn::Transport;
use crate::planted;
use crate::wire::code::Evidence;

impl<S: Transport> Engine<S> {
    /// What was asked since the last call; each of it is to be answered by [`Engine::done`].
    pub fn take_jobs(&mut self) -> Vec<Job> {
        self.router.put_acks(&mut self.conns);
        self.conns.take_jobs()
    }

    /// Whether nobody would be told that there is no room for the question, so that it has to be put again: what has
    /// arrived, and how far a session that is over had come.
    pub fn outlives_asker(&self, job: &Job) -> bool {
        let Ask::Mail(mail) = &job.ask else {
            return false;
        };
        match (&mail.ask, job.asker) {
            (mailbox::Ask::Left { .. }, _) => true,
            (mailbox::Ask::Ack { by, .. }, Asker::Conn(id)) => {
                *by == Evidence::Transport || self.router.name(id).is_none()
            }
            _ => false,
        }
    }

    /// An answer has come, for whomever: the connection that asked learns of it, and whom else it concerns.
    /// The answer itself, if it is for the admin socket, is the caller's to deliver.
    pub fn done(&mut self, done: &Done) {
        let by_slot = planted::is(planted::Fault::AnswerBySlot).then(|| self.by_slot(done));
        let done = by_slot.as_ref().unwrap_or(done);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.router.done(done, &mut self.conns, &self.now);
        }));
        match (outcome, done.asker) {
            (Ok(()), _) => self.settle(),
            (Err(_), Asker::Conn(id)) if done.entries.is_empty() && done.regards.is_empty() => {
                self.recover(id);
            }
            (Err(_), Asker::Conn(_)) => {
                error!("a panic in an answer that others wait for too: the daemon ends");
                self.broken = true;
            }
            (Err(_), Asker::Admin(_) | Asker::Nobody) => {
                error!("a panic in an answer that no connection asked for: the daemon ends");
                self.broken = true;
            }
        }
        self.conns.flush_ahead();
    }

    /// The same answer for whoever has the slot now.
    #[cold]
    fn by_slot(&self, done: &Done) -> Done {
        let mut done = done.clone();
        if let Asker::Conn(id) = done.asker {
            done.asker = Asker::Conn(self.conns.id(id.key).unwrap_or(id));
        }
        done
    }
}
