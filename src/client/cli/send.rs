//! `privmsg send`. One message, or one for each line of standard input; each has its answer before this ends.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde::Serialize;

use super::out::{Out, say};
use super::{FAREWELL, PATIENCE, duration, is_set, profile, tell_news, text};
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::event::Event;
use crate::client::frame::Refusal;
use crate::client::outbox::new_message_id;
use crate::client::profile::checked_name;
use crate::client::session::Purpose;
use crate::ops::exit::reason;

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let to = text(matches, "to").unwrap_or_default();
    checked_name(to)?;
    let words: Vec<&str> = matches
        .get_many::<String>("text")
        .map(|words| words.map(String::as_str).collect())
        .unwrap_or_default();
    let profile = profile(matches)?;
    let texts = match (words.as_slice(), is_set(matches, "lines")) {
        (["-"], true) => lines(),
        (["-"], false) => one(whole()?),
        (_, true) => return Err(Error::new(Kind::Usage, "--lines goes with - only", "")),
        (words, false) => one(words.join(" ")),
    };
    let mut sending = Sending {
        client: Client::start(&profile, Purpose::Send)?,
        to: to.into(),
        lines: is_set(matches, "lines"),
        numbers: HashMap::new(),
        taken: 0,
        accepted: 0,
        held: None,
        message_id: text(matches, "message-id").map(str::to_owned),
        patience: duration(matches, "timeout").unwrap_or(PATIENCE),
        json: is_set(matches, "json"),
        waiting: 0,
        answered: Instant::now(),
        refused: None,
        delayed: None,
    };
    match sending.all(&texts, out) {
        Ok(()) => sending.end(),
        // What stands behind a line that cannot be read is not counted.
        Err(error) if !sending.lines || matches!(error.kind, Kind::Usage | Kind::Io) => Err(error),
        Err(error) => {
            sending.taken += rest(&texts);
            say(&sending.missing());
            Err(error)
        }
    }
}

struct Sending {
    client: Client,
    to: String,
    message_id: Option<String>,
    /// Each message is a line: these are the numbers of those that have no answer, by `messageId`.
    lines: bool,
    numbers: HashMap<String, u64>,
    /// Messages that were read, and of them those that were accepted.
    taken: u64,
    accepted: u64,
    /// What the client takes when it has an answer to another one.
    held: Option<String>,
    patience: Duration,
    json: bool,
    /// Without an answer.
    waiting: usize,
    /// When the last answer came, or nothing began to wait.
    answered: Instant,
    refused: Option<Error>,
    /// Why it is not accepted yet, as it was told.
    delayed: Option<Refusal>,
}

impl Sending {
    fn all(&mut self, texts: &Texts, out: &mut Out) -> Result<(), Error> {
        let (mut at_end, mut unread) = (false, Ok(()));
        while !at_end || self.waiting > 0 || self.held.is_some() {
            while self.waiting < MOST_WAITING && (self.held.is_some() || !at_end) {
                let text = match self.held.take() {
                    Some(text) => Ok(Ok(text)),
                    None => texts.try_recv().inspect(|_| self.taken += 1),
                };
                match text {
                    Ok(Ok(text)) => self.put(text),
                    Ok(Err(error)) if error.kind == Kind::Refused => self.refuse(self.taken, error),
                    // What stood before it goes.
                    Ok(Err(error)) => (at_end, unread) = (true, Err(error)),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => at_end = true,
                }
                if self.held.is_some() {
                    break;
                }
            }
            let patience = if at_end { LOOK } else { LOOK_FOR_LINES };
            let event = self.client.next_event(patience);
            tell_news(&mut self.client);
            if let Some(event) = event {
                self.take(event, out)?;
            }
            if self.waiting > 0 && self.answered.elapsed() >= self.patience {
                return Err(self.too_late());
            }
        }
        unread
    }

    /// The message that was read last.
    fn put(&mut self, text: String) {
        let id = self.message_id.clone().unwrap_or_else(new_message_id);
        if self.client.send_as(id.clone(), &self.to, &text).is_err() {
            match self.waiting {
                // There is room for one at least.
                0 => self.refuse(self.taken, too_long()),
                _ => self.held = Some(text),
            }
            return;
        }
        if self.lines {
            self.numbers.insert(id, self.taken);
        }
        if self.waiting == 0 {
            self.answered = Instant::now();
        }
        self.waiting += 1;
    }

    /// Message `number` is not sent. Of lines, each is told; another one is told at the end.
    fn refuse(&mut self, number: u64, error: Error) {
        if self.lines {
            say(&format!("line {number}: {}", error.what));
        }
        self.refused = Some(error);
    }

