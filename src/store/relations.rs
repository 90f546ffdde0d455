//! The rows of what an account decided about another.

use rusqlite::{OptionalExtension, params};

use super::{Failed, Tables};
use crate::accounts::AccountId;

/// Nothing was decided: both are false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    pub blocked: bool,
    pub allowed: bool,
}

impl Tables<'_> {
    /// Of `account` toward `peer`.
    pub fn relation(&self, account: AccountId, peer: AccountId) -> Result<Relation, Failed> {
        if let Some(relation) = self.cache().relations.find(&(account, peer)) {
            return Ok(*relation);
        }
        let sql = "SELECT blocked, allowed FROM relations WHERE account = ?1 AND peer = ?2";
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_row(params![account.0, peer.0], |row| {
            Ok(Relation {
                blocked: row.get(0)?,
                allowed: row.get(1)?,
            })
        });
        let relation = found.optional()?.unwrap_or_default();
        self.cache().relations.keep((account, peer), relation);
        Ok(relation)
    }

    /// Written at once: this is rare. One that says nothing is no row.
    pub fn put_relation(
        &self,
        account: AccountId,
        peer: AccountId,
        relation: Relation,
    ) -> Result<(), Failed> {
        if relation == Relation::default() {
            let sql = "DELETE FROM relations WHERE account = ?1 AND peer = ?2";
            self.run(sql, params![account.0, peer.0])?;
        } else {
            let sql = "INSERT OR REPLACE INTO relations (account, peer, blocked, allowed)
                       VALUES (?1, ?2, ?3, ?4)";
            let row = params![account.0, peer.0, relation.blocked, relation.allowed];
            self.run(sql, row)?;
        }
        self.cache().relations.keep((account, peer), relation);
        Ok(())
    }

    /// How many accounts this one has decided anything about.
    pub fn relation_count(&self, account: AccountId) -> Result<u32, Failed> {
        let sql = "SELECT count(*) FROM relations WHERE account = ?1";
        let mut count = self.db.prepare_cached(sql)?;
        Ok(count.query_row([account.0], |row| row.get(0))?)
    }
}
