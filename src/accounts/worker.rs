//! The threads behind the [`Desk`]: one that owns the store, one that hashes passwords. Knows no rules.
//!
//! ```text
//! submit ─► inbox ─► store thread ─► done ─► wake
//!             ▲        │ password
//!             └─ hash thread ◄┘ at most `password_queue` wait
//! ```
//! Nothing waits behind a password but other passwords. Whatever has come since the last commit is one commit, and
//! no answer is given before it is durable.

mod sweeping;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SendError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::error;

use super::clerk::{Clerk, Step, storage_failed};
use super::hashing::{Hashed, Task, Then};
use super::{Asker, Desk, Done, Job, Settings};
use crate::mailbox::sweep::Sweep;
use crate::ops::exit::{Exit, StartError};
use crate::store::{Failed, Store, Tables};
use crate::time::Now;

/// Jobs that were taken and whose answers were not fetched.
pub const MAX_WAITING: usize = 10_000;
/// Jobs of one commit.
pub const MAX_BATCH: usize = 2_000;

/// Dropping it ends the threads, after they have done what was submitted; logins that wait to be hashed are left.
pub struct Worker {
    inbox: Sender<Message>,
    done: Receiver<Told>,
    waiting: usize,
    settings: Shared,
    hashes: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// An answer, and whether it is one to a job.
type Told = (Done, bool);
type Shared = Arc<Mutex<Arc<Settings>>>;

/// What holds for the jobs of a [`Worker`].
#[derive(Clone)]
pub struct Rules(Shared);

impl Rules {
    /// For the jobs that begin from now on.
    pub fn replace(&self, settings: Settings) {
        *lock(&self.0) = Arc::new(settings);
    }
}

enum Message {
    Job(Job),
    Hashed(Hashed),
    /// A password that was handed over and that nobody waits for any more.
    Skipped,
    Stop,
}

impl Worker {
    /// `wake` is called on another thread when there are answers.
    pub fn start(
        store: Store,
        settings: Settings,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Worker, StartError> {
        let queue = usize::try_from(settings.config.password_queue).unwrap_or(usize::MAX);
        let settings = Arc::new(settings);
        let clerk = Clerk::new(settings.clone());
        let settings = Arc::new(Mutex::new(settings));
        let hashes = Arc::new(AtomicU64::new(0));
        let (inbox, messages) = channel();
        let (to_hash, tasks) = sync_channel(queue);
        let (to_done, done) = channel();
        let bench = Bench {
            store,
            clerk,
            settings: settings.clone(),
            to_hash,
            hashing: 0,
            sweep: Sweep::default(),
            began: Instant::now(),
        };
        let stopping = Arc::new(AtomicBool::new(false));
        let counters = (hashes.clone(), stopping.clone());
        let hashed = inbox.clone();
        let threads = vec![
            spawn("accounts", move || {
                bench.run(&messages, &to_done, &wake);
            })?,
            spawn("passwords", move || {
                hash_all(&tasks, &hashed, &counters.0, &counters.1);
            })?,
        ];
        Ok(Worker {
            inbox,
            done,
            waiting: 0,
            settings,
            hashes,
            stopping,
            threads,
        })
    }

    /// Where other threads say what holds from then on.
    pub fn rules(&self) -> Rules {
        Rules(self.settings.clone())
    }

    /// Passwords hashed so far.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }
}

impl Desk for Worker {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        if self.waiting >= MAX_WAITING {
            return Err(job);
        }
        match self.inbox.send(Message::Job(job)) {
            Err(SendError(Message::Job(job))) => Err(job),
            _ => {
                self.waiting += 1;
                Ok(())
            }
        }
    }

