//! Mailbox mode: what is asked about accounts, for whom, and who has to wait for it.
//! Knows neither how a name is proved nor where accounts are kept.

use crate::accounts::{Ask, Asker, Credential, Job, NewCredential, Nonce};
use crate::id::ConnId;
use crate::mailbox::{self, Exported, Wanted};
use crate::net::conns::MAX_RESERVED;
use crate::router::fault::{Fault, not_available, not_registered};
use crate::router::mail::Post;
use crate::router::policy::AccountRules;
use crate::router::{Channel, Router, Table};
use crate::wire::code::{Code, Deliver, Status, Verb};
use crate::wire::command::{Account, Raw, Register};
use crate::wire::name::Name;

/// What mailbox mode keeps besides sessions.
pub(super) struct Mailbox {
    pub rules: AccountRules,
    pub post: Post,
    seats: Vec<Seat>,
}

/// What is known of a connection from its beginning to its end, by the slot of the connection table.
#[derive(Default)]
struct Seat {
    /// Whose it is; 0: nobody's.
    serial: u64,
    channel: Channel,
    /// `None`: no randomness could be had; then nothing can be signed.
    nonce: Option<Nonce>,
    pending: Option<Box<Pending>>,
}

/// A command whose answer is awaited; one at a time.
pub(super) struct Pending {
    pub id: Option<Box<[u8]>>,
    pub verb: Verb,
    /// What the session is to begin with.
    pub status: Status,
    pub heartbeat_ms: Option<u32>,
    pub deliver: Deliver,
    pub window: u32,
    /// The names that are to be watched.
    pub names: Vec<Name<'static>>,
    /// Lines of an export that were sent.
    pub lines: u32,
    /// Where an export goes on once there is room.
    pub next: Option<Exported>,
}

/// The device of a `register` that names none.
const DEFAULT_DEVICE: &str = "default";

impl Mailbox {
    pub fn new(rules: AccountRules, capacity: usize) -> Self {
        Mailbox {
            rules,
            post: Post::default(),
            seats: Vec::with_capacity(capacity.min(MAX_RESERVED)),
        }
    }

    pub fn connected(&mut self, id: ConnId, channel: Channel, nonce: Option<Nonce>) {
        let index = id.key as usize;
        if index >= self.seats.len() {
            self.seats.resize_with(index + 1, Seat::default);
        }
        if let Some(seat) = self.seats.get_mut(index) {
            *seat = Seat {
                serial: id.serial,
                channel,
                nonce,
                pending: None,
            };
        }
    }

    pub fn gone(&mut self, id: ConnId) {
        if let Some(seat) = self.seat_mut(id) {
            *seat = Seat::default();
        }
    }

    /// The command that `id` waits with.
    pub fn pending_mut(&mut self, id: ConnId) -> Option<&mut Pending> {
        self.seat_mut(id)?.pending.as_deref_mut()
    }

    /// The command that `id` has waited with.
    pub fn take_pending(&mut self, id: ConnId) -> Option<Box<Pending>> {
        self.seat_mut(id)?.pending.take()
    }

    fn seat(&self, id: ConnId) -> Option<&Seat> {
        self.seats
            .get(id.key as usize)
            .filter(|seat| seat.serial == id.serial)
    }

    fn seat_mut(&mut self, id: ConnId) -> Option<&mut Seat> {
        self.seats
            .get_mut(id.key as usize)
            .filter(|seat| seat.serial == id.serial)
    }
}

impl Pending {
    pub fn of(id: Option<Raw<'_>>, verb: Verb) -> Self {
        Pending {
            id: id.map(|id| id.0.into()),
            verb,
            status: Status::Online,
            heartbeat_ms: None,
            deliver: Deliver::None,
            window: 0,
            names: Vec::new(),
            lines: 0,
            next: None,
        }
    }
}

