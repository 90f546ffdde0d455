//! A whole daemon in one thread, its clients, and the hand that moves bytes, jobs, answers and the clock between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use privmsgd::accounts::{AccountId, Answer, Ask, Asker, Desk, Done, Job};
use privmsgd::config::{Config, Limits};
use privmsgd::engine::Engine;
use privmsgd::mailbox;
use privmsgd::net::admit::Peer;
use privmsgd::net::inquiries::Inquiries;
use privmsgd::net::memory::{Memory, pair};
use privmsgd::wire::code::{Deliver, Evidence};

use crate::choice::Choice;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::shop::Shop;
use crate::trace::Trace;

pub const NAMES: [&str; 5] = ["Alice", "Bob", "Carol", "Dora", "Emil"];
pub const PASSWORD: &str = "pw";
const CAPACITY: usize = 16;
const BEGAN_UNIX_MS: u64 = 1_795_344_000_000;
/// How long bytes must have lain with the peer's kernel.
const HELD_MS: u64 = 1_000;

/// What the simulated desk does wrong, to see whether that is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    #[default]
    Nothing,
    /// Answers are released before they are durable: a crash may take the last commits back.
    EarlyAnswers,
}

#[derive(Default)]
pub struct Counter {
    pub waiting: VecDeque<Job>,
    /// Jobs that may wait; then `overloaded`.
    pub room: usize,
    /// Committed, and not told to the loop.
    pub answered: VecDeque<Done>,
    released: usize,
    /// Of the waiting ones: those that were looked at.
    pub seen: usize,
}

struct Clerk(Rc<RefCell<Counter>>);

impl Desk for Clerk {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        let mut counter = self.0.borrow_mut();
        if counter.waiting.len() >= counter.room {
            return Err(job);
        }
        counter.waiting.push_back(job);
        Ok(())
    }

    fn done(&mut self) -> Option<Done> {
        let mut counter = self.0.borrow_mut();
        counter.released = counter.released.checked_sub(1)?;
        counter.answered.pop_front()
    }
}

/// What a client remembers of its device from one connection to the next.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    pub resume_token: Option<String>,
    pub epoch: Option<u64>,
    pub last_read: u64,
}

pub struct World {
    pub choice: Choice<'static>,
    pub now: u64,
    pub engine: Engine<Memory>,
    inquiries: Inquiries,
    pub counter: Rc<RefCell<Counter>>,
    shop: Option<Shop>,
    pub wrong: Wrong,
    /// Clients come and go all the time.
    pub churn: bool,
    config: Config,
    pub links: BTreeMap<u64, Link>,
    /// Of this run of the daemon: by its own number.
    serials: BTreeMap<u64, u64>,
    next_link: u64,
    pub ledger: Ledger,
    pub memos: BTreeMap<(usize, String), Memo>,
    accounts: BTreeMap<AccountId, usize>,
    slots: BTreeMap<u32, u64>,
    pub trace: Trace,
    opened: u64,
    pub reused: u64,
    pub crashes: u64,
    pub lines: u64,
    /// Answers to `history`: from which to which number each line goes, and whether there is no more.
    pub pages: Vec<(Vec<(u64, u64)>, bool)>,
}

pub fn config(choice: &mut Choice<'_>) -> Config {
    let mut config = Config {
        data: Some("in memory".into()),
        limits: Limits {
            presence_interval_ms: 0,
            max_line_bytes: 8 * 1024,
            read_budget_bytes: 4 * 1024,
            register_tries: 50,
            max_errors: 1_000,
            max_pending_commands: 2 + choice.below(12) as u32,
            delivery_queue_bytes: 512 << choice.below(4),
            max_fetches: 1 + choice.below(3),
            last_delivery_ms: 20_000,
            ..Limits::default()
        },
        ..Config::default()
    };
    config.accounts.password_memory_kib = 8;
    config.accounts.password_passes = 1;
    config.accounts.tries_per_minute = 1_000_000;
    config.mailbox.fsync = false;
    if choice.once_in(4) {
        config.mailbox.max_waiting = 8 + choice.below(30) as u32;
    }
    config
}

impl World {
    pub fn new(seed: u64, wrong: Wrong, keep: bool) -> World {
        let mut choice = Choice::Seed(seed);
        let config = config(&mut choice);
        let people = 3 + choice.below(3);
        let counter = Rc::new(RefCell::new(Counter::default()));
        let room = [5, 20, 1_000, 1_000][choice.below(4)];
        counter.borrow_mut().room = room;
        let churn = choice.once_in(4);
        let mut world = World {
            churn,
            engine: engine(&config),
            inquiries: Inquiries::new(Some(Box::new(Clerk(counter.clone())))),
            counter,
            shop: Some(Shop::open(&config)),
            wrong,
            config,
            choice,
            now: 0,
            links: BTreeMap::new(),
            serials: BTreeMap::new(),
            next_link: 0,
            ledger: Ledger::new(&NAMES[..people]),
            memos: BTreeMap::new(),
            accounts: BTreeMap::new(),
            slots: BTreeMap::new(),
            trace: Trace::new(keep),
            opened: 0,
            reused: 0,
            crashes: 0,
            lines: 0,
            pages: Vec::new(),
        };
        world.advance(10_000);
        world
    }

