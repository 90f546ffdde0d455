//! What accounts let each other see, and what reaches them without being stored.

use super::post::{Post, Stop};
use super::{Answer, Reach, Regard, Who};
use crate::accounts::AccountId;
use crate::store::{Failed, Known, State};
use crate::wire::name::Name;

impl Post<'_> {
    pub(super) fn reach(&self, me: &Known, to: &Name<'_>) -> Result<Answer, Stop> {
        let to = self.recipient(to)?;
        self.check_accepted(me, &to)?;
        let blocked = self.tables.relation(to.id, me.id)?.blocked;
        Ok(Answer::Reach(match blocked {
            true => Reach::Swallowed(to.who),
            false => Reach::Open(to.who),
        }))
    }

    /// Names that nobody has are like those of people who do not show themselves. A disabled account is only away: it
    /// may come back, and nobody would be told to whom it shows itself then.
    pub(super) fn watch(&self, me: &Known, usernames: &[Name<'_>]) -> Result<Answer, Stop> {
        let shows = usernames.iter().map(|name| {
            let owner = self.tables.known_named(name)?;
            match owner.filter(|owner| owner.state != State::Removed) {
                Some(owner) => self.shows_presence(owner.id, me.id),
                None => Ok(false),
            }
        });
        Ok(Answer::Watch(shows.collect::<Result<_, Failed>>()?))
    }

    /// Whether `toward` may see the presence of `owner`.
    pub(super) fn shows_presence(
        &self,
        owner: AccountId,
        toward: AccountId,
    ) -> Result<bool, Failed> {
        let known = owner == toward || self.knows(owner, toward)?;
        Ok(known && !self.tables.relation(owner, toward)?.blocked)
    }
}

impl Regard {
    /// Who reaches `owner` has changed, for whomever.
    pub fn of_all(owner: &Who) -> Self {
        Regard {
            owner: owner.clone(),
            toward: owner.clone(),
            shows_presence: true,
        }
    }
}
