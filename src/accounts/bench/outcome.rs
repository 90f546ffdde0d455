//! One job of a batch, or a group of them, and what became of it. Knows not what is committed when.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::clerk::{Clerk, Step};
use super::super::{Ask, Asker, Done, Job};
use super::refusals::refusal;
use super::{Hash, Message, mail_weight, weight};
use crate::mailbox::{self, Mail};
use crate::store::{Failed, Tables};
use crate::time::Now;

/// What became of one message of a batch that is not committed yet.
pub struct Outcome {
    pub asker: Asker,
    /// What was asked, if it was asked of a mailbox.
    pub mail: Option<Box<Mail>>,
    /// `None`: it was not come to.
    pub done: Option<Done>,
}

/// What was asked of a mailbox, and by whom.
pub type Asked = (Asker, Box<Mail>);

/// What is asked of mailboxes at the front of the batch.
pub fn mails(batch: &mut VecDeque<Message>, most: usize) -> Vec<Asked> {
    let mut group = Vec::new();
    while group.len() < most {
        let front = batch.pop_front_if(|message| message.mail().is_some());
        let Some(Message::Job(Job {
            asker,
            ask: Ask::Mail(mail),
        })) = front
        else {
            break;
        };
        group.push((asker, mail));
    }
    group
}

/// Whether each message of the batch changes little, and asks for nothing that its changes could wait for
/// ([`Pace::Later`]). In a large batch, rows and pages are shared by many messages anyway.
///
/// [`Pace::Later`]: crate::store::Pace::Later
pub fn is_light(batch: &VecDeque<Message>) -> bool {
    let is_light = |mail: &Mail| match &mail.ask {
        mailbox::Ask::Send(letter) => letter.expires_in_s.is_none(),
        mailbox::Ask::Ack { .. }
        | mailbox::Ask::Left { .. }
        | mailbox::Ask::Reach { .. }
        | mailbox::Ask::Watch { .. } => true,
        _ => false,
    };
    let bytes = batch.iter().filter_map(Message::mail).map(mail_weight);
    batch.len() <= LIGHT_BATCH
        && batch
            .iter()
            .all(|message| message.mail().is_some_and(is_light))
        && bytes.sum::<usize>() <= LIGHT_BYTES
}

const LIGHT_BATCH: usize = 400;
const LIGHT_BYTES: usize = 256 * 1024;

/// One savepoint for all, because most never fail; else one for each. What comes after `room` bytes of answers goes
/// back into the batch.
pub fn work_group(
    tables: &Tables<'_>,
    clerk: &mut Clerk,
    mut group: Vec<Asked>,
    batch: &mut VecDeque<Message>,
    (now, room): (&Now, usize),
) -> Vec<Outcome> {
    let mut one = |(asker, mail): &Asked| clerk.mail(tables, *asker, mail, now);
    let all = tables.apart(|| guarded(|| as_many(&group, room, &mut one)));
    let dones = all.or_else(|_| {
        // Maybe it failed because changes were waiting.
        tables.make_changes()?;
        as_many(&group, room, &mut |job: &Asked| {
            let done = tables.apart(|| guarded(|| one(job)));
            Ok(done.unwrap_or_else(|failed| refusal(job.0, Some(&job.1), &failed)))
        })
    });
    let dones = dones.unwrap_or_default();
    let left = group.split_off(dones.len().min(group.len()));
    for (asker, mail) in left.into_iter().rev() {
        let ask = Ask::Mail(mail);
        batch.push_front(Message::Job(Job { asker, ask }));
    }
    let worked = group.into_iter().zip(dones);
    let outcomes = worked.map(|((asker, mail), done)| Outcome {
        asker,
        mail: Some(mail),
        done: Some(done),
    });
    outcomes.collect()
}

/// The answers until they have `room` bytes.
fn as_many(
    group: &[Asked],
    room: usize,
    one: &mut dyn FnMut(&Asked) -> Result<Done, Failed>,
) -> Result<Vec<Done>, Failed> {
    let mut dones = Vec::with_capacity(group.len());
    let mut bytes = 0_usize;
    for job in group {
        if bytes >= room {
            break;
        }
        let done = one(job)?;
        bytes = bytes.saturating_add(weight(&done));
        dones.push(done);
    }
    Ok(dones)
}

/// `None`: its password is being hashed, or there was nothing to do.
pub fn work_one(
    tables: &Tables<'_>,
    clerk: &mut Clerk,
    message: Message,
    now: &Now,
    hash: Hash<'_>,
    hashing: &mut usize,
) -> Option<Outcome> {
    let (asker, step) = match message {
        Message::Skipped => {
            *hashing = hashing.saturating_sub(1);
            return None;
        }
        Message::Hashed(hashed) => {
            *hashing = hashing.saturating_sub(1);
            let asker = hashed.asker;
            let step = tables.apart(|| guarded(|| clerk.finish(tables, hashed, now)));
            (asker, step.map(Step::Done))
        }
        Message::Job(job) => {
            let asker = job.asker;
            let step = tables.apart(|| guarded(|| clerk.step(tables, job, now)));
            (asker, step)
        }
    };
    let done = match step {
        Ok(Step::Done(done)) => done,
        Ok(Step::Hash(task)) => match hash(task) {
            Ok(()) => {
                *hashing = hashing.saturating_add(1);
                return None;
            }
            Err(task) => clerk.no_room(&task),
        },
        Err(failed) => refusal(asker, None, &failed),
    };
    let (mail, done) = (None, Some(done));
    Some(Outcome { asker, mail, done })
}

/// A mistake in handling one job fails it alone.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(Failed::other("a job panicked")))
}
