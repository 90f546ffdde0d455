//! Name → connection. Knows no rule about who gets one.

mod table;

use std::hash::{BuildHasher, RandomState};

use crate::id::ConnId;
use crate::planted;
use crate::router::names::table::Table;
use crate::router::session::{Session, Sessions};
use crate::wire::name::Key;

/// A power of two. One table of a million names would stop the loop for as long as it takes to grow.
const SHARDS: usize = 256;

/// Names are chosen by strangers: hashed with a keyed SipHash. An entry is eight bytes; the name itself
/// stands in the session.
pub struct Names {
    hasher: RandomState,
    shards: Box<[Table]>,
    len: usize,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Table::default()).collect(),
            len: 0,
        }
    }
}

impl Names {
    /// Who holds the name that compares as `name`.
    #[inline]
    pub fn find(&self, name: &[u8], sessions: &Sessions) -> Option<ConnId> {
        let (shard, hash) = self.place(name);
        let found = self.shards.get(shard)?.find(hash, |key| {
            sessions
                .at(key)
                .is_some_and(|(_, session)| is_named(session, name))
        })?;
        sessions.at(found).map(|(id, _)| id)
    }

    /// `name` must be free.
    pub fn insert(&mut self, name: Key, id: ConnId) {
        let (shard, hash) = self.place(name.as_bytes());
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.insert(hash, id.key);
            self.len += 1;
        }
    }

    /// Frees the name of `session`, which was `id`'s, unless somebody else has it by now; whether it did.
    pub fn remove(&mut self, session: &Session, id: ConnId) -> bool {
        let (shard, hash) = self.place(session.key().as_bytes());
        let Some(shard) = self.shards.get_mut(shard) else {
            return false;
        };
        let removed = shard.remove(hash, |key| {
            key == id.key || planted::is(planted::Fault::StaleHangup)
        });
        self.len -= usize::from(removed);
        removed
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn place(&self, name: &[u8]) -> (usize, u32) {
        let hash = self.hasher.hash_one(name);
        ((hash >> 32) as usize % SHARDS, hash as u32)
    }
}

fn is_named(session: &Session, name: &[u8]) -> bool {
    session.name_bytes() == name || session.key().as_bytes() == name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hasher};

    /// D7: names chosen to collide under a hash without a secret key are spread like any others.
    #[test]
    fn crafted_names_do_not_share_a_place() {
        const CRAFTED: usize = 20_000;
        let names = Names::default();
        let crafted = (0u32..).map(|n| format!("user{n}")).filter(|name| {
            let mut unkeyed = DefaultHasher::new();
            unkeyed.write(name.as_bytes());
            unkeyed.finish() >> 32 & 0xff == 7
        });
        let (mut shards, mut places) = (vec![0; SHARDS], std::collections::HashSet::new());
        for name in crafted.take(CRAFTED) {
            let (shard, hash) = names.place(name.as_bytes());
            shards[shard] += 1;
            places.insert((shard, hash));
        }
        let most = shards.iter().max().copied().unwrap_or_default();
        assert!(
            most < 2 * CRAFTED / SHARDS,
            "{most} of {CRAFTED} names in one of {SHARDS} shards"
        );
        assert!(
            places.len() > CRAFTED - 10,
            "{} different hashes",
            places.len()
        );
    }
}
