//! Name → connection. Knows no rule about who gets one.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::id::ConnId;
use crate::planted;
use crate::router::session::{Session, Sessions};
use crate::wire::name::Key;

/// A power of two. One table of a million names would stop the loop for as long as it takes to grow.
const SHARDS: usize = 256;

/// Names are chosen by strangers: hashed with a keyed SipHash. An entry is eight bytes; the name itself
/// stands in the session.
pub struct Names {
    hasher: RandomState,
    shards: Box<[HashTable<Entry>]>,
    len: usize,
}

struct Entry {
    /// Half of the hash: enough to find the place again when a shard grows, without reading the name.
    hash: u32,
    key: u32,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            len: 0,
        }
    }
}

impl Names {
    /// Who holds the name that compares as `name`.
    pub fn find(&self, name: &[u8], sessions: &Sessions) -> Option<ConnId> {
        let (shard, hash) = self.place(name);
        let found = self.shards.get(shard)?.find(spread(hash), |entry| {
            entry.hash == hash
                && sessions
                    .at(entry.key)
                    .is_some_and(|(_, session)| is_named(session, name))
        })?;
        sessions.at(found.key).map(|(id, _)| id)
    }

    /// `name` must be free.
    pub fn insert(&mut self, name: Key, id: ConnId) {
        let (shard, hash) = self.place(name.as_bytes());
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.insert_unique(spread(hash), Entry { hash, key: id.key }, |entry| {
                spread(entry.hash)
            });
            self.len += 1;
        }
    }

    /// Frees the name of `session`, which was `id`'s, unless somebody else has it by now; whether it did.
    pub fn remove(&mut self, session: &Session, id: ConnId) -> bool {
        let (shard, hash) = self.place(session.key().as_bytes());
        let Some(shard) = self.shards.get_mut(shard) else {
            return false;
        };
        match shard.find_entry(spread(hash), |entry| {
            entry.hash == hash && (entry.key == id.key || planted::is(planted::Fault::StaleHangup))
        }) {
            Ok(entry) => {
                entry.remove();
                self.len -= 1;
                true
            }
            Err(_) => false,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn place(&self, name: &[u8]) -> (usize, u32) {
        let hash = self.hasher.hash_one(name);
        ((hash >> 32) as usize % SHARDS, hash as u32)
    }
}

/// The table takes its tag from the upper bits and its place from the lower ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
