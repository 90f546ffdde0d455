//! A session with a connection under it, made again whenever it is lost. Knows the clock; knows no JSON.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::backoff::Backoff;
use super::command::Command;
use super::error::{Error, Kind};
use super::event::{Answer, End, Event, Lost};
use super::frame::{Conversation, Hello, Message};
use super::link::{Link, NoLink, left};
use super::profile::Profile;
use super::session::{HEARTBEAT_MS, Next, Purpose, RequestId, Session, Who};
use super::state::State;
use crate::ops::exit::reason;

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
            Purpose::Send => None,
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

    /// Asks and waits. Other events stay where they are. Questions that change nothing are asked again after a lost
    /// connection.
    pub fn ask(&mut self, command: Command, patience: Duration) -> Result<Answer, Error> {
        let start = Instant::now();
        loop {
            let id = self.session.request(command.clone());
            match self.wait_for(start, patience, |session| session.take_answer(id))? {
                Ok(answer) => return Ok(answer),
                Err(Lost::Disconnected) if command.changes_nothing() && !self.session.is_over() => {
                }
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

    /// Ends in good order, within `patience`: what was given out is acknowledged, and the name is free.
    pub fn close(mut self, patience: Duration) {
        self.settle();
        let _ = self.state.sync();
        if !self.session.is_registered() {
            return;
        }
        let start = Instant::now();
        // A `bye` would bring all the mail that still waits.
        if self.session.purpose() == Purpose::Receive && self.session.hello().is_mailbox() {
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

    /// The session under it, for what is not here.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Works until `found` finds something.
    fn wait_for<T>(
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
                Ok(Ok(link)) => {
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
        let due = self.session.due();
        let patience = due.map_or(patience, |due| {
            patience.min(due.saturating_duration_since(now))
        });
        let silent = self.session.purpose() == Purpose::Receive
            && self.session.is_registered()
            && now.duration_since(self.heard) > SILENCE;
        let Under::Link(link) = &mut self.link else {
            return;
        };
        let read = link.turn(self.session.output(), patience.min(SILENCE));
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
            std::io::ErrorKind::UnexpectedEof => {
                self.lost("the connection was lost", Duration::ZERO)
            }
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

fn unexpected() -> Error {
    Error::new(
        Kind::Refused,
        "the server answered something else than was asked",
        "",
    )
}

/// For each address of a host, and for the TLS handshake.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);
/// The most that `history` and `conversations` give at once.
pub const MOST_AT_ONCE: u32 = 500;
/// A server that was asked for heartbeats is never silent for so long.
const SILENCE: Duration = Duration::from_millis(HEARTBEAT_MS as u64 * 2);
