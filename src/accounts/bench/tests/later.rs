//! What few messages change in tables is changed there later: it is as durable as all else, and whoever asks for it
//! sees it.

use super::*;
use crate::mailbox::post::Post;
use crate::mailbox::{Answer as MailAnswer, Entry, Event, Page};
use crate::store::{Pace, check, testing};
use crate::wire::code::Evidence;

fn ack(account: AccountId, pos: u64) -> Job {
    let by = Evidence::Client;
    mail(Asker::Admin(0), account, MailAsk::Ack { pos, by })
}

/// Under a `messageId`.
fn keyed(key: &str) -> Job {
    let mut job = send(Asker::Admin(0), ALICE, "bob", 1);
    if let Ask::Mail(mail) = &mut job.ask
        && let MailAsk::Send(letter) = &mut mail.ask
    {
        letter.message_id = Some(key.as_bytes().into());
    }
    job
}

impl Office {
    /// What a daemon finds that is started after a `kill -9` now.
    fn after_a_kill(&self, name: &str) -> Office {
        let bench = Bench::new(
            Store::open(&self.files(name)).unwrap(),
            self.bench.settings.clone(),
        );
        let dir = self.dir.with_extension(name);
        Office { bench, dir }
    }

    fn files(&self, name: &str) -> std::path::PathBuf {
        let dir = self.dir.with_extension(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        for file in std::fs::read_dir(&self.dir).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
        dir
    }

    fn waits(&self) -> bool {
        self.bench.store.tail_bytes() > 0
    }

    fn stands_in_files(&self, text: &str) -> bool {
        testing::stands_in(&self.dir, text)
    }

    /// Messages that were made and that their rows have no more; one has `key` as its `messageId`, and was not in the
    /// first row of those that hold what waits.
    fn lose(&mut self, key: &str) {
        let much = send(Asker::Admin(0), ALICE, "bob", 6_000);
        self.batch(vec![much, keyed(key)]);
        self.entries();
        assert!(!self.waits());
        let sql = "UPDATE messages SET message_id = CAST(id AS BLOB), body = x''";
        self.bench.store.break_rows(sql);
    }

    fn entries(&mut self) -> Vec<Entry> {
        let done = self.batch(vec![fetch(Asker::Admin(0), BOB)]).remove(0);
        match done.answer {
            Answer::Mail { answer, .. } => match *answer {
                MailAnswer::Fetched(fetched) => fetched.entries,
                answer => panic!("{answer:?}"),
            },
            answer => panic!("{answer:?}"),
        }
    }
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    let seqs = entries.iter().map(|entry| match &entry.event {
        Event::Message(message) => message.seq,
        event => panic!("{event:?}"),
    });
    seqs.collect()
}

#[test]
fn what_waits_survives_and_is_seen() {
    let mut office = Office::new("later");
    for seq in 1..=3 {
        assert_eq!(
            outcome(&office.batch(vec![send(Asker::Admin(0), ALICE, "bob", 1)])[0]),
            Ok(seq)
        );
    }
    office.batch(vec![ack(BOB, 2)]);
    assert!(office.waits());
    assert_eq!(office.bench.store.count_rows("messages"), 0);
    let mut office = office.after_a_kill("killed");
    assert_eq!(
        (office.waits(), office.bench.store.count_rows("messages")),
        (false, 3)
    );
    assert_eq!(seqs(&office.entries()), [1, 2, 3]);
    office.batch(vec![ack(BOB, 3), send(Asker::Admin(0), ALICE, "bob", 1)]);
    assert!(office.waits());
    // A question that is no light one: everything is in its table first.
    assert_eq!(seqs(&office.entries()), [1, 2, 3, 4]);
    assert!(!office.waits());
    let page = MailAsk::History {
        with: name_of("bob"),
        page: Page::Before(None),
        limit: 50,
    };
    let done = office.batch(vec![send(Asker::Admin(0), ALICE, "bob", 1)]);
    assert_eq!(outcome(&done[0]), Ok(5));
    let done = office
        .batch(vec![mail(Asker::Admin(0), ALICE, page)])
        .remove(0);
    let Answer::Mail { answer, .. } = done.answer else {
        panic!()
    };
    let MailAnswer::History { messages, .. } = *answer else {
        panic!()
    };
    assert_eq!(messages.len(), 5);
    office.batch(vec![send(Asker::Admin(0), ALICE, "bob", 1), ack(BOB, 5)]);
    assert!(office.waits());
    let dir = office.files("checked");
    let before = std::fs::read(dir.join(DATABASE)).unwrap();
    let checked = check(&dir, None, &mut |finding| panic!("{finding:?}")).unwrap();
    assert_eq!((checked.messages, checked.findings), (6, 0));
    let after = std::fs::read(dir.join(DATABASE)).unwrap();
    assert!(before == after, "nothing was changed");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_message_that_waits_is_known_when_it_is_sent_again() {
    let mut office = Office::new("again");
    for _ in 0..2 {
        let dones = office.batch(vec![keyed("a"), keyed("b"), keyed("a")]);
        let outcomes: Vec<_> = dones.iter().map(outcome).collect();
        assert_eq!(outcomes, [Ok(1), Ok(2), Ok(1)]);
    }
    assert!(office.waits());
    let mut office = office.after_a_kill("killed");
    assert_eq!(outcome(&office.batch(vec![keyed("b")])[0]), Ok(2));
    assert_eq!(office.bench.store.count_rows("messages"), 2);
}

#[test]
fn what_is_undone_does_not_wait() {
    let mut office = Office::new("undone");
    office.batch(vec![keyed("a")]);
    let (store, now) = (office.bench.store(), now());
    let config = office.bench.settings.mailbox.clone();
    let failed = store.batch_in(Pace::Later, |tables| {
        let undone = tables.apart(|| {
            let mut post = Post::new(tables, &config, &now);
            post.answer(match &keyed("b").ask {
                Ask::Mail(mail) => mail,
                _ => panic!(),
            })?;
            // Nobody may ask for rows while changes wait: it is asked again when they are made.
            tables.message(1, 1, 1).map(drop)
        });
        assert!(undone.is_err());
        tables.make_changes()?;
        tables.message(1, 1, 1)
    });
    assert_eq!(failed.unwrap().unwrap().seq, 1);
    assert_eq!(
        outcome(&office.batch(vec![keyed("c")])[0]),
        Ok(2),
        "b has left no trace"
    );
    assert_eq!(seqs(&office.entries()), [1, 2]);
}

#[test]
fn changes_that_are_not_as_they_were_written_are_refused() {
    let mut office = Office::new("bits");
    office.batch(vec![keyed("a")]);
    office.bench.store.spoil("UPDATE tail SET sum = sum + 1");
    let dir = office.files("spoilt");
    let refused = Store::open(&dir).err().expect("it is damaged");
    assert_eq!(refused.code, Exit::Data);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn nothing_of_what_was_made_is_left_once_the_past_is_forgotten() {
    let mut office = Office::new("left");
    office.lose("canary");
    assert!(office.stands_in_files("canary"));
    office.bench.store.forget_the_past().unwrap();
    assert!(!office.stands_in_files("canary"));
    let copy = office.dir.with_extension("copy");
    let _ = std::fs::remove_file(&copy);
    office.lose("canary");
    office.bench.store.back_up(&copy, &mut || true).unwrap();
    assert!(!testing::has(&std::fs::read(&copy).unwrap(), "canary"));
    std::fs::remove_file(&copy).unwrap();
}

#[test]
fn nothing_of_what_was_made_is_left_by_who_closes() {
    let mut office = Office::new("closed");
    office.lose("canary");
    office.bench.close();
    let other = office.dir.with_extension("other");
    office.bench = Bench::new(Store::open(&other).unwrap(), office.bench.settings.clone());
    assert!(!office.stands_in_files("canary"));
    std::fs::remove_dir_all(&other).unwrap();
}

#[test]
fn what_waits_still_waits_after_a_commit_that_failed_when_it_was_made() {
    let mut office = Office::new("unmade");
    office.batch(vec![keyed("a")]);
    let store = office.bench.store();
    let failed = store.batch(|tables| {
        tables.make_changes().unwrap();
        tables
            .apart(|| Err::<(), _>(crate::store::Failed::malformed("a page")))
            .unwrap_err()
    });
    assert!(failed.is_err());
    assert!(office.waits());
    office.batch(vec![keyed("b")]);
    assert!(office.waits());
    let mut office = office.after_a_kill("killed");
    assert_eq!(seqs(&office.entries()), [1, 2]);
}

#[test]
fn much_at_once_does_not_wait() {
    let mut office = Office::new("much");
    let some = |count| {
        (0..count)
            .map(|_| send(Asker::Admin(0), ALICE, "bob", 60_000))
            .collect()
    };
    office.batch(some(4));
    assert!(office.waits());
    office.batch(some(5));
    assert!(!office.waits());
}
