//! The desk that answers what the loop cannot: questions are put once a turn, answers fetched as they come.
//! Knows neither what is asked nor what follows from it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::accounts::{Answer, Ask, Asker, Desk, Done, Job, Refused};
use crate::engine::Engine;
use crate::mailbox;
use crate::net::conn::Transport;
use crate::net::timers::NEVER;
use crate::ops::exit::{Exit, StartError};
use crate::upkeep::Vitals;
use crate::wire::code::Code;

/// Wakes the loop from another thread: an answer is there.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Opens the desk of mailbox mode.
pub type OpenDesk<'a> = Box<dyn FnOnce(Wake) -> Result<Box<dyn Desk>, StartError> + 'a>;

/// Answers of one turn.
const ANSWERS_PER_TURN: usize = 2_000;

pub struct Inquiries {
    /// `None`: nobody is there to ask, in open mode.
    desk: Option<Box<dyn Desk>>,
    /// There may be answers for which no wake-up will come.
    more: bool,
    /// What the desk had no room for and nobody waits for, the oldest first; at most [`MAX_KEPT`].
    kept: VecDeque<Job>,
    /// When it is put again, in monotonic ms.
    retry_ms: u64,
    /// The desk has failed for good, and everything it had to say was fetched.
    failed: Option<Exit>,
}

impl Inquiries {
    pub fn new(desk: Option<Box<dyn Desk>>) -> Self {
        Inquiries {
            desk,
            more: false,
            kept: VecDeque::new(),
            retry_ms: NEVER,
            failed: None,
        }
    }

    /// Puts a question that no connection asks; gives it back if there is no room for it.
    #[expect(clippy::result_large_err, reason = "the job is moved either way")]
    pub fn submit(&mut self, job: Job) -> Result<(), Job> {
        match &mut self.desk {
            Some(desk) => desk.submit(job),
            None => Err(job),
        }
    }

    /// Puts what was asked last; nobody is there any more to be answered.
    pub fn hand_in<S: Transport>(&mut self, engine: &mut Engine<S>) {
        let kept = std::mem::take(&mut self.kept);
        for job in kept.into_iter().chain(engine.take_jobs()) {
            let _ = self.submit(job);
        }
    }

    /// Fetches answers and puts what was asked since the last turn. `admin`: takes the answers for the admin socket.
    pub fn turn<S: Transport>(
        &mut self,
        engine: &mut Engine<S>,
        mut admin: impl FnMut(u64, Answer),
    ) {
        let failed = self.desk_failed();
        let mut left = ANSWERS_PER_TURN;
        while left > 0
            && let Some(done) = self.desk.as_mut().and_then(|desk| desk.done())
        {
            engine.done(&done);
            if let Asker::Admin(serial) = done.asker {
                admin(serial, done.answer);
            }
            left -= 1;
        }
        self.more = left == 0;
        self.failed = failed.filter(|_| !self.more);
        self.put_kept(engine.conns.now_ms);
        for job in engine.take_jobs() {
            match self.submit(job) {
                Err(job) if engine.outlives_asker(&job) => self.keep(job, engine.conns.now_ms),
                Err(job) => engine.done(&not_taken(job, self.desk_failed().is_some())),
                Ok(()) => {}
            }
        }
    }

    /// Why the desk takes nothing any more, though it may have answers left.
    fn desk_failed(&self) -> Option<Exit> {
        self.desk.as_ref()?.failed()
    }

    fn put_kept(&mut self, now_ms: u64) {
        self.retry_ms = NEVER;
        while let Some(job) = self.kept.pop_front() {
            if let Err(job) = self.submit(job) {
                self.kept.push_front(job);
                self.retry_ms = now_ms.saturating_add(KEPT_RETRY_MS);
                return;
            }
        }
    }

    /// Accepted cost: beyond the bound the oldest is lost, and what it vouched for is sent once more.
    fn keep(&mut self, job: Job, now_ms: u64) {
        if self.kept.len() >= MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(job);
        self.retry_ms = self.retry_ms.min(now_ms.saturating_add(KEPT_RETRY_MS));
    }

    /// How the process has to end, once its clients were told.
    pub fn failed(&self) -> Option<Exit> {
        self.failed
    }

    /// How the desk is; `None`: there is none.
    pub fn vitals(&self) -> Option<Vitals> {
        self.desk.as_ref()?.vitals()
    }

    /// When there is something to do without a wake-up, in monotonic ms; 0: now.
    pub fn next_deadline(&self) -> u64 {
        if self.more { 0 } else { self.retry_ms }
    }
}

/// Questions that nobody waits for and for which there was no room.
const MAX_KEPT: usize = 65_536;
/// Before they are put again.
const KEPT_RETRY_MS: u64 = 100;

/// How long to wait before asking again.
const RETRY_MS: u32 = 1_000;

/// The answer to what the desk had no room for, or will never look at.
fn not_taken(job: Job, has_failed: bool) -> Done {
    let (code, message) = match &job.ask {
        _ if has_failed => (
            Code::StorageFailed,
            "the server's store failed; this was not done",
        ),
        Ask::Register { .. } | Ask::Create { .. } => (
            Code::RateLimited,
            "too many names are being proved now; try again",
        ),
        Ask::Mail(_) => (Code::Overloaded, "too much is to be stored now; try again"),
        _ => (
            Code::Overloaded,
            "too much is asked about accounts now; try again",
        ),
    };
    let refused = Refused {
        code,
        message,
        field: None,
        retry_after_ms: (!has_failed).then_some(RETRY_MS),
    };
    let answer = match job.ask {
        Ask::Mail(mail) => Answer::Mail {
            reply: mail.reply,
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
