//! How much waits between the loop and the store thread, on either way, and whether the store has failed for good.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::gauges::Gauges;
use crate::config::MailboxConfig;
use crate::ops::exit::Exit;

/// Bytes of answers that were not fetched, but for those of the last commit; until some are, nothing more is done.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub struct Load {
    pub gauges: Gauges,
    /// Of mailboxes only.
    jobs: AtomicUsize,
    job_bytes: AtomicUsize,
    answer_bytes: Mutex<usize>,
    fetched: Condvar,
    stopping: AtomicBool,
    /// An exit code; 0: it has not.
    failed: AtomicU8,
}

impl Load {
    /// Whether there is room for the job, which then counts.
    pub fn add_job(&self, bytes: usize, config: &MailboxConfig) -> bool {
        let most = usize::try_from(config.max_jobs).unwrap_or(usize::MAX);
        let most_bytes = usize::try_from(config.max_job_bytes).unwrap_or(usize::MAX);
        let waiting = self.job_bytes.load(Ordering::Relaxed);
        if self.jobs.load(Ordering::Relaxed) >= most || waiting.saturating_add(bytes) > most_bytes {
            return false;
        }
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.job_bytes.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// How many wait.
    pub fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed) as u64
    }

    /// It waits no longer.
    pub fn take_job(&self, bytes: usize) {
        self.jobs.fetch_sub(1, Ordering::Relaxed);
        self.job_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn add_answers(&self, bytes: usize) {
        *self.answer_bytes() += bytes;
    }

    /// One was fetched.
    pub fn take_answer(&self, bytes: usize) {
        let mut waiting = self.answer_bytes();
        let was = *waiting;
        *waiting = was.saturating_sub(bytes);
        if was > MAX_ANSWER_BYTES && *waiting <= MAX_ANSWER_BYTES {
            self.fetched.notify_all();
        }
    }

    /// Returns when few answers wait, or all is to end.
    pub fn wait_for_room(&self) {
        let waiting = self.answer_bytes();
        let full =
            |bytes: &mut usize| *bytes > MAX_ANSWER_BYTES && !self.stopping.load(Ordering::Relaxed);
        let waited = self.fetched.wait_while(waiting, full);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub fn stop(&self) {
        let waiting = self.answer_bytes();
        self.stopping.store(true, Ordering::Relaxed);
        drop(waiting);
        self.fetched.notify_all();
    }

    /// The first failure counts.
    pub fn fail(&self, exit: Exit) {
        let (order, none) = (Ordering::Relaxed, 0);
        let _ = self.failed.compare_exchange(none, exit as u8, order, order);
    }

    pub fn failed(&self) -> Option<Exit> {
        let code = self.failed.load(Ordering::Relaxed);
        let exits = [Exit::Internal, Exit::Io, Exit::Data];
        exits.into_iter().find(|exit| *exit as u8 == code)
    }

    fn answer_bytes(&self) -> std::sync::MutexGuard<'_, usize> {
        let guard = self.answer_bytes.lock();
        guard.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_is_done_until_answers_are_fetched() {
        let load = Arc::new(Load::default());
        load.add_answers(MAX_ANSWER_BYTES);
        load.wait_for_room();
        load.add_answers(2);
        let (done, waited) = channel();
        let (waiter, loop_side) = (load.clone(), load.clone());
        let thread = std::thread::spawn(move || {
            waiter.wait_for_room();
            done.send(()).unwrap();
        });
        load.take_answer(1);
        assert!(waited.recv_timeout(Duration::from_millis(50)).is_err());
        loop_side.take_answer(1);
        waited.recv().unwrap();
        thread.join().unwrap();
        load.add_answers(2);
        load.stop();
        load.wait_for_room();
    }
}
