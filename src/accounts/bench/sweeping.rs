//! What is done besides jobs: taking away what time has come for, and emptying the write-ahead log.

use log::error;

use super::super::{Answer, Asker, Done};
use super::{Bench, guarded};
use crate::mailbox::post::Post;
use crate::mailbox::sweep::Sweep;
use crate::store::Failed;
use crate::time::Now;
use crate::wire::code::Verb;

impl Bench {
    /// Milliseconds until [`Bench::sweep`] has something to do.
    pub fn wait_ms(&self, now: &Now) -> u64 {
        match self.failed {
            Some(_) => REST_MS,
            None => self.sweep.wait_ms(now),
        }
    }

    /// A slice, if it is time for one. `is_idle`: no jobs were there.
    pub fn sweep(&mut self, now: &Now, is_idle: bool) -> Option<Done> {
        let wait = match is_idle {
            true => self.wait_ms(now),
            false => self.sweep.wait_when_busy_ms(now),
        };
        if wait > 0 || self.failed.is_some() {
            return None;
        }
        let mut sweep = self.sweep.clone();
        let swept = self.slice(&mut sweep, now);
        match &swept {
            Ok(_) => self.sweep = sweep,
            Err(failed) => {
                self.note(failed);
                self.sweep.rests(now);
            }
        }
        if self.sweep.takes_forgetting(now) {
            self.forget();
        }
        swept.ok().filter(|done| !done.entries.is_empty())
    }

    /// What jobs have taken away. Before their answers are given: an account's traces are gone by then, unless it had
    /// much.
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
        let config = &self.settings.mailbox;
        self.store.batch(|tables| {
            tables.apart(|| {
                let mut post = Post::new(tables, config, now);
                guarded(|| sweep.slice(&mut post))?;
                Ok(Done {
                    asker: Asker::Nobody,
                    // Which counts as nobody's job.
                    answer: Answer::Mail {
                        reply: None,
                        verb: Verb::DeleteMessage,
                        answer: Box::new(crate::mailbox::Answer::Ok),
                    },
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
            error!("store: traces of what was taken away may be left: {failed}");
            self.note(&failed);
        }
    }
}

/// Between looks when nothing is written any more.
const REST_MS: u64 = 60_000;
