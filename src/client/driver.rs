//! A session with a connection under it, made again whenever it is lost. Knows the clock; knows no JSON.

mod asking;

use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use serde_json::Value;

use super::backoff::Backoff;
use super::command::Command;
use super::error::{Error, Kind};
use super::event::{End, Event};
use super::frame::Hello;
use super::link::{Link, NO_GREETING, NoLink, left, wait};
use super::profile::Profile;
use super::session::{HEARTBEAT_MS, Next, Purpose, RequestId, Session, Who};
use super::state::State;
use crate::ops::exit::reason;

pub use asking::MOST_AT_ONCE;

/// See the page of [the module](super). Everything here returns within the time that it was given.
pub struct Client {
    profile: Profile,
    session: Session,
    state: State,
    link: Under,
    backoff: Backoff,
    /// A connection was there at least once.
    reached: bool,
    /// When the server was last heard of.
    heard: Instant,
    news: Option<String>,
}

/// What is under the session.
enum Under {
    /// Nothing until then.
    Nothing {
        until: Instant,
    },
    /// A thread makes a connection: names are looked up and hands shaken there.
    Dialing(Receiver<Result<Link, NoLink>>),
    Link(Link),
}

impl Client {
    /// Begins to connect, and returns at once. Fails only on what is kept in files.
    pub fn start(profile: &Profile, purpose: Purpose) -> Result<Client, Error> {
        let path = match purpose {
            Purpose::Receive => profile.state.clone(),
            Purpose::Send | Purpose::Change => None,
        };
        let state = State::load(path)?;
        let who = Who {
            name: profile.name.clone(),
            device: profile.device.clone(),
            credential: profile.credential.clone(),
            server_name: profile.server_name.clone(),
            purpose,
            confidential: profile.address.is_confidential(),
        };
        let token = state.resume_token().map(str::to_owned);
        Ok(Client {
            session: Session::new(who, state.cursor(), token),
            link: dial(profile),
            profile: profile.clone(),
            state,
            backoff: Backoff::default(),
            reached: false,
            heard: Instant::now(),
            news: None,
        })
    }

    /// What happens next; `None`: nothing did within `patience`. What was given out before is dealt with now. After
    /// [`Event::Ended`] nothing more comes.
    pub fn next_event(&mut self, patience: Duration) -> Option<Event> {
        self.settle();
        let start = Instant::now();
        loop {
            if let Some(event) = self.session.next_event() {
                return Some(event);
            }
            let left = left(start, patience);
            if self.session.is_over() {
                return None;
            }
            self.step(left);
            if left.is_zero() {
                return self.session.next_event();
            }
        }
    }

    /// Returns when `other` can be read, when [`Client::next_event`] has something to do, at a signal, or after `patience`:
    /// for a loop over both.
    pub fn wait(&mut self, other: BorrowedFd<'_>, patience: Duration) -> std::io::Result<()> {
        let now = Instant::now();
        let other = PollFd::from_borrowed_fd(other, PollFlags::IN);
        match &self.link {
            _ if self.session.is_over() => drop(wait(&mut [other], patience)?),
            Under::Nothing { until } => {
                let left = until.saturating_duration_since(now);
                wait(&mut [other], patience.min(left))?;
            }
            Under::Dialing(_) => drop(wait(&mut [other], patience.min(DIAL_LOOK))?),
            Under::Link(link) => {
                self.session.pump(now);
                let patience = self.until_due(patience, now);
                if let Some(awaited) = link.awaited(!self.session.output().is_empty()) {
                    wait(&mut [other, awaited], patience)?;
                }
            }
        }
        Ok(())
    }

    /// After [`Event::Ended`]: connects again. Messages that have no answer yet are sent then.
    pub fn start_again(&mut self) {
        if self.session.is_over() {
            self.session.start_again();
            self.backoff.reset();
            self.link = dial(&self.profile);
        }
    }

    /// All events that were given out are dealt with: they are acknowledged, and do not come again.
    pub fn settle(&mut self) {
        if let Some(cursor) = self.session.settle() {
            let kept = self.state.moved(cursor);
            self.must_keep(kept);
        }
    }

    /// A message for `to`; its `messageId`. It goes when there is a connection, and is sent again on the next ones until
    /// [`Event::Accepted`] or [`Event::Refused`] tells of it. Fails if too many wait already.
    pub fn send(&mut self, to: &str, text: &str) -> Result<String, Error> {
        self.session.send(to, Value::String(text.into()), None)
    }

    /// The same under a `messageId` of one's own: for a message that an earlier process may have sent already.
    pub fn send_as(&mut self, message_id: String, to: &str, text: &str) -> Result<String, Error> {
        let message = Value::String(text.into());
        self.session.send_as(message_id, to, message, None)
    }

    /// The same with any JSON value, and as a reply to a `seq`.
    pub fn send_value(
        &mut self,
        to: &str,
        message: Value,
        reply_to: Option<u64>,
    ) -> Result<String, Error> {
        self.session.send(to, message, reply_to)
    }

    /// Asks something without waiting: [`Event::Answer`] has the answer.
    pub fn request(&mut self, command: Command) -> RequestId {
        self.session.request(command)
    }

    /// Ends in good order, within `patience`: what was given out is acknowledged, and the name is free.
    pub fn close(mut self, patience: Duration) {
        self.settle();
        let _ = self.state.sync();
        if !self.session.is_registered() {
            return;
        }
        let start = Instant::now();
        // A `bye` would bring all the mail that still waits.
        if self.session.purpose() != Purpose::Send && self.session.hello().is_mailbox() {
            let _ = self.ask(Command::Ping, patience);
            return;
        }
        self.session.leave();
        let _ = self.wait_for(start, patience, |session| session.is_over().then_some(()));
    }

