//! What clients do with accounts besides proving them: making one, and changing their own.

use super::super::hashing::{By, Then};
use super::super::{
    AccountId, Answer, Device, Ends, NewCredential, Nonce, Origin, PublicKey, Secret, Signature,
    Which, confusable, key, password,
};
use super::operator::no_account;
use super::register::{find, good, name_of, tokens_of};
use super::reply::{Reply, Stop, rate_limited, refused};
use super::{Clerk, Next, Work};
use crate::store::{Failed, Row, State, Tables};
use crate::time::Now;
use crate::wire::code::Code;
use crate::wire::name::Name;

/// Public keys of one account.
pub const MAX_KEYS: u32 = 16;

impl Clerk {
    pub(super) fn create(
        &mut self,
        tables: &Tables<'_>,
        username: Name<'static>,
        credential: NewCredential,
        nonce: &Nonce,
        origin: Origin,
        now: &Now,
    ) -> Result<Next, Stop> {
        let config = &self.settings.config;
        if !config.signup_open {
            let text = "accounts are made by the operator of this server";
            return Err(refused(Code::NotAllowed, text, None).into());
        }
        // Never given back: this is also how many accounts an address makes.
        self.throttle
            .take(None, origin, config, now.mono_ms)
            .map_err(rate_limited)?;
        self.check_new_name(tables, &username)?;
        match credential {
            NewCredential::Password(password) => hash_for(&password, Then::Create { username }),
            NewCredential::Key(public, Some(signature)) => {
                self.check_new_key(&username, (&public, &signature, nonce))?;
                let id = self.add_account(tables, &username, None, now)?;
                tables.add_key(id, &public, now.unix_ms)?;
                Ok(Reply::new(Answer::Ok).into())
            }
            NewCredential::Key(_, None) => Err(unsigned().into()),
        }
    }

    /// `hash`: of its password; `None` if that could not be made.
    pub(super) fn created(
        &mut self,
        tables: &Tables<'_>,
        username: &Name<'_>,
        hash: Option<String>,
        now: &Now,
    ) -> Result<Next, Stop> {
        let hash = hash.ok_or_else(no_hash)?;
        // Others may have come first while it was hashed.
        self.check_new_name(tables, username)?;
        self.add_account(tables, username, Some(&hash), now)?;
        Ok(Reply::new(Answer::Ok).into())
    }

    pub(super) fn set_password(
        &mut self,
        tables: &Tables<'_>,
        account: AccountId,
        password: &Secret,
        device: Box<str>,
        now: &Now,
    ) -> Result<Next, Stop> {
        let was = own(tables, (account, &device))?.password;
        let config = &self.settings.config;
        self.throttle
            .take_change(account, config, now.mono_ms)
            .map_err(rate_limited)?;
        let by = Some(By { device, was });
        hash_for(password, Then::SetPassword { account, by })
    }

    /// Resume tokens that were given for the old password are void with it, but for the one that the session of
    /// whoever asked was given. Much may have happened while the password was hashed.
    pub(super) fn password_set(
        &mut self,
        tables: &Tables<'_>,
        account: AccountId,
        by: Option<By>,
        hash: Option<String>,
    ) -> Result<Next, Stop> {
        let hash = hash.ok_or_else(no_hash)?;
        let row = match &by {
            Some(by) => {
                let row = own(tables, (account, &by.device))?;
                Some(row).filter(|row| row.password == by.was)
            }
            None => {
                let row = tables.account(account)?;
                let row = row.filter(|row| row.state != State::Removed);
                Some(row.ok_or_else(no_account)?)
            }
        };
        let username = name_of(&row.ok_or_else(changed)?)?;
        let device = by.map(|by| by.device);
        tables.set_password(account, &hash)?;
        tables.void_tokens(account, device.as_deref())?;
        if let Some(device) = &device {
            void_previous(tables, account, device)?;
        }
        let which = device.map_or(Which::All, Which::AllBut);
        Ok(Reply::ending(Answer::Ok, Ends { username, which }).into())
    }

    pub(super) fn add_key(
        &mut self,
        tables: &Tables<'_>,
        session: (AccountId, &str),
        username: &Name<'_>,
        proof: (&PublicKey, &Signature, &Nonce),
        now: &Now,
    ) -> Result<Next, Stop> {
        own(tables, session)?;
        self.check_new_key(username, proof)?;
        put_key(tables, session.0, proof.0, now)
    }

    pub(super) fn remove_key(
        &mut self,
        tables: &Tables<'_>,
        session: (AccountId, &str),
        public: &PublicKey,
    ) -> Result<Next, Stop> {
        let row = own(tables, session)?;
        let account = row.id;
        if !tables.has_key(account, public)? {
            let text = "this account has no such key";
            return Err(refused(Code::NotFound, text, Some("publicKey")).into());
        }
        if row.password.is_none() && tables.keys(account)? <= 1 {
            let text = "this key is all that proves the account; set a password or add a key first";
            return Err(refused(Code::NotAllowed, text, Some("publicKey")).into());
        }
        tables.remove_key(account, public)?;
        Ok(Reply::new(Answer::Ok).into())
    }