    fn done(&mut self) -> Option<Done> {
        let (done, to_job) = self.done.try_recv().ok()?;
        self.waiting = self.waiting.saturating_sub(usize::from(to_job));
        Some(done)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // If nobody hears it, both threads are gone already.
        let _ = self.inbox.send(Message::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What the store thread has.
struct Bench {
    store: Store,
    clerk: Clerk,
    settings: Arc<Mutex<Arc<Settings>>>,
    to_hash: SyncSender<Box<Task>>,
    /// Passwords handed over and not come back.
    hashing: usize,
    sweep: Sweep,
    began: Instant,
}

impl Bench {
    fn run(mut self, messages: &Receiver<Message>, done: &Sender<Told>, wake: &impl Fn()) {
        let mut stopping = false;
        while !(stopping && self.hashing == 0) {
            let first = match messages.recv_timeout(Duration::from_millis(self.wait_ms())) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut batch: Vec<Message> = first.into_iter().collect();
            batch.extend(messages.try_iter().take(MAX_BATCH - batch.len()));
            let is_idle = batch.is_empty();
            stopping |= batch.iter().any(|message| matches!(message, Message::Stop));
            self.clerk.reconfigure(lock(&self.settings).clone());
            let answers = match is_idle {
                true => Vec::new(),
                false => self.work(batch),
            };
            let answers = answers.into_iter().map(|answer| (answer, true));
            let swept = self.sweep(is_idle).map(|swept| (swept, false));
            let mut any = false;
            for told in answers.chain(swept) {
                any = true;
                // The worker is being dropped if nobody takes it.
                let _ = done.send(told);
            }
            if any {
                wake();
            }
        }
    }

    fn work(&mut self, batch: Vec<Message>) -> Vec<Done> {
        let now = self.now();
        let mut answers = Vec::new();
        let mut batch = batch.into_iter();
        let (clerk, to_hash, hashing) = (&mut self.clerk, &self.to_hash, &mut self.hashing);
        let sweep = &mut self.sweep;
        let committed = self.store.batch(|tables| {
            for message in &mut batch {
                let step = match message {
                    Message::Stop => continue,
                    Message::Skipped => {
                        *hashing = hashing.saturating_sub(1);
                        continue;
                    }
                    Message::Hashed(hashed) => {
                        *hashing = hashing.saturating_sub(1);
                        attempt(tables, clerk, hashed.asker, |clerk| {
                            clerk.finish(tables, hashed, &now).map(Step::Done)
                        })
                    }
                    Message::Job(job) => attempt(tables, clerk, job.asker, |clerk| {
                        clerk.step(tables, job, &now)
                    }),
                };
                answers.extend(hand_over(step, clerk, to_hash, hashing));
            }
            if let Err(failed) = sweep.look(tables) {
                error!("store of accounts: {failed}");
            }
        });
        if let Err(failed) = committed {
            error!("store of accounts: {failed}");
            for answer in &mut answers {
                *answer = storage_failed(answer.asker);
            }
            // What is left if the batch did not even begin.
            answers.extend(batch.filter_map(|message| self.give_up(message)));
        }
        self.after_jobs(&now);
        answers
    }

    fn give_up(&mut self, message: Message) -> Option<Done> {
        let asker = match message {
            Message::Stop => return None,
            Message::Job(job) => job.asker,
            Message::Skipped => {
                self.hashing = self.hashing.saturating_sub(1);
                return None;
            }
            Message::Hashed(hashed) => {
                self.hashing = self.hashing.saturating_sub(1);
                self.clerk.give_up(&hashed);
                hashed.asker
            }
        };
        Some(storage_failed(asker))
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now::new(
            as_ms(self.began.elapsed()),
            unix.map(as_ms).unwrap_or_default(),
        )
    }
}

/// One job, of which nothing stays if it fails; a mistake in handling it fails it alone.
fn attempt(
    tables: &Tables<'_>,
    clerk: &mut Clerk,
    asker: Asker,
    work: impl FnOnce(&mut Clerk) -> Result<Step, Failed>,
) -> Step {
    let step = tables.apart(|| {
        let guarded = catch_unwind(AssertUnwindSafe(|| work(clerk)));
        guarded.unwrap_or_else(|_| Err(Failed::damaged("a job panicked")))
    });
    step.unwrap_or_else(|failed| {
        error!("store of accounts: {failed}");
        Step::Done(storage_failed(asker))
    })
}

fn hand_over(
    step: Step,
    clerk: &mut Clerk,
    to_hash: &SyncSender<Box<Task>>,
    hashing: &mut usize,
) -> Option<Done> {
    let task = match step {
        Step::Done(done) => return Some(done),
        Step::Hash(task) => task,
    };
    match to_hash.try_send(task) {
        Ok(()) => {
            *hashing += 1;
            None
        }
        Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => {
            Some(clerk.no_room(&task))
        }
    }
}

/// Ends when the store thread does.
fn hash_all(
    tasks: &Receiver<Box<Task>>,
    hashed: &Sender<Message>,
    hashes: &AtomicU64,
    stopping: &AtomicBool,
) {
    for task in tasks {
        // Its connection ends without an answer: that is no failed try.
        if stopping.load(Ordering::Relaxed) && matches!(task.then, Then::Login { .. }) {
            if hashed.send(Message::Skipped).is_err() {
                return;
            }
            continue;
        }
        hashes.fetch_add(1, Ordering::Relaxed);
        let guarded = catch_unwind(AssertUnwindSafe(|| task.run()));
        let outcome = guarded.unwrap_or_else(|_| task.undone());
        mem::drop(task);
        if hashed.send(Message::Hashed(outcome)).is_err() {
            return;
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned.map_err(|error| {
        let what = format!(
            "cannot start a thread: {}",
            crate::ops::exit::reason(&error)
        );
        StartError::new(Exit::Os, &what, name, "")
    })
}

/// The lock is held for an assignment only, which cannot fail.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn as_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
