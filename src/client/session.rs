//! The protocol without a socket: the server's lines in, events and lines to send out. Knows no connection and no clock.
//!
//! It lives longer than its connections: what waits for an answer, the position in the mailbox and the names that are
//! watched are carried from one to the next.

mod incoming;
mod opening;
mod positions;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{Command, Status};
use super::credential::Credential;
use super::error::Error;
use super::event::{Answer, End, Event, Lost};
use super::frame::{Frame, Hello};
use super::outbox::Outbox;
use positions::{Positions, Seen};
use requests::Requests;

pub use opening::HEARTBEAT_MS;
pub use positions::Cursor;
pub use requests::RequestId;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sends and asks, receives nothing, and is not seen: any number at once.
    Send,
    /// Is the profile's device for a moment, to change the account, which the server lets devices do only. A session of the
    /// device that is there meanwhile ends.
    Change,
    /// Is the profile's device: gets what waits for it and what comes, and acknowledges.
    Receive,
}

/// Who registers, and how.
#[derive(Clone, Debug)]
pub struct Who {
    pub name: String,
    /// What this installation is called in mailbox mode.
    pub device: String,
    pub credential: Credential,
    /// The server that is meant: it is signed.
    pub server_name: String,
    pub purpose: Purpose,
    /// Passwords may be sent: nobody can read along.
    pub confidential: bool,
}

/// What is to be done with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Go,
    /// Drop it and make another one, after this time at the earliest.
    Again { why: String, after: Duration },
    /// Drop it; [`Event::Ended`] is among the events.
    Over,
}

/// One account on one device, without its connection. Who uses it brings the lines and takes the bytes:
///
/// ```
/// use std::time::Instant;
/// use privmsgd::client::session::{Purpose, Session, Who};
/// use privmsgd::client::{Credential, Event};
///
/// let mut session = Session::new(
///     Who {
///         name: "Alice".into(),
///         device: "laptop".into(),
///         credential: Credential::None,
///         server_name: "localhost".into(),
///         purpose: Purpose::Receive,
///         confidential: true,
///     },
///     None,
///     None,
/// );
/// let now = Instant::now();
/// session.send("Bob", "hi".into(), None)?;
/// session.connected();
/// session.line(
///     r#"{"type":"hello","server":"privmsgd","version":"0.1.0","protocol":1,"mode":"open","serverName":"localhost",
///     "auth":[],"tls":false,"durability":"memory",
///     "limits":{"maxLineBytes":65536,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024}}"#,
///     now,
/// );
/// assert!(session.output().starts_with(br#"{"type":"register","username":"Alice","#));
/// session.output().clear();
/// session.line(r#"{"type":"registered","username":"Alice","resumeToken":"t"}"#, now);
/// session.pump(now);
/// assert!(session.output().starts_with(br#"{"type":"privateMessage","toUsername":"Bob","message":"hi","#));
/// assert!(matches!(session.next_event(), Some(Event::Connected(_))));
/// # Ok::<(), privmsgd::client::Error>(())
/// ```
pub struct Session {
    who: Who,
    stage: Stage,
    hello: Hello,
    /// What is shown of the name.
    name: String,
    resume_token: Option<String>,
    status: Status,
    out: Vec<u8>,
    /// With the position that is dealt with when the event is.
    events: VecDeque<(Option<u64>, Event)>,
    outbox: Outbox,
    requests: Requests,
    positions: Positions,
    seen: Seen,
    watched: BTreeSet<String>,
    next_id: u64,
    been_here: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Offline,
    /// `hello` is awaited.
    Greeting,
    /// `register` is sent; whether with the resume token.
    Registering {
        resuming: bool,
    },
    Registered,
    /// `bye` is sent.
    Leaving,
    Over,
}

impl Session {
    /// `cursor` and `token` are what was kept of an earlier session of the same device.
    pub fn new(who: Who, cursor: Option<Cursor>, token: Option<String>) -> Session {
        Session {
            name: who.name.clone(),
            who,
            stage: Stage::Offline,
            hello: Hello::default(),
            resume_token: token,
            status: Status::default(),
            out: Vec::new(),
            events: VecDeque::new(),
            outbox: Outbox::default(),
            requests: Requests::default(),
            positions: Positions::new(cursor),
            seen: Seen::default(),
            watched: BTreeSet::new(),
            next_id: 1,
            been_here: false,
        }
    }

    /// There is a connection: its first line comes next.
    pub fn connected(&mut self) {
        self.out.clear();
        self.stage = Stage::Greeting;
        self.positions.connected();
    }

    /// One line of the server's, without its end.
    pub fn line(&mut self, line: &str, now: Instant) -> Next {
        match (self.stage, Frame::parse(line)) {
            (Stage::Offline | Stage::Over, _) => Next::Go,
            (Stage::Greeting, None) => self.end(End::WrongServer(format!(
                "what answers there is no privmsgd: {}",
                crate::escape::plain(line, 80)
            ))),
            (Stage::Greeting, Some(frame)) => self.greeted(frame),
            (_, None | Some(Frame::Other)) => Next::Go,
            (_, Some(frame)) => self.frame(frame, line, now),
        }
    }

    /// The connection is gone, or was never made; the next try comes in about `retry_in`.
    pub fn disconnected(&mut self, why: &str, retry_in: Duration) {
        self.stage = Stage::Offline;
        self.out.clear();
        self.outbox.disconnected();
        self.lose_requests();
        let why = why.into();
        self.tell(Event::Disconnected { why, retry_in });
    }

