//! What is asked, a batch at a time: one commit of the store for all of it, and no answer before that. Knows no threads
//! and no clock, so that a daemon in one thread can drive it too.

mod outcome;
mod refusals;
mod sweeping;
#[cfg(test)]
mod tests;
mod weight;

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use log::{error, info};

use super::clerk::Clerk;
use super::hashing::{Hashed, Task};
use super::{Ask, Done, Job, Settings};
use crate::mailbox::Mail;
use crate::mailbox::sweep::Sweep;
use crate::ops::exit::Exit;
use crate::store::{Failed, Pace, Store, Why};
use crate::time::Now;

use outcome::{Outcome, guarded, is_light, mails, work_group, work_one};
use refusals::{could_not, is_told, only_reads};
pub use weight::{mail_weight, weight};

/// Jobs of one commit.
pub const MAX_BATCH: usize = 2_000;
/// Bytes of the answers of one commit, but for those of the last jobs in it.
pub const BATCH_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Jobs of mailboxes that are undone together if one of them fails, and then done one by one. Each savepoint costs a
/// copy of every page that is changed after it.
const GROUP: usize = 500;

/// Bytes that a disk has left, when a commit may find room again.
const SOME_ROOM: u64 = 1024 * 1024;

/// The store and the rules, and what became of both.
pub struct Bench {
    store: Rc<Store>,
    clerk: Clerk,
    settings: Arc<Settings>,
    sweep: Sweep,
    /// Passwords handed over and not come back.
    hashing: usize,
    /// Why nothing is written any more.
    failed: Option<Exit>,
    commits: u64,
    /// The last commit found no room.
    is_full: bool,
}

/// What there is to do.
pub enum Message {
    Job(Job),
    Hashed(Hashed),
    /// A password that was handed over and that nobody waits for any more.
    Skipped,
}

impl Message {
    /// What is asked of a mailbox.
    pub fn mail(&self) -> Option<&Mail> {
        match self {
            Message::Job(Job {
                ask: Ask::Mail(mail),
                ..
            }) => Some(mail),
            _ => None,
        }
    }
}

/// Takes a password to be hashed, or gives it back if there is no room.
pub type Hash<'a> = &'a mut ToHash<'a>;
type ToHash<'a> = dyn FnMut(Box<Task>) -> Result<(), Box<Task>> + 'a;

impl Bench {
    pub fn new(store: Store, settings: Arc<Settings>) -> Self {
        if let Err(failed) = store.set_fsync(settings.mailbox.fsync) {
            error!("store: {failed}");
        }
        Bench {
            store: Rc::new(store),
            clerk: Clerk::new(settings.clone()),
            settings,
            sweep: Sweep::default(),
            hashing: 0,
            failed: None,
            commits: 0,
            is_full: false,
        }
    }

    /// For the jobs that begin from now on.
    pub fn reconfigure(&mut self, settings: Arc<Settings>) {
        self.clerk.reconfigure(settings.clone());
        self.settings = settings;
    }

    /// Does what is asked with one commit, or with another one for passwords, which are hashed here and now.
    pub fn ask(&mut self, jobs: Vec<Job>, now: &Now) -> Vec<Done> {
        let mut batch: VecDeque<Message> = jobs.into_iter().map(Message::Job).collect();
        let mut dones = Vec::new();
        while !batch.is_empty() {
            let mut tasks = Vec::new();
            let mut hash = |task| {
                tasks.push(task);
                Ok(())
            };
            dones.extend(self.work(&mut batch, now, &mut hash));
            self.tidy();
            batch.extend(tasks.iter().map(|task| Message::Hashed(task.run())));
        }
        dones
    }

    /// Takes from the front of `batch` what goes into one commit. The answers come in the order of what was asked, but
    /// for those that wait for a password.
    pub fn work(&mut self, batch: &mut VecDeque<Message>, now: &Now, hash: Hash<'_>) -> Vec<Done> {
        let mut outcomes = Vec::new();
        let changes = self.store.changes();
        let committed = match self.failed {
            Some(_) => Err(Failed::other("nothing is written any more")),
            None => self.try_to(batch, &mut outcomes, now, hash),
        };
        match committed {
            Ok(()) => {
                self.commits = self.commits.saturating_add(1);
                // Reading needs no room.
                if self.store.changes() != changes {
                    self.has_room();
                }
            }
            Err(failed) => {
                let rest = batch.drain(..batch.len().min(MAX_BATCH));
                let rest: Vec<Message> = rest.collect();
                outcomes.extend(rest.into_iter().filter_map(|message| self.give_up(message)));
                self.undone(&mut outcomes, &failed, now);
            }
        }
        self.after_jobs(now);
        let dones = outcomes.into_iter().filter_map(|outcome| outcome.done);
        dones.filter(is_told).collect()
    }

    /// For what is asked of the store as a whole, between commits.
    pub fn store(&self) -> Rc<Store> {
        self.store.clone()
    }

    /// So far.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Elsewhere than in a commit the database was found not to be as it was written.
    pub fn is_damaged(&mut self, what: &str) {
        self.note(&Failed::malformed(what));
    }

