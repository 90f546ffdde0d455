//! One message as it is kept: what stands in it, harmless, and what became of it. Knows nothing of what it stands among.

use std::cell::Cell;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::text::harmless;
use super::when;
use crate::client;

#[derive(Clone, Debug)]
pub struct Message {
    /// Its own in this program.
    pub serial: u64,
    pub mine: bool,
    pub body: Body,
    pub seq: Option<u64>,
    pub time: Option<i64>,
    pub day: Option<Date>,
    pub edited: bool,
    pub state: State,
    /// The `messageId` of what was sent from here.
    pub id: Option<String>,
    /// Columns, and the rows that its text takes in them.
    pub rows: Cell<Option<(usize, usize)>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Harmless.
    Text(String),
    /// Nothing to show in the place of `seq` to `to_seq`, and why.
    Hole { why: String, to_seq: Option<u64> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not accepted yet.
    Waiting,
    Accepted,
    Failed(String),
}

impl Message {
    /// Typed here, and not sent yet.
    pub fn typed(serial: u64, text: &str) -> Self {
        Message {
            serial,
            mine: true,
            body: Body::Text(harmless(text)),
            seq: None,
            time: None,
            day: None,
            edited: false,
            state: State::Waiting,
            id: None,
            rows: Cell::new(None),
        }
    }

    /// As it came.
    pub fn received(serial: u64, mine: bool, message: &client::Message, zone: &TimeZone) -> Self {
        let time = when::moment(&message.time);
        Message {
            mine,
            body: body(message),
            seq: message.seq,
            time,
            day: time.map(|time| when::day(time, zone)),
            edited: message.edited_at.is_some(),
            state: State::Accepted,
            id: message.message_id.clone().filter(|_| mine),
            ..Message::typed(serial, "")
        }
    }

    pub fn change(&mut self, body: Body) {
        self.edited |= matches!(body, Body::Text(_));
        self.body = body;
        self.rows.set(None);
    }

    pub fn accept(&mut self, seq: Option<u64>, time: &str, zone: &TimeZone) {
        self.state = State::Accepted;
        self.seq = seq;
        self.time = when::moment(time);
        self.day = self.time.map(|time| when::day(time, zone));
        self.rows.set(None);
    }

    pub fn fail(&mut self, why: &str) {
        self.state = State::Failed(harmless(why));
        self.rows.set(None);
    }

    pub fn bytes(&self) -> usize {
        let text = match &self.body {
            Body::Text(text) => text.len(),
            Body::Hole { .. } => 0,
        };
        text + MESSAGE_BYTES
    }
}

/// What stands in a message, harmless.
pub fn body(message: &client::Message) -> Body {
    match &message.removed {
        Some(why) => Body::Hole {
            why: harmless(why),
            to_seq: message.to_seq,
        },
        None => Body::Text(harmless(&message.body.text())),
    }
}

/// What a message takes beside its text, about.
const MESSAGE_BYTES: usize = 160;
