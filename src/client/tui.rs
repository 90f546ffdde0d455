//! The interactive session, on the whole screen. Knows the client, and nothing of its connection.
//!
//! ```text
//! terminal ─► keys ──┐                    ┌─► client: messages, questions
//!                    ├─► model ─► effects ┤
//! client ─► events ──┘     │              └─► terminal: the bell
//!                          └─► draw ─► terminal
//! ```
//!
//! One loop takes from both and draws when something has changed.

pub mod book;
pub mod command;
pub mod conversation;
pub mod draw;
pub mod editor;
pub mod keys;
pub mod layout;
pub mod message;
pub mod model;
pub mod page;
mod terminal;
pub mod text;
pub mod theme;
pub mod view;
pub mod when;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

use super::error::{Error, Kind};
use super::{Client, End, Event, Profile, Purpose, RequestId};
use model::{Ask, Effect, Input, Model, Now};
use terminal::Screen;

/// Until its user leaves, or the process is told to end.
pub fn run(profile: &Profile) -> Result<(), Error> {
    terminal::check()?;
    let client = Client::start(profile, Purpose::Receive)?;
    let screen = Screen::enter()?;
    let size = screen.size()?;
    let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let place = profile.address.to_string();
    let model = Model::new(&profile.name, &place, TimeZone::system(), colors, size);
    let mut session = Session {
        client,
        model,
        screen,
        asked: HashMap::new(),
        start: Instant::now(),
        over: false,
        begun: false,
        ended: None,
    };
    let ended = session.run();
    let Session {
        mut client,
        model,
        screen,
        ..
    } = session;
    drop(screen);
    // Of a session that never began.
    if let Some(news) = client.news() {
        eprintln!("privmsg: {news}");
    }
    client.close(FAREWELL);
    let unsent = match model.book.waiting() {
        0 => return ended,
        1 => "1 message was not sent".into(),
        count => format!("{count} messages were not sent"),
    };
    // Why it ended is told last, as everywhere.
    if ended.is_err() {
        eprintln!("privmsg: {unsent}");
    }
    ended.and(Err(Error::new(Kind::Refused, unsent, "")))
}

struct Session {
    client: Client,
    model: Model,
    screen: Screen,
    /// What the answers are for. As many as the client has questions without an answer.
    asked: HashMap<RequestId, Ask>,
    start: Instant,
    over: bool,
    /// There was a session.
    begun: bool,
    /// Why there is none any more.
    ended: Option<End>,
}

impl Session {
    fn run(&mut self) -> Result<(), Error> {
        let mut changed = true;
        let mut drawn = Instant::now();
        let mut more = false;
        while !self.over && !self.screen.is_told_to_end() {
            if changed || self.until_due(drawn).is_zero() {
                self.input(Input::Tick);
                self.screen.draw(&self.model)?;
                drawn = Instant::now();
            }
            if !more {
                let patience = self.until_due(drawn);
                self.client
                    .wait(io::stdin().as_fd(), patience)
                    .map_err(failed)?;
            }
            let keys = self.keys()?;
            let events = self.events()?;
            changed = keys + events > 0;
            more = keys == BATCH || events == BATCH;
        }
        match self.ended.take() {
            Some(end) => Err(end.into()),
            None => Ok(()),
        }
    }

    /// How many there were.
    fn keys(&mut self) -> Result<usize, Error> {
        for count in 0..BATCH {
            let Some(input) = self.screen.input()? else {
                return Ok(count);
            };
            self.input(input);
        }
        Ok(BATCH)
    }

    /// How many there were. With fewer than a batch the client has nothing left to do for now.
    fn events(&mut self) -> Result<usize, Error> {
        for count in 0..BATCH {
            let Some(event) = self.client.next_event(Duration::ZERO) else {
                return Ok(count);
            };
            match event {
                Event::Answer { id, answer } => {
                    if let Some(ask) = self.asked.remove(&id) {
                        self.input(Input::Answer(ask, answer));
                    }
                }
                // It never began: said where it stays to be read.
                Event::Ended(end) if !self.begun => return Err(end.into()),
                event => {
                    if matches!(event, Event::Connected(_)) {
                        self.begin();
                    }
                    if let Event::Ended(end) = &event {
                        self.ended = Some(end.clone());
                    }
                    self.input(Input::Client(event));
                }
            }
        }
        Ok(BATCH)
    }

    fn begin(&mut self) {
        self.begun = true;
        if let Some(news) = self.client.news() {
            self.input(Input::Note(news));
        }
    }

    /// Until something on the screen changes with the time, at most [`PAUSE`].
    fn until_due(&self, drawn: Instant) -> Duration {
        let sleep = self.model.sleep().map(Duration::from_millis);
        sleep.map_or(PAUSE, |sleep| {
            sleep.saturating_sub(drawn.elapsed()).min(PAUSE)
        })
    }

    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.model.update(self.now(), input) {
                inputs.extend(self.carry_out(effect));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Send { serial, to, text } => {
                return Some(match self.client.send(&to, &text) {
                    Ok(message_id) => Input::Sent { serial, message_id },
                    Err(error) => Input::NotSent {
                        serial,
                        why: error.to_string(),
                    },
                });
            }
            Effect::Ask(ask, command) => {
                let id = self.client.request(command);
                self.asked.insert(id, ask);
            }
            Effect::Bell => self.screen.ring(),
            Effect::Redraw => self.screen.forget(),
            Effect::Suspend => self.screen.suspend(),
            Effect::Connect => {
                self.ended = None;
                self.client.start_again();
            }
            Effect::Quit => self.over = true,
        }
        None
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

/// A signal that comes just before the loop waits is noticed that much later at most.
const PAUSE: Duration = Duration::from_secs(1);
/// Keys, and events, that are taken before the screen is drawn again.
const BATCH: usize = 256;
/// For ending in good order.
const FAREWELL: Duration = Duration::from_secs(2);

/// What has to do with the terminal failed.
fn failed(error: io::Error) -> Error {
    Error::new(Kind::Io, format!("the terminal does not work: {error}"), "")
}
