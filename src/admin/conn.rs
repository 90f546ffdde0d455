//! One connection of the admin socket: requests in, lines out, one request at a time. Knows neither the poller nor
//! other connections.

use std::io::ErrorKind;
use std::path::Path;
use std::vec::IntoIter;

use crate::accounts::{Account, Answer, Ask, Asker, Device, Job, Operator, overwrite};
use crate::admin::reply::{self, DONE, Ended, Fault, Reloaded};
use crate::admin::request::{self, Request};
use crate::admin::{ANSWER_MS, House, IDLE_MS, MAX_QUEUE_BYTES, MAX_REQUEST_BYTES};
use crate::config::Changes;
use crate::net::conn::Transport;

/// What one turn of the loop gives to a connection.
pub struct Turn<'a> {
    pub house: &'a mut dyn House,
    /// Where accounts are kept, as an absolute path without links; `None`: open mode.
    pub data: Option<&'a Path>,
    /// What is to be asked of the desk.
    pub jobs: &'a mut Vec<Job>,
    /// Reads and lines that are left for all connections together.
    pub budget: usize,
    pub now_ms: u64,
}

/// How a turn ended.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// The turn's budget is used up.
    More,
    /// For an event, an answer or the deadline.
    Waits,
    Over,
}

pub struct Conn<S> {
    pub stream: S,
    pub serial: u64,
    /// What was read and not handled: at most one more byte than a request may have. Overwritten when handled.
    input: Vec<u8>,
    /// So much of `input` has no line end.
    searched: usize,
    out: Vec<u8>,
    /// So much of `out` is written.
    sent: usize,
    task: Task,
    eof: bool,
    /// An event said so since the last try; the first try needs none.
    pub may_read: bool,
    pub may_write: bool,
    pub deadline_ms: u64,
}

enum Task {
    /// Awaits a request.
    Idle,
    /// Lists connections, from this slot on.
    Clients(u32),
    Accounts(IntoIter<Account>),
    Devices(IntoIter<Device>),
    /// The configuration is being read.
    Reload,
    /// The desk was asked.
    Job,
    /// Ends once everything is written.
    Ending,
}

/// Read at once, and the lines that are made before some are written.
const CHUNK_BYTES: usize = 4_096;
const CHUNK_LINES: usize = 100;
/// Slots of the connection table looked at for one line of budget: most may be empty.
const SLOTS_A_LINE: usize = 16;

impl<S: Transport> Conn<S> {
    pub fn new(stream: S, serial: u64, now_ms: u64) -> Self {
        Conn {
            stream,
            serial,
            // All of it at once: a buffer that grows leaves copies of what it held behind.
            input: Vec::with_capacity(MAX_REQUEST_BYTES + 1 + CHUNK_BYTES),
            searched: 0,
            out: Vec::new(),
            sent: 0,
            task: Task::Idle,
            eof: false,
            may_read: true,
            may_write: true,
            deadline_ms: now_ms.saturating_add(IDLE_MS),
        }
    }

    /// Goes on as far as it can.
    pub fn turn(&mut self, turn: &mut Turn<'_>) -> State {
        loop {
            if !self.write(turn.now_ms) {
                return State::Over;
            }
            if self.backlog() > MAX_QUEUE_BYTES {
                return State::Waits;
            }
            if turn.budget == 0 && !matches!(self.task, Task::Reload | Task::Job) {
                return State::More;
            }
            if let Some(state) = self.step(turn) {
                return state;
            }
        }
    }

    /// What the desk answers; ignored if nothing was asked.
    pub fn answer(&mut self, answer: Answer, now_ms: u64) {
        if !matches!(self.task, Task::Job) {
            return;
        }
        self.deadline_ms = now_ms.saturating_add(IDLE_MS);
        match answer {
            Answer::Accounts(accounts) => self.task = Task::Accounts(accounts.into_iter()),
            Answer::Devices(devices) => self.task = Task::Devices(devices.into_iter()),
            Answer::Refused(refused) => self.refuse(&Fault::from(&refused)),
            Answer::Upkeep(told) => match reply::told(&mut self.out, &told) {
                Ok(()) => self.done(),
                Err(fault) => self.refuse(&fault),
            },
            Answer::Ok | Answer::Registered(_) | Answer::Mail { .. } => self.done(),
        }
    }

