//! The worker behind the desk: what waits for what, what is durable, and what it ends with. E8, E11, E12.
#![cfg(feature = "mailbox")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use privmsgd::accounts::token::TokenKeys;
use privmsgd::accounts::{
    Answer, Ask, Asker, Credential, Desk, Done, Job, NewCredential, Offline, Operator, Origin,
    Registered, Secret, Settings, Worker,
};
use privmsgd::config::{AccountsConfig, Config};
use privmsgd::ops::exit::Exit;
use privmsgd::store::Store;
use privmsgd::wire::code::Code;
use privmsgd::wire::name::Name;

fn dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("privmsgd-{name}-{}-{count}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn cheap() -> AccountsConfig {
    AccountsConfig {
        password_memory_kib: 8,
        password_passes: 1,
        tries_per_minute: 60_000,
        ..AccountsConfig::default()
    }
}

fn settings(config: AccountsConfig) -> Settings {
    Settings::new(config, "chat.example".into(), TokenKeys::default())
}

/// A worker, and how often it woke us.
struct Office {
    worker: Worker,
    wakes: Arc<AtomicU64>,
    dir: PathBuf,
    serial: u64,
}

impl Office {
    fn new(name: &str, config: AccountsConfig) -> Self {
        Office::at(dir(name), config)
    }

    fn at(dir: PathBuf, config: AccountsConfig) -> Self {
        let wakes = Arc::new(AtomicU64::new(0));
        let counter = wakes.clone();
        let wake = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        let store = Store::open(&dir).unwrap();
        Office {
            worker: Worker::start(store, settings(config), wake).unwrap(),
            wakes,
            dir,
            serial: 0,
        }
    }

    fn submit(&mut self, ask: Ask) -> u64 {
        self.serial += 1;
        let asker = Asker::Admin(self.serial);
        self.worker.submit(Job { asker, ask }).expect("room");
        self.serial
    }

