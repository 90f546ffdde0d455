//! `register`: whether a credential proves a name. A name that nobody has and a wrong credential are one answer, one
//! amount of work and one write.

use super::super::hashing::Then;
use super::super::resume::{self, Tokens, Verdict};
use super::super::token::TokenFault;
use super::super::{
    AccountId, Answer, Credential, Nonce, Notice, Origin, Refused, Registered, Secret, key,
    password,
};
use super::reply::{Reply, Stop, rate_limited, refused};
use super::{Clerk, Next, Work};
use crate::mailbox::Wanted;
use crate::mailbox::opening::Arrival;
use crate::mailbox::post::Post;
use crate::store::{DeviceRow, Failed, Row, State, Tables};
use crate::time::Now;
use crate::wire::code::{Code, Deliver};
use crate::wire::name::Name;

pub struct Who {
    pub username: Name<'static>,
    pub device: Box<str>,
    pub origin: Origin,
    pub mail: Wanted,
}

/// A password that was checked.
pub struct Checked {
    pub account: Option<AccountId>,
    pub against: Option<String>,
    pub verified: bool,
    pub new: Option<String>,
}

impl Clerk {
    pub(super) fn register(
        &mut self,
        tables: &Tables<'_>,
        who: Who,
        credential: Credential,
        nonce: &Nonce,
        now: &Now,
    ) -> Result<Next, Stop> {
        let tried = matches!(credential, Credential::Password(_)).then(|| who.username.key());
        let config = &self.settings.config;
        self.throttle
            .take(tried, who.origin, config, now.mono_ms)
            .map_err(rate_limited)?;
        match credential {
            Credential::Password(password) => self.by_password(tables, who, &password),
            Credential::Key(public, signature) => {
                let server = &self.settings.server_name;
                let signed = key::verify(&public, &signature, nonce, server, &who.username);
                let row = find(tables, &who.username)?;
                let known = tables.has_key(id_of(row.as_ref()), &public)?;
                let proved = good(row.as_ref()).filter(|_| signed && known);
                self.decide(tables, &who, proved, row.as_ref(), now)
            }
            Credential::Token(token) => self.by_token(tables, &who, token.expose(), now),
            Credential::Resume(token) => self.by_resume_token(tables, &who, token, now),
        }
    }

    /// After the password was checked against the hash of a moment ago, which may have changed since.
    pub(super) fn log_in(
        &mut self,
        tables: &Tables<'_>,
        who: &Who,
        checked: Checked,
        now: &Now,
    ) -> Result<Next, Stop> {
        let row = find(tables, &who.username)?;
        let proved = good(row.as_ref()).filter(|row| {
            checked.verified && Some(row.id) == checked.account && self.is_of(row, &checked.against)
        });
        let Some(proved) = proved else {
            return Ok(fail(tables, row.as_ref())?);
        };
        if let (Some(new), true) = (checked.new, proved.password == checked.against) {
            tables.set_password(proved.id, &new)?;
            let old = checked.against.unwrap_or_default();
            self.raised.note(proved.id, old, new);
        }
        let (tried, config) = (Some(who.username.key()), &self.settings.config);
        self.throttle.succeeded(tried, who.origin, config);
        self.admit(tables, proved, who, None, now)
    }

    /// Whether `against` is the hash of the account's password, or was it until its cost was raised.
    fn is_of(&self, row: &Row, against: &Option<String>) -> bool {
        row.password == *against
            || matches!((against, &row.password), (Some(old), Some(stored))
                if self.raised.became(row.id, old, stored))
    }

    fn by_password(
        &mut self,
        tables: &Tables<'_>,
        who: Who,
        password: &Secret,
    ) -> Result<Next, Stop> {
        let row = find(tables, &who.username)?;
        let Some(password) = password::enforce(password) else {
            return Ok(fail(tables, row.as_ref())?);
        };
        let provable = good(row.as_ref()).filter(|row| row.password.is_some());
        let against = match provable {
            Some(row) => row.password.clone(),
            None => self.dummy.0.clone(),
        };
        let account = provable.map(|row| row.id);
        self.throttle.undecided(&who.username.key(), who.origin);
        let Who {
            username,
            device,
            origin,
            mail,
        } = who;
        let then = Then::Login {
            username,
            device,
            origin,
            mail,
            account,
        };
        // Without a dummy nothing may be checked, and nothing be taken for a wish to hash.
        let against = Some(against.unwrap_or_default());
        Ok(Next::Hash(Work {
            password,
            against,
            then,
        }))
    }

    fn by_token(
        &mut self,
        tables: &Tables<'_>,
        who: &Who,
        token: &[u8],
        now: &Now,
    ) -> Result<Next, Stop> {
        let settings = self.settings.clone();
        let proved = settings
            .token_keys
            .verify(token, settings.audience(), now.unix_ms);
        let row = find(tables, &who.username)?;
        let name = match proved {
            Ok(name) if name.key() == who.username.key() => name,
            Err(TokenFault::Expired) => return Err(expired().into()),
            _ => return Ok(fail(tables, row.as_ref())?),
        };
        if row.is_some() || !settings.config.token_creates {
            let proved = good(row.as_ref());
            return self.decide(tables, who, proved, row.as_ref(), now);
        }
        self.check_new_name(tables, &name)?;
        self.add_account(tables, &name, None, now)?;
        let row = find(tables, &name)?;
        self.decide(tables, who, good(row.as_ref()), row.as_ref(), now)
    }

