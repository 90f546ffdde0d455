//! `account`: its actions and their fields. Knows no account.

use super::Refusal;
use super::fields::{Fields, bad_value, missing};
use super::proof;
use crate::accounts::{NewCredential, PublicKey, Secret, Signature};
use crate::wire::name::Name;

/// What is to be done to the account of the session, or to a new one.
#[derive(Clone, Debug, PartialEq)]
pub enum Account<'a> {
    Create {
        username: Name<'a>,
        credential: NewCredential,
    },
    SetPassword(Secret),
    AddKey(PublicKey, Signature),
    RemoveKey(PublicKey),
    Devices,
    /// As it stands between its quotes.
    RevokeDevice(&'a str),
    Export,
    Delete,
}

impl Account<'_> {
    /// The field that holds a password, if one does.
    pub fn password_field(&self) -> Option<&'static str> {
        match self {
            Account::SetPassword(_)
            | Account::Create {
                credential: NewCredential::Password(_),
                ..
            } => Some("password"),
            _ => None,
        }
    }
}

pub(super) fn account<'a>(fields: &Fields<'a>) -> Result<Account<'a>, Refusal<'a>> {
    Ok(match fields.required_word("action")?.as_ref() {
        "create" => Account::Create {
            username: fields.name("username")?.0,
            credential: new_credential(fields)?,
        },
        "setPassword" => {
            Account::SetPassword(proof::password(fields)?.ok_or_else(|| missing("password"))?)
        }
        "addKey" => {
            let (key, signature) =
                proof::signed_key(fields)?.ok_or_else(|| missing("publicKey"))?;
            Account::AddKey(key, signature)
        }
        "removeKey" => {
            Account::RemoveKey(proof::public_key(fields)?.ok_or_else(|| missing("publicKey"))?)
        }
        "devices" => Account::Devices,
        "revokeDevice" => {
            Account::RevokeDevice(proof::device(fields)?.ok_or_else(|| missing("device"))?)
        }
        "export" => Account::Export,
        "delete" => Account::Delete,
        _ => return Err(bad_value("action", ACTIONS)),
    })
}

fn new_credential<'a>(fields: &Fields<'a>) -> Result<NewCredential, Refusal<'a>> {
    match (proof::password(fields)?, proof::signed_key(fields)?) {
        (Some(password), None) => Ok(NewCredential::Password(password)),
        (None, Some((key, signature))) => Ok(NewCredential::Key(key, Some(signature))),
        (None, None) => Err(missing("password")),
        (Some(_), Some(_)) => Err(bad_value("publicKey", proof::ONE_TOO_MANY)),
    }
}

const ACTIONS: &str =
    "must be create, setPassword, addKey, removeKey, devices, revokeDevice, export or delete";
