//! The operator's commands while no daemon runs: the same rules on the same store, without threads.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::clerk::{Clerk, Step, not_stored};
use super::{Answer, Ask, Asker, Job, Operator, Settings};
use crate::config::Config;
use crate::ops::exit::StartError;
use crate::store::{Failed, How, Store};
use crate::time::Now;

pub struct Offline {
    store: Store,
    clerk: Clerk,
    fsync: bool,
}

impl Offline {
    /// `makes`: a store where there is none. Fails with [`crate::ops::exit::Exit::Unavailable`] if a daemon runs on it. Token keys are not read: no
    /// command of the operator needs them.
    pub fn open(dir: &Path, config: &Config, makes: bool) -> Result<Self, StartError> {
        let accounts = config.accounts.clone();
        let settings = Settings::new(accounts, config.server_name.clone(), Default::default());
        let how = How {
            must_exist: !makes,
            ..How::of(dir, &config.mailbox)?
        };
        Ok(Offline {
            store: Store::open_as(dir, how)?,
            clerk: Clerk::new(Arc::new(settings)),
            fsync: config.mailbox.fsync,
        })
    }

    /// Durable when it returns.
    pub fn ask(&mut self, asked: Operator) -> Answer {
        if let Operator::Upkeep(upkeep) = asked {
            let told = self.store.tell(&upkeep, self.fsync, &mut || true);
            return Answer::Upkeep(told);
        }
        self.try_to(asked).unwrap_or_else(|failed| {
            log::error!("store of accounts: {failed}");
            Answer::Refused(not_stored(failed.why))
        })
    }

    fn try_to(&mut self, asked: Operator) -> Result<Answer, Failed> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ms = unix.map_or(0, |unix| u64::try_from(unix.as_millis()).unwrap_or(0));
        let now = Now::new(0, unix_ms);
        let job = Job {
            asker: NOBODY,
            ask: Ask::Operator(asked),
        };
        let clerk = &mut self.clerk;
        let step = self
            .store
            .batch(|tables| tables.apart(|| clerk.step(tables, job, &now)))??;
        let done = match step {
            Step::Done(done) => done,
            Step::Hash(task) => {
                let hashed = task.run();
                self.store
                    .batch(|tables| tables.apart(|| clerk.finish(tables, hashed, &now)))??
            }
        };
        let traces = self.clerk.take_traces();
        for mut rest in traces.rests {
            while !self.store.batch(|tables| rest.slice(tables, ROWS))?? {}
        }
        if traces.of_account {
            self.store.forget_the_past()?;
        }
        Ok(done.answer)
    }
}

/// Rows of one commit, which nobody waits for.
const ROWS: u32 = 500;
const NOBODY: Asker = Asker::Admin(0);
