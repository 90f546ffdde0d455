//! Whom an account blocks and allows, and what it takes and tells.

use super::room::{Room, Stop, Told, refused, stirred, unknown};
use super::{Answer, Regard, Relation, Settings};
use crate::accounts::AccountId;
use crate::store::{Failed, Known, State};
use crate::wire::code::{AcceptFrom, Code};
use crate::wire::name::Name;

impl Room<'_> {
    /// What waits of somebody who is blocked later still comes.
    pub fn relate(
        &self,
        account: AccountId,
        with: &Name<'_>,
        change: Relation,
    ) -> Result<Told, Stop> {
        let peer = self.ever(with, "username")?;
        let was = self.tables.relation(account, peer.id)?;
        let mut is = was;
        match change {
            Relation::Block => is.blocked = true,
            Relation::Unblock => is.blocked = false,
            Relation::Allow => is.allowed = true,
            Relation::Disallow => is.allowed = false,
        }
        if peer.id == account {
            return Err(refused(Code::BadValue, "this is you", Some("username")));
        }
        // What was decided about an account that is gone can be taken back.
        if peer.state == State::Removed && was == Default::default() {
            return Err(unknown("username"));
        }
        if is == was {
            return Ok(Told::new(Answer::Ok));
        }
        let max = self.config.max_relations;
        if was == Default::default() && self.tables.relation_count(account)? >= max {
            let text = "you have blocked and allowed as many accounts as one may; take one back";
            return Err(refused(Code::NotAllowed, text, Some("username")));
        }
        let me = self.own(account)?;
        self.tables.put_relation(account, peer.id, is)?;
        Ok(Told {
            regards: vec![self.regard(&me, &peer)?, self.regard(&peer, &me)?],
            ..Told::new(Answer::Ok)
        })
    }

    /// What is `None` stays as it is.
    pub fn set(
        &self,
        account: AccountId,
        accept_from: Option<AcceptFrom>,
        delivery_receipts: Option<bool>,
        read_receipts: Option<bool>,
    ) -> Result<Told, Stop> {
        let mut mailbox = self.tables.mailbox(account)?;
        let was = mailbox.settings;
        let settings = Settings {
            accept_from: accept_from.unwrap_or(was.accept_from),
            delivery_receipts: delivery_receipts.unwrap_or(was.delivery_receipts),
            read_receipts: read_receipts.unwrap_or(was.read_receipts),
        };
        let mut told = Told::new(Answer::Settings(settings));
        if settings == was {
            return Ok(told);
        }
        mailbox.settings = settings;
        self.tables.put_mailbox(account, mailbox);
        if settings.accept_from != was.accept_from {
            told.regards.push(stirred(&self.own(account)?.who));
        }
        Ok(told)
    }

    fn regard(&self, owner: &Known, toward: &Known) -> Result<Regard, Failed> {
        Ok(Regard {
            owner: owner.who.clone(),
            toward: toward.who.clone(),
            shows_presence: self.shows_presence(owner.id, toward.id)?,
        })
    }

    /// To those one has answered or allowed, and not blocked.
    pub fn shows_presence(&self, owner: AccountId, toward: AccountId) -> Result<bool, Failed> {
        let relation = self.tables.relation(owner, toward)?;
        if relation.blocked || relation.allowed || owner == toward {
            return Ok(!relation.blocked);
        }
        let conversation = self.tables.conversation(owner, toward)?;
        Ok(conversation.is_some_and(|mut between| between.side(owner).sent > 0))
    }
}