    /// What became of reading the configuration.
    pub fn reloaded(&mut self, outcome: Result<&Changes, &[String]>, now_ms: u64) {
        if !matches!(self.task, Task::Reload) {
            return;
        }
        self.deadline_ms = now_ms.saturating_add(IDLE_MS);
        match outcome {
            Ok(changes) => {
                reply::line(&mut self.out, &Reloaded::from(changes));
                self.done();
            }
            Err(messages) => self.refuse(&Fault {
                messages: messages.to_vec(),
                ..Fault::new("reloadFailed", "everything stays as it is")
            }),
        }
    }

    /// The deadline has come. Says so if it still can, and ends.
    pub fn expire(&mut self, now_ms: u64) {
        let what = match self.task {
            Task::Ending => return self.cut(),
            Task::Reload | Task::Job => "no answer in time: the outcome is unknown",
            _ => "no request, or no answer taken, for 10 seconds",
        };
        self.end_with(&Fault::new("timeout", what));
        self.deadline_ms = now_ms.saturating_add(IDLE_MS);
        if self.backlog() > MAX_QUEUE_BYTES || !self.write(now_ms) || self.backlog() > 0 {
            self.cut();
        }
    }

    /// Says why and ends.
    pub fn end_with(&mut self, fault: &Fault) {
        reply::line(&mut self.out, fault);
        self.task = Task::Ending;
    }

    fn cut(&mut self) {
        self.out = Vec::new();
        self.sent = 0;
        self.task = Task::Ending;
    }

    /// One step of the task; how the turn ends if it does.
    fn step(&mut self, turn: &mut Turn<'_>) -> Option<State> {
        let written = self.backlog() == 0;
        match &mut self.task {
            Task::Ending if written => return Some(State::Over),
            Task::Ending => return Some(State::Waits),
            Task::Reload | Task::Job => return Some(State::Waits),
            Task::Idle => return self.next_request(turn),
            Task::Clients(from) => {
                let from = *from;
                self.clients(from, turn);
            }
            Task::Accounts(rest) => {
                let lines = rest.by_ref().take(spend(&mut turn.budget));
                lines.for_each(|row| reply::account(&mut self.out, &row));
                if rest.as_slice().is_empty() {
                    self.done();
                }
            }
            Task::Devices(rest) => {
                let lines = rest.by_ref().take(spend(&mut turn.budget));
                lines.for_each(|row| reply::device(&mut self.out, &row));
                if rest.as_slice().is_empty() {
                    self.done();
                }
            }
        }
        None
    }

    fn clients(&mut self, from: u32, turn: &mut Turn<'_>) {
        let lines = spend(&mut turn.budget);
        let out = &mut self.out;
        let slots = lines.saturating_mul(SLOTS_A_LINE);
        let next = turn
            .house
            .clients(from, lines, slots, &mut |client| reply::line(out, client));
        match next {
            Some(next) => self.task = Task::Clients(next),
            None => self.done(),
        }
    }

    fn next_request(&mut self, turn: &mut Turn<'_>) -> Option<State> {
        if let Some(end) = self.line_end() {
            turn.budget = turn.budget.saturating_sub(1);
            let line = self.input.get(..end).unwrap_or_default();
            let request = match line.iter().all(u8::is_ascii_whitespace) {
                true => None,
                false => Some(Request::parse(line)),
            };
            self.forget(end);
            match request {
                Some(Ok(request)) => self.begin(request, turn),
                Some(Err(fault)) => self.refuse(&fault),
                None => {}
            }
            return None;
        }
        if self.input.len() > MAX_REQUEST_BYTES {
            let what = format!("a request has at most {MAX_REQUEST_BYTES} bytes");
            self.end_with(&Fault::new("tooLong", what));
        } else if self.eof {
            self.task = Task::Ending;
        } else if !self.may_read {
            return Some(State::Waits);
        } else {
            turn.budget = turn.budget.saturating_sub(1);
            self.read();
        }
        None
    }

