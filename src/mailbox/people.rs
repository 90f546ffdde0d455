//! Whom an account blocks and allows, and what it takes and tells.

use super::post::{Post, Stop, refused};
use super::say::unknown;
use super::{Answer, Regard, Relation, Settings};
use crate::store::{Failed, Known, State};
use crate::wire::code::{AcceptFrom, Code};
use crate::wire::name::Name;

impl Post<'_> {
    /// What waits of somebody who is blocked later still comes.
    pub(super) fn relate(
        &mut self,
        me: &Known,
        with: &Name<'_>,
        change: Relation,
    ) -> Result<Answer, Stop> {
        let peer = self.ever(with, "username")?;
        let was = self.tables.relation(me.id, peer.id)?;
        let mut is = was;
        match change {
            Relation::Block => is.blocked = true,
            Relation::Unblock => is.blocked = false,
            Relation::Allow => is.allowed = true,
            Relation::Disallow => is.allowed = false,
        }
        if peer.id == me.id {
            return Err(refused(Code::BadValue, "this is you", Some("username")));
        }
        // What was decided about an account that is gone can be taken back.
        if peer.state == State::Removed && was == Default::default() {
            return Err(unknown("username"));
        }
        if is == was {
            return Ok(Answer::Ok);
        }
        let max = self.config.max_relations;
        if was == Default::default() && self.tables.relation_count(me.id)? >= max {
            let text = "you have blocked and allowed as many accounts as one may; take one back";
            return Err(refused(Code::NotAllowed, text, Some("username")));
        }
        self.tables.put_relation(me.id, peer.id, is)?;
        let regards = [self.regard(me, &peer)?, self.regard(&peer, me)?];
        self.regards.extend(regards);
        Ok(Answer::Ok)
    }

    /// What is `None` stays as it is.
    pub(super) fn set(
        &mut self,
        me: &Known,
        accept_from: Option<AcceptFrom>,
        delivery_receipts: Option<bool>,
        read_receipts: Option<bool>,
    ) -> Result<Answer, Stop> {
        let mut mailbox = self.tables.mailbox(me.id)?;
        let was = mailbox.settings;
        let settings = Settings {
            accept_from: accept_from.unwrap_or(was.accept_from),
            delivery_receipts: delivery_receipts.unwrap_or(was.delivery_receipts),
            read_receipts: read_receipts.unwrap_or(was.read_receipts),
        };
        if settings != was {
            mailbox.settings = settings;
            self.tables.put_mailbox(me.id, mailbox);
        }
        if settings.accept_from != was.accept_from {
            self.regards.push(Regard::of_all(&me.who));
        }
        Ok(Answer::Settings(settings))
    }

    fn regard(&self, owner: &Known, toward: &Known) -> Result<Regard, Failed> {
        Ok(Regard {
            owner: owner.who.clone(),
            toward: toward.who.clone(),
            shows_presence: self.shows_presence(owner.id, toward.id)?,
        })
    }
}
