//! What is asked of the store as a whole while it is in use: done in slices, and everything else between them.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use super::super::bench::Message;
use super::super::{Answer, Asker, Done};
use super::{Letter, StoreThread, lock};
use crate::ops::exit::Exit;
use crate::upkeep::{Told, Upkeep};

impl StoreThread {
    pub(super) fn keep_up(
        &mut self,
        asker: Asker,
        asked: &Upkeep,
        letters: &Receiver<Letter>,
        batch: &mut VecDeque<Message>,
        wake: &impl Fn(),
    ) {
        let fsync = lock(&self.settings).mailbox.fsync;
        let store = self.bench.store();
        let mut told = store.tell(asked, fsync, &mut || {
            self.turn(letters, batch, wake);
            !self.stopping && self.bench.failed().is_none()
        });
        match &mut told {
            Told::Stats(stats) => {
                stats.jobs_waiting = Some(self.load.jobs());
                stats.commits = Some(self.bench.commits());
            }
            Told::BackedUp(_) => {}
            Told::Failed(error) if error.code == Exit::Data => {
                self.bench.is_damaged(&error.what);
            }
            Told::Failed(_) => {}
        }
        let answer = Answer::Upkeep(told);
        self.tell(
            vec![Done {
                asker,
                answer,
                ends: None,
                notice: None,
                entries: Vec::new(),
                regards: Vec::new(),
            }],
            wake,
        );
    }
}