    /// What the server said of itself on the last connection.
    pub fn hello(&self) -> &Hello {
        self.session.hello()
    }

    /// The name, as the server shows it once it is registered.
    pub fn name(&self) -> &str {
        self.session.name()
    }

    /// What a person is to be told, once: the server's certificate was not known, and is remembered now.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// The session under it, for what is not here.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Why nothing came within `patience`.
    pub fn too_late(&self, patience: Duration) -> Error {
        let seconds = patience.as_secs_f32();
        let (kind, what) = match self.reached {
            true => (Kind::Timeout, format!("no answer within {seconds} s")),
            false => (
                Kind::NoConnection,
                format!("no connection within {seconds} s"),
            ),
        };
        Error::new(kind, what, "")
    }

    /// Does what there is to do, waiting at most `patience` for it.
    fn step(&mut self, patience: Duration) {
        match &mut self.link {
            Under::Nothing { until } => {
                let left = until.saturating_duration_since(Instant::now());
                thread::sleep(left.min(patience));
                if left <= patience {
                    self.link = dial(&self.profile);
                }
            }
            Under::Dialing(outcome) => match outcome.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Ok(mut link)) => {
                    self.news = link.news().or(self.news.take());
                    self.reached = true;
                    self.heard = Instant::now();
                    self.session.connected();
                    self.link = Under::Link(link);
                }
                Ok(Err(NoLink::Untrusted(why))) => drop(self.session.end(End::Trust(why))),
                Ok(Err(NoLink::Unreachable(why))) if self.reached => {
                    self.lost(&why, Duration::ZERO)
                }
                Ok(Err(NoLink::Unreachable(why))) => drop(self.session.end(End::NoConnection(why))),
                Err(RecvTimeoutError::Disconnected) => {
                    self.lost("connecting failed", Duration::ZERO);
                }
            },
            Under::Link(_) => self.turn(patience),
        }
    }

    /// Writes and reads.
    fn turn(&mut self, patience: Duration) {
        let now = Instant::now();
        self.session.pump(now);
        let patience = self.until_due(patience, now);
        let silent = self.session.purpose() == Purpose::Receive
            && self.session.is_registered()
            && now.duration_since(self.heard) > SILENCE;
        let Under::Link(link) = &mut self.link else {
            return;
        };
        let read = link.turn(self.session.output(), patience);
        self.lines();
        match read {
            _ if self.session.is_over() => {}
            Err(error) => self.cut_off(&error),
            // What waits in the socket has been read by now.
            Ok(()) if silent && self.heard < now => {
                self.lost("the server is silent", Duration::ZERO);
            }
            Ok(()) => {}
        }
    }

    /// How long to wait for the server at most.
    fn until_due(&self, patience: Duration, now: Instant) -> Duration {
        let due = self.session.due();
        let left = due.map_or(SILENCE, |due| due.saturating_duration_since(now));
        patience.min(left).min(SILENCE)
    }

    fn lines(&mut self) {
        while let Under::Link(link) = &mut self.link {
            let line = match link.line(self.session.longest_line()) {
                None => return,
                Some(Err(what)) => {
                    drop(self.session.end(End::WrongServer(what.into())));
                    return;
                }
                Some(Ok(line)) => line,
            };
            self.heard = Instant::now();
            let was_registered = self.session.is_registered();
            let next = self.session.line(&line, self.heard);
            if self.session.is_registered() && !was_registered {
                self.backoff.reset();
                let kept = self.state.registered(self.session.resume_token());
                self.must_keep(kept);
            }
            match next {
                Next::Go => {}
                Next::Again { why, after } => self.lost(&why, after),
                Next::Over => return,
            }
        }
    }

    fn cut_off(&mut self, error: &std::io::Error) {
        match error.kind() {
            _ if self.session.is_leaving() => drop(self.session.end(End::Closed)),
            std::io::ErrorKind::UnexpectedEof if self.session.is_greeted() => {
                self.lost("the connection was lost", Duration::ZERO)
            }
            std::io::ErrorKind::UnexpectedEof => self.lost(NO_GREETING, Duration::ZERO),
            _ => {
                let why = format!("the connection was lost: {}", reason(error));
                self.lost(&why, Duration::ZERO);
            }
        }
    }

    fn lost(&mut self, why: &str, after: Duration) {
        let wait = self.backoff.wait(after);
        self.session.disconnected(why, wait);
        self.link = Under::Nothing {
            until: Instant::now() + wait,
        };
    }

    /// Whoever cannot remember what was dealt with must not go on.
    fn must_keep(&mut self, kept: Result<(), Error>) {
        if let Err(error) = kept {
            drop(self.session.end(End::NotKept(error.to_string())));
        }
    }
}

fn dial(profile: &Profile) -> Under {
    let (sender, outcome) = channel();
    let (address, trust) = (profile.address.clone(), profile.trust.clone());
    // The client may be gone when it is there.
    thread::spawn(move || sender.send(Link::dial(&address, &trust, DIAL_PATIENCE)));
    Under::Dialing(outcome)
}

/// For each address of a host, and for the TLS handshake.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);
/// Whether a connection has been made is looked at so often.
const DIAL_LOOK: Duration = Duration::from_millis(40);
/// A server that was asked for heartbeats is never silent for so long.
const SILENCE: Duration = Duration::from_millis(HEARTBEAT_MS as u64 * 2);
