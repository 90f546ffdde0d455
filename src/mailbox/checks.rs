//! The rules about the past and about people, with the clock in the test's hand.

mod changes;
mod clock;
mod conversations;
mod export;
mod history;
mod leaving;
mod model;
mod paging;
mod people;
mod reading;
mod sweep;
mod words;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::opening::Arrival;
use super::post::Post;
use super::sweep::Sweep;
use super::*;
use crate::accounts::{AccountId, Ends};
use crate::config::MailboxConfig;
use crate::store::{DATABASE, DeviceRow, Store, testing};
use crate::time::Now;
use crate::wire::code::Code;
use words::*;

/// A store of its own and a clock that stands still. Everybody has one device, `d`, unless a test adds more.
struct House {
    store: Store,
    dir: PathBuf,
    config: MailboxConfig,
    now: Now,
    sweep: Sweep,
    /// Of the last question.
    entries: Vec<Entry>,
    regards: Vec<Regard>,
    ends: Option<Ends>,
}

const START_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;

impl House {
    fn new(people: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("privmsgd-past-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let mut house = House {
            store: Store::open(&dir).unwrap(),
            dir,
            config: MailboxConfig::default(),
            now: Now::new(1_000_000, START_MS),
            sweep: Sweep::default(),
            entries: Vec::new(),
            regards: Vec::new(),
            ends: None,
        };
        house.store.hurry();
        for name in people {
            house.add(name);
        }
        house
    }

    fn add(&mut self, user: &str) {
        let key = name(user).key();
        let key = String::from_utf8(key.as_bytes().to_vec()).unwrap();
        let ms = self.now.unix_ms;
        let added = self
            .store
            .batch(|t| t.add_account(user, &key, &[], None, ms));
        added.unwrap().unwrap();
        self.add_device(user, "d");
    }

    fn add_device(&mut self, user: &str, device: &str) {
        let (config, now) = (&self.config, &self.now);
        let opened = self.store.batch(|tables| {
            let me = tables.known_named(&name(user))?.unwrap();
            let is_first = tables.device_count(me.id)? == 0;
            let row = DeviceRow {
                device: device.into(),
                created_unix_ms: now.unix_ms,
                seen_unix_ms: now.unix_ms,
                current: Some([7; 32]),
                previous: None,
                spent: Vec::new(),
            };
            tables.put_device(me.id, &row)?;
            let arrival = Arrival {
                device,
                is_new: true,
                is_first,
            };
            Post::new(tables, config, now).open(&me, &arrival, &Wanted::default())
        });
        opened.unwrap().unwrap();
    }

    fn id(&mut self, user: &str) -> AccountId {
        let known = self.store.batch(|t| t.known_named(&name(user)));
        known.unwrap().unwrap().unwrap().id
    }

    fn ask(&mut self, user: &str, ask: Ask) -> Answer {
        let account = self.id(user);
        self.ask_as(sender(account, "d"), ask)
    }

    fn ask_as(&mut self, from: Sender, ask: Ask) -> Answer {
        let (config, now) = (&self.config, &self.now);
        let mail = Mail {
            from,
            reply: None,
            verb: crate::wire::code::Verb::History,
            ask,
        };
        let (sweep, mut told) = (&mut self.sweep, (Vec::new(), Vec::new(), None));
        let answer = self.store.batch(|tables| {
            tables.apart(|| {
                let mut post = Post::new(tables, config, now);
                let answer = post.answer(&mail)?;
                if post.forgets {
                    sweep.forgets(now);
                }
                if let Some(left) = post.left {
                    left.rest.into_iter().for_each(|rest| sweep.leaves(rest));
                }
                told = (post.entries, post.regards, post.ends);
                Ok(answer)
            })
        });
        (self.entries, self.regards, self.ends) = told;
        answer.unwrap().unwrap()
    }

    /// The number of the message.
    fn send(&mut self, from: &str, to: &str, text: &str) -> u64 {
        self.send_letter(from, letter(to, text))
    }

    fn send_letter(&mut self, from: &str, letter: Letter) -> u64 {
        match self.ask(from, Ask::Send(letter)) {
            Answer::Accepted(accepted) => accepted.seq,
            other => panic!("{other:?}"),
        }
    }

    /// Everything in the log after the cursor, acknowledged.
    fn take(&mut self, user: &str) -> Vec<Event> {
        let events = self.peek(user, "d", 0);
        let pos = events.last().map_or(0, |entry| entry.pos);
        let by = Evidence::Client;
        assert_eq!(self.ask(user, Ask::Ack { pos, by }), Answer::Ok);
        events.into_iter().map(|entry| entry.event).collect()
    }