    fn begin(&mut self, request: Request, turn: &mut Turn<'_>) {
        self.deadline_ms = turn.now_ms.saturating_add(IDLE_MS);
        match request {
            Request::Status => {
                let mut status = turn.house.status();
                status.data = turn.data;
                reply::line(&mut self.out, &status);
                self.done();
            }
            Request::Check => {
                reply::line(&mut self.out, &turn.house.health());
                self.done();
            }
            Request::Clients => self.task = Task::Clients(0),
            Request::Kick(name) => {
                let ended = turn.house.kick(&name);
                turn.house
                    .say(format_args!("admin: kick {}: {ended} ended", name.as_str()));
                reply::line(&mut self.out, &Ended { ended });
                self.done();
            }
            Request::LogLevel(level) => {
                turn.house.set_level(level);
                turn.house.say(format_args!("admin: log level {level}"));
                self.done();
            }
            Request::Reload => match turn.house.reload() {
                Ok(()) => self.wait(Task::Reload, ANSWER_MS, turn.now_ms),
                Err(why) => self.refuse(&Fault::new("reloadFailed", why)),
            },
            Request::Drain => {
                turn.house.drain();
                self.done();
            }
            Request::Account { operator, data } => self.account(operator, data, turn),
        }
    }

    fn account(&mut self, operator: Operator, data: Option<String>, turn: &mut Turn<'_>) {
        let Some(own) = turn.data else {
            let what = "this daemon runs in open mode: it has no accounts";
            return self.refuse(&Fault::new("openMode", what));
        };
        if data.is_some_and(|data| Path::new(&data) != own) {
            let what = "this daemon keeps its accounts elsewhere";
            return self.refuse(&Fault::new("otherData", what));
        }
        let what = request::described(&operator);
        match operator {
            Operator::Upkeep(_) => turn.house.say(format_args!("admin: {what}")),
            _ => turn.house.say(format_args!("admin: account {what}")),
        }
        let patience_ms = request::patience_ms(&operator);
        turn.jobs.push(Job {
            asker: Asker::Admin(self.serial),
            ask: Ask::Operator(operator),
        });
        self.wait(Task::Job, patience_ms, turn.now_ms);
    }

    fn wait(&mut self, task: Task, patience_ms: u64, now_ms: u64) {
        self.task = task;
        self.deadline_ms = now_ms.saturating_add(patience_ms);
    }

    fn done(&mut self) {
        reply::line(&mut self.out, &DONE);
        self.task = Task::Idle;
    }

    fn refuse(&mut self, fault: &Fault) {
        reply::line(&mut self.out, fault);
        self.task = Task::Idle;
    }

    /// Where the first line of the input ends. The last one needs no line end.
    fn line_end(&mut self) -> Option<usize> {
        let new = self.input.get(self.searched..).unwrap_or_default();
        let found = memchr::memchr(b'\n', new).map(|at| self.searched + at);
        if found.is_none() {
            self.searched = self.input.len();
        }
        let rest = self.eof && !self.input.is_empty();
        found
            .or(rest.then_some(self.input.len()))
            .filter(|end| *end <= MAX_REQUEST_BYTES)
    }

    /// The line that ends at `end` was handled.
    fn forget(&mut self, end: usize) {
        if let Some(line) = self.input.get_mut(..end) {
            line.fill(0);
        }
        self.input.drain(..(end + 1).min(self.input.len()));
        self.searched = 0;
    }

    fn read(&mut self) {
        let mut chunk = [0; CHUNK_BYTES];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.eof = true,
            Ok(count) => self.input.extend(chunk.iter().take(count)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
            Err(_) => self.cut(),
        }
        overwrite(&mut chunk);
    }

    /// Writes what the peer takes; whether it is still there.
    pub fn write(&mut self, now_ms: u64) -> bool {
        while self.may_write && self.backlog() > 0 {
            match self
                .stream
                .write(self.out.get(self.sent..).unwrap_or_default())
            {
                Ok(0) => return false,
                Ok(count) => {
                    self.sent += count;
                    if !matches!(self.task, Task::Reload | Task::Job) {
                        self.deadline_ms = now_ms.saturating_add(IDLE_MS);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_write = false,
                Err(_) => return false,
            }
        }
        self.out.drain(..self.sent.min(self.out.len()));
        self.sent = 0;
        true
    }

    fn backlog(&self) -> usize {
        self.out.len().saturating_sub(self.sent)
    }
}

impl<S> Drop for Conn<S> {
    fn drop(&mut self) {
        request::wipe(std::mem::take(&mut self.input));
    }
}

/// Takes lines out of the budget.
fn spend(budget: &mut usize) -> usize {
    let lines = CHUNK_LINES.min(*budget);
    *budget -= lines;
    lines
}

#[cfg(test)]
mod tests;
