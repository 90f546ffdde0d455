//! What a client asks and waits for, within the time that it is given.

use std::time::{Duration, Instant};

use super::Client;
use crate::client::command::Command;
use crate::client::error::{Error, Kind};
use crate::client::event::{Answer, Lost};
use crate::client::frame::{Conversation, Message};
use crate::client::link::left;
use crate::client::session::{RequestId, Session};

impl Client {
    /// Asks and waits. Other events stay where they are. What may be asked twice is asked again after a lost
    /// connection.
    pub fn ask(&mut self, command: Command, patience: Duration) -> Result<Answer, Error> {
        let start = Instant::now();
        loop {
            let id = self.session.request(command.clone());
            match self.wait_for(start, patience, |session| session.take_answer(id))? {
                Ok(answer) => return Ok(answer),
                Err(Lost::Disconnected) if command.is_idempotent() && !self.session.is_over() => {}
                Err(lost) => return Err(lost.into()),
            }
        }
    }

    /// Waits until the name is registered.
    pub fn connected(&mut self, patience: Duration) -> Result<(), Error> {
        let is_there = |session: &mut Session| session.is_registered().then_some(());
        self.wait_for(Instant::now(), patience, is_there)
    }

    /// Messages with `name`, ascending by `seq`, and whether there are no earlier ones (later ones, with `after`).
    pub fn history(
        &mut self,
        name: &str,
        before: Option<u64>,
        limit: u32,
        patience: Duration,
    ) -> Result<(Vec<Message>, bool), Error> {
        let command = Command::History {
            with_username: name.into(),
            before,
            after: None,
            limit,
        };
        match self.ask(command, patience)? {
            Answer::History { messages, complete } => Ok((messages, complete)),
            _ => Err(unexpected()),
        }
    }

    /// All conversations, the one with the latest message first.
    pub fn conversations(&mut self, patience: Duration) -> Result<Vec<Conversation>, Error> {
        let (mut all, mut before) = (Vec::<Conversation>::new(), None);
        loop {
            let limit = MOST_AT_ONCE;
            match self.ask(Command::Conversations { before, limit }, patience)? {
                Answer::Conversations { list, complete } => {
                    let at_end = complete || list.is_empty();
                    all.extend(list);
                    before = all.last().map(|last| last.with_username.clone());
                    if at_end {
                        return Ok(all);
                    }
                }
                _ => return Err(unexpected()),
            }
        }
    }

    /// Learn of each name whether it is there, now and from now on; also after a lost connection.
    pub fn watch(&mut self, names: &[String]) -> RequestId {
        let usernames = names.to_vec();
        self.request(Command::Watch { usernames })
    }

    pub fn typing(&mut self, to: &str) -> RequestId {
        let to_username = to.into();
        self.request(Command::Typing { to_username })
    }

    pub fn mark_read(&mut self, name: &str, seq: u64) -> RequestId {
        self.request(Command::MarkRead {
            with_username: name.into(),
            seq,
            private: false,
        })
    }

    /// Works until `found` finds something.
    pub(super) fn wait_for<T>(
        &mut self,
        start: Instant,
        patience: Duration,
        mut found: impl FnMut(&mut Session) -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            if let Some(found) = found(&mut self.session) {
                return Ok(found);
            }
            if let Some(end) = self.session.take_end() {
                return Err(end.into());
            }
            let left = left(start, patience);
            if left.is_zero() || self.session.is_crowded() {
                return Err(self.too_late(patience));
            }
            self.step(left);
        }
    }
}

fn unexpected() -> Error {
    Error::new(
        Kind::Refused,
        "the server answered something else than was asked",
        "",
    )
}

/// The most that `history` and `conversations` give at once.
pub const MOST_AT_ONCE: u32 = 500;
