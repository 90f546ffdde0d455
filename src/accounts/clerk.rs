//! What is asked about accounts, decided: one job after the other, within a batch of the store. Knows no threads, no
//! clock and no SQL.

mod change;
mod operator;
mod raised;
mod register;
mod reply;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;

use super::hashing::{Hashed, Task, Then};
use super::password::Cost;
use super::throttle::Throttle;
use super::{Answer, Ask, Asker, Done, Job, Refused, Settings};
use crate::mailbox::leaving::{Leaving, Left};
use crate::mailbox::post::Post;
use crate::mailbox::{self, Mail};
use crate::store::{Failed, Tables, Why};
use crate::time::Now;
use crate::wire::code::Code;

use raised::Raised;
use reply::{Reply, Stop, refused};

pub struct Clerk {
    settings: Arc<Settings>,
    throttle: Throttle,
    raised: Raised,
    /// What passwords of names without one are checked against, and what it costs.
    dummy: (Option<String>, Cost),
    traces: RefCell<Traces>,
}

/// What was taken away, of which something may be left in the store.
#[derive(Debug, Default)]
pub struct Traces {
    /// An account: its traces are to go at once.
    pub of_account: bool,
    /// Messages.
    pub of_texts: bool,
    /// Rows of removed accounts that are still there.
    pub rests: Vec<Leaving>,
}

/// What a job comes to at first.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are done at once")]
pub enum Step {
    Done(Done),
    /// A password is to be hashed; what it comes to goes into [`Clerk::finish`].
    Hash(Box<Task>),
}

impl Clerk {
    pub fn new(settings: Arc<Settings>) -> Self {
        let cost = Cost::of(&settings.config);
        Clerk {
            settings,
            throttle: Throttle::default(),
            raised: Raised::default(),
            dummy: (super::password::dummy(cost), cost),
            traces: RefCell::default(),
        }
    }

    pub fn reconfigure(&mut self, settings: Arc<Settings>) {
        let cost = Cost::of(&settings.config);
        if cost != self.dummy.1 {
            self.dummy = (super::password::dummy(cost), cost);
        }
        self.settings = settings;
    }

    /// If this fails, nothing of what it changed in `tables` may stay.
    pub fn step(&mut self, tables: &Tables<'_>, job: Job, now: &Now) -> Result<Step, Failed> {
        let asker = job.asker;
        let next = match job.ask {
            Ask::Register {
                username,
                credential,
                device,
                nonce,
                origin,
                mail,
            } => {
                let who = register::Who {
                    username,
                    device,
                    origin,
                    mail,
                };
                self.register(tables, who, credential, &nonce, now)
            }
            Ask::Create {
                username,
                credential,
                nonce,
                origin,
            } => self.create(tables, username, credential, &nonce, origin, now),
            Ask::SetPassword {
                account,
                password,
                device,
            } => self.set_password(tables, account, &password, device, now),
            Ask::AddKey {
                account,
                by,
                username,
                key,
                signature,
                nonce,
            } => {
                let proof = (&key, &signature, &nonce);
                self.add_key(tables, (account, &by), &username, proof, now)
            }
            Ask::RemoveKey { account, by, key } => self.remove_key(tables, (account, &by), &key),
            Ask::Devices { account, by } => self.devices(tables, (account, &by)),
            Ask::RevokeDevice {
                account,
                by,
                device,
            } => self.revoke_device(tables, (account, &by), device),
            Ask::Mail(mail) => return Ok(Step::Done(self.mail(tables, asker, &mail, now)?)),
            Ask::Operator(asked) => self.operator(tables, asked, now),
        };
        Ok(match next.or_else(Stop::into_next)? {
            Next::Reply(reply) => Step::Done(reply.to(asker)),
            Next::Hash(work) => Step::Hash(Box::new(work.into_task(asker, self.cost()))),
        })
    }

