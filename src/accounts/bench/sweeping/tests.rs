//! What is swept between jobs, and what is left of an account that the operator removes.

use crate::accounts::Answer;
use crate::mailbox;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::*;
use crate::accounts::token::TokenKeys;
use crate::accounts::{AccountId, Asker, Operator};
use crate::config::AccountsConfig;
use crate::mailbox::sweep::FORGET_MS;
use crate::mailbox::{Ask as MailAsk, Event, Letter, Mail, Sender};
use crate::store::testing;
use crate::wire::code::Verb;
use crate::wire::name::Name;

struct Office {
    bench: Bench,
    dir: PathBuf,
    now: Now,
}

impl Office {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("privmsgd-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let config = AccountsConfig::default();
        let settings = Settings::new(config, "chat.example".into(), TokenKeys::default());
        let store = Store::open(&dir).unwrap();
        let mut office = Office {
            bench: Bench::new(store, Arc::new(settings)),
            dir,
            now: Now::new(1_000, 1_800_000_000_000),
        };
        for user in ["Alice", "Bob"] {
            office.operator(Operator::Add {
                username: name_of(user),
                credential: None,
            });
        }
        office
    }

    fn ask(&mut self, ask: Ask) -> Done {
        let asker = Asker::Admin(1);
        let mut dones = self.bench.ask(vec![Job { asker, ask }], &self.now);
        assert_eq!(dones.len(), 1);
        dones.remove(0)
    }

    fn operator(&mut self, asked: Operator) -> Done {
        let done = self.ask(Ask::Operator(asked));
        assert_eq!(done.answer, Answer::Ok);
        done
    }

    /// By alice, the first account.
    fn mail(&mut self, ask: MailAsk) -> Done {
        let from = Sender {
            account: AccountId(1),
            device: None,
            invisible: false,
        };
        let (reply, verb) = (None, Verb::PrivateMessage);
        self.ask(Ask::Mail(Box::new(Mail {
            from,
            reply,
            verb,
            ask,
        })))
    }

    fn send(&mut self, to: &str, text: &str, expires_in_s: Option<u32>) {
        let done = self.mail(MailAsk::Send(Letter {
            to: name_of(to),
            message: format!("\"{text}\"").into_bytes().into(),
            message_id: None,
            kind: None,
            reply_to: None,
            expires_in_s,
        }));
        let accepted = matches!(&done.answer, Answer::Mail { answer, .. }
            if matches!(**answer, mailbox::Answer::Accepted(_)));
        assert!(accepted, "{done:?}");
    }

    /// As the thread does when no jobs come.
    fn rest(&mut self) -> Vec<Done> {
        let mut dones = Vec::new();
        while self.bench.wait_ms(&self.now) == 0 {
            dones.extend(self.bench.sweep(true, &self.now));
        }
        dones
    }

    fn wait(&mut self, ms: u64) {
        self.now
            .advance(self.now.mono_ms + ms, self.now.unix_ms + ms);
    }

    fn stands_in_files(&self, text: &str) -> bool {
        testing::stands_in(&self.dir, text)
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn name_of(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
}

#[test]
fn what_expires_is_told_to_whom_it_concerns_when_it_does() {
    let mut office = Office::new("expiry");
    office.rest();
    office.wait(FORGET_MS);
    office.rest();
    office.send("Bob", "canary", Some(5));
    assert_eq!(office.bench.wait_ms(&office.now), 5_000);
    office.wait(5_000);
    let dones = office.rest();
    assert_eq!(dones.len(), 1);
    assert_eq!(dones[0].asker, Asker::Nobody);
    let entry = &dones[0].entries[0];
    assert_eq!(entry.owner.as_str(), "Alice");
    assert!(matches!(entry.event, Event::Changed { seq: 1, .. }));
    office.wait(FORGET_MS);
    office.rest();
    assert!(!office.stands_in_files("canary"));
}

#[test]
fn under_load_slices_come_at_intervals() {
    let mut office = Office::new("load");
    assert!(office.bench.sweep(false, &office.now).is_none());
    office.send("Bob", "one", Some(1));
    office.wait(1_000);
    assert!(office.bench.sweep(false, &office.now).is_some());
    office.send("Bob", "two", Some(1));
    office.wait(50);
    assert!(office.bench.sweep(false, &office.now).is_none(), "too soon");
    office.wait(1_000);
    assert!(office.bench.sweep(false, &office.now).is_some());
}

/// A16: by the time that the answer is there.
#[test]
fn what_only_a_removed_account_could_see_is_gone_from_every_file() {
    let by_itself = |office: &mut Office| office.mail(MailAsk::DeleteAccount);
    let by_operator = |office: &mut Office| {
        let username = name_of("alice");
        office.operator(Operator::Remove { username })
    };
    for (n, remove) in [by_itself as fn(&mut Office) -> Done, by_operator]
        .into_iter()
        .enumerate()
    {
        let mut office = Office::new(&format!("removed-{n}"));
        office.send("Alice", "canary", None);
        office.send("Bob", "kept by bob", None);
        assert!(office.stands_in_files("canary"));
        let done = remove(&mut office);
        assert_eq!(done.ends.unwrap().username.as_str(), "Alice");
        assert!(!office.stands_in_files("canary"));
        assert!(office.stands_in_files("kept by bob"));
    }
}
