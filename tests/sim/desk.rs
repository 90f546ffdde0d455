//! Between the loop and the store: jobs that wait to be committed, and answers that wait to be told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use privmsgd::accounts::{Answer, Ask, Desk, Done, Job, Refused};
use privmsgd::mailbox;
use privmsgd::wire::code::Code;

#[derive(Default)]
pub struct Counter {
    pub waiting: VecDeque<Job>,
    /// Jobs that may wait; then `overloaded`.
    pub room: usize,
    /// Committed, and not told to the loop.
    pub answered: VecDeque<Done>,
    pub released: usize,
    /// Of the waiting ones: those that were looked at.
    pub seen: usize,
}

pub struct Clerk(pub Rc<RefCell<Counter>>);

impl Desk for Clerk {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        let mut counter = self.0.borrow_mut();
        if counter.waiting.len() >= counter.room {
            return Err(job);
        }
        counter.waiting.push_back(job);
        Ok(())
    }

    fn done(&mut self) -> Option<Done> {
        let mut counter = self.0.borrow_mut();
        counter.released = counter.released.checked_sub(1)?;
        counter.answered.pop_front()
    }
}

/// The first job that this answers: of one connection its mail is answered in order, and its `register` alone.
pub fn take_job(open: &mut [Option<Job>], done: &Done) -> Option<Job> {
    let is_mail = matches!(done.answer, Answer::Mail { .. });
    let found = open.iter_mut().find(|job| {
        job.as_ref().is_some_and(|job| {
            job.asker == done.asker && matches!(job.ask, Ask::Mail(_)) == is_mail
        })
    });
    found.and_then(Option::take)
}

/// The answer to a job of which nothing is known to be on the disk.
pub fn not_stored(job: &Job, code: Code) -> Done {
    let refused = Refused {
        code,
        message: "the disk",
        field: None,
        retry_after_ms: None,
    };
    let answer = match &job.ask {
        Ask::Mail(mail) => Answer::Mail {
            reply: mail.reply.clone(),
            verb: mail.verb,
            answer: Box::new(mailbox::Answer::Refused(refused)),
        },
        _ => Answer::Refused(refused),
    };
    Done {
        asker: job.asker,
        answer,
        ends: None,
        notice: None,
        entries: Vec::new(),
        regards: Vec::new(),
    }
}