    pub(super) fn devices(
        &mut self,
        tables: &Tables<'_>,
        session: (AccountId, &str),
    ) -> Result<Next, Stop> {
        let row = own(tables, session)?;
        let devices = tables.devices(row.id)?.into_iter().map(|row| Device {
            device: row.device.into(),
            created_unix_ms: row.created_unix_ms,
            seen_unix_ms: row.seen_unix_ms,
        });
        Ok(Reply::new(Answer::Devices(devices.collect())).into())
    }

    pub(super) fn revoke_device(
        &mut self,
        tables: &Tables<'_>,
        session: (AccountId, &str),
        device: Box<str>,
    ) -> Result<Next, Stop> {
        let row = own(tables, session)?;
        revoke(tables, &row, device)
    }

    /// Whether an account may have this name.
    pub(super) fn check_new_name(&self, tables: &Tables<'_>, name: &Name<'_>) -> Result<(), Stop> {
        let (code, text) = if self.settings.reserved.has(name) {
            (Code::InvalidName, "this name, or one like it, is reserved")
        } else if find(tables, name)?.is_some() {
            (Code::NameTaken, "an account has, or had, this name")
        } else if tables.looks_taken(&confusable::skeletons(name))? {
            let text = "this name looks like one that is taken (characters that look alike)";
            (Code::NameConfusable, text)
        } else {
            return Ok(());
        };
        Err(refused(code, text, Some("username")).into())
    }

    /// After [`Clerk::check_new_name`].
    pub(super) fn add_account(
        &self,
        tables: &Tables<'_>,
        name: &Name<'_>,
        hash: Option<&str>,
        now: &Now,
    ) -> Result<AccountId, Stop> {
        let (key, looks) = (name.key(), confusable::skeletons(name));
        let key = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
        Ok(tables.add_account(name.as_str(), key, &looks, hash, now.unix_ms)?)
    }

    fn check_new_key(
        &self,
        username: &Name<'_>,
        (public, signature, nonce): (&PublicKey, &Signature, &Nonce),
    ) -> Result<(), Stop> {
        check_strength(public)?;
        let server = &self.settings.server_name;
        match key::verify(public, signature, nonce, server, username) {
            true => Ok(()),
            false => Err(unsigned().into()),
        }
    }
}

pub fn check_strength(public: &PublicKey) -> Result<(), Stop> {
    if key::is_weak(public) {
        let text = "this is no key: anybody can sign for it";
        return Err(refused(Code::BadValue, text, Some("publicKey")).into());
    }
    Ok(())
}

pub fn put_key(
    tables: &Tables<'_>,
    account: AccountId,
    public: &PublicKey,
    now: &Now,
) -> Result<Next, Stop> {
    if tables.keys(account)? >= MAX_KEYS && !tables.has_key(account, public)? {
        let text = "an account has at most 16 keys; remove one first";
        return Err(refused(Code::NotAllowed, text, Some("publicKey")).into());
    }
    tables.add_key(account, public, now.unix_ms)?;
    Ok(Reply::new(Answer::Ok).into())
}

pub fn revoke(tables: &Tables<'_>, row: &Row, device: Box<str>) -> Result<Next, Stop> {
    if !tables.remove_device(row.id, &device)? {
        let text = "this account has no such device";
        return Err(refused(Code::NotFound, text, Some("device")).into());
    }
    let (username, which) = (name_of(row)?, Which::Device(device));
    Ok(Reply::ending(Answer::Ok, Ends { username, which }).into())
}

/// A password that is to be set, on its way to be hashed.
pub fn hash_for(password: &Secret, then: Then) -> Result<Next, Stop> {
    let Some(password) = password::enforce(password) else {
        let text =
            "a password has 1 to 1,024 bytes and no control or invisible characters (RFC 8265)";
        return Err(refused(Code::BadValue, text, Some("password")).into());
    };
    Ok(Next::Hash(Work {
        password,
        against: None,
        then,
    }))
}

/// The account of a session, if it and the session's device are still good: the session may not have heard yet that
/// its device was revoked, or its password changed.
fn own(tables: &Tables<'_>, (account, device): (AccountId, &str)) -> Result<Row, Stop> {
    let row = tables.account(account)?;
    let device = tables.device(account, device)?;
    let is_good = device.is_some_and(|device| device.current.is_some());
    good(row.as_ref())
        .filter(|_| is_good)
        .cloned()
        .ok_or_else(gone)
}

/// What its current token was issued for was given for the old password too.
fn void_previous(tables: &Tables<'_>, account: AccountId, device: &str) -> Result<(), Failed> {
    let Some(mut row) = tables.device(account, device)? else {
        return Ok(());
    };
    let mut tokens = tokens_of(&row);
    tokens.spend_previous();
    (row.previous, row.spent) = (tokens.previous, tokens.spent);
    tables.put_device(account, &row)
}

fn changed() -> Stop {
    let text = "the password was changed meanwhile by another session";
    refused(Code::NotAllowed, text, None).into()
}

fn gone() -> Stop {
    let text = "this account was disabled or removed, or this device revoked";
    refused(Code::NotAllowed, text, None).into()
}

fn unsigned() -> super::super::Refused {
    let text =
        "the signature is not by this key over this connection's nonce, this server and this name";
    refused(Code::AuthFailed, text, Some("signature"))
}

fn no_hash() -> Stop {
    let text = "no memory to hash a password now; try again";
    refused(Code::Overloaded, text, None).into()
}
