//! What the store's thread does besides jobs: taking away what time has come for, and emptying the write-ahead log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::error;

use super::super::{Answer, Asker, Done};
use super::{Bench, lock};
use crate::mailbox::post::Post;
use crate::mailbox::sweep::Sweep;
use crate::store::Failed;
use crate::time::Now;

impl Bench {
    /// How long the thread may wait for jobs.
    pub(super) fn wait_ms(&self) -> u64 {
        self.sweep.wait_ms(&self.now())
    }

    /// A slice, if it is time for one. `is_idle`: no jobs were there.
    pub(super) fn sweep(&mut self, is_idle: bool) -> Option<Done> {
        let now = self.now();
        let wait = match is_idle {
            true => self.sweep.wait_ms(&now),
            false => self.sweep.wait_when_busy_ms(&now),
        };
        if wait > 0 {
            return None;
        }
        let mut sweep = self.sweep.clone();
        let told = self.slice(&mut sweep, &now);
        match &told {
            Ok(_) => self.sweep = sweep,
            Err(failed) => {
                error!("store of accounts: nothing was taken away: {failed}");
                self.sweep.rests(&now);
            }
        }
        if self.sweep.takes_forgetting(&now) {
            self.forget();
        }
        told.ok().filter(|done| !done.entries.is_empty())
    }

    /// What jobs have taken away or brought. Before their answers are given: an account's traces are gone by then,
    /// unless it has much.
    pub(super) fn after_jobs(&mut self, now: &Now) {
        let traces = self.clerk.take_traces();
        for rest in traces.rests {
            self.sweep.leaves(rest);
        }
        if traces.of_texts {
            self.sweep.forgets(now);
        }
        if traces.of_account {
            self.forget();
        }
    }

    fn slice(&mut self, sweep: &mut Sweep, now: &Now) -> Result<Done, Failed> {
        let settings = lock(&self.settings).clone();
        self.store.batch(|tables| {
            tables.apart(|| {
                let mut post = Post::new(tables, &settings.mailbox, now);
                let guarded = catch_unwind(AssertUnwindSafe(|| sweep.slice(&mut post)));
                guarded.unwrap_or_else(|_| Err(Failed::damaged("a sweep panicked")))?;
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

    fn forget(&mut self) {
        if let Err(failed) = self.store.forget_the_past() {
            error!("store of accounts: traces of what was removed may be left: {failed}");
        }
    }
}