    /// Whether the last commit found no room on the disk.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// After a commit that found no room: finds out whether there is some again, of which `free` bytes are told. Nobody may
    /// be there whose message would.
    pub fn probe(&mut self, free: Option<u64>) {
        let is_likely = free.is_none_or(|free| free >= SOME_ROOM);
        if !self.is_full || !is_likely || self.failed.is_some() {
            return;
        }
        match self.store.probe() {
            Ok(()) => self.has_room(),
            Err(failed) => self.note(&failed),
        }
    }

    pub fn hashing(&self) -> usize {
        self.hashing
    }

    /// Whether the process has to end, and how: what is on the disk is unknown, or not what was written. Nothing is
    /// written from then on.
    pub fn failed(&self) -> Option<Exit> {
        self.failed
    }

    #[cfg(test)]
    pub fn jam(&self) {
        self.store.jam();
    }

    fn try_to(
        &mut self,
        batch: &mut VecDeque<Message>,
        outcomes: &mut Vec<Outcome>,
        now: &Now,
        hash: Hash<'_>,
    ) -> Result<(), Failed> {
        let (clerk, hashing, sweep) = (&mut self.clerk, &mut self.hashing, &mut self.sweep);
        let pace = match is_light(batch) {
            true => Pace::Later,
            false => Pace::AtOnce,
        };
        self.store.batch_in(pace, |tables| {
            let mut room = BATCH_ANSWER_BYTES;
            let mut left = MAX_BATCH;
            while left > 0 && room > 0 && !tables.is_given_up() {
                let before = outcomes.len();
                let group = mails(batch, left.min(GROUP));
                left -= group.len().max(1);
                if !group.is_empty() {
                    outcomes.extend(work_group(tables, clerk, group, batch, (now, room)));
                } else if let Some(message) = batch.pop_front() {
                    outcomes.extend(work_one(tables, clerk, message, now, hash, hashing));
                } else {
                    break;
                }
                let new = outcomes.get(before..).unwrap_or_default().iter();
                let dones = new.filter_map(|outcome| outcome.done.as_ref());
                room = room.saturating_sub(dones.map(weight).sum());
            }
            sweeping::look(sweep, tables);
        })
    }

    /// What nobody waits for, once the answers of [`Bench::work`] are given. What is committed stands whatever becomes
    /// of this, but if the disk fails now nothing more is written.
    pub fn tidy(&mut self) {
        if self.failed.is_some() || self.is_full {
            return;
        }
        match self.store.tidy() {
            // Commits that find no room say so.
            Err(failed) if failed.why != Why::Full => self.note(&failed),
            _ => {}
        }
    }

    /// Nothing is asked any more.
    pub fn close(&mut self) {
        if self.failed.is_none()
            && let Err(failed) = self.store.settle()
        {
            self.note(&failed);
        }
    }

    /// Nothing of the batch has stayed. What only reads is done all the same, if the disk can be read.
    fn undone(&mut self, outcomes: &mut [Outcome], failed: &Failed, now: &Now) {
        self.note(failed);
        for outcome in outcomes.iter_mut() {
            outcome.done = Some(could_not(outcome, failed));
        }
        if failed.why != Why::Full {
            return;
        }
        let (clerk, mut bytes) = (&mut self.clerk, 0);
        let read = self.store.read(|tables| {
            for outcome in outcomes {
                if bytes >= BATCH_ANSWER_BYTES {
                    break;
                }
                let Some(mail) = outcome.mail.as_ref().filter(|mail| only_reads(&mail.ask)) else {
                    continue;
                };
                let asker = outcome.asker;
                if let Ok(done) = guarded(|| clerk.mail(tables, asker, mail, now)) {
                    bytes += weight(&done);
                    outcome.done = Some(done);
                }
            }
        });
        if let Err(failed) = read {
            error!("store: {failed}");
        }
    }

    fn has_room(&mut self) {
        if mem::take(&mut self.is_full) {
            info!("store: there is room on the disk again");
        }
    }

    fn note(&mut self, failed: &Failed) {
        if self.failed.is_some() {
            return;
        }
        self.failed = match failed.why {
            Why::Io => Some(Exit::Io),
            Why::Damaged => Some(Exit::Data),
            Why::Full | Why::Row | Why::Other => None,
        };
        match self.failed {
            Some(Exit::Data) => {
                error!(
                    "store: {failed}; the database is damaged: bring back a copy with privmsgd restore"
                );
                self.store.give_up();
            }
            Some(_) => {
                error!("store: {failed}; what is on the disk is unknown until it is read again");
                self.store.give_up();
            }
            None if failed.why == Why::Full && mem::replace(&mut self.is_full, true) => {}
            None => error!("store: {failed}"),
        }
    }

    fn give_up(&mut self, message: Message) -> Option<Outcome> {
        let (asker, mail) = match message {
            Message::Job(job) => match job.ask {
                Ask::Mail(mail) => (job.asker, Some(mail)),
                _ => (job.asker, None),
            },
            Message::Skipped => {
                self.hashing = self.hashing.saturating_sub(1);
                return None;
            }
            Message::Hashed(hashed) => {
                self.hashing = self.hashing.saturating_sub(1);
                self.clerk.give_up(&hashed);
                (hashed.asker, None)
            }
        };
        let done = None;
        Some(Outcome { asker, mail, done })
    }
}
