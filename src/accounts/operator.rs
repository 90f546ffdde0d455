//! What the operator asks of the accounts. Knows no rules.

use super::{NewCredential, PublicKey, Secret};
use crate::upkeep::Upkeep;
use crate::wire::name::Name;

/// `privmsgd account …`, and what is asked of the store as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    Upkeep(Upkeep),
    Add {
        username: Name<'static>,
        credential: Option<NewCredential>,
    },
    List,
    SetPassword {
        username: Name<'static>,
        password: Secret,
    },
    Disable {
        username: Name<'static>,
        disabled: bool,
    },
    /// The name stays reserved.
    Remove {
        username: Name<'static>,
    },
    AddKey {
        username: Name<'static>,
        key: PublicKey,
    },
    RevokeDevice {
        username: Name<'static>,
        device: Box<str>,
    },
}
