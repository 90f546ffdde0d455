//! Mailboxes in memory, for tests: everybody sees and writes to everybody who has not blocked them, nothing expires, and
//! receipts go to whoever sent something.

mod stream;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use privmsgd::accounts::{AccountId, Refused};
use privmsgd::mailbox::{
    Accepted, After, Answer, Ask, Change, Entry, Event, Exported, Mail, Message, Opening, Reach,
    Regard, Relation, Sender, Settings, Wanted, Who,
};
use privmsgd::wire::code::{AcceptFrom, Code, Deliver, Evidence, Removed, Stage};
use privmsgd::wire::name::Name;

#[derive(Default)]
pub struct Post {
    pub boxes: BTreeMap<AccountId, Mailbox>,
    talks: BTreeMap<(AccountId, AccountId), Vec<Arc<Message>>>,
    /// Sender and `messageId` → what was accepted.
    known: BTreeMap<(AccountId, Box<[u8]>), Accepted>,
    pub unix_ms: u64,
}

pub struct Mailbox {
    pub who: Who,
    pub log: Vec<Entry>,
    pub devices: BTreeMap<Box<str>, Cursor>,
    blocked: BTreeSet<AccountId>,
    settings: Settings,
    /// Sender → the last `seq` of which it was told.
    delivered: BTreeMap<AccountId, u64>,
    read: BTreeMap<AccountId, u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cursor {
    pub acked: u64,
    pub sent: u64,
    /// How the last step was known.
    pub by: Option<Evidence>,
}

/// What a job added.
#[derive(Default)]
pub struct Added {
    pub entries: Vec<Entry>,
    pub regards: Vec<Regard>,
    pub deleted: bool,
}

const EPOCH: u64 = 1;

impl Post {
    pub fn open(&mut self, id: AccountId, name: &Name<'_>) {
        let mailbox = Mailbox {
            who: Arc::new(name.clone().into_owned()),
            log: Vec::new(),
            devices: BTreeMap::new(),
            blocked: BTreeSet::new(),
            settings: Settings {
                accept_from: AcceptFrom::Anyone,
                delivery_receipts: true,
                read_receipts: false,
            },
            delivered: BTreeMap::new(),
            read: BTreeMap::new(),
        };
        self.boxes.insert(id, mailbox);
    }

    /// Where a device begins; `None`: it has none.
    pub fn register(
        &mut self,
        id: AccountId,
        device: &str,
        wanted: Wanted,
        added: &mut Added,
    ) -> Option<Opening> {
        if wanted.deliver == Deliver::None {
            return None;
        }
        let mailbox = self.boxes.get_mut(&id)?;
        let head = mailbox.log.len() as u64;
        let is_first = mailbox.devices.is_empty();
        let is_new = !mailbox.devices.contains_key(device);
        let start = Cursor {
            acked: if is_first { 0 } else { head },
            ..Cursor::default()
        };
        let cursor = mailbox.devices.entry(device.into()).or_insert(start);
        let mut opening = Opening {
            epoch: EPOCH,
            head,
            acked: cursor.acked,
            from: cursor.acked,
            resumed: wanted.after.map(|after| after.epoch == EPOCH),
        };
        if let Some(After { pos, epoch: EPOCH }) = wanted.after {
            cursor.acked = cursor.acked.max(pos.min(head));
            (opening.acked, opening.from) = (cursor.acked, pos.min(head));
        }
        if is_new && !is_first {
            let event = Event::NewDevice {
                device: device.into(),
                time_unix_ms: self.unix_ms,
            };
            self.add(id, Some(device.into()), event, added);
        }
        Some(opening)
    }