    fn peek(&mut self, user: &str, device: &str, after: u64) -> Vec<Entry> {
        let account = self.id(user);
        let (mut after, mut all) = (after, Vec::new());
        loop {
            let ask = Ask::Fetch {
                after,
                entries: FETCH_ENTRIES,
            };
            match self.ask_as(sender(account, device), ask) {
                Answer::Fetched(fetched) => {
                    all.extend(fetched.entries);
                    after = all.last().map_or(after, |entry| entry.pos);
                    if fetched.complete {
                        return all;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// All of it.
    fn history(&mut self, user: &str, with: &str) -> Vec<Message> {
        let page = Page::After(0);
        let (messages, complete) = self.page(user, with, page, 500);
        assert!(complete);
        messages
    }

    fn page(&mut self, user: &str, with: &str, page: Page, limit: u32) -> (Vec<Message>, bool) {
        let with = name(with);
        match self.ask(user, Ask::History { with, page, limit }) {
            Answer::History { messages, complete } => {
                let messages = messages.iter().map(|message| (**message).clone());
                (messages.collect(), complete)
            }
            other => panic!("{other:?}"),
        }
    }

    fn list(&mut self, user: &str, before: Option<&str>, limit: u32) -> Answer {
        let mut asked = Box::new(Listing::new(before.map(name), limit));
        loop {
            match self.ask(user, Ask::Conversations(asked)) {
                Answer::Listing(goes_on) => asked = goes_on,
                answer => return answer,
            }
        }
    }

    fn conversations(&mut self, user: &str) -> Vec<Conversation> {
        match self.list(user, None, 500) {
            Answer::Conversations { conversations, .. } => conversations,
            other => panic!("{other:?}"),
        }
    }

    fn mark(&mut self, user: &str, with: &str, seq: u64) -> Answer {
        let (with, private) = (name(with), false);
        self.ask(user, Ask::MarkRead { with, seq, private })
    }

    fn edit(&mut self, user: &str, with: &str, seq: u64, text: &str) -> Answer {
        let (with, message) = (name(with), quoted(text));
        self.ask(user, Ask::Edit { with, seq, message })
    }

    fn delete(&mut self, user: &str, with: &str, seq: u64, for_both: bool) -> Answer {
        let with = name(with);
        self.ask(
            user,
            Ask::Delete {
                with,
                seq,
                for_both,
            },
        )
    }

    fn relate(&mut self, user: &str, with: &str, relation: Relation) -> Answer {
        let with = name(with);
        self.ask(user, Ask::Relate { with, relation })
    }

    fn receipts(&mut self, user: &str, read: bool) {
        let ask = Ask::Settings {
            accept_from: None,
            delivery_receipts: None,
            read_receipts: Some(read),
        };
        assert!(matches!(self.ask(user, ask), Answer::Settings(_)));
    }

    /// Its session ends, to which everything up to `sent` was written.
    fn leave(&mut self, user: &str, sent: u64) {
        assert_eq!(self.ask(user, Ask::Left { sent }), Answer::Ok);
    }

    fn wait(&mut self, ms: u64) {
        self.now = Now::new(self.now.mono_ms + ms, self.now.unix_ms + ms);
    }

    /// The time of day is set, by so many days.
    fn leap(&mut self, days: i64) {
        let ms = days * DAY_MS.cast_signed();
        self.now = Now::new(self.now.mono_ms, self.now.unix_ms.saturating_add_signed(ms));
    }

    /// Sweeps until nothing is due, and what was told of it.
    fn sweep(&mut self) -> Vec<Entry> {
        let (config, now, sweep) = (&self.config, &self.now, &mut self.sweep);
        let mut told = Vec::new();
        for _ in 0..100_000 {
            if sweep.takes_forgetting(now) {
                self.store.forget_the_past().unwrap();
            }
            if sweep.wait_ms(now) > 0 {
                return told;
            }
            let swept = self.store.batch(|tables| {
                tables.apart(|| {
                    let mut post = Post::new(tables, config, now);
                    sweep.slice(&mut post)?;
                    Ok(post.entries)
                })
            });
            told.extend(swept.unwrap().unwrap());
        }
        panic!("the sweep does not come to an end");
    }

    fn waiting(&mut self, user: &str) -> (u64, u64) {
        let id = self.id(user);
        let mailbox = self.store.batch(|t| t.mailbox(id)).unwrap().unwrap();
        (mailbox.waiting, mailbox.waiting_bytes)
    }

    /// How many entries there are in the account's log, whoever they are for.
    fn log_length(&mut self, user: &str) -> usize {
        let id = self.id(user);
        let mut count = 0;
        let counted = self.store.batch(|tables| {
            tables.log_after(id, 0, "nobody's", |_| {
                count += 1;
                Ok(true)
            })
        });
        counted.unwrap().unwrap();
        count
    }

    /// Whether it stands in the text of any message.
    fn stands_in_rows(&self, text: &str) -> bool {
        let find = |t: &crate::store::Tables<'_>| {
            let mut stands = false;
            for row in t.messages_from(0, 10_000)? {
                let message = t.message(row.id, row.conversation, row.seq)?;
                stands |= testing::has(&message.body, text);
            }
            Ok::<_, crate::store::Failed>(stands)
        };
        self.store.batch(find).unwrap().unwrap()
    }

    /// Whether it stands in any file of the store.
    fn stands_in_files(&self, text: &str) -> bool {
        testing::stands_in(&self.dir, text)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// As it is stored.
fn row_of(house: &mut House, a: &str, b: &str, seq: u64) -> Option<crate::store::MessageRow> {
    let (a, b) = (house.id(a), house.id(b));
    let found = house.store.batch(|tables| {
        let conversation = tables.conversation(a, b)?.unwrap();
        tables.message_at(conversation.id, seq)
    });
    found.unwrap().unwrap()
}

#[test]
fn the_house_is_as_the_tests_take_it() {
    let mut house = House::new(&["Alice", "Bob"]);
    house.send("Alice", "Bob", "canary");
    assert_eq!(house.waiting("Bob"), (1, 8));
    assert!(house.stands_in_files("canary"));
    assert!(house.dir.join(DATABASE).exists());
    assert_eq!(
        house.take("Bob").iter().map(short).next().unwrap(),
        "1 \"canary\""
    );
}