    pub fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let now = self.now;
        self.trace.say(format!("{now:>7} {line}"));
    }

    pub fn unix_ms(&self) -> u64 {
        BEGAN_UNIX_MS + self.now
    }

    pub fn advance(&mut self, ms: u64) {
        self.now += ms;
        self.ledger.unix_ms = self.unix_ms();
        self.engine.advance(self.now, BEGAN_UNIX_MS + self.now);
    }

    /// A client connects. `None`: there is no room for it.
    pub fn connect(&mut self, person: usize, device: &str, deliver: Deliver) -> Option<u64> {
        self.engine.judge(&Peer::unix()).ok()?;
        let window = [200, 1_000, 100_000][self.choice.below(3)];
        let (near, far) = pair(window);
        let id = self.engine.connect(near, Peer::unix());
        let number = self.next_link;
        self.next_link += 1;
        self.serials.insert(id.serial, number);
        self.reused += u64::from(self.slots.insert(id.key, id.serial).is_some());
        self.links
            .insert(number, Link::new(far, id, person, device, deliver));
        let name = NAMES[person];
        self.say(format_args!(
            "#{number} connects: {name}/{device} {}",
            deliver.as_str()
        ));
        Some(number)
    }

    /// One turn of the loop, on what the kernel would tell of now.
    pub fn turn(&mut self) {
        self.engine.tick();
        for link in self.links.values().filter(|link| !link.is_orphan) {
            if link.far.take_readable() {
                self.engine.readable(link.id.key, true);
            }
            if link.far.take_writable() {
                self.engine.writable(link.id.key);
            }
        }
        self.engine.resume();
        self.inquiries.turn(&mut self.engine, |_, _| {});
        self.engine.flush();
        self.engine.reap();
        assert!(!self.engine.is_broken(), "the engine does not trust itself");
        self.check_asked();
        self.check_bounds();
    }

    /// The store commits the first `count` jobs that wait.
    pub fn commit(&mut self, count: usize) {
        let jobs: Vec<Job> = {
            let mut counter = self.counter.borrow_mut();
            let count = count.min(counter.waiting.len());
            counter.seen = counter.seen.saturating_sub(count);
            counter.waiting.drain(..count).collect()
        };
        let (now, unix_ms) = (self.now, self.unix_ms());
        let count = jobs.len();
        let shop = self.shop.as_mut().expect("a store");
        if self.wrong == Wrong::EarlyAnswers {
            shop.remember();
        }
        let dones = shop.work(jobs.clone(), now, unix_ms);
        self.say(format_args!("commits {count}"));
        let mut open: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
        for done in dones {
            if let Some(job) = take_job(&mut open, &done) {
                self.learn(&job, &done);
                let accounts = &self.accounts;
                self.ledger.commit(&job, &done, |id| accounts[&id]);
            } else {
                assert_eq!(done.asker, Asker::Nobody, "nobody asked this");
                self.ledger.add_all(&done.entries, None);
            }
            self.counter.borrow_mut().answered.push_back(done);
        }
        let left = open.iter().flatten().all(|job| job.asker == Asker::Nobody);
        assert!(left, "a question has no answer");
        if let Some(swept) = self
            .shop
            .as_mut()
            .expect("a store")
            .sweep(count == 0, now, unix_ms)
        {
            self.ledger.add_all(&swept.entries, None);
            self.counter.borrow_mut().answered.push_back(swept);
        }
    }

    /// The loop is told of the first `count` answers, in its next turn.
    pub fn release(&mut self, count: usize) {
        let mut counter = self.counter.borrow_mut();
        counter.released = count.min(counter.answered.len());
    }

    /// What is not durable is gone, and so is the process. `power`: the kernel's buffers too.
    pub fn crash(&mut self, power: bool) {
        self.crashes += 1;
        self.say(format_args!("crash, power {power}"));
        let shop = self.shop.take().expect("a store");
        self.shop = Some(shop.crash(&self.config));
        self.begin_again(power);
    }

    /// Everybody is told to leave, everything is handled, and the next daemon begins.
    pub fn restart(&mut self) {
        self.say(format_args!("graceful stop"));
        self.engine.drain();
        for _ in 0..60 {
            self.turn();
            self.commit(usize::MAX);
            self.release(usize::MAX);
            self.advance(50);
            if self.engine.population().0 == 0 && self.counter.borrow().waiting.is_empty() {
                break;
            }
        }
        let shop = self.shop.take().expect("a store");
        self.shop = Some(shop.close(&self.config));
        self.begin_again(false);
    }

    /// What was committed is on the disk now.
    pub fn sync(&mut self) {
        self.shop.as_mut().expect("a store").sync();
    }

    fn begin_again(&mut self, power: bool) {
        let room = self.counter.borrow().room;
        self.counter = Rc::new(RefCell::new(Counter::default()));
        self.counter.borrow_mut().room = room;
        self.inquiries = Inquiries::new(Some(Box::new(Clerk(self.counter.clone()))));
        self.engine = engine(&self.config);
        self.engine.advance(self.now, BEGAN_UNIX_MS + self.now);
        self.slots.clear();
        self.serials.clear();
        for link in self.links.values_mut() {
            link.is_orphan = true;
            if power {
                link.cut(self.now);
            }
        }
    }

    /// Accounts by their ids, as the store gives them.
    fn learn(&mut self, job: &Job, done: &Done) {
        if let (Ask::Register { username, .. }, Answer::Registered(registered)) =
            (&job.ask, &done.answer)
        {
            let person = self.ledger.person(username.as_str());
            let known = self.accounts.insert(registered.account, person);
            assert!(known.is_none_or(|known| known == person));
            assert_eq!(registered.username.as_str(), NAMES[person]);
            self.opened += 1;
            if let Asker::Conn(id) = done.asker
                && let Some(link) = self
                    .serials
                    .get(&id.serial)
                    .and_then(|link| self.links.get_mut(link))
            {
                link.opened = self.opened;
            }
        }
    }

    /// I4, I5: what the loop asks is what its client has said or taken. Each job is looked at once, when it is new.
    fn check_asked(&mut self) {
        let counter = self.counter.clone();
        let mut counter = counter.borrow_mut();
        let seen = counter.seen.min(counter.waiting.len());
        for job in counter.waiting.iter().skip(seen) {
            let (Ask::Mail(mail), Asker::Conn(id)) = (&job.ask, job.asker) else {
                continue;
            };
            let Some(link) = self
                .serials
                .get(&id.serial)
                .and_then(|number| self.links.get(number))
            else {
                continue;
            };
            assert_eq!(
                self.accounts[&mail.from.account], link.person,
                "I5: whose name it is"
            );
            if let Some(device) = &mail.from.device {
                assert_eq!(**device, *link.device, "I5: whose device it is");
            }
            let mailbox::Ask::Ack { pos, by } = mail.ask else {
                continue;
            };
            let device = self.ledger.device(link.person, &link.device);
            match by {
                Evidence::Client => {
                    assert!(pos <= link.ack_sent, "I4: no client acknowledged {pos}");
                    device.ack_sent = device.ack_sent.max(pos);
                }
                Evidence::Transport => {
                    let until = link.reset_at.unwrap_or(self.now);
                    let held =
                        |at: &u64| at + HELD_MS <= until || (link.fin && link.reset_at.is_none());
                    let good = link.arrivals.get(&pos).is_some_and(held);
                    assert!(
                        good,
                        "I4: {pos} has not been with the peer's kernel for long enough"
                    );
                    device.transported = device.transported.max(pos);
                }
            }
        }
        counter.seen = counter.waiting.len();
    }

    /// I7: what waits for anybody is bounded, and what is known of each connection agrees with itself.
    fn check_bounds(&self) {
        let limits = &self.engine.conns.limits;
        let most = self.engine.conns.len() * limits.queue_hard_bytes;
        assert!(self.engine.conns.queue_bytes() <= most.min(limits.total_queue_bytes));
        let ids: Vec<_> = self.engine.conns.ids().collect();
        for id in ids {
            assert!(
                self.engine.is_sound(id),
                "what is known of {id:?} does not agree"
            );
            let awaited = self.engine.conns.awaited(id);
            assert!(
                awaited <= limits.max_pending_commands + 1,
                "{awaited} commands wait"
            );
        }
        let counter = self.counter.borrow();
        assert!(counter.waiting.len() <= counter.room, "jobs are bounded");
    }
}

/// The first job that this answers: of one connection its mail is answered in order, and its `register` alone.
fn take_job(open: &mut [Option<Job>], done: &Done) -> Option<Job> {
    let is_mail = matches!(done.answer, Answer::Mail { .. });
    let found = open.iter_mut().find(|job| {
        job.as_ref().is_some_and(|job| {
            job.asker == done.asker && matches!(job.ask, Ask::Mail(_)) == is_mail
        })
    });
    found.and_then(Option::take)
}

fn engine(config: &Config) -> Engine<Memory> {
    let mut given = 0;
    let tokens = move || {
        given += 1;
        Some(given)
    };
    Engine::new(config, CAPACITY, Box::new(tokens))
}
