//! The rules, with the clock in the test's hand: each sentence of what is promised about sending, taking and opening.

mod ack;
mod gaps;
mod model;
mod opening;
mod quota;
mod send;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::opening::Arrival;
use super::post::Post;
use super::*;
use crate::accounts::AccountId;
use crate::config::MailboxConfig;
use crate::store::{DeviceRow, Failed, Relation, Store, Tables};
use crate::time::Now;
use crate::wire::code::Code;

/// A store of its own, with the accounts alice, bob and carol, each of one device, `d`.
struct House {
    store: Store,
    config: MailboxConfig,
    now_ms: u64,
    dir: Dir,
    /// What the last job added.
    entries: Vec<Entry>,
    before: Vec<Entry>,
    regards: Vec<Regard>,
}

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const CAROL: AccountId = AccountId(3);
const START_MS: u64 = 1_800_000_000_000;

impl House {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let dir = std::env::temp_dir().join(format!("privmsgd-mailbox-{process}-{count}"));
        let _ = std::fs::remove_dir_all(&dir);
        let mut house = House {
            store: Store::open(&dir).unwrap(),
            config: MailboxConfig::default(),
            now_ms: START_MS,
            dir: Dir(dir),
            entries: Vec::new(),
            before: Vec::new(),
            regards: Vec::new(),
        };
        let _ = house.store.set_fsync(false);
        for name in ["Alice", "Bob", "Carol"] {
            let key = name.to_lowercase();
            house.with(|t| t.add_account(name, &key, std::slice::from_ref(&key), None, START_MS));
        }
        for account in [ALICE, BOB, CAROL] {
            house.register(account, "d");
        }
        house
    }

    /// In a batch of its own.
    fn with<T>(&mut self, work: impl FnOnce(&Tables<'_>) -> Result<T, Failed>) -> T {
        self.store.batch(|t| t.apart(|| work(t))).unwrap().unwrap()
    }

    fn post<T>(&mut self, work: impl FnOnce(&mut Post<'_>) -> Result<T, Failed>) -> T {
        let now = Now::new(0, self.now_ms);
        let config = self.config.clone();
        let (done, entries, regards) = self.with(|t| {
            let mut post = Post::new(t, &config, &now);
            let done = work(&mut post)?;
            Ok((done, post.entries, post.regards))
        });
        self.before = std::mem::replace(&mut self.entries, entries);
        self.regards = regards;
        done
    }

    fn ask_as(&mut self, from: Sender, ask: Ask) -> Answer {
        let mail = Mail {
            from,
            reply: None,
            verb: Verb::PrivateMessage,
            ask,
        };
        self.post(|post| post.answer(&mail))
    }

    fn ask(&mut self, account: AccountId, device: &str, ask: Ask) -> Answer {
        self.ask_as(sender(account, device), ask)
    }

    fn register_with(&mut self, account: AccountId, device: &str, wanted: Wanted) -> Opening {
        let row = DeviceRow {
            device: device.into(),
            created_unix_ms: START_MS,
            seen_unix_ms: START_MS,
            current: Some([1; 32]),
            previous: None,
            spent: Vec::new(),
        };
        self.post(|post| {
            let is_new = post.tables.device(account, device)?.is_none();
            post.tables.put_device(account, &row)?;
            let arrival = Arrival {
                device,
                is_new,
                is_first: post.tables.device_count(account)? == 1,
            };
            let known = post.tables.known(account)?.expect("an account");
            post.open(&known, &arrival, &wanted)
        })
    }

    fn register(&mut self, account: AccountId, device: &str) -> Opening {
        self.register_with(account, device, Wanted::default())
    }

    fn resume(&mut self, account: AccountId, device: &str, pos: u64) -> Opening {
        let epoch = self.with(|t| Ok(t.epoch()));
        let after = Some(After { pos, epoch });
        let deliver = Deliver::Ack;
        let wanted = Wanted {
            deliver,
            after,
            invisible: false,
        };
        self.register_with(account, device, wanted)
    }

    /// As after a crash of the daemon: nobody has said goodbye.
    fn restart(mut self) -> Self {
        drop(self.store);
        self.store = Store::open(&self.dir.0).unwrap();
        self
    }

    fn send(&mut self, from: AccountId, to: &str) -> Answer {
        self.ask(from, "d", Ask::Send(letter(to, "\"hi\"")))
    }

    /// Its number.
    fn sent(&mut self, from: AccountId, to: &str) -> u64 {
        accepted(self.send(from, to)).seq
    }

    fn sends(&mut self, count: usize, from: AccountId, to: &str) {
        for _ in 0..count {
            self.sent(from, to);
        }
    }

    fn ack(&mut self, account: AccountId, device: &str, pos: u64) {
        let by = Evidence::Client;
        let answer = self.ask(account, device, Ask::Ack { pos, by });
        assert_eq!(answer, Answer::Ok);
    }

    fn fetch(&mut self, account: AccountId, device: &str, after: u64) -> Fetched {
        let entries = FETCH_ENTRIES;
        match self.ask(account, device, Ask::Fetch { after, entries }) {
            Answer::Fetched(fetched) => fetched,
            other => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, account: AccountId, device: &str, sent: u64) {
        self.ask(account, device, Ask::Left { sent });
    }

    fn relate(&mut self, account: AccountId, peer: AccountId, blocked: bool, allowed: bool) {
        let relation = Relation { blocked, allowed };
        self.with(|t| t.put_relation(account, peer, relation));
    }

    fn settings(&mut self, account: AccountId, change: impl FnOnce(&mut Settings)) {
        self.with(|t| {
            let mut mailbox = t.mailbox(account)?;
            change(&mut mailbox.settings);
            t.put_mailbox(account, mailbox);
            Ok(())
        });
    }

    fn waiting(&mut self, account: AccountId) -> (u64, u64) {
        self.with(|t| t.mailbox(account).map(|m| (m.waiting, m.waiting_bytes)))
    }

    /// What the last job but one added: the last only looked.
    fn entries_before(&self) -> Vec<Entry> {
        self.before.clone()
    }

    /// Whose logs the last job added to, and what.
    fn told(&self) -> Vec<(String, String)> {
        let entries = self.entries.iter();
        entries
            .map(|entry| (entry.owner.as_str().to_string(), words(&entry.event)))
            .collect()
    }
}

/// Removed in the end.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sender(account: AccountId, device: &str) -> Sender {
    Sender {
        account,
        device: Some(device.into()),
        invisible: false,
    }
}

fn letter(to: &str, message: &str) -> Letter {
    Letter {
        to: name(to),
        message: message.as_bytes().into(),
        message_id: None,
        kind: None,
        reply_to: None,
        expires_in_s: None,
    }
}

fn known_letter(to: &str, message: &str, id: &str) -> Letter {
    Letter {
        message_id: Some(id.as_bytes().into()),
        ..letter(to, message)
    }
}

fn name(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
}

fn accepted(answer: Answer) -> Accepted {
    match answer {
        Answer::Accepted(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

fn code(answer: &Answer) -> Option<Code> {
    match answer {
        Answer::Refused(refused) => Some(refused.code),
        _ => None,
    }
}

/// What an entry says, in few words.
fn words(event: &Event) -> String {
    match event {
        Event::Message(message) => {
            let to = message.to.as_ref().map_or("", |to| to.as_str());
            let removed = message.removed.map_or("", |removed| removed.as_str());
            format!("{}{to} {}{removed}", message.from.as_str(), message.seq)
        }
        Event::Receipt {
            with,
            stage,
            up_to_seq,
            by,
            ..
        } => format!(
            "{} {} {up_to_seq} {}",
            with.as_str(),
            stage.as_str(),
            by.as_str()
        ),
        Event::NewDevice { device, .. } => format!("new {device}"),
        other => format!("{other:?}"),
    }
}

fn told(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(owner, event)| (owner.to_string(), event.to_string()))
        .collect()
}
