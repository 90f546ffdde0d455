//! What the operator does with accounts.

use std::sync::Arc;

use super::super::hashing::Then;
use super::super::{Account, Answer, Ends, NewCredential, Operator, Which};
use super::change::{check_strength, hash_for, put_key, revoke};
use super::register::{find, name_of};
use super::reply::{Reply, Stop, refused};
use super::{Clerk, Next};
use crate::mailbox::Regard;
use crate::mailbox::leaving::Leaving;
use crate::store::{Failed, Row, State, Summary, Tables};
use crate::time::Now;
use crate::wire::code::Code;
use crate::wire::name::Name;

impl Clerk {
    pub(super) fn operator(
        &mut self,
        tables: &Tables<'_>,
        asked: Operator,
        now: &Now,
    ) -> Result<Next, Stop> {
        match asked {
            // Whoever owns the store does it, outside of any batch.
            Operator::Upkeep(_) => {
                Err(Failed::other("a store is not counted or copied in a batch").into())
            }
            Operator::Add {
                username,
                credential,
            } => self.add(tables, username, credential, now),
            Operator::List => {
                let accounts = tables.accounts()?.into_iter().map(account);
                let accounts = accounts.collect::<Result<_, Failed>>()?;
                Ok(Reply::new(Answer::Accounts(accounts)).into())
            }
            Operator::SetPassword { username, password } => {
                let account = named(tables, &username)?.id;
                hash_for(&password, Then::SetPassword { account, by: None })
            }
            Operator::Disable { username, disabled } => disable(tables, &username, disabled),
            Operator::Remove { username } => {
                let row = named(tables, &username)?;
                let username = name_of(&row)?;
                let left = Leaving::remove(tables, row.id)?;
                self.note_left(left);
                Ok(ending_all(username))
            }
            Operator::AddKey { username, key } => {
                check_strength(&key)?;
                put_key(tables, named(tables, &username)?.id, &key, now)
            }
            Operator::RevokeDevice { username, device } => {
                revoke(tables, &named(tables, &username)?, device)
            }
        }
    }

    fn add(
        &mut self,
        tables: &Tables<'_>,
        username: Name<'static>,
        credential: Option<NewCredential>,
        now: &Now,
    ) -> Result<Next, Stop> {
        self.check_new_name(tables, &username)?;
        match credential {
            Some(NewCredential::Password(password)) => {
                hash_for(&password, Then::Create { username })
            }
            Some(NewCredential::Key(public, _)) => {
                check_strength(&public)?;
                let id = self.add_account(tables, &username, None, now)?;
                put_key(tables, id, &public, now)
            }
            None => {
                self.add_account(tables, &username, None, now)?;
                Ok(Reply::new(Answer::Ok).into())
            }
        }
    }
}

/// Resume tokens are void for good, not only while the account is disabled.
fn disable(tables: &Tables<'_>, username: &Name<'_>, disabled: bool) -> Result<Next, Stop> {
    let row = named(tables, username)?;
    let username = name_of(&row)?;
    tables.set_disabled(row.id, disabled)?;
    if disabled {
        tables.void_tokens(row.id, None)?;
        return Ok(ending_all(username));
    }
    let regards = vec![Regard::of_all(&Arc::new(username))];
    Ok(Reply {
        regards,
        ..Reply::new(Answer::Ok)
    }
    .into())
}

/// Nobody reaches the account any more.
fn ending_all(username: Name<'static>) -> Next {
    let regards = vec![Regard::of_all(&Arc::new(username.clone()))];
    let which = Which::All;
    Reply {
        regards,
        ..Reply::ending(Answer::Ok, Ends { username, which })
    }
    .into()
}

pub fn no_account() -> Stop {
    let text = "there is no account of this name";
    refused(Code::UnknownUser, text, Some("username")).into()
}

fn named(tables: &Tables<'_>, name: &Name<'_>) -> Result<Row, Stop> {
    let found = find(tables, name)?.filter(|row| row.state != State::Removed);
    found.ok_or_else(no_account)
}

fn account(row: Summary) -> Result<Account, Failed> {
    let username = Name::parse(&row.name).map_err(|_| Failed::damaged("an account's name"))?;
    Ok(Account {
        username: username.into_owned(),
        created_unix_ms: row.created_unix_ms,
        seen_unix_ms: row.seen_unix_ms,
        disabled: row.state != State::Good,
        has_password: row.has_password,
        keys: row.keys,
        devices: row.devices,
    })
}
