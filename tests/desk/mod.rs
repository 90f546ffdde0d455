//! Accounts in memory, for tests: answers are as the store's would be, at once and without cryptography.
//!
//! A key's signature is good if it begins with the key and goes on with the nonce; the token `good:NAME` is good for
//! that name. What is asked is answered in order; when an answer is handed on is the test's affair.
#![allow(dead_code)]

mod post;

use std::collections::BTreeMap;

use privmsgd::accounts::{
    AccountId, Answer, Ask, Asker, Credential, Device, Done, Ends, Job, NewCredential, Nonce,
    Notice, PublicKey, Refused, Registered, Signature, Which,
};
use privmsgd::wire::code::{Code, Deliver};
use privmsgd::wire::name::Name;

use post::Added;
#[allow(unused_imports)]
pub use post::{Cursor, Post};

#[derive(Default)]
pub struct Book {
    accounts: BTreeMap<Vec<u8>, Entry>,
    pub post: Post,
    tokens: u128,
    /// Milliseconds since 1970, for the devices.
    pub unix_ms: u64,
}

struct Entry {
    id: AccountId,
    shown: Name<'static>,
    /// Any of them.
    passwords: Vec<Vec<u8>>,
    keys: Vec<PublicKey>,
    devices: Vec<Device>,
    /// Token → the device that it is for.
    resume: BTreeMap<u128, Box<str>>,
    failures: u32,
}

const MAX_DEVICES: usize = 3;

/// What a client signs with `key`.
pub fn sign(key: PublicKey, nonce: Nonce) -> Signature {
    std::array::from_fn(|at| match at {
        0..32 => key[at],
        32..48 => nonce[at - 32],
        _ => 0,
    })
}

impl Book {
    pub fn with(names: &[&str], passwords: &[&str]) -> Book {
        let mut book = Book::default();
        let passwords: Vec<Vec<u8>> = passwords
            .iter()
            .map(|text| text.as_bytes().into())
            .collect();
        for name in names {
            let name = Name::parse(name).expect("a name").into_owned();
            book.add(&name, passwords.clone(), None);
        }
        book
    }

    pub fn answer(&mut self, job: &Job) -> Done {
        self.post.unix_ms = self.unix_ms;
        let mut added = Added::default();
        let mut done = Done {
            entries: Vec::new(),
            regards: Vec::new(),
            asker: job.asker,
            answer: Answer::Ok,
            ends: None,
            notice: None,
        };
        match &job.ask {
            Ask::Mail(mail) => {
                let answer = Box::new(self.post.answer(mail, &mut added));
                let (reply, verb) = (mail.reply.clone(), mail.verb);
                done.answer = Answer::Mail {
                    reply,
                    verb,
                    answer,
                };
                if added.deleted {
                    let entry = self.entry(mail.from.account);
                    entry.passwords.clear();
                    done.ends = entry.ends(Which::All);
                }
            }
            Ask::Register { .. } => self.register(&job.ask, &mut done, &mut added),
            Ask::Create {
                username,
                credential,
                nonce,
                ..
            } => done.answer = self.create(username, credential, *nonce),
            Ask::SetPassword {
                account,
                password,
                device,
            } => {
                let entry = self.entry(*account);
                entry.passwords = vec![password.expose().to_vec()];
                entry.resume.retain(|_, of| of == device);
                done.ends = entry.ends(Which::AllBut(device.clone()));
            }
            Ask::AddKey {
                account,
                key,
                signature,
                nonce,
                ..
            } => match *signature == sign(*key, *nonce) {
                true => self.entry(*account).keys.push(*key),
                false => done.answer = refused(Code::AuthFailed, "the signature is not good"),
            },
            Ask::RemoveKey { account, key, .. } => {
                let keys = &mut self.entry(*account).keys;
                let before = keys.len();
                keys.retain(|known| known != key);
                if keys.len() == before {
                    done.answer = refused(Code::NotFound, "no such key");
                }
            }
            Ask::Devices { account, .. } => {
                done.answer = Answer::Devices(self.entry(*account).devices.clone());
            }
            Ask::RevokeDevice {
                account, device, ..
            } => {
                let entry = self.entry(*account);
                let before = entry.devices.len();
                entry.devices.retain(|known| known.device != *device);
                entry.resume.retain(|_, of| of != device);
                match entry.devices.len() == before {
                    true => done.answer = refused(Code::NotFound, "no such device"),
                    false => done.ends = entry.ends(Which::Device(device.clone())),
                }
            }
            Ask::Operator(_) => {}
        }
        (done.entries, done.regards) = (added.entries, added.regards);
        done
    }

