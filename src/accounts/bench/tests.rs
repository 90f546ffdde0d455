//! What a batch comes to: in which order, what fails alone, what fails together, and how much is answered at once.

use super::super::token::TokenKeys;
use super::super::{AccountId, Answer, Asker, Credential, NewCredential, Operator, Origin, Secret};
use super::*;
use crate::config::AccountsConfig;
use crate::mailbox::{self, Ask as MailAsk, Letter, Mail, Sender};
use crate::store::DATABASE;
use crate::wire::code::{Code, Verb};
use crate::wire::name::Name;

struct Office {
    bench: Bench,
    dir: std::path::PathBuf,
}

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

impl Office {
    /// Alice and Bob, each with a device `d`.
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("privmsgd-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let config = AccountsConfig {
            password_memory_kib: 8,
            password_passes: 1,
            ..AccountsConfig::default()
        };
        let mut settings = Settings::new(config, "chat.example".into(), TokenKeys::default());
        settings.mailbox.max_waiting = 100_000;
        settings.mailbox.max_waiting_bytes = u64::MAX;
        let bench = Bench::new(Store::open(&dir).unwrap(), Arc::new(settings));
        let mut office = Office { bench, dir };
        for user in ["alice", "bob"] {
            let credential = Some(NewCredential::Password(Secret::new(b"pw")));
            let username = name_of(user);
            office.ask(Ask::Operator(Operator::Add {
                username,
                credential,
            }));
            let answer = office.ask(Ask::Register {
                username: name_of(user),
                credential: Credential::Password(Secret::new(b"pw")),
                device: "d".into(),
                nonce: [0; 16],
                origin: Origin::Local,
                mail: mailbox::Wanted::default(),
            });
            assert!(matches!(answer, Answer::Registered(_)), "{answer:?}");
        }
        office
    }

    fn ask(&mut self, ask: Ask) -> Answer {
        let asker = Asker::Admin(0);
        self.batch(vec![Job { asker, ask }]).remove(0).answer
    }

    fn batch(&mut self, jobs: Vec<Job>) -> Vec<Done> {
        self.bench.ask(jobs, &now())
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn now() -> Now {
    Now::new(1, 1_800_000_000_000)
}

fn name_of(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
}

fn mail(asker: Asker, account: AccountId, ask: MailAsk) -> Job {
    let from = Sender {
        account,
        device: Some("d".into()),
        invisible: false,
    };
    let (reply, verb) = (Some(b"7"[..].into()), Verb::PrivateMessage);
    let ask = Ask::Mail(Box::new(Mail {
        from,
        reply,
        verb,
        ask,
    }));
    Job { asker, ask }
}

fn send(asker: Asker, account: AccountId, to: &str, bytes: usize) -> Job {
    let letter = Letter {
        to: name_of(to),
        message: "1".repeat(bytes).into_bytes().into(),
        message_id: None,
        kind: None,
        reply_to: None,
        expires_in_s: None,
    };
    mail(asker, account, MailAsk::Send(letter))
}

fn fetch(asker: Asker, account: AccountId) -> Job {
    let (after, entries) = (0, 256);
    mail(asker, account, MailAsk::Fetch { after, entries })
}

/// `seq` of what was accepted, or the code of a refusal.
fn outcome(done: &Done) -> Result<u64, Code> {
    let Answer::Mail { reply, answer, .. } = &done.answer else {
        panic!("{done:?}")
    };
    assert_eq!(reply.as_deref(), Some(&b"7"[..]));
    match &**answer {
        mailbox::Answer::Accepted(accepted) => Ok(accepted.seq),
        mailbox::Answer::Refused(refused) => Err(refused.code),
        _ => Ok(0),
    }
}

#[test]
fn answers_come_in_the_order_of_what_was_asked() {
    let mut office = Office::new("order");
    let jobs = (0..1_500).map(|n| match n % 3 {
        0 => send(Asker::Admin(n), ALICE, "bob", 1),
        1 => fetch(Asker::Admin(n), BOB),
        _ => Job {
            asker: Asker::Admin(n),
            ask: Ask::Operator(Operator::List),
        },
    });
    let dones = office.batch(jobs.collect());
    let order: Vec<Asker> = dones.iter().map(|done| done.asker).collect();
    assert_eq!(order, (0..1_500).map(Asker::Admin).collect::<Vec<_>>());
    let sent = dones.iter().step_by(3).map(|done| outcome(done).unwrap());
    assert!(sent.eq(1..=500));
}

#[test]
fn nobody_is_answered_only_by_what_others_are_to_hear() {
    let mut office = Office::new("nobody");
    let left = mail(Asker::Nobody, ALICE, MailAsk::Left { sent: 0 });
    let sent = send(Asker::Nobody, ALICE, "bob", 1);
    let dones = office.batch(vec![left, sent]);
    assert_eq!((dones.len(), dones[0].entries.len()), (1, 1));
}

#[test]
fn a_job_that_fails_fails_alone() {
    let mut office = Office::new("alone");
    office.batch(vec![send(Asker::Admin(0), ALICE, "bob", 1)]);
    office.bench.store.break_rows(
        "INSERT INTO accounts (name, key, created, state) VALUES ('no name', 'carol', 1, 0)",
    );
    let mut jobs: Vec<Job> = (0..20)
        .map(|n| send(Asker::Admin(n), ALICE, "bob", 1))
        .collect();
    jobs.insert(10, send(Asker::Admin(99), BOB, "carol", 1));
    let dones = office.batch(jobs);
    let mut outcomes: Vec<_> = dones.iter().map(outcome).collect();
    assert_eq!(outcomes.remove(10), Err(Code::StorageFailed));
    assert!(outcomes.into_iter().eq((2..22).map(Ok)));
    assert_eq!(office.bench.failed(), None);
}

/// A8. What is read is answered, what is written is not, and nothing of it stays.
#[test]
fn a_full_disk_refuses_what_is_written_until_there_is_room() {
    let mut office = Office::new("full");
    let one = |bytes| send(Asker::Admin(0), ALICE, "bob", bytes);
    assert_eq!(outcome(&office.batch(vec![one(1)])[0]), Ok(1));
    let pages = std::fs::metadata(office.dir.join(DATABASE)).unwrap().len() / 4_096;
    let limit = |office: &Office, pages: u64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        office.bench.store.break_rows(&sql);
    };
    limit(&office, pages + 1);
    for _ in 0..2 {
        let jobs = vec![one(1), fetch(Asker::Admin(1), BOB), one(100_000), one(1)];
        let dones = office.batch(jobs);
        let outcomes: Vec<_> = dones.iter().map(outcome).collect();
        let full = Err(Code::StorageFull);
        assert_eq!(outcomes, [full, Ok(0), full, full]);
        let Answer::Mail { answer, .. } = &dones[1].answer else {
            panic!()
        };
        let mailbox::Answer::Fetched(fetched) = &**answer else {
            panic!()
        };
        assert_eq!(fetched.entries.len(), 1, "what was there before");
        assert!(dones.iter().all(|done| done.entries.is_empty()));
        assert_eq!(office.bench.failed(), None);
    }
    limit(&office, 1_000_000);
    assert_eq!(outcome(&office.batch(vec![one(100_000)])[0]), Ok(2));
}