    fn next(&mut self) -> Done {
        let began = Instant::now();
        loop {
            if let Some(done) = self.worker.done() {
                return done;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no answer");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn ask(&mut self, ask: Ask) -> Answer {
        let serial = self.submit(ask);
        let done = self.next();
        assert_eq!(done.asker, Asker::Admin(serial));
        done.answer
    }

    fn add(&mut self, user: &str, password: &str) {
        let answer = self.ask(Ask::Operator(Operator::Add {
            username: name(user),
            credential: Some(NewCredential::Password(secret(password))),
        }));
        assert_eq!(answer, Answer::Ok);
    }
}

fn name(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes())
}

fn register(user: &str, credential: Credential, origin: Origin) -> Ask {
    Ask::Register {
        mail: privmsgd::mailbox::Wanted::default(),
        username: name(user),
        credential,
        device: "d".into(),
        nonce: [0; 16],
        origin,
    }
}

fn by_password(user: &str, password: &str) -> Ask {
    register(user, Credential::Password(secret(password)), Origin::Local)
}

fn registered(answer: Answer) -> Registered {
    match answer {
        Answer::Registered(registered) => registered,
        other => panic!("{other:?}"),
    }
}

fn code(answer: &Answer) -> Option<Code> {
    match answer {
        Answer::Refused(refused) => Some(refused.code),
        _ => None,
    }
}

#[test]
fn what_was_answered_is_there_after_a_restart_and_the_loop_was_woken() {
    let mut office = Office::new("restart", cheap());
    office.add("Alice", "correct horse");
    let token = registered(office.ask(by_password("alice", "correct horse"))).resume_token;
    assert!(office.wakes.load(Ordering::SeqCst) >= 2);
    let dir = office.dir.clone();
    drop(office);
    let mut office = Office::at(dir, cheap());
    let resume = |token| register("alice", Credential::Resume(token), Origin::Local);
    let next = registered(office.ask(resume(token))).resume_token;
    registered(office.ask(resume(next)));
    assert_eq!(code(&office.ask(resume(token))), Some(Code::AuthFailed));
    registered(office.ask(by_password("alice", "correct horse")));
}

#[test]
fn dropping_the_worker_ends_what_was_submitted_and_frees_the_store() {
    let mut office = Office::new("drop", cheap());
    for n in 0..8 {
        office.submit(Ask::Operator(Operator::Add {
            username: name(&format!("user-{}", char::from(b'a' + n))),
            credential: Some(NewCredential::Password(secret("correct horse"))),
        }));
    }
    let dir = office.dir.clone();
    drop(office);
    let mut offline = Offline::open(&dir, &Config::default(), true).unwrap();
    let Answer::Accounts(accounts) = offline.ask(Operator::List) else {
        panic!("accounts")
    };
    assert_eq!(accounts.len(), 8);
}

#[test]
fn offline_and_daemon_are_not_there_at_once_and_do_the_same() {
    let office = Office::new("offline", cheap());
    let refused = Offline::open(&office.dir, &Config::default(), false)
        .err()
        .unwrap();
    assert_eq!(refused.code, Exit::Unavailable);
    let dir = office.dir.clone();
    drop(office);
    let config = Config {
        accounts: cheap(),
        ..Config::default()
    };
    let mut offline = Offline::open(&dir, &config, true).unwrap();
    let username = name("Alice");
    let credential = Some(NewCredential::Password(secret("correct horse")));
    let add = Operator::Add {
        username,
        credential,
    };
    assert_eq!(offline.ask(add.clone()), Answer::Ok);
    assert_eq!(code(&offline.ask(add)), Some(Code::NameTaken));
    drop(offline);
    let mut office = Office::at(dir.clone(), cheap());
    registered(office.ask(by_password("alice", "correct horse")));
    drop(office);
    let mut offline = Offline::open(&dir, &config, true).unwrap();
    let username = name("alice");
    assert_eq!(offline.ask(Operator::Remove { username }), Answer::Ok);
    assert_eq!(offline.ask(Operator::List), Answer::Accounts(vec![]));
}

/// E11: at 1,000 tries a second, from everywhere for one name and from one address for many, at most ten hashes
/// are spent in each of two seconds.
#[test]
fn e11_a_thousand_tries_a_second_cost_ten_hashes() {
    let config = AccountsConfig {
        tries_per_minute: 5,
        ..cheap()
    };
    let mut office = Office::new("brute", config);
    office.add("Alice", "correct horse");
    let before = office.worker.hashes();
    let began = Instant::now();
    let (mut limited, mut told) = (0, 0);
    for n in 0..2_000_u32 {
        let user = match n % 2 {
            0 => "alice".into(),
            _ => format!("user{n}"),
        };
        let origin = match n % 2 {
            0 => Origin::V4(n),
            _ => Origin::V6(7),
        };
        office.submit(register(
            &user,
            Credential::Password(secret("guess")),
            origin,
        ));
        let until = began + Duration::from_millis(u64::from(n));
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    for _ in 0..2_000 {
        if let Answer::Refused(refused) = office.next().answer {
            limited += u32::from(refused.code == Code::RateLimited);
            told += u32::from(refused.retry_after_ms.is_some());
        }
    }
    let hashes = office.worker.hashes() - before;
    assert!(hashes <= 20, "{hashes}");
    assert_eq!(limited, 2_000 - hashes as u32);
    assert_eq!(told, limited, "each says when to come again");
}

/// Only passwords wait for passwords, and at most as many as may.
#[test]
fn a_full_queue_of_passwords_refuses_passwords_and_delays_nothing_else() {
    let config = AccountsConfig {
        password_memory_kib: 32 * 1024,
        password_passes: 10,
        password_queue: 3,
        ..cheap()
    };
    let mut office = Office::new("queue", config);
    office.add("Alice", "correct horse");
    let token = registered(office.ask(by_password("alice", "correct horse"))).resume_token;
    let began = Instant::now();
    for n in 0..20 {
        office.submit(by_password(&format!("user{n}"), "guess"));
    }
    let resumed = office.submit(register("alice", Credential::Resume(token), Origin::Local));
    let (mut limited, mut failed) = (0, 0);
    let mut resumed_after = None;
    for _ in 0..21 {
        let done = office.next();
        match code(&done.answer) {
            Some(Code::RateLimited) => limited += 1,
            Some(Code::AuthFailed) => failed += 1,
            None => {
                assert_eq!(done.asker, Asker::Admin(resumed));
                resumed_after = Some((began.elapsed(), failed));
            }
            other => panic!("{other:?}"),
        }
    }
    // One is being hashed, three wait; one more if a hash ended meanwhile.
    assert!((3..=6).contains(&failed), "{failed}");
    assert_eq!(limited + failed, 20);
    let (after, failed_before) = resumed_after.expect("it was answered");
    assert!(
        failed_before <= 1,
        "answered after {after:?} and {failed_before} hashes"
    );
}

#[test]
fn what_came_together_is_one_commit_and_each_has_its_own_answer() {
    let mut office = Office::new("group", cheap());
    for n in 0..1_000 {
        let user = format!("u{:03}", n % 500);
        office.submit(Ask::Operator(Operator::Add {
            username: name(&user),
            credential: None,
        }));
    }
    let (mut added, mut refused) = (0, 0);
    for _ in 0..1_000 {
        match code(&office.next().answer) {
            None => added += 1,
            // Digits and letters look alike: 0 and o, 1 and l.
            Some(Code::NameTaken | Code::NameConfusable) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((added, refused), (500, 500));
    let wakes = office.wakes.load(Ordering::SeqCst);
    assert!(wakes < 1_000, "{wakes}");
}

#[test]
fn the_desk_takes_so_many_and_no_more() {
    let mut office = Office::new("full", cheap());
    let mut refused = 0;
    for n in 0..privmsgd::accounts::MAX_WAITING as u64 + 10 {
        let asker = Asker::Admin(n);
        let ask = Ask::Operator(Operator::List);
        if let Err(job) = office.worker.submit(Job { asker, ask }) {
            assert_eq!(job.asker, asker);
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
    office.next();
    office.submit(Ask::Operator(Operator::List));
}

#[test]
fn new_settings_hold_for_what_is_asked_after_them() {
    let mut office = Office::new("reload", cheap());
    let create = |user: &str| Ask::Create {
        username: name(user),
        credential: NewCredential::Password(secret("correct horse")),
        nonce: [0; 16],
        origin: Origin::Local,
    };
    assert_eq!(code(&office.ask(create("Alice"))), Some(Code::NotAllowed));
    office.worker.rules().replace(settings(AccountsConfig {
        signup_open: true,
        reserved_names: vec!["bob".into()],
        ..cheap()
    }));
    assert_eq!(office.ask(create("Alice")), Answer::Ok);
    assert_eq!(code(&office.ask(create("Bob"))), Some(Code::InvalidName));
}

/// E12: nothing that was given as a secret is in a file of the store.
#[test]
fn no_secret_is_in_the_store() {
    let mut office = Office::new("canary", cheap());
    office.add("Alice", "CANARY-password");
    let token = registered(office.ask(by_password("alice", "CANARY-password"))).resume_token;
    office.ask(by_password("alice", "CANARY-guess"));
    let jwt = Credential::Token(secret("CANARY.to.ken"));
    office.ask(register("alice", jwt, Origin::Local));
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(&office.dir).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let found = |needle: &[u8]| bytes.windows(needle.len()).any(|at| at == needle);
    assert!(found(b"$argon2id$"));
    assert!(!found(b"CANARY"));
    assert!(!found(&token.to_be_bytes()) && !found(&token.to_le_bytes()));
    assert!(!found(format!("{token:032x}").as_bytes()));
}
