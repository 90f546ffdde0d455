//! What clients and operator are answered, with the clock in the test's hand.

mod changes;
mod credentials;
mod ended;
mod minted;
mod names;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::super::token::TokenKeys;
use super::super::{
    Answer, Credential, Device, Ends, NewCredential, Nonce, Notice, Operator, Origin, PublicKey,
    Registered, Secret, Signature, Which, key, signed_text,
};
use super::*;
use crate::config::AccountsConfig;
use crate::store::Store;
use crate::wire::name::Name;

const SERVER: &str = "chat.example";
const NONCE: Nonce = [9; 16];

/// A clerk with a store of its own and a clock that stands still.
struct Office {
    store: Store,
    clerk: Clerk,
    dir: Rc<Dir>,
    now: Now,
    last: Option<Done>,
    hashes: Vec<Cost>,
}

/// Removed with the last office that has it.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Office {
    fn new() -> Self {
        Office::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("privmsgd-clerk-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let config = AccountsConfig {
            password_memory_kib: 8,
            password_passes: 1,
            signup_open: true,
            ..AccountsConfig::default()
        };
        let mut settings = Settings::new(config, SERVER.into(), TokenKeys::default());
        change(&mut settings);
        Office {
            store: Store::open(&dir).unwrap(),
            clerk: Clerk::new(Arc::new(settings)),
            dir: Rc::new(Dir(dir)),
            now: Now::new(1_000_000, 1_800_000_000_000),
            last: None,
            hashes: Vec::new(),
        }
    }

    fn ask(&mut self, ask: Ask) -> Answer {
        let (clerk, now) = (&mut self.clerk, &self.now);
        let asker = Asker::Admin(1);
        let job = Job { asker, ask };
        let step = self.store.batch(|t| t.apart(|| clerk.step(t, job, now)));
        let done = match step.unwrap().unwrap() {
            Step::Done(done) => done,
            Step::Hash(task) => {
                let phc = task.against.as_deref();
                self.hashes
                    .push(phc.map_or(task.cost, |phc| Cost::of_hash(phc).unwrap()));
                let hashed = task.run();
                let done = self
                    .store
                    .batch(|t| t.apart(|| clerk.finish(t, hashed, now)));
                done.unwrap().unwrap()
            }
        };
        self.last = Some(done.clone());
        done.answer
    }

    fn operator(&mut self, asked: Operator) -> Answer {
        self.ask(Ask::Operator(asked))
    }

    fn register(&mut self, user: &str, credential: Credential, device: &str) -> Answer {
        self.ask(Ask::Register {
            mail: crate::mailbox::Wanted::default(),
            username: name(user),
            credential,
            device: device.into(),
            nonce: NONCE,
            origin: Origin::Local,
        })
    }

    fn add(&mut self, user: &str, credential: Option<NewCredential>) -> Answer {
        self.operator(Operator::Add {
            username: name(user),
            credential,
        })
    }

    /// Alice, whose password is `correct horse`.
    fn add_alice(&mut self) {
        let credential = Some(NewCredential::Password(secret("correct horse")));
        assert_eq!(self.add("Alice", credential), Answer::Ok);
    }

    fn log_in(&mut self, device: &str) -> Registered {
        registered(self.register("alice", password("correct horse"), device))
    }

    fn ends(&self) -> Option<Ends> {
        self.last.as_ref().and_then(|done| done.ends.clone())
    }

    fn notice(&self) -> Option<Notice> {
        let notice = self.last.as_ref().and_then(|done| done.notice.clone());
        notice.map(|(_, notice)| notice)
    }

    fn wait(&mut self, ms: u64) {
        self.now = Now::new(self.now.mono_ms + ms, self.now.unix_ms + ms);
    }

    fn reconfigure(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.clerk.settings).clone();
        change(&mut settings);
        self.clerk.reconfigure(Arc::new(settings));
    }

    /// As after a restart of the daemon.
    fn restart(self) -> Self {
        let (settings, dir, now) = (self.clerk.settings.clone(), self.dir.clone(), self.now);
        drop(self.store);
        Office {
            store: Store::open(&dir.0).unwrap(),
            clerk: Clerk::new(settings),
            dir,
            now,
            last: None,
            hashes: Vec::new(),
        }
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes())
}

fn password(text: &str) -> Credential {
    Credential::Password(secret(text))
}

fn name(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
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

fn pair(seed: u8) -> (Ed25519KeyPair, PublicKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, public)
}

fn sign(seed: u8, nonce: &Nonce, server: &str, user: &str) -> Signature {
    let text = signed_text(&key::nonce_text(nonce), server, user);
    let signature = pair(seed).0.sign(text.as_bytes());
    signature.as_ref().try_into().unwrap()
}

fn by_key(seed: u8, nonce: &Nonce, server: &str, user: &str) -> Credential {
    Credential::Key(pair(seed).1, sign(seed, nonce, server, user))
}