impl Router {
    /// `register`: asks whether the name is proved.
    pub(super) fn prove<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        register: &Register<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        if let Some(field) = register.unavailable {
            return Err(not_available("this server has no such thing", Some(field)));
        }
        let Some(credential) = register.proof.as_deref() else {
            return Err(self.auth_required(from));
        };
        let secret = match credential {
            Credential::Password(_) => Some("password"),
            Credential::Token(_) => Some("token"),
            Credential::Key(..) | Credential::Resume(_) => None,
        };
        self.check_secret(from, secret)?;
        let ask = Ask::Register {
            username: register.username.clone().into_owned(),
            credential: credential.clone(),
            device: register.device.unwrap_or(DEFAULT_DEVICE).into(),
            nonce: self.nonce(from, matches!(credential, Credential::Key(..)))?,
            origin: out.origin(from),
            mail: Wanted {
                invisible: register.status == Some(Status::Offline),
                ..register.mail
            },
        };
        let pending = Pending {
            status: register.status.unwrap_or(Status::Online),
            heartbeat_ms: register.heartbeat_ms,
            deliver: register.mail.deliver,
            window: register.window,
            ..Pending::of(id, Verb::Register)
        };
        self.ask(from, ask, pending, out)
    }

    pub(super) fn account<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        account: &Account<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let ask = match account {
            Account::Export => {
                let from_start = mailbox::Ask::Export {
                    from: Exported::START,
                };
                return self.wait_for(from, Pending::of(id, Verb::Account), from_start, out);
            }
            Account::Delete => {
                let delete = mailbox::Ask::DeleteAccount;
                return self.wait_for(from, Pending::of(id, Verb::Account), delete, out);
            }
            Account::Create {
                username,
                credential,
            } => {
                self.check_create(from)?;
                let signed = matches!(credential, NewCredential::Key(..));
                Ask::Create {
                    username: username.clone().into_owned(),
                    credential: credential.clone(),
                    nonce: self.nonce(from, signed)?,
                    origin: out.origin(from),
                }
            }
            other => self.ask_of_session(from, other)?,
        };
        self.check_secret(from, account.password_field())?;
        self.ask(from, ask, Pending::of(id, Verb::Account), out)
    }

    fn ask_of_session<'a>(&self, from: ConnId, account: &Account<'_>) -> Result<Ask, Fault<'a>> {
        let session = self.sessions.get(from).ok_or_else(not_registered)?;
        let member = session.member().ok_or_else(not_registered)?;
        let id = member.account;
        let device: Box<str> = member.device.as_deref().ok_or_else(only_sends)?.into();
        Ok(match account {
            Account::SetPassword(password) => Ask::SetPassword {
                account: id,
                password: password.clone(),
                device,
            },
            Account::AddKey(key, signature) => Ask::AddKey {
                account: id,
                by: device,
                username: session.owned_name(),
                key: *key,
                signature: *signature,
                nonce: self.nonce(from, true)?,
            },
            Account::RemoveKey(key) => Ask::RemoveKey {
                account: id,
                by: device,
                key: *key,
            },
            Account::Devices => Ask::Devices {
                account: id,
                by: device,
            },
            Account::RevokeDevice(revoked) => Ask::RevokeDevice {
                account: id,
                by: device,
                device: (*revoked).into(),
            },
            Account::Create { .. } | Account::Export | Account::Delete => {
                return Err(not_registered());
            }
        })
    }

    /// Whether clients may create accounts.
    pub(super) fn signup_open(&self) -> bool {
        self.mailbox
            .as_ref()
            .is_some_and(|mailbox| mailbox.rules.signup_open)
    }

    /// Puts the question; the connection's next line waits for the answer.
    pub(super) fn ask<'a, T: Table>(
        &mut self,
        from: ConnId,
        ask: Ask,
        pending: Pending,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let seat = self
            .mailbox
            .as_mut()
            .and_then(|mailbox| mailbox.seat_mut(from));
        let asker = Asker::Conn(from);
        match seat {
            Some(seat) if out.ask(Job { asker, ask }) => {
                seat.pending = Some(Box::new(pending));
                Ok(())
            }
            _ => Err(Fault::new(
                Code::Overloaded,
                "too much is asked about accounts now; try again",
            )),
        }
    }

    fn check_create<'a>(&self, from: ConnId) -> Result<(), Fault<'a>> {
        if self.sessions.get(from).is_some() {
            return Err(Fault::new(
                Code::AlreadyRegistered,
                "this connection has a name; accounts are created before register",
            ));
        }
        if !self.signup_open() {
            return Err(Fault::new(
                Code::NotAllowed,
                "accounts are created by this server's operator",
            ));
        }
        Ok(())
    }

    /// Passwords and tokens are for whoever reads them: not for everybody on the way.
    fn check_secret<'a>(&self, from: ConnId, field: Option<&'static str>) -> Result<(), Fault<'a>> {
        if field.is_none() || self.takes_secrets(from) {
            return Ok(());
        }
        Err(Fault {
            field,
            hint: Some("connect with TLS; what was sent may have been read by others: change it"),
            ..Fault::new(
                Code::NotAllowed,
                "this connection is not encrypted: neither passwords nor tokens are taken",
            )
        })
    }

    fn auth_required<'a>(&self, from: ConnId) -> Fault<'a> {
        let mailbox = self.mailbox.as_ref();
        let has_tokens = mailbox.is_some_and(|mailbox| mailbox.rules.has_tokens);
        let hint = match (self.takes_secrets(from), has_tokens) {
            (true, true) => "send password, token, publicKey with signature, or resumeToken",
            (true, false) => "send password, publicKey with signature, or resumeToken",
            (false, _) => {
                "send publicKey with signature, or resumeToken; with TLS also what hello.auth lists there"
            }
        };
        Fault {
            hint: Some(hint),
            ..Fault::new(Code::AuthRequired, "names are proved on this server")
        }
    }

    fn takes_secrets(&self, from: ConnId) -> bool {
        self.mailbox.as_ref().is_some_and(|mailbox| {
            mailbox
                .seat(from)
                .is_some_and(|seat| mailbox.rules.takes_secrets(seat.channel))
        })
    }

    /// What `hello` gave to the connection. Where nothing is signed, none is needed.
    fn nonce<'a>(&self, from: ConnId, signed: bool) -> Result<Nonce, Fault<'a>> {
        let seat = self.mailbox.as_ref().and_then(|mailbox| mailbox.seat(from));
        match seat.and_then(|seat| seat.nonce) {
            None if signed => Err(Fault::new(
                Code::Overloaded,
                "no randomness for a nonce was left; connect again",
            )),
            nonce => Ok(nonce.unwrap_or_default()),
        }
    }
}

fn only_sends<'a>() -> Fault<'a> {
    Fault::new(
        Code::NotAllowed,
        "this session has no device, it only sends (deliver:none); register with one",
    )
}
