//! Names that prove something: what is asked about accounts, and what the answer can be. The words that router, admin
//! socket and worker share. Knows no sockets, no SQL and no JSON.
//!
//! Whoever needs an answer puts a [`Job`] to a [`Desk`]; the work is done on other threads, and what became of it
//! comes back as a [`Done`]. Nothing here waits.

#[cfg(feature = "mailbox")]
mod bench;
#[cfg(feature = "mailbox")]
mod clerk;
#[cfg(feature = "mailbox")]
pub mod confusable;
#[cfg(feature = "mailbox")]
mod hashing;
#[cfg(feature = "mailbox")]
pub mod key;
#[cfg(feature = "mailbox")]
mod offline;
mod operator;
#[cfg(feature = "mailbox")]
pub mod password;
#[cfg(feature = "mailbox")]
mod resume;
#[cfg(feature = "mailbox")]
mod settings;
#[cfg(feature = "mailbox")]
pub mod throttle;
#[cfg(feature = "mailbox")]
pub mod token;
#[cfg(feature = "mailbox")]
mod worker;
#[cfg(any(feature = "client", feature = "mailbox"))]
pub mod written_key;

use std::borrow::Cow;
use std::fmt;

use crate::id::ConnId;
use crate::mailbox;
use crate::ops::exit::Exit;
use crate::upkeep::{Told, Vitals};
use crate::wire::code::{Code, Verb};
use crate::wire::name::Name;

pub use operator::Operator;

#[cfg(feature = "mailbox")]
pub use {
    bench::Bench, offline::Offline, settings::Settings, worker::MAX_WAITING, worker::Rules,
    worker::Worker,
};

/// Bytes of a password, as sent.
pub const MAX_PASSWORD_BYTES: usize = 1_024;
/// Bytes of a token: with the rest of a `register` it has to fit into `max_unregistered_line_bytes`.
pub const MAX_TOKEN_BYTES: usize = 3_800;

/// What must never be shown: not in logs, errors, metrics, core files or `Debug`. Overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    pub fn new(bytes: &[u8]) -> Self {
        Secret(bytes.into())
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Overwrites what it was given.
impl From<Vec<u8>> for Secret {
    fn from(mut bytes: Vec<u8>) -> Self {
        let secret = Secret::new(&bytes);
        overwrite(&mut bytes);
        secret
    }
}

impl From<Cow<'_, str>> for Secret {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Secret::new(text.as_bytes()),
            Cow::Owned(text) => Secret::from(text.into_bytes()),
        }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        overwrite(&mut self.0);
    }
}

/// Where a secret was, nothing is left of it.
pub fn overwrite(bytes: &mut [u8]) {
    bytes.fill(0);
    // Without this the compiler may leave out the writing of what is never read again.
    std::hint::black_box(bytes);
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The random bytes that `hello` gave to a connection: what its signatures are over, once.
pub type Nonce = [u8; 16];

/// An Ed25519 public key, and a signature by it (RFC 8032).
pub type PublicKey = [u8; 32];
pub type Signature = [u8; 64];

/// The account's row. Never shown to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub i64);

/// What a `register` brings to prove its name.
#[derive(Clone, PartialEq)]
pub enum Credential {
    Password(Secret),
    /// A JSON Web Token (RFC 7519).
    Token(Secret),
    /// A signature over [`signed_text`].
    Key(PublicKey, Signature),
    /// Zero, which is never issued, if what was given has not the form of a token: it matches nothing.
    Resume(u128),
}

/// Shows no token.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Password(_) => "Password(…)",
            Credential::Token(_) => "Token(…)",
            Credential::Key(..) => "Key(…)",
            Credential::Resume(_) => "Resume(…)",
        })
    }
}

/// What a new account, or an old one from now on, is proved by.
#[derive(Clone, Debug, PartialEq)]
pub enum NewCredential {
    Password(Secret),
    /// With proof that the private key is there: a signature over [`signed_text`], unless the operator vouches.
    Key(PublicKey, Option<Signature>),
}

/// What an Ed25519 signature is over: it proves one name to one server in one connection.
pub fn signed_text(nonce: &str, server_name: &str, username: &str) -> String {
    format!("privmsg-register-v1\n{nonce}\n{server_name}\n{username}")
}

/// Who is waiting for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    Conn(ConnId),
    /// Nobody: what is told only.
    Nobody,
    /// A connection of the admin socket, by its serial number.
    Admin(u64),
}

