//! What the server sends, as owned values (protocol.md §7). Knows no session and no socket. Frames and keys that are not
//! known here are passed over, as later versions add some.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One line of the server's.
#[derive(Clone, Debug)]
pub enum Frame {
    Hello(Hello),
    Registered(Registered),
    Accepted(Accepted),
    Message(Message),
    Receipt(Receipt),
    Changed(MessageChanged),
    ReadElsewhere(ReadElsewhere),
    Synced(Synced),
    Conversation(Tagged<Conversation>),
    Typing(Typing),
    Presence(Presence),
    Notice(Notice),
    Ok(Tagged<Settings>),
    /// A line of `account` with `export`, as it came.
    Exported(String),
    Device(Tagged<Device>),
    Done(Tagged<Done>),
    Ping,
    Pong(Tagged<Pong>),
    Error(Tagged<Refusal>),
    Goodbye(Goodbye),
    /// Of a later version, or `help`.
    Other,
}

impl Frame {
    /// One line without its end. `None`: not a frame of this protocol.
    pub fn parse(line: &str) -> Option<Frame> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
            serde_json::from_str(line).ok()
        }
        let kind: Kind<'_> = read(line)?;
        Some(match kind.kind.as_ref() {
            "hello" => Frame::Hello(read(line)?),
            "registered" => Frame::Registered(read(line)?),
            "accepted" => Frame::Accepted(read(line)?),
            "privateMessage" => Frame::Message(read(line)?),
            "receipt" => Frame::Receipt(read(line)?),
            "messageChanged" => Frame::Changed(read(line)?),
            "readElsewhere" => Frame::ReadElsewhere(read(line)?),
            "synced" => Frame::Synced(read(line)?),
            "conversation" => Frame::Conversation(read(line)?),
            "typing" => Frame::Typing(read(line)?),
            "presence" => Frame::Presence(read(line)?),
            "sessionNotice" => Frame::Notice(read(line)?),
            "ok" => Frame::Ok(read(line)?),
            "exported" => Frame::Exported(line.into()),
            "device" => Frame::Device(read(line)?),
            "done" => Frame::Done(read(line)?),
            "ping" => Frame::Ping,
            "pong" => Frame::Pong(read(line)?),
            "errorMessage" => Frame::Error(read(line)?),
            "goodbye" => Frame::Goodbye(read(line)?),
            _ => Frame::Other,
        })
    }
}

/// A frame that answers a command, with that command's `id`.
#[derive(Clone, Debug, Deserialize)]
pub struct Tagged<T> {
    pub id: Option<u64>,
    #[serde(flatten)]
    pub frame: T,
}

/// What the server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    pub version: String,
    pub protocol: u32,
    /// `open` or `mailbox`.
    pub mode: String,
    pub server_name: String,
    #[serde(default)]
    pub auth: Vec<String>,
    pub nonce: Option<String>,
    pub tls: bool,
    /// `memory`, `os` or `fsync`.
    pub durability: String,
    pub limits: Limits,
}

impl Hello {
    /// Names are accounts and messages are stored.
    pub fn is_mailbox(&self) -> bool {
        self.mode == "mailbox"
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub max_line_bytes: usize,
    pub max_frame_bytes: usize,
    pub max_name_bytes: usize,
    pub max_window: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    pub username: String,
    pub resume_token: Option<String>,
    pub device: Option<String>,
    pub epoch: Option<u64>,
    pub pos: Option<u64>,
    pub acked_pos: Option<u64>,
    pub resumed: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    pub id: Option<u64>,
    pub message_id: Option<String>,
    pub to_username: String,
    pub seq: Option<u64>,
    pub time: String,
    #[serde(default)]
    pub duplicate: bool,
}

/// A message: to you; or, with `to`, from another device of yours, or a line of a history.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub from: String,
    #[serde(rename = "message")]
    pub body: Body,
    /// RFC 3339, UTC, the server's clock.
    pub time: String,
    pub to: Option<String>,
    pub seq: Option<u64>,
    /// The last number of a hole that is longer than one.
    pub to_seq: Option<u64>,
    pub pos: Option<u64>,
    pub message_id: Option<String>,
    pub kind: Option<String>,
    pub reply_to: Option<i64>,
    pub edited_at: Option<String>,
    pub expires_at: Option<String>,
    #[serde(default)]
    pub redelivered: bool,
    #[serde(default)]
    pub replay: bool,
    pub id: Option<u64>,
    /// It is a hole, and why: `deleted`, `expired`, `trimmed`, `blocked`, `damaged`, `lost`.
    pub removed: Option<String>,
    /// The line as it came.
    #[serde(skip)]
    pub line: String,
}

impl Message {
    /// With whom it was said: the other name, as seen by `me`, in the form that the server shows.
    pub fn partner(&self, me: &str) -> &str {
        match &self.to {
            Some(to) if self.from == me => to,
            _ => &self.from,
        }
    }
}

/// What stands in a message: any JSON value, usually a string.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Body(Box<RawValue>);

impl Body {
    /// The text of a string; any other value as JSON. As it was sent: it may hold control characters, see
    /// [`crate::escape::plain`].
    pub fn text(&self) -> Cow<'_, str> {
        match serde_json::from_str::<String>(self.json()) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Borrowed(self.json()),
        }
    }

    pub fn json(&self) -> &str {
        self.0.get()
    }
}

/// All messages to `with_username` up to `up_to_seq` have come to a stage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub with_username: String,
    /// `delivered` or `read`.
    pub stage: String,
    pub up_to_seq: u64,
    pub by: String,
    pub time: String,
    pub pos: u64,
}

/// A message is another one now, or a hole.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageChanged {
    pub with_username: String,
    pub seq: u64,
    #[serde(rename = "message")]
    pub body: Option<Body>,
    pub removed: Option<String>,
    pub time: String,
    pub pos: u64,
}

/// Another device of this account has read up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadElsewhere {
    pub with_username: String,
    pub seq: u64,
    pub pos: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Synced {
    pub pos: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub with_username: String,
    pub last_seq: u64,
    pub last_time: String,
    pub read_seq: u64,
    pub their_delivered_seq: u64,
    pub their_read_seq: u64,
    pub unread: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Typing {
    pub from: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Presence {
    pub username: String,
    /// `online`, `away` or `offline`.
    pub status: String,
    pub since: String,
}

/// Somebody tried to take the name, or did on another device: its owner should see it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Notice {
    /// `newDevice`, `claimRefused` or `authFailures`.
    pub kind: String,
    pub count: Option<u64>,
    pub device: Option<String>,
    pub time: String,
    pub pos: Option<u64>,
}

/// Those of the account; all `None` in the `ok` of other commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// `anyone`, `known` or `allowed`.
    pub accept_from: Option<String>,
    pub delivery_receipts: Option<bool>,
    pub read_receipts: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub device: String,
    pub created_at: String,
    pub seen_at: String,
    /// It is this one.
    #[serde(default)]
    pub current: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Done {
    pub count: u64,
    pub complete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pong {
    pub time: String,
    pub data: Option<Value>,
}

/// A command was refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub command: Option<String>,
    /// One of protocol.md §8; decide by this.
    pub code: String,
    /// For people.
    pub message: String,
    pub field: Option<String>,
    pub hint: Option<String>,
    #[serde(default)]
    pub retryable: bool,
    pub retry_after_ms: Option<u64>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// The last line of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Goodbye {
    pub code: String,
    pub message: String,
    pub reconnect: bool,
    pub after_ms: Option<u64>,
}
