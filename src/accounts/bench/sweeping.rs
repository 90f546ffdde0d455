//! What is done besides jobs: taking away what time has come for, and emptying the write-ahead log.

use log::error;

use super::super::{Answer, Asker, Done};
use super::Bench;
use super::outcome::guarded;
use crate::mailbox::post::Post;
use crate::mailbox::sweep::Sweep;
use crate::store::{Failed, Tables};
use crate::time::Now;

impl Bench {
    /// How long the next [`Bench::sweep`] may wait for jobs to come.
    pub fn wait_ms(&self, now: &Now) -> u64 {
        match self.failed {
            Some(_) => NEVER_MS,
            None => self.sweep.wait_ms(now),
        }
    }

    /// A slice, if it is time for one. `is_idle`: no jobs were there.
    pub fn sweep(&mut self, is_idle: bool, now: &Now) -> Option<Done> {
        let wait = match is_idle {
            true => self.sweep.wait_ms(now),
            false => self.sweep.wait_when_busy_ms(now),
        };
        if wait > 0 || self.failed.is_some() {
            return None;
        }
        let mut sweep = self.sweep.clone();
        let told = self.slice(&mut sweep, now);
        match &told {
            Ok(_) => self.sweep = sweep,
            Err(failed) => {
                self.note(failed);
                self.sweep.rests(now);
            }
        }
        if self.sweep.takes_forgetting(now) {
            self.forget(now);
        }
        told.ok()
            .filter(|done| !done.entries.is_empty() || !done.regards.is_empty())
    }

    /// What jobs have taken away or brought. Before their answers are given: an account's traces are gone by then,
    /// unless it has much.
    pub(super) fn after_jobs(&mut self, now: &Now) {
        self.sweep.makes_way(now);
        let traces = self.clerk.take_traces();
        for rest in traces.rests {
            self.sweep.leaves(rest);
        }
        if traces.of_texts {
            self.sweep.forgets(now);
        }
        if traces.of_account {
            self.forget(now);
        }
    }

    fn slice(&mut self, sweep: &mut Sweep, now: &Now) -> Result<Done, Failed> {
        let settings = self.settings.clone();
        self.store.batch(|tables| {
            tables.apart(|| {
                let mut post = Post::new(tables, &settings.mailbox, now);
                guarded(|| sweep.slice(&mut post))?;
                Ok(Done {
                    asker: Asker::Nobody,
                    answer: Answer::Ok,
                    ends: None,
                    notice: None,
                    entries: post.entries,
                    regards: post.regards,
                })
            })
        })?
    }

    fn forget(&mut self, now: &Now) {
        if let Err(failed) = self.store.forget_the_past() {
            error!("store: traces of what was removed may be left: {failed}");
            self.note(&failed);
            self.sweep.forgets(now);
        }
    }
}

/// What came may expire sooner than all the rest.
pub(super) fn look(sweep: &mut Sweep, tables: &Tables<'_>) {
    if let Err(failed) = sweep.look(tables) {
        error!("store: {failed}");
    }
}

/// A day.
const NEVER_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests;