    fn by_resume_token(
        &mut self,
        tables: &Tables<'_>,
        who: &Who,
        token: u128,
        now: &Now,
    ) -> Result<Next, Stop> {
        let shown = resume::hash(token);
        let row = find(tables, &who.username)?;
        let device = tables.device(id_of(row.as_ref()), &who.device)?;
        let verdict = device.map(|device| tokens_of(&device).judge(&shown));
        let is_good = token != 0 && matches!(verdict, Some(Verdict::Current | Verdict::Previous));
        match good(row.as_ref()).filter(|_| is_good) {
            Some(row) => {
                let config = &self.settings.config;
                self.throttle.succeeded(None, who.origin, config);
                self.admit(tables, row, who, verdict, now)
            }
            None => Ok(fail(tables, row.as_ref())?),
        }
    }

    fn decide(
        &mut self,
        tables: &Tables<'_>,
        who: &Who,
        proved: Option<&Row>,
        row: Option<&Row>,
        now: &Now,
    ) -> Result<Next, Stop> {
        match proved {
            Some(proved) => {
                let config = &self.settings.config;
                self.throttle.succeeded(None, who.origin, config);
                self.admit(tables, proved, who, None, now)
            }
            None => Ok(fail(tables, row)?),
        }
    }

    /// The name is proved. `shown`: by which resume token.
    fn admit(
        &mut self,
        tables: &Tables<'_>,
        row: &Row,
        who: &Who,
        shown: Option<Verdict>,
        now: &Now,
    ) -> Result<Next, Stop> {
        if who.mail.deliver == Deliver::None {
            // It has no device: neither is one made nor does a token come or go.
            tables.seen(row.id, now.unix_ms)?;
            let registered = registered(tables, row)?;
            return Ok(Reply::new(Answer::Registered(registered)).into());
        }
        tables.seen(row.id, now.unix_ms)?;
        let (new_device, resume_token) =
            self.put_device(tables, row.id, &who.device, shown, now)?;
        let mut post = Post::new(tables, &self.settings.mailbox, now);
        let known = tables.known(row.id)?;
        let known = known.ok_or_else(|| Failed::damaged("an account that was just read"))?;
        let arrival = Arrival {
            device: &who.device,
            is_new: new_device,
            is_first: tables.device_count(row.id)? == 1,
        };
        let opening = post.open(&known, &arrival, &who.mail)?;
        let registered = Registered {
            mail: Some(opening),
            device: who.device.clone(),
            resume_token,
            new_device,
            ..registered(tables, row)?
        };
        let (entries, regards) = (post.entries, post.regards);
        Ok(Reply {
            entries,
            regards,
            ..Reply::new(Answer::Registered(registered))
        }
        .into())
    }

    /// Whether the device is new, and its next token.
    fn put_device(
        &self,
        tables: &Tables<'_>,
        account: AccountId,
        device: &str,
        shown: Option<Verdict>,
        now: &Now,
    ) -> Result<(bool, u128), Stop> {
        let known = tables.device(account, device)?;
        let new_device = known.is_none();
        if new_device && tables.device_count(account)? >= self.settings.config.max_devices {
            let text = "this account has as many devices as it may have; revoke one";
            return Err(refused(Code::TooManySessions, text, Some("device")).into());
        }
        let Some(resume_token) = resume::new_token() else {
            let text = "no randomness for a token now; try again";
            return Err(refused(Code::Overloaded, text, None).into());
        };
        let mut known = known.unwrap_or_else(|| DeviceRow {
            device: device.into(),
            created_unix_ms: now.unix_ms,
            seen_unix_ms: now.unix_ms,
            current: None,
            previous: None,
            spent: Vec::new(),
        });
        let mut tokens = tokens_of(&known);
        tokens.issue(
            shown.unwrap_or(Verdict::Unknown),
            resume::hash(resume_token),
        );
        known.seen_unix_ms = now.unix_ms;
        (known.current, known.previous) = (tokens.current, tokens.previous);
        known.spent = tokens.spent;
        tables.put_device(account, &known)?;
        Ok((new_device, resume_token))
    }
}

/// A session without a device.
fn registered(tables: &Tables<'_>, row: &Row) -> Result<Registered, Failed> {
    Ok(Registered {
        account: row.id,
        username: name_of(row)?,
        device: "".into(),
        resume_token: 0,
        new_device: false,
        failures: tables.take_failures(row.id)?,
        mail: None,
    })
}

/// The name is not proved. `row`: whose it is, whatever its state.
fn fail(tables: &Tables<'_>, row: Option<&Row>) -> Result<Next, Failed> {
    let known = good(row);
    tables.count_failure(known.map(|row| row.id))?;
    let mut reply = Reply::refused(not_proved());
    if let Some(row) = known {
        reply.notice = Some((name_of(row)?, Notice::AuthFailures(1)));
    }
    Ok(reply.into())
}

fn not_proved() -> Refused {
    let text = "this does not prove the name, or there is no such account";
    refused(Code::AuthFailed, text, None)
}

fn expired() -> Refused {
    let text = "this token has expired; get a new one";
    refused(Code::TokenExpired, text, Some("token"))
}

pub fn find(tables: &Tables<'_>, name: &Name<'_>) -> Result<Option<Row>, Failed> {
    let key = name.key();
    tables.account_named(std::str::from_utf8(key.as_bytes()).unwrap_or_default())
}

pub fn good(row: Option<&Row>) -> Option<&Row> {
    row.filter(|row| row.state == State::Good)
}

pub fn name_of(row: &Row) -> Result<Name<'static>, Failed> {
    let name = Name::parse(&row.name).map_err(|_| Failed::damaged("an account's name"))?;
    Ok(name.into_owned())
}

/// Account 0 has nothing: looking there is the work of looking.
fn id_of(row: Option<&Row>) -> AccountId {
    row.map_or(AccountId(0), |row| row.id)
}

pub fn tokens_of(device: &DeviceRow) -> Tokens {
    Tokens {
        current: device.current,
        previous: device.previous,
        spent: device.spent.clone(),
    }
}
