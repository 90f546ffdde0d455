//! What the rules about past messages and about people have in common: whom and what a question is about, and what
//! is said of it in logs.

use super::post::{Post, Stop, refused};
use super::{Change, Event, Sender};
use crate::accounts::AccountId;
use crate::store::{Conversation, Failed, Known, LogKind, LogRow, State};
use crate::wire::code::{Code, Evidence, Stage};
use crate::wire::name::Name;

impl Post<'_> {
    /// An account that is there, or was.
    pub(super) fn ever(&self, name: &Name<'_>, field: &'static str) -> Result<Known, Stop> {
        let known = self.tables.known_named(name)?;
        known.ok_or_else(|| unknown(field))
    }

    /// One that rows are of.
    pub(super) fn known(&self, account: AccountId) -> Result<Known, Failed> {
        let known = self.tables.known(account)?;
        known.ok_or_else(|| Failed::damaged("an account that rows are of"))
    }

    /// The other, and what they have with `account`. A removed account is there only for those who have something with
    /// it.
    pub(super) fn with(
        &self,
        account: AccountId,
        name: &Name<'_>,
    ) -> Result<(Known, Option<Conversation>), Stop> {
        let peer = self.ever(name, "withUsername")?;
        let conversation = self.tables.conversation(account, peer.id)?;
        if peer.state == State::Removed && conversation.is_none() {
            return Err(unknown("withUsername"));
        }
        Ok((peer, conversation))
    }

    /// The same where a message of it is meant.
    pub(super) fn within(
        &self,
        account: AccountId,
        name: &Name<'_>,
        seq: u64,
    ) -> Result<(Known, Conversation), Stop> {
        match self.with(account, name)? {
            (peer, Some(conversation)) if (1..=conversation.last_seq).contains(&seq) => {
                Ok((peer, conversation))
            }
            _ => Err(no_message()),
        }
    }

    /// Whether some device of the sender's account is not the one that asks.
    pub(super) fn has_others(&self, from: &Sender) -> Result<bool, Failed> {
        self.tables.cursors(from.account, |cursors| {
            let mut cursors = cursors.iter();
            cursors.any(|cursor| Some(&cursor.device) != from.device.as_ref())
        })
    }

    /// Nothing is said to an account that is gone.
    pub(super) fn say(&mut self, owner: &Known, say: Say) -> Result<(), Failed> {
        match owner.state {
            State::Removed => Ok(()),
            State::Good | State::Disabled => self.add(owner, &say.row, say.event),
        }
    }
}

/// An entry of a log, as it is stored and as it is told.
pub(super) struct Say {
    row: LogRow,
    event: Event,
}

impl Say {
    /// To all devices of the account but the one that asked.
    pub fn read_elsewhere(with: &Known, seq: u64, from: &Sender) -> Self {
        let row = LogRow {
            peer: Some(with.id),
            seq: Some(seq),
            device: from.device.clone(),
            ..LogRow::new(LogKind::ReadElsewhere)
        };
        let with = with.who.clone();
        let event = Event::ReadElsewhere { with, seq };
        Say { row, event }
    }

    pub fn read(by: &Known, up_to_seq: u64, time_unix_ms: u64) -> Self {
        let evidence = Evidence::Client;
        let row = LogRow {
            peer: Some(by.id),
            seq: Some(up_to_seq),
            time_unix_ms: Some(time_unix_ms),
            by: Some(evidence),
            ..LogRow::new(LogKind::Read)
        };
        let event = Event::Receipt {
            with: by.who.clone(),
            stage: Stage::Read,
            up_to_seq,
            by: evidence,
            time_unix_ms,
        };
        Say { row, event }
    }

    /// `message`: its row.
    pub fn changed(message: i64, with: &Known, seq: u64, change: Change, unix_ms: u64) -> Self {
        let row = LogRow {
            message: Some(message),
            peer: Some(with.id),
            seq: Some(seq),
            time_unix_ms: Some(unix_ms),
            ..LogRow::new(LogKind::Changed)
        };
        let event = Event::Changed {
            with: with.who.clone(),
            seq,
            change,
            time_unix_ms: unix_ms,
        };
        Say { row, event }
    }

    pub fn but_for(mut self, from: &Sender) -> Self {
        self.row.device.clone_from(&from.device);
        self
    }
}

pub(super) fn unknown(field: &'static str) -> Stop {
    refused(Code::UnknownUser, "there is no such user", Some(field))
}

/// Whether it is somebody else's, or never was.
pub(super) fn no_message() -> Stop {
    let text = "you have no such message with this user";
    refused(Code::NotFound, text, Some("seq"))
}