/// One question. Names are as the client wrote them, enforced; they compare by their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Register {
        username: Name<'static>,
        credential: Credential,
        /// As it stands between quotes on the wire, 1 to 64 bytes.
        device: Box<str>,
        nonce: Nonce,
        /// Where it comes from, for the throttle: what counts as one address.
        origin: Origin,
        mail: mailbox::Wanted,
    },
    /// What a session asks of its mailbox.
    Mail(Box<mailbox::Mail>),
    /// By a client, where signing up is open.
    Create {
        username: Name<'static>,
        credential: NewCredential,
        nonce: Nonce,
        origin: Origin,
    },
    SetPassword {
        account: AccountId,
        password: Secret,
        /// The device that asks: its sessions go on.
        device: Box<str>,
    },
    AddKey {
        account: AccountId,
        /// The device that asks, here and below: it must still be good when the change is made.
        by: Box<str>,
        username: Name<'static>,
        key: PublicKey,
        signature: Signature,
        nonce: Nonce,
    },
    RemoveKey {
        account: AccountId,
        by: Box<str>,
        key: PublicKey,
    },
    Devices {
        account: AccountId,
        by: Box<str>,
    },
    RevokeDevice {
        account: AccountId,
        by: Box<str>,
        device: Box<str>,
    },
    /// What the operator asks for: by the admin socket, or with the daemon stopped.
    Operator(Operator),
}

/// What counts as one address: an IPv4 address, the first 64 bits of an IPv6 one, or this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Local,
    V4(u32),
    V6(u64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub asker: Asker,
    pub ask: Ask,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub asker: Asker,
    pub answer: Answer,
    /// Live sessions that end because of it, whoever asked.
    pub ends: Option<Ends>,
    /// What the live sessions of an account are to be told, whoever asked.
    pub notice: Option<(Name<'static>, Notice)>,
    /// What the job added to mailboxes, in the order of their positions.
    pub entries: Vec<mailbox::Entry>,
    pub regards: Vec<mailbox::Regard>,
}

/// What became of a [`Job`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Registered(Registered),
    /// Done, and nothing to tell.
    Ok,
    Devices(Vec<Device>),
    Accounts(Vec<Account>),
    Upkeep(Told),
    Refused(Refused),
    /// To a session that asked by `Ask::Mail`, with what its reply has to echo.
    Mail {
        reply: Option<Box<[u8]>>,
        verb: Verb,
        answer: Box<mailbox::Answer>,
    },
}

/// A proved name.
#[derive(Clone, PartialEq)]
pub struct Registered {
    pub account: AccountId,
    /// As the account was created: what others are shown.
    pub username: Name<'static>,
    /// Empty: none (`deliver:"none"`).
    pub device: Box<str>,
    /// For the next time; 0: none was given, as there is no device.
    pub resume_token: u128,
    pub new_device: bool,
    /// Failed tries to prove this name since it was last proved.
    pub failures: u32,
    /// `None`: the session has no device (`deliver:"none"`).
    pub mail: Option<mailbox::Opening>,
}

/// Shows no token.
impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("account", &self.account)
            .field("username", &self.username)
            .field("device", &self.device)
            .field("new_device", &self.new_device)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub code: Code,
    /// One sentence for a person, at most 200 bytes, without anything the client wrote.
    pub message: &'static str,
    pub field: Option<&'static str>,
    pub retry_after_ms: Option<u32>,
}

/// Which live sessions of an account end: `goodbye revoked`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    pub username: Name<'static>,
    pub which: Which,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Which {
    All,
    Device(Box<str>),
    AllBut(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// So many more failed tries to prove the name. Whoever tells the sessions sums them up.
    AuthFailures(u32),
}

/// For lists. Times: milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub device: Box<str>,
    pub created_unix_ms: u64,
    pub seen_unix_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub username: Name<'static>,
    pub created_unix_ms: u64,
    pub seen_unix_ms: Option<u64>,
    pub disabled: bool,
    pub has_password: bool,
    pub keys: u32,
    pub devices: u32,
}

/// Takes questions without waiting, and has answers.
pub trait Desk {
    /// Gives the job back if there is no room for it: `overloaded`, or `rateLimited` for a `register`.
    #[expect(clippy::result_large_err, reason = "the job is moved either way")]
    fn submit(&mut self, job: Job) -> Result<(), Job>;
    /// The next answer that is there. The desk wakes the loop when there is one.
    fn done(&mut self) -> Option<Done>;
    /// Why it will answer nothing more that could be relied on: the process has to end with this.
    fn failed(&self) -> Option<Exit> {
        None
    }
    /// How it is; `None`: that is not known.
    fn vitals(&self) -> Option<Vitals> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let job = Credential::Password(Secret::new(b"hunter2"));
        assert!(!format!("{job:?}").contains("hunter2"));
        let token = 0x1234_5678_9abc;
        let registered = Registered {
            account: AccountId(1),
            username: Name::parse("alice").unwrap().into_owned(),
            device: "d".into(),
            resume_token: token,
            new_device: false,
            failures: 0,
            mail: None,
        };
        let shown = format!("{:?} {registered:?}", Credential::Resume(token));
        assert!(!shown.contains(&token.to_string()), "{shown}");
    }
}