#[test]
fn a_damaged_database_ends_all_writing() {
    let mut office = Office::new("malformed");
    office.bench.store.forget_the_past().unwrap();
    let path = office.dir.join(DATABASE);
    let mut bytes = std::fs::read(&path).unwrap();
    // All pages but the first, which is in memory.
    bytes[4_096..].fill(0xaa);
    std::fs::write(&path, bytes).unwrap();
    office.bench.store.break_rows("PRAGMA shrink_memory");
    let dones = office.batch(vec![send(Asker::Admin(0), ALICE, "bob", 1)]);
    assert_eq!(outcome(&dones[0]), Err(Code::StorageFailed));
    assert_eq!(office.bench.failed(), Some(Exit::Data));
    let dones = office.batch(vec![fetch(Asker::Admin(0), BOB)]);
    assert_eq!(outcome(&dones[0]), Err(Code::StorageFailed));
}

#[test]
fn so_many_bytes_are_answered_at_once_and_the_rest_with_the_next_commit() {
    let mut office = Office::new("bytes");
    let long = mailbox::FETCH_BYTES - 1;
    office.batch(vec![send(Asker::Admin(0), ALICE, "bob", long)]);
    let jobs = (0..300).map(|n| Message::Job(fetch(Asker::Admin(n), BOB)));
    let mut batch: VecDeque<Message> = jobs.collect();
    let mut order = Vec::new();
    let mut commits = 0;
    while !batch.is_empty() {
        let dones = office.bench.work(&mut batch, &now(), &mut |_| Ok(()));
        let bytes: usize = dones.iter().map(weight).sum();
        assert!(bytes < BATCH_ANSWER_BYTES + 2 * long);
        order.extend(dones.iter().map(|done| done.asker));
        commits += 1;
    }
    assert_eq!(order, (0..300).map(Asker::Admin).collect::<Vec<_>>());
    assert_eq!(commits, 3);
}

mod later;