    fn end(self) -> Result<(), Error> {
        let missing = self.missing();
        self.client.close(FAREWELL);
        match self.refused {
            Some(error) if self.lines => Err(Error::new(Kind::Refused, missing, error.fix)),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn missing(&self) -> String {
        let missing = self.taken - self.accepted;
        let were = if missing == 1 { "was" } else { "were" };
        format!("{missing} of {} lines {were} not accepted", self.taken)
    }

    fn take(&mut self, event: Event, out: &mut Out) -> Result<(), Error> {
        match event {
            Event::Accepted {
                message_id,
                to,
                seq,
                time,
                duplicate,
            } => {
                self.done(&message_id);
                self.accepted += 1;
                if self.json {
                    let accepted = Accepted {
                        message_id: &message_id,
                        to: &to,
                        seq,
                        time: &time,
                        duplicate,
                    };
                    let line = serde_json::to_string(&accepted).unwrap_or_default();
                    out.print(&(line + "\n"))?;
                }
            }
            Event::Refused {
                message_id, error, ..
            } => {
                let number = self.done(&message_id);
                let hint = error.hint.clone().unwrap_or_default();
                let refused = Error::new(Kind::Refused, format!("not sent: {error}"), hint);
                self.refuse(number, refused);
            }
            Event::Delayed {
                message_id, error, ..
            } => {
                let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
                if self.answered.elapsed().saturating_add(asked) > self.patience {
                    let seconds = asked.as_secs_f32();
                    let fix = format!(
                        "the server asks to try again in {seconds} s, which is longer than --timeout"
                    );
                    let line = self.numbers.get(&message_id);
                    let line = line.map_or_else(String::new, |line| format!("line {line}: "));
                    let what = format!("{line}not sent: {error}");
                    return Err(Error::new(Kind::Refused, what, fix));
                }
                let before = self.delayed.replace(error.clone());
                if before.is_none_or(|before| before.code != error.code) {
                    say(&format!("{error}; trying again"));
                }
            }
            Event::Disconnected { why, .. } => say(&format!("{why}; connecting again")),
            Event::Error(error) => say(&error.to_string()),
            Event::Ended(end) => return Err(end.into()),
            _ => {}
        }
        Ok(())
    }

    /// The number of the message that has its answer.
    fn done(&mut self, message_id: &str) -> u64 {
        self.waiting -= 1;
        self.answered = Instant::now();
        self.delayed = None;
        self.numbers.remove(message_id).unwrap_or(self.taken)
    }

    fn too_late(&self) -> Error {
        let seconds = self.patience.as_secs_f32();
        match &self.delayed {
            Some(error) => Error::new(
                Kind::Timeout,
                format!("not accepted within {seconds} s: {error}"),
                "",
            ),
            None => self.client.too_late(self.patience),
        }
    }
}

/// What `--json` prints of each message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    message_id: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    time: &'a str,
    duplicate: bool,
}

type Texts = Receiver<Result<String, Error>>;

fn one(text: String) -> Texts {
    let (sender, texts) = sync_channel(1);
    let _ = sender.send(Ok(text));
    texts
}

/// All of standard input.
fn whole() -> Result<String, Error> {
    let mut text = Vec::new();
    let stdin = io::stdin().lock();
    let read = stdin.take(LONGEST + 1).read_to_end(&mut text);
    read.map_err(unreadable)?;
    in_words(text, "standard input")
}

/// Standard input line by line, as it comes, read by a thread: the connection must not wait for it.
fn lines() -> Texts {
    let (sender, texts) = sync_channel(MOST_WAITING);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        for number in 1_u64.. {
            let mut line = Vec::new();
            let read = (&mut stdin).take(LONGEST + 1).read_until(b'\n', &mut line);
            let text = match read {
                Ok(0) => return,
                Ok(_) if line.len() as u64 > LONGEST && line.last() != Some(&b'\n') => {
                    skip_line(&mut stdin).and(Err(too_long()))
                }
                Ok(_) => in_words(line, &format!("line {number} of standard input")),
                Err(error) => Err(unreadable(error)),
            };
            let failed = matches!(&text, Err(error) if error.kind != Kind::Refused);
            if sender.send(text).is_err() || failed {
                return;
            }
        }
    });
    texts
}

/// Up to its end, without keeping it.
fn skip_line(input: &mut impl BufRead) -> Result<(), Error> {
    loop {
        let bytes = input.fill_buf().map_err(unreadable)?;
        let (count, at_end) = match memchr::memchr(b'\n', bytes) {
            Some(at) => (at + 1, true),
            None => (bytes.len(), bytes.is_empty()),
        };
        input.consume(count);
        if at_end {
            return Ok(());
        }
    }
}

/// How many more there are: of an input that goes on, those that are there already.
fn rest(texts: &Texts) -> u64 {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < FAREWELL && texts.recv_timeout(LOOK).is_ok() {
        count += 1;
    }
    count
}

fn too_long() -> Error {
    Error::new(Kind::Refused, "not sent: the message is too long", "")
}

/// Without the line end at the end.
fn in_words(mut text: Vec<u8>, what: &str) -> Result<String, Error> {
    if text.len() as u64 > LONGEST {
        return Err(Error::new(
            Kind::Usage,
            format!("{what} is too long for a message"),
            "",
        ));
    }
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    let bad = |_| Error::new(Kind::Usage, format!("{what} is not UTF-8"), "");
    String::from_utf8(text).map_err(bad)
}

fn unreadable(error: io::Error) -> Error {
    let what = format!("cannot read standard input: {}", reason(&error));
    Error::new(Kind::Io, what, "")
}

const MOST_WAITING: usize = 64;
/// No server takes longer ones, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;
/// How long events are waited for before the clock, and before the next line, is looked at.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_FOR_LINES: Duration = Duration::from_millis(10);