    pub fn answer(&mut self, mail: &Mail, added: &mut Added) -> Answer {
        let (from, unix_ms) = (&mail.from, self.unix_ms);
        match &mail.ask {
            Ask::Send(letter) => self.send(from, letter, added),
            Ask::Reach { to } => match self.find(to) {
                None => refused(Code::UnknownUser, "there is no such user"),
                Some(to) if self.boxes[&to].blocked.contains(&from.account) => {
                    Answer::Reach(Reach::Swallowed(self.boxes[&to].who.clone()))
                }
                Some(to) => Answer::Reach(Reach::Open(self.boxes[&to].who.clone())),
            },
            Ask::Fetch { after, entries } => self.fetch(from, *after, *entries),
            Ask::Ack { pos, by } => self.ack(from, *pos, *by, added),
            Ask::Left { sent } => {
                let device = from.device.as_deref().unwrap_or_default();
                let devices = &mut self.mailbox(from.account).devices;
                if let Some(cursor) = devices.get_mut(device) {
                    cursor.sent = cursor.sent.max(*sent);
                }
                Answer::Ok
            }
            Ask::MarkRead { with, seq, private } => {
                let Some(peer) = self.find(with) else {
                    return unknown();
                };
                self.mailbox(from.account).read.insert(peer, *seq);
                let who = self.boxes[&peer].who.clone();
                let (with, seq) = (who, *seq);
                let event = Event::ReadElsewhere { with, seq };
                self.add(from.account, from.device.clone(), event, added);
                if !private && self.boxes[&from.account].settings.read_receipts {
                    let receipt = Event::Receipt {
                        with: self.boxes[&from.account].who.clone(),
                        stage: Stage::Read,
                        up_to_seq: seq,
                        by: Evidence::Client,
                        time_unix_ms: unix_ms,
                    };
                    self.add(peer, None, receipt, added);
                }
                Answer::Ok
            }
            Ask::History { with, page, limit } => self.history(from, with, *page, *limit),
            Ask::Conversations { .. } => self.conversations(from),
            Ask::Edit { with, seq, message } => {
                let change = Change::Edited(Arc::from(&**message));
                self.change(from, with, *seq, change, added)
            }
            Ask::Delete { with, seq, .. } => {
                let change = Change::Removed(Removed::Deleted);
                match self.change(from, with, *seq, change, added) {
                    Answer::Accepted(_) => Answer::Ok,
                    other => other,
                }
            }
            Ask::Relate { with, relation } => self.relate(from, with, *relation, added),
            Ask::Settings {
                accept_from,
                delivery_receipts,
                read_receipts,
            } => {
                let now = &mut self.mailbox(from.account).settings;
                now.accept_from = accept_from.unwrap_or(now.accept_from);
                now.delivery_receipts = delivery_receipts.unwrap_or(now.delivery_receipts);
                now.read_receipts = read_receipts.unwrap_or(now.read_receipts);
                Answer::Settings(*now)
            }
            Ask::Watch { usernames } => Answer::Watch(
                usernames
                    .iter()
                    .map(|name| self.shows(name, from.account))
                    .collect(),
            ),
            Ask::Export { from: at } => Answer::Export {
                lines: vec![format!("{{\"part\":{}}}", at.part).into_bytes().into()],
                next: (at.part < 2).then_some(Exported {
                    seq: 0,
                    part: at.part + 1,
                    ..Exported::START
                }),
            },
            Ask::DeleteAccount => {
                added.deleted = true;
                Answer::Ok
            }
        }
    }

    fn relate(
        &mut self,
        from: &Sender,
        with: &Name<'_>,
        relation: Relation,
        added: &mut Added,
    ) -> Answer {
        let Some(peer) = self.find(with) else {
            return unknown();
        };
        let blocked = &mut self.mailbox(from.account).blocked;
        match relation {
            Relation::Block => blocked.insert(peer),
            Relation::Unblock => blocked.remove(&peer),
            Relation::Allow | Relation::Disallow => return Answer::Ok,
        };
        added.regards.push(Regard {
            owner: self.boxes[&from.account].who.clone(),
            toward: self.boxes[&peer].who.clone(),
            shows_presence: relation == Relation::Unblock,
        });
        Answer::Ok
    }

    fn shows(&self, name: &Name<'_>, toward: AccountId) -> bool {
        let owner = self.find(name);
        owner.is_some_and(|owner| !self.boxes[&owner].blocked.contains(&toward))
    }

    fn add(&mut self, owner: AccountId, not_for: Option<Arc<str>>, event: Event, to: &mut Added) {
        let mailbox = self.mailbox(owner);
        let entry = Entry {
            owner: mailbox.who.clone(),
            not_for,
            pos: mailbox.log.len() as u64 + 1,
            event,
            redelivered: false,
        };
        mailbox.log.push(entry.clone());
        to.entries.push(entry);
    }

    fn mailbox(&mut self, id: AccountId) -> &mut Mailbox {
        self.boxes.get_mut(&id).expect("a mailbox")
    }

    pub fn find(&self, name: &Name<'_>) -> Option<AccountId> {
        let found = self
            .boxes
            .iter()
            .find(|(_, one)| one.who.key() == name.key());
        found.map(|(id, _)| *id)
    }
}

fn pair(one: AccountId, other: AccountId) -> (AccountId, AccountId) {
    (one.min(other), one.max(other))
}

fn unknown() -> Answer {
    refused(Code::UnknownUser, "there is no such user")
}

fn refused(code: Code, message: &'static str) -> Answer {
    Answer::Refused(Refused {
        code,
        message,
        field: None,
        retry_after_ms: None,
    })
}
