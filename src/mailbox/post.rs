//! What is asked of mailboxes, decided: one question after the other, within a batch of the store. Knows no threads, no
//! clock, no SQL and no JSON grammar.

use super::leaving::Left;
use super::{Answer, Ask, Entry, Event, Mail, Regard, Sender};
use crate::accounts::{AccountId, Ends, Refused};
use crate::config::MailboxConfig;
use crate::store::{Failed, Known, LogRow, State, Tables};
use crate::time::Now;
use crate::wire::code::Code;
use crate::wire::name::Name;

/// One job at work, and what it adds to mailboxes.
pub struct Post<'a> {
    pub tables: &'a Tables<'a>,
    pub config: &'a MailboxConfig,
    pub now: &'a Now,
    /// In the order in which they were added.
    pub entries: Vec<Entry>,
    pub regards: Vec<Regard>,
    pub ends: Option<Ends>,
    /// The account that asked is removed.
    pub left: Option<Left>,
    /// Something was overwritten or removed of which traces may be left in the store's files.
    pub forgets: bool,
}

/// Why a job goes no further. One that is refused has changed nothing; what a failed one changed must not stay.
#[derive(Debug)]
pub enum Stop {
    Refused(Refused),
    Failed(Failed),
}

impl<'a> Post<'a> {
    pub fn new(tables: &'a Tables<'a>, config: &'a MailboxConfig, now: &'a Now) -> Self {
        Post {
            tables,
            config,
            now,
            entries: Vec::new(),
            regards: Vec::new(),
            ends: None,
            left: None,
            forgets: false,
        }
    }

    pub fn answer(&mut self, mail: &Mail) -> Result<Answer, Failed> {
        match self.step(&mail.from, &mail.ask) {
            Ok(answer) => Ok(answer),
            Err(Stop::Refused(refusal)) => Ok(Answer::Refused(refusal)),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }

    fn step(&mut self, from: &Sender, ask: &Ask) -> Result<Answer, Stop> {
        match ask {
            Ask::Left { sent } => return self.left(from, *sent),
            Ask::Send(letter) => return self.send(from, letter),
            _ => {}
        }
        let me = self.sender(from)?;
        match ask {
            Ask::Fetch { after, entries } => self.fetch(&me, from, *after, *entries),
            Ask::Ack { pos, by } => self.ack(&me, from, *pos, *by),
            Ask::Reach { to } => self.reach(&me, to),
            Ask::Watch { usernames } => self.watch(&me, usernames),
            _ => self.of_the_past(&me, from, ask),
        }
    }

    /// The account that asks, if it and its device are still good: its session may not have heard yet that they
    /// are not.
    pub(super) fn sender(&self, from: &Sender) -> Result<Known, Stop> {
        let account = self.tables.known(from.account)?;
        let account = account.filter(|account| account.state == State::Good);
        let has_device = match &from.device {
            Some(device) => self.tables.cursors(from.account, |cursors| {
                cursors.iter().any(|cursor| cursor.device == *device)
            })?,
            None => true,
        };
        account.filter(|_| has_device).ok_or_else(gone)
    }

    /// Whom a message or anything else is for. Accounts that were removed or disabled look as if they had never been.
    pub(super) fn recipient(&self, name: &Name<'_>) -> Result<Known, Stop> {
        let found = self.tables.known_named(name)?;
        found
            .filter(|known| known.state == State::Good)
            .ok_or_else(|| refused(Code::UnknownUser, "there is no such user", None))
    }

    /// Puts an entry at the end of the owner's log. `event` is what `row` says.
    pub(super) fn add(&mut self, owner: &Known, row: &LogRow, event: Event) -> Result<(), Failed> {
        let pos = self.tables.append(owner.id, row)?;
        self.entries.push(Entry {
            owner: owner.who.clone(),
            not_for: row.device.clone(),
            pos,
            event,
            redelivered: false,
        });
        Ok(())
    }

    /// Whether `owner` has sent something to `peer`, or allowed it.
    pub(super) fn knows(&self, owner: AccountId, peer: AccountId) -> Result<bool, Failed> {
        let conversation = self.tables.conversation(owner, peer)?;
        let answered = conversation.is_some_and(|mut with| with.side(owner).sent > 0);
        Ok(answered || self.tables.relation(owner, peer)?.allowed)
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Stop::Failed(failed)
    }
}

pub(super) fn refused(code: Code, message: &'static str, field: Option<&'static str>) -> Stop {
    Stop::Refused(Refused {
        code,
        message,
        field,
        retry_after_ms: None,
    })
}

fn gone() -> Stop {
    let text = "this account was disabled or removed, or this device revoked";
    refused(Code::NotAllowed, text, None)
}