    /// There will be no further try.
    pub fn end(&mut self, end: End) -> Next {
        self.out.clear();
        self.lose_requests();
        self.stage = Stage::Over;
        self.tell(Event::Ended(end));
        Next::Over
    }

    /// The next event. What has a position is dealt with when [`Session::settle`] is called.
    pub fn next_event(&mut self) -> Option<Event> {
        let (pos, event) = self.events.pop_front()?;
        self.positions.given(pos);
        Some(event)
    }

    /// Everything that was given out is dealt with. The cursor to keep, if it has moved.
    pub fn settle(&mut self) -> Option<Cursor> {
        self.positions.settle()
    }

    /// Puts what is to be sent now into [`Session::output`].
    pub fn pump(&mut self, now: Instant) {
        if self.stage != Stage::Registered {
            return;
        }
        if let Some(pos) = self.positions.ack() {
            let line = format!("{{\"type\":\"ack\",\"pos\":{pos}}}\n");
            self.out.extend_from_slice(line.as_bytes());
        }
        self.send_requests();
        let longest = self.hello.limits.max_line_bytes;
        for entry in self.outbox.send(&mut self.out, longest, now) {
            self.tell(Event::Refused {
                message_id: entry.message_id,
                to: entry.to,
                error: too_long(longest),
            });
        }
    }

    /// Bytes to write; what was written is to be taken off their front.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// When [`Session::pump`] has something to do next by itself.
    pub fn due(&self) -> Option<Instant> {
        match self.stage {
            Stage::Registered => self.outbox.due(),
            _ => None,
        }
    }

    /// A message; its `messageId`. It is kept, and sent until it is accepted or refused for good.
    pub fn send(
        &mut self,
        to: &str,
        message: Value,
        reply_to: Option<u64>,
    ) -> Result<String, Error> {
        let message_id = new_message_id();
        self.send_as(message_id, to, message, reply_to)
    }

    /// The same with a `messageId` of one's own: for a message that an earlier process may have sent already.
    pub fn send_as(
        &mut self,
        message_id: String,
        to: &str,
        message: Value,
        reply_to: Option<u64>,
    ) -> Result<String, Error> {
        let id = self.take_id();
        self.outbox
            .put(id, message_id.clone(), to, &message, reply_to)?;
        Ok(message_id)
    }

    /// Asks something. It is answered by exactly one [`Event::Answer`], after a lost connection too.
    pub fn request(&mut self, command: Command) -> RequestId {
        let id = self.take_id();
        self.remember(&command);
        self.requests.put(id, command);
        RequestId(id)
    }

    /// Ends in good order: `goodbye` follows, and [`Event::Ended`].
    pub fn leave(&mut self) {
        self.pump_acks();
        self.out.extend_from_slice(b"{\"type\":\"bye\"}\n");
        self.stage = Stage::Leaving;
    }

    pub fn is_registered(&self) -> bool {
        self.stage == Stage::Registered
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// `bye` is said.
    pub fn is_leaving(&self) -> bool {
        self.stage == Stage::Leaving
    }

    /// More events wait than should be added to.
    pub fn is_crowded(&self) -> bool {
        self.events.len() > MAX_EVENTS
    }

    /// Takes the answer out of the events, wherever it stands.
    pub fn take_answer(&mut self, wanted: RequestId) -> Option<Result<Answer, Lost>> {
        let is_it = |event: &Event| matches!(event, Event::Answer { id, .. } if *id == wanted);
        let at = self.events.iter().position(|(_, event)| is_it(event))?;
        match self.events.remove(at)? {
            (_, Event::Answer { answer, .. }) => Some(answer),
            _ => None,
        }
    }

    /// Why it is over, if it is.
    pub fn take_end(&mut self) -> Option<End> {
        if self.stage != Stage::Over {
            return None;
        }
        let end = self.events.iter().find_map(|(_, event)| match event {
            Event::Ended(end) => Some(end.clone()),
            _ => None,
        });
        Some(end.unwrap_or(End::Closed))
    }

    /// Messages without an answer, and requests.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.requests.is_empty()
    }

    /// Of the last connection.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The name, as the server shows it once it is registered.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn purpose(&self) -> Purpose {
        self.who.purpose
    }

    /// To keep; changes with each registration.
    pub fn resume_token(&self) -> Option<&str> {
        self.resume_token.as_deref()
    }

    /// The longest line that may come.
    pub fn longest_line(&self) -> usize {
        match self.stage {
            Stage::Offline | Stage::Greeting => LONGEST_FIRST_LINE,
            _ => self
                .hello
                .limits
                .max_frame_bytes
                .clamp(LONGEST_FIRST_LINE, LONGEST_LINE),
        }
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back((None, event));
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1) & MAX_ID;
        id
    }
}

/// 128 random bits.
pub fn new_message_id() -> String {
    let mut bytes = [0; 16];
    // An id that is not random is better than none: the time makes it new.
    if getrandom::fill(&mut bytes).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        bytes = now.map_or(0, |now| now.as_nanos()).to_le_bytes();
    }
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

fn too_long(longest: usize) -> super::frame::Refusal {
    super::frame::Refusal {
        command: Some("privateMessage".into()),
        code: "lineTooLong".into(),
        message: format!("the message is too long: its line may have {longest} bytes"),
        field: Some("message".into()),
        hint: None,
        retryable: false,
        retry_after_ms: None,
    }
}

/// 2^53 − 1: integers on the wire go up to there.
const MAX_ID: u64 = (1 << 53) - 1;
/// A caller that asks and takes no events.
const MAX_EVENTS: usize = 10_000;
const LONGEST_FIRST_LINE: usize = 64 * 1024;
const LONGEST_LINE: usize = 64 * 1024 * 1024;
