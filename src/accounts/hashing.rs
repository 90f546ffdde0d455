//! What is done with a password apart from everything else, because it takes long. Knows no store.

use super::password::{self, Cost};
use super::{AccountId, Asker, Origin, Secret};
use crate::mailbox::Wanted;
use crate::wire::name::Name;

#[derive(Debug)]
pub struct Task {
    pub asker: Asker,
    /// Enforced.
    pub password: Secret,
    /// The hash to check it against; `None`: only to be hashed.
    pub against: Option<String>,
    /// Of a new hash.
    pub cost: Cost,
    pub then: Then,
}

/// What the hash is for.
#[derive(Clone, Debug)]
pub enum Then {
    Login {
        username: Name<'static>,
        device: Box<str>,
        origin: Origin,
        mail: Wanted,
        /// `None`: nobody whom a password could prove; the hash is a dummy.
        account: Option<AccountId>,
    },
    Create {
        username: Name<'static>,
    },
    SetPassword {
        account: AccountId,
        /// `None`: the operator, after whom no session goes on.
        by: Option<By>,
    },
}

/// Which of the owner's devices asked, and what the password was then.
#[derive(Clone, Debug)]
pub struct By {
    pub device: Box<str>,
    pub was: Option<String>,
}

#[derive(Debug)]
pub struct Hashed {
    pub asker: Asker,
    pub then: Then,
    pub against: Option<String>,
    pub verified: bool,
    /// Wanted if nothing was to be checked, or the cost was raised since.
    pub new: Option<String>,
}

impl Task {
    /// One hash; a second one only to raise the cost of a password that was right.
    pub fn run(&self) -> Hashed {
        let mut hashed = self.undone();
        let outdated = match &self.against {
            Some(phc) => {
                hashed.verified = password::verify(&self.password, phc);
                let cost = Cost::of_hash(phc);
                hashed.verified && cost.is_some_and(|cost| cost.is_below(self.cost))
            }
            None => true,
        };
        if outdated {
            hashed.new = password::hash(&self.password, self.cost);
        }
        hashed
    }

    /// As if neither check nor hash had succeeded.
    pub fn undone(&self) -> Hashed {
        Hashed {
            asker: self.asker,
            then: self.then.clone(),
            against: self.against.clone(),
            verified: false,
            new: None,
        }
    }
}
