//! Who an account is, for whoever writes to it: read for every message, so kept.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};

use super::accounts::state;
use super::{Failed, State, Tables};
use crate::accounts::AccountId;
use crate::mailbox::Who;
use crate::wire::name::{Key, Name};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: AccountId,
    /// As shown; of a removed account, as compared.
    pub who: Who,
    pub state: State,
}

impl Tables<'_> {
    /// In whatever state it is.
    pub fn known_named(&self, name: &Name<'_>) -> Result<Option<Known>, Failed> {
        let key = name.key();
        let kept = self.cache().named.find(&key).copied();
        match kept {
            Some(Some(id)) => self.known(id),
            Some(None) => Ok(None),
            None => {
                let found = self.read_named(&key)?;
                let mut cache = self.cache();
                cache.named.keep(key, found.as_ref().map(|known| known.id));
                if let Some(known) = &found {
                    cache.known.keep(known.id, found.clone());
                }
                Ok(found)
            }
        }
    }

    pub fn known(&self, id: AccountId) -> Result<Option<Known>, Failed> {
        if let Some(known) = self.cache().known.find(&id) {
            return Ok(known.clone());
        }
        let sql = "SELECT id, name, key, state FROM accounts WHERE id = ?1";
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_row([id.0], known).optional()?.transpose()?;
        self.cache().known.keep(id, found.clone());
        Ok(found)
    }

    /// There was no account of this name, and now there is.
    pub(super) fn forget_known(&self, id: AccountId, key: &str) {
        let mut cache = self.cache();
        cache.known.forget(&id);
        if let Ok(name) = Name::parse(key) {
            cache.named.forget(&name.key());
        }
    }

    fn read_named(&self, key: &Key) -> Result<Option<Known>, Failed> {
        let sql = "SELECT id, name, key, state FROM accounts WHERE key = ?1";
        let key = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
        let mut find = self.db.prepare_cached(sql)?;
        find.query_row([key], known).optional()?.transpose()
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<Result<Known, Failed>> {
    let (name, key): (String, String) = (row.get(1)?, row.get(2)?);
    let shown = if name.is_empty() { &key } else { &name };
    let Ok(shown) = Name::parse(shown) else {
        return Ok(Err(Failed::damaged("an account's name")));
    };
    Ok(Ok(Known {
        id: AccountId(row.get(0)?),
        who: Arc::new(shown.into_owned()),
        state: state(row.get(3)?),
    }))
}
