//! What the rules about past messages and about people have at hand, and what they come to. Knows no rule.

use super::{Answer, Change, Entry, Event, Regard, Sender, Who};
use crate::accounts::{AccountId, Ends, Refused};
use crate::config::MailboxConfig;
use crate::store::{Conversation, Failed, Known, LogKind, LogRow, State, Tables};
use crate::time::Now;
use crate::wire::code::{Code, Evidence, Stage};
use crate::wire::name::Name;

pub struct Room<'a> {
    pub tables: &'a Tables<'a>,
    pub config: &'a MailboxConfig,
    pub now: &'a Now,
}

/// What a question leads to.
#[derive(Debug)]
pub struct Told {
    pub answer: Answer,
    pub entries: Vec<Entry>,
    pub regards: Vec<Regard>,
    pub ends: Option<Ends>,
}

impl Told {
    pub fn new(answer: Answer) -> Self {
        Told {
            answer,
            entries: Vec::new(),
            regards: Vec::new(),
            ends: None,
        }
    }
}

pub enum Stop {
    Refused(Refused),
    Failed(Failed),
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Stop::Failed(failed)
    }
}

impl From<Refused> for Stop {
    fn from(refusal: Refused) -> Self {
        Stop::Refused(refusal)
    }
}

pub fn refused(code: Code, message: &'static str, field: Option<&'static str>) -> Stop {
    Stop::Refused(Refused {
        code,
        message,
        field,
        retry_after_ms: None,
    })
}

impl Room<'_> {
    /// Who asks.
    pub fn own(&self, account: AccountId) -> Result<Known, Failed> {
        let known = self.tables.known(account)?;
        known.ok_or_else(|| Failed::damaged("the account of a session"))
    }

    /// An account that is there, or was.
    pub fn ever(&self, name: &Name<'_>, field: &'static str) -> Result<Known, Stop> {
        let known = self.tables.known_named(name)?;
        known.ok_or_else(|| unknown(field))
    }

    /// The other, and what they have with `account`. A removed account is there only for those who have something with
    /// it.
    pub fn with(
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
    pub fn within(
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

    /// Whether neither lets anything of the other through that is not a message.
    pub fn is_quiet(&self, a: AccountId, b: AccountId) -> Result<bool, Failed> {
        Ok(self.tables.relation(a, b)?.blocked || self.tables.relation(b, a)?.blocked)
    }

    /// Whether some device of the sender's account is not the one that asks.
    pub fn has_others(&self, from: &Sender) -> Result<bool, Failed> {
        self.tables.cursors(from.account, |cursors| {
            let mut cursors = cursors.iter();
            cursors.any(|cursor| Some(&cursor.device) != from.device.as_ref())
        })
    }

    /// Nothing is said of it to an account that is gone.
    pub fn tell(&self, told: &mut Vec<Entry>, owner: &Known, say: Say) -> Result<(), Failed> {
        if owner.state == State::Removed {
            return Ok(());
        }
        let pos = self.tables.append(owner.id, &say.row)?;
        told.push(Entry {
            owner: owner.who.clone(),
            not_for: say.row.device,
            pos,
            event: say.event,
            redelivered: false,
        });
        Ok(())
    }
}

/// An entry of a log, as it is stored and as it is told.
pub struct Say {
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

pub fn unknown(field: &'static str) -> Stop {
    refused(Code::UnknownUser, "no such account", Some(field))
}

/// Whether it is somebody else's, or never was.
pub fn no_message() -> Stop {
    let text = "you have no such message with this account";
    refused(Code::NotFound, text, Some("seq"))
}

/// A name for a [`Regard`] that says only that something has changed.
pub fn stirred(owner: &Who) -> Regard {
    Regard {
        owner: owner.clone(),
        toward: owner.clone(),
        shows_presence: true,
    }
}
