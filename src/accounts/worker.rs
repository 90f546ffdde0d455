//! The threads behind the [`Desk`]: one that owns the store, one that hashes passwords. Knows no rules.
//!
//! ```text
//! submit ─► inbox ─► store thread ─► done ─► wake
//!             ▲        │ password
//!             └─ hash thread ◄┘ at most `password_queue` wait
//! ```
//! Nothing waits behind a password but other passwords. Whatever has come since the last commit is one commit, and
//! no answer is given before it is durable. The loop never waits; the store thread does, when too many answers were
//! not fetched.

mod gauges;
mod load;
mod upkeep;

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SendError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::bench::{Bench, MAX_BATCH, Message, mail_weight, weight};
use super::hashing::{Task, Then};
use super::{Answer, Ask, Asker, Desk, Done, Job, Operator, Settings};
use crate::ops::exit::{Exit, StartError};
use crate::store::Store;
use crate::time::Now;
use crate::upkeep::{Upkeep, Vitals};
use gauges::Looked;
use load::Load;

/// Jobs that were taken and whose answers were not fetched, but for those of mailboxes.
pub const MAX_WAITING: usize = 10_000;

/// Dropping it ends the threads, after they have done what was submitted; logins that wait to be hashed are left.
pub struct Worker {
    inbox: Sender<Letter>,
    batches: Receiver<Vec<Done>>,
    /// The batch that is being fetched.
    dones: std::vec::IntoIter<Done>,
    waiting: usize,
    load: Arc<Load>,
    settings: Shared,
    hashes: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

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

/// To the store thread.
#[expect(clippy::large_enum_variant, reason = "all but one are messages")]
enum Letter {
    Message(Message),
    /// Somebody looks at the gauges.
    Look,
    Stop,
}

impl Worker {
    /// `wake` is called on another thread when there are answers, or none will come any more.
    pub fn start(
        store: Store,
        settings: Settings,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Worker, StartError> {
        let queue = usize::try_from(settings.config.password_queue).unwrap_or(usize::MAX);
        let settings = Arc::new(settings);
        let load = Arc::new(Load::default());
        let first = settings.clone();
        let settings = Arc::new(Mutex::new(settings));
        let hashes = Arc::new(AtomicU64::new(0));
        let (inbox, letters) = channel();
        let (to_hash, tasks) = sync_channel(queue);
        let (to_done, batches) = channel();
        let (ends, rules) = (load.clone(), settings.clone());
        let make = move || StoreThread {
            bench: bench(store, first),
            settings: rules,
            to_hash,
            to_done,
            load: ends,
            upkeep: VecDeque::new(),
            looked: Looked::default(),
            stopping: false,
            began: Instant::now(),
        };
        let stopping = Arc::new(AtomicBool::new(false));
        let counters = (hashes.clone(), stopping.clone());
        let hashed = inbox.clone();
        let ended = load.clone();
        let threads = vec![
            spawn("accounts", move || {
                let run = AssertUnwindSafe(|| make().run(&letters, &wake));
                if catch_unwind(run).is_err() {
                    ended.fail(Exit::Internal);
                }
                wake();
            })?,
            spawn("passwords", move || {
                hash_all(&tasks, &hashed, &counters.0, &counters.1);
            })?,
        ];
        Ok(Worker {
            inbox,
            batches,
            dones: Vec::new().into_iter(),
            waiting: 0,
            load,
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

    /// Whether there is room for one more.
    fn take(&mut self, job: &Job) -> bool {
        match &job.ask {
            Ask::Mail(mail) => self
                .load
                .add_job(mail_weight(mail), &lock(&self.settings).mailbox),
            _ if self.waiting >= MAX_WAITING => false,
            _ => {
                self.waiting += 1;
                true
            }
        }
    }
}

impl Desk for Worker {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        if self.load.failed().is_some() || !self.take(&job) {
            return Err(job);
        }
        match self.inbox.send(Letter::Message(Message::Job(job))) {
            Err(SendError(Letter::Message(Message::Job(job)))) => Err(job),
            _ => Ok(()),
        }
    }

    fn done(&mut self) -> Option<Done> {
        let done = match self.dones.next() {
            Some(done) => done,
            None => {
                self.dones = self.batches.try_recv().ok()?.into_iter();
                self.dones.next()?
            }
        };
        self.load.take_answer(weight(&done));
        if done.asker != Asker::Nobody && !matches!(done.answer, Answer::Mail { .. }) {
            self.waiting = self.waiting.saturating_sub(1);
        }
        Some(done)
    }

    fn failed(&self) -> Option<Exit> {
        self.load.failed()
    }

    fn vitals(&self) -> Option<Vitals> {
        if self.load.gauges.ask() {
            let _ = self.inbox.send(Letter::Look);
        }
        Some(Vitals {
            has_failed: self.load.failed().is_some(),
            jobs_waiting: self.load.jobs(),
            hashed: self.hashes(),
            ..self.load.gauges.read()
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.load.stop();
        // If nobody hears it, both threads are gone already.
        let _ = self.inbox.send(Letter::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn bench(store: Store, settings: Arc<Settings>) -> Bench {
    if settings.mailbox.fsync {
        store.make_room();
    }
    Bench::new(store, settings)
}

/// What the store thread has.
struct StoreThread {
    bench: Bench,
    settings: Shared,
    to_hash: SyncSender<Box<Task>>,
    to_done: Sender<Vec<Done>>,
    load: Arc<Load>,
    /// What is asked of the store as a whole, one after the other.
    upkeep: VecDeque<(Asker, Upkeep)>,
    looked: Looked,
    /// Nothing more is taken.
    stopping: bool,
    began: Instant,
}

impl StoreThread {
    fn run(mut self, letters: &Receiver<Letter>, wake: &impl Fn()) {
        let mut batch = VecDeque::new();
        self.load.gauges.look(&self.bench.store());
        while !(self.stopping && batch.is_empty() && self.bench.hashing() == 0) {
            if batch.is_empty() && self.upkeep.is_empty() {
                let now = self.now();
                let look = self
                    .load
                    .gauges
                    .look_if_due(&mut self.bench, &mut self.looked, &now);
                let wait = self.bench.wait_ms(&now).min(look);
                let wait = Duration::from_millis(wait);
                match letters.recv_timeout(wait) {
                    Ok(first) => self.receive(first, &mut batch),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            self.turn(letters, &mut batch, wake);
            if let Some((asker, asked)) = self.upkeep.pop_front() {
                self.keep_up(asker, &asked, letters, &mut batch, wake);
            }
        }
        self.bench.close();
    }

    /// Does what is there, and waits for nothing but room for answers.
    fn turn(
        &mut self,
        letters: &Receiver<Letter>,
        batch: &mut VecDeque<Message>,
        wake: &impl Fn(),
    ) {
        // Where there is one core, the loop hands over all that it has now, and fewer commits have more in them.
        thread::yield_now();
        while batch.len() < MAX_BATCH
            && let Ok(next) = letters.try_recv()
        {
            self.receive(next, batch);
        }
        self.bench.reconfigure(lock(&self.settings).clone());
        let is_idle = batch.is_empty();
        if !is_idle {
            self.work(batch, wake);
            self.bench.tidy();
        }
        self.sweep(is_idle, wake);
        self.load.wait_for_room();
    }

    fn receive(&mut self, letter: Letter, batch: &mut VecDeque<Message>) {
        let message = match letter {
            Letter::Message(message) => message,
            Letter::Look => return,
            Letter::Stop => return self.stopping = true,
        };
        match message {
            Message::Job(Job {
                asker,
                ask: Ask::Operator(Operator::Upkeep(asked)),
            }) => self.upkeep.push_back((asker, asked)),
            message => {
                if let Some(mail) = message.mail() {
                    self.load.take_job(mail_weight(mail));
                }
                batch.push_back(message);
            }
        }
    }

    fn work(&mut self, batch: &mut VecDeque<Message>, wake: &impl Fn()) {
        let now = self.now();
        let to_hash = &self.to_hash;
        let mut hash = |task| match to_hash.try_send(task) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => Err(task),
        };
        let began = Instant::now();
        let dones = self.bench.work(batch, &now, &mut hash);
        self.load.gauges.worked(began.elapsed(), &self.bench);
        self.tell(dones, wake);
    }

    fn sweep(&mut self, is_idle: bool, wake: &impl Fn()) {
        let now = self.now();
        let swept = self.bench.sweep(is_idle, &now);
        self.tell(swept.into_iter().collect(), wake);
    }

    /// Whoever sees that the store has failed finds the answers there that say so.
    fn tell(&self, dones: Vec<Done>, wake: &impl Fn()) {
        let any = !dones.is_empty();
        if any {
            self.load.add_answers(dones.iter().map(weight).sum());
            // The worker is being dropped if nobody takes it.
            let _ = self.to_done.send(dones);
        }
        let failed = self.bench.failed();
        if let Some(exit) = failed {
            self.load.fail(exit);
        }
        if any || failed.is_some() {
            wake();
        }
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now::new(
            as_ms(self.began.elapsed()),
            unix.map(as_ms).unwrap_or_default(),
        )
    }
}

/// Ends when the store thread does.
fn hash_all(
    tasks: &Receiver<Box<Task>>,
    hashed: &Sender<Letter>,
    hashes: &AtomicU64,
    stopping: &AtomicBool,
) {
    for task in tasks {
        // Its connection ends without an answer: that is no failed try.
        if stopping.load(Ordering::Relaxed) && matches!(task.then, Then::Login { .. }) {
            if hashed.send(Letter::Message(Message::Skipped)).is_err() {
                return;
            }
            continue;
        }
        hashes.fetch_add(1, Ordering::Relaxed);
        let guarded = catch_unwind(AssertUnwindSafe(|| task.run()));
        let outcome = guarded.unwrap_or_else(|_| task.undone());
        mem::drop(task);
        if hashed
            .send(Letter::Message(Message::Hashed(outcome)))
            .is_err()
        {
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
