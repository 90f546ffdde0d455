//! What becomes of jobs when the store or the daemon ends under them.

use std::time::Duration;

use super::super::token::TokenKeys;
use super::super::{Asker, Credential, Operator, Origin, Secret};
use super::*;
use crate::config::AccountsConfig;
use crate::wire::code::Code;
use crate::wire::name::Name;

fn store(name: &str) -> Store {
    let dir = std::env::temp_dir().join(format!("privmsgd-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    Store::open(&dir).unwrap()
}

fn settings(password_passes: u32) -> Settings {
    let config = AccountsConfig {
        password_memory_kib: 8,
        password_passes,
        tries_per_minute: 60_000,
        ..AccountsConfig::default()
    };
    Settings::new(config, "chat.example".into(), TokenKeys::default())
}

fn job(serial: u64, ask: Ask) -> Message {
    let asker = Asker::Admin(serial);
    Message::Job(Job { asker, ask })
}

fn log_in(password: &str) -> Ask {
    Ask::Register {
        mail: crate::mailbox::Wanted::default(),
        username: Name::parse("alice").unwrap().into_owned(),
        credential: Credential::Password(Secret::new(password.as_bytes())),
        device: "d".into(),
        nonce: [0; 16],
        origin: Origin::Local,
    }
}

#[test]
fn a_batch_that_cannot_begin_is_answered_and_what_was_hashed_is_counted_off() {
    let mut bench = Bench::new(store("jammed"), Arc::new(settings(1)));
    let now = Now::new(1, 1_800_000_000_000);
    let mut tasks = Vec::new();
    let mut hash = |task| {
        tasks.push(task);
        Ok(())
    };
    let mut batch = VecDeque::from([job(1, log_in("a")), job(2, log_in("b"))]);
    assert!(bench.work(&mut batch, &now, &mut hash).is_empty());
    assert_eq!(bench.hashing(), 2);
    bench.jam();
    let task: Box<Task> = tasks.remove(0);
    let mut batch = VecDeque::from([
        job(3, Ask::Operator(Operator::List)),
        Message::Hashed(task.run()),
        Message::Skipped,
        job(4, log_in("c")),
    ]);
    let answers = bench.work(&mut batch, &now, &mut |_| Ok(()));
    let answered: Vec<_> = answers.iter().map(|done| done.asker).collect();
    assert_eq!(answered, [3, 1, 4].map(Asker::Admin));
    for done in answers {
        let Answer::Refused(refused) = done.answer else {
            panic!("{done:?}")
        };
        assert_eq!(refused.code, Code::StorageFailed);
    }
    assert_eq!(bench.hashing(), 0);
    assert_eq!(bench.failed(), None);
}

#[test]
fn dropping_the_worker_hashes_no_login_that_waits() {
    let mut worker = Worker::start(store("skipped"), settings(20_000), || ()).unwrap();
    for serial in 0..20 {
        let asker = Asker::Admin(serial);
        let ask = log_in("guess");
        worker.submit(Job { asker, ask }).expect("room");
    }
    let hashes = worker.hashes.clone();
    while hashes.load(Ordering::Relaxed) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(worker);
    assert_eq!(hashes.load(Ordering::Relaxed), 1);
}

fn left() -> Ask {
    let from = crate::mailbox::Sender {
        account: super::super::AccountId(1),
        device: None,
        invisible: false,
    };
    Ask::Mail(Box::new(crate::mailbox::Mail {
        from,
        reply: None,
        verb: crate::wire::code::Verb::Bye,
        ask: crate::mailbox::Ask::Left { sent: 0 },
    }))
}

/// How many jobs are taken while the store thread stands still.
fn taken(change: impl FnOnce(&mut Settings), most: usize) -> usize {
    let mut settings = settings(1);
    change(&mut settings);
    let gate = Arc::new(Mutex::new(()));
    let closed = lock(&gate);
    let (at_gate, entered) = channel();
    let behind = gate.clone();
    let wake = move || {
        let _ = at_gate.send(());
        drop(lock(&behind));
    };
    let name = format!("bounds-{most}");
    let mut worker = Worker::start(store(&name), settings, wake).unwrap();
    let asker = Asker::Admin(0);
    let submit = |worker: &mut Worker| worker.submit(Job { asker, ask: left() }).map_err(drop);
    submit(&mut worker).expect("room");
    entered.recv().unwrap();
    let count = (0..most)
        .take_while(|_| submit(&mut worker).is_ok())
        .count();
    // Others have a bound of their own.
    let ask = Ask::Operator(Operator::List);
    worker.submit(Job { asker, ask }).expect("room");
    drop(closed);
    count
}

#[test]
fn so_many_jobs_of_mailboxes_wait_and_no_more() {
    assert_eq!(taken(|settings| settings.mailbox.max_jobs = 5, 100), 5);
    let Ask::Mail(mail) = left() else { panic!() };
    let bytes = 7 * mail_weight(&mail) as u64;
    assert_eq!(
        taken(|settings| settings.mailbox.max_job_bytes = bytes, 101),
        7
    );
}

#[test]
fn the_death_of_the_store_thread_is_seen() {
    let wake = || panic!("the store thread dies of this");
    let mut worker = Worker::start(store("dead"), settings(1), wake).unwrap();
    assert_eq!(worker.failed(), None);
    let asker = Asker::Admin(0);
    worker.submit(Job { asker, ask: left() }).expect("room");
    while worker.failed().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(worker.failed(), Some(Exit::Internal));
    assert!(worker.submit(Job { asker, ask: left() }).is_err());
}
