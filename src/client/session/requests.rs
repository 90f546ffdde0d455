//! What was asked and is not answered: each question has one answer, after a lost connection too.

use std::collections::{BTreeMap, VecDeque};

use super::Session;
use crate::client::command::{AccountAction, Command};
use crate::client::event::{Answer, Event, Lost};
use crate::client::frame::{Accepted, Conversation, Device, Done, Message, Refusal, Settings};

/// Names a question in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

#[derive(Default)]
pub struct Requests {
    /// Until there is a session.
    unsent: VecDeque<(u64, Command)>,
    asked: BTreeMap<u64, Open>,
}

impl Requests {
    pub fn put(&mut self, id: u64, command: Command) {
        self.unsent.push_back((id, command));
    }

    pub fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.asked.is_empty()
    }
}

/// What of an answer has come.
enum Open {
    Plain,
    History(Vec<Message>),
    Conversations(Vec<Conversation>),
    Devices(Vec<Device>),
    Export,
}

impl Open {
    fn of(command: &Command) -> Open {
        match command {
            Command::History { .. } => Open::History(Vec::new()),
            Command::Conversations { .. } => Open::Conversations(Vec::new()),
            Command::Account(AccountAction::Devices) => Open::Devices(Vec::new()),
            Command::Account(AccountAction::Export) => Open::Export,
            _ => Open::Plain,
        }
    }
}

impl Session {
    pub(super) fn send_requests(&mut self) {
        while let Some((id, command)) = self.requests.unsent.pop_front() {
            self.out.extend_from_slice(command.line(id).as_bytes());
            self.requests.asked.insert(id, Open::of(&command));
        }
    }

    /// What was asked on a connection that is gone.
    pub(super) fn lose_requests(&mut self) {
        for id in std::mem::take(&mut self.requests.asked).into_keys() {
            self.answer(id, Err(Lost::Disconnected));
        }
    }

    pub(super) fn history_line(&mut self, id: u64, message: Message) {
        if let Some(Open::History(list)) = self.requests.asked.get_mut(&id) {
            push(list, message);
        }
    }

    pub(super) fn conversation(&mut self, id: u64, conversation: Conversation) {
        if let Some(Open::Conversations(list)) = self.requests.asked.get_mut(&id) {
            push(list, conversation);
        }
    }

    pub(super) fn device(&mut self, id: u64, device: Device) {
        if let Some(Open::Devices(list)) = self.requests.asked.get_mut(&id) {
            push(list, device);
        }
    }

    pub(super) fn done(&mut self, id: u64, done: Done) {
        let answer = match self.requests.asked.remove(&id) {
            Some(Open::History(messages)) => Answer::History {
                messages,
                complete: done.complete,
            },
            Some(Open::Conversations(list)) => Answer::Conversations {
                list,
                complete: done.complete,
            },
            Some(Open::Devices(list)) => Answer::Devices(list),
            Some(Open::Export) => Answer::Exported { count: done.count },
            Some(Open::Plain) => Answer::Ok,
            None => return,
        };
        self.answer(id, Ok(answer));
    }

    pub(super) fn ok(&mut self, id: u64, settings: Settings) {
        if self.requests.asked.remove(&id).is_some() {
            let answer = match settings.accept_from {
                Some(_) => Answer::Settings(settings),
                None => Answer::Ok,
            };
            self.answer(id, Ok(answer));
        }
    }

    pub(super) fn pong(&mut self, id: u64, time: String) {
        if self.requests.asked.remove(&id).is_some() {
            self.answer(id, Ok(Answer::Pong { time }));
        }
    }

    pub(super) fn edited(&mut self, id: u64, accepted: Accepted) {
        if self.requests.asked.remove(&id).is_some() {
            let time = accepted.time;
            self.answer(id, Ok(Answer::Edited { time }));
        }
    }

    /// `false`: it was no question of ours.
    pub(super) fn refused(&mut self, id: u64, refusal: &Refusal) -> bool {
        let was_asked = self.requests.asked.remove(&id).is_some();
        if was_asked {
            self.answer(id, Err(Lost::Refused(refusal.clone())));
        }
        was_asked
    }

    fn answer(&mut self, id: u64, answer: Result<Answer, Lost>) {
        let id = RequestId(id);
        self.tell(Event::Answer { id, answer });
    }
}

/// A server sends at most 500; more than this is not kept.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < MAX_ITEMS {
        list.push(item);
    }
}

const MAX_ITEMS: usize = 1_000;