    fn register(&mut self, ask: &Ask, done: &mut Done, added: &mut Added) {
        let Ask::Register {
            username,
            credential,
            device,
            nonce,
            mail,
            ..
        } = ask
        else {
            return;
        };
        let (unix_ms, token) = (self.unix_ms, self.tokens + 1);
        let failed = || refused(Code::AuthFailed, "this does not prove the name");
        let Some(entry) = self.accounts.get_mut(username.key().as_bytes()) else {
            done.answer = failed();
            return;
        };
        if !entry.accepts(credential, username, *nonce) {
            entry.failures += 1;
            done.answer = failed();
            done.notice = Some((entry.shown.clone(), Notice::AuthFailures(1)));
            return;
        }
        let has_device = mail.deliver != Deliver::None;
        let new_device = has_device && entry.devices.iter().all(|known| known.device != *device);
        if new_device && entry.devices.len() == MAX_DEVICES {
            done.answer = refused(Code::TooManySessions, "too many devices");
            return;
        }
        if new_device {
            entry.devices.push(Device {
                device: device.clone(),
                created_unix_ms: unix_ms,
                seen_unix_ms: unix_ms,
            });
        }
        self.tokens = token;
        entry.resume.insert(token, device.clone());
        done.answer = Answer::Registered(Registered {
            mail: self.post.register(entry.id, device, *mail, added),
            account: entry.id,
            username: entry.shown.clone(),
            device: device.clone(),
            resume_token: token,
            new_device,
            failures: std::mem::take(&mut entry.failures),
        });
    }

    fn create(&mut self, name: &Name<'_>, credential: &NewCredential, nonce: Nonce) -> Answer {
        if self.accounts.contains_key(name.key().as_bytes()) {
            return refused(Code::NameTaken, "the name is taken");
        }
        match credential {
            NewCredential::Password(password) => {
                self.add(name, vec![password.expose().to_vec()], None)
            }
            NewCredential::Key(key, Some(signature)) if *signature == sign(*key, nonce) => {
                self.add(name, Vec::new(), Some(*key));
            }
            NewCredential::Key(..) => {
                return refused(Code::AuthFailed, "the signature is not good");
            }
        }
        Answer::Ok
    }

    fn add(&mut self, name: &Name<'_>, passwords: Vec<Vec<u8>>, key: Option<PublicKey>) {
        let entry = Entry {
            id: AccountId(self.accounts.len() as i64 + 1),
            shown: name.clone().into_owned(),
            passwords,
            keys: key.into_iter().collect(),
            devices: Vec::new(),
            resume: BTreeMap::new(),
            failures: 0,
        };
        self.post.open(entry.id, name);
        self.accounts.insert(name.key().as_bytes().into(), entry);
    }

    fn entry(&mut self, id: AccountId) -> &mut Entry {
        let found = self.accounts.values_mut().find(|entry| entry.id == id);
        found.expect("an account")
    }
}

impl Entry {
    fn accepts(&self, credential: &Credential, name: &Name<'_>, nonce: Nonce) -> bool {
        match credential {
            Credential::Password(password) => self
                .passwords
                .iter()
                .any(|known| known == password.expose()),
            Credential::Token(token) => {
                token.expose() == format!("good:{}", name.as_str()).as_bytes()
            }
            Credential::Key(key, signature) => {
                self.keys.contains(key) && *signature == sign(*key, nonce)
            }
            Credential::Resume(token) => self.resume.contains_key(token),
        }
    }

    fn ends(&self, which: Which) -> Option<Ends> {
        Some(Ends {
            username: self.shown.clone(),
            which,
        })
    }
}

pub fn refused(code: Code, message: &'static str) -> Answer {
    Answer::Refused(Refused {
        code,
        message,
        field: None,
        retry_after_ms: None,
    })
}

/// What the operator's commands lead to.
pub fn by_operator(name: &str, which: Which) -> Done {
    Done {
        entries: Vec::new(),
        regards: Vec::new(),
        asker: Asker::Admin(1),
        answer: Answer::Ok,
        ends: Some(Ends {
            username: Name::parse(name).expect("a name").into_owned(),
            which,
        }),
        notice: None,
    }
}

/// What becomes of a question that nobody has room for.
pub fn turned_down(job: &Job) -> Done {
    let Ask::Mail(mail) = &job.ask else {
        panic!("{job:?}")
    };
    let refused = Refused {
        code: Code::Overloaded,
        message: "too much",
        field: None,
        retry_after_ms: None,
    };
    Done {
        asker: job.asker,
        answer: Answer::Mail {
            reply: mail.reply.clone(),
            verb: mail.verb,
            answer: Box::new(privmsgd::mailbox::Answer::Refused(refused)),
        },
        ends: None,
        notice: None,
        entries: Vec::new(),
        regards: Vec::new(),
    }
}