    /// What a session asks of its mailbox. If this fails, nothing of what it changed in `tables` may stay; nothing
    /// else has changed.
    pub fn mail(
        &self,
        tables: &Tables<'_>,
        asker: Asker,
        mail: &Mail,
        now: &Now,
    ) -> Result<Done, Failed> {
        let mut post = Post::new(tables, &self.settings.mailbox, now);
        let answer = mail_answer(mail, post.answer(mail)?);
        self.traces.borrow_mut().of_texts |= post.forgets;
        if let Some(left) = post.left {
            self.note_left(left);
        }
        Ok(Reply {
            ends: post.ends,
            entries: post.entries,
            regards: post.regards,
            ..Reply::new(answer)
        }
        .to(asker))
    }

    /// The second half of a job whose password was hashed.
    pub fn finish(
        &mut self,
        tables: &Tables<'_>,
        hashed: Hashed,
        now: &Now,
    ) -> Result<Done, Failed> {
        let asker = hashed.asker;
        let reply = match hashed.then {
            Then::Login {
                username,
                device,
                origin,
                mail,
                account,
            } => {
                let who = register::Who {
                    username,
                    device,
                    origin,
                    mail,
                };
                let password = register::Checked {
                    account,
                    against: hashed.against,
                    verified: hashed.verified,
                    new: hashed.new,
                };
                self.throttle.decided(&who.username.key(), who.origin);
                self.log_in(tables, &who, password, now)
            }
            Then::Create { username } => self.created(tables, &username, hashed.new, now),
            Then::SetPassword { account, by } => self.password_set(tables, account, by, hashed.new),
        };
        match reply.or_else(Stop::into_next)? {
            Next::Reply(reply) => Ok(reply.to(asker)),
            Next::Hash(_) => Err(Failed::damaged("a password was hashed twice")),
        }
    }

    /// A password was hashed, and its job is given up.
    pub fn give_up(&mut self, hashed: &Hashed) {
        if let Then::Login {
            username, origin, ..
        } = &hashed.then
        {
            self.throttle.decided(&username.key(), *origin);
        }
    }

    /// The answer if no more passwords can wait to be hashed: as if it had not been tried.
    pub fn no_room(&mut self, task: &Task) -> Done {
        if let Then::Login {
            username, origin, ..
        } = &task.then
        {
            self.throttle.decided(&username.key(), *origin);
            let tried = Some(username.key());
            let config = &self.settings.config;
            self.throttle.give_back(tried, *origin, config);
        }
        let text = "too many passwords wait to be checked; try again";
        let mut refusal = refused(Code::RateLimited, text, None);
        refusal.retry_after_ms = Some(BUSY_RETRY_MS);
        Reply::refused(refusal).to(task.asker)
    }

    /// Since this was last asked.
    pub fn take_traces(&mut self) -> Traces {
        self.traces.take()
    }

    /// That it may be undone again does no harm.
    fn note_left(&self, left: Left) {
        let mut traces = self.traces.borrow_mut();
        traces.of_account = true;
        traces.rests.extend(left.rest);
    }

    fn cost(&self) -> Cost {
        self.dummy.1
    }
}

/// The answer to any job that could not be done.
pub fn not_stored(why: Why) -> Refused {
    let (code, text, retry_after_ms) = match why {
        Why::Full => (
            Code::StorageFull,
            "no room on the server's disk; nothing was done",
            Some(FULL_RETRY_MS),
        ),
        _ => (
            Code::StorageFailed,
            "the server's store failed; whether this was done is unknown",
            None,
        ),
    };
    Refused {
        retry_after_ms,
        ..refused(code, text, None)
    }
}

fn mail_answer(mail: &Mail, answer: mailbox::Answer) -> Answer {
    Answer::Mail {
        reply: mail.reply.clone(),
        verb: mail.verb,
        answer: Box::new(answer),
    }
}

/// What a part of the clerk comes to.
enum Next {
    Reply(Reply),
    Hash(Work),
}

/// A [`Task`] but for who asked and what a new hash costs.
struct Work {
    password: super::Secret,
    against: Option<String>,
    then: Then,
}

impl Work {
    fn into_task(self, asker: Asker, cost: Cost) -> Task {
        Task {
            asker,
            password: self.password,
            against: self.against,
            cost,
            then: self.then,
        }
    }
}

/// How long to wait when the hashing is busy.
const BUSY_RETRY_MS: u32 = 1_000;
/// How long to wait for room on the disk.
const FULL_RETRY_MS: u32 = 1_000;
