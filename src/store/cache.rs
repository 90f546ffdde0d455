//! Rows that every message reads or changes, kept between statements: each is read once, and written once a commit
//! however often it changed. Knows no SQL.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::conversations::Conversation;
use super::cursors::Cursor;
use super::known::Known;
use super::mailboxes::Mailbox;
use super::relations::Relation;
use crate::accounts::AccountId;
use crate::wire::name::Key;

/// Rows of one kind that are kept from one batch to the next.
const MAX_ROWS: usize = 50_000;
/// Of each kind of damage: what is not logged again.
const MAX_DAMAGED: usize = 10_000;

#[derive(Default)]
pub struct Cache {
    pub named: Shelf<Key, Option<AccountId>>,
    pub known: Shelf<AccountId, Option<Known>>,
    pub mailboxes: Shelf<AccountId, Mailbox>,
    /// Lower account first.
    pub conversations: Shelf<(AccountId, AccountId), Option<Conversation>>,
    pub relations: Shelf<(AccountId, AccountId), Relation>,
    /// Of all devices of the account, in no order.
    pub cursors: Shelf<AccountId, Vec<Cursor>>,
    pub damaged: HashSet<i64>,
    pub damaged_entries: HashSet<(AccountId, u64)>,
    /// Whose log does not name all that waits.
    pub incomplete_logs: HashSet<AccountId>,
}

impl Cache {
    /// From here on [`Cache::undo`] can bring back what is here now.
    pub fn begin(&mut self) {
        self.each(|shelf| shelf.begin());
    }

    pub fn undo(&mut self) {
        self.each(|shelf| shelf.undo());
    }

    pub fn settle(&mut self) {
        self.each(|shelf| shelf.settle());
    }

    /// After a commit. Accepted cost: what is in use is read again, once in a while.
    pub fn trim(&mut self) {
        self.each(|shelf| shelf.trim());
        forget(&mut self.damaged);
        forget(&mut self.damaged_entries);
        forget(&mut self.incomplete_logs);
    }

    /// After a commit that failed: nothing that is here need be in the store.
    pub fn clear(&mut self) {
        self.each(|shelf| shelf.clear());
    }

    fn each(&mut self, mut act: impl FnMut(&mut dyn Shelved)) {
        act(&mut self.named);
        act(&mut self.known);
        act(&mut self.mailboxes);
        act(&mut self.conversations);
        act(&mut self.relations);
        act(&mut self.cursors);
    }
}

fn forget<T>(said: &mut HashSet<T>) {
    if said.len() > MAX_DAMAGED {
        said.clear();
    }
}

/// What all shelves do alike.
trait Shelved {
    fn begin(&mut self);
    fn undo(&mut self);
    fn settle(&mut self);
    fn trim(&mut self);
    fn clear(&mut self);
}

/// Rows of one kind, by their key.
pub struct Shelf<K, V> {
    rows: HashMap<K, Held<V>>,
    /// Holds every key whose row is not as the store has it, and maybe others.
    changed: Vec<K>,
    /// What was there before each change since `begin`; `None`: nobody can ask for it back.
    before: Option<Vec<(K, Option<Held<V>>)>>,
}

#[derive(Clone)]
struct Held<V> {
    row: V,
    changed: bool,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Shelf {
            rows: HashMap::new(),
            changed: Vec::new(),
            before: None,
        }
    }
}

impl<K: Eq + Hash + Copy, V: Clone> Shelf<K, V> {
    pub fn find(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|held| &held.row)
    }

    /// As the store has it.
    pub fn keep(&mut self, key: K, row: V) {
        self.set(key, row, false);
    }

    /// To be written before the commit.
    pub fn change(&mut self, key: K, row: V) {
        if self.set(key, row, true) {
            self.changed.push(key);
        }
    }

    /// What the store has counts again.
    pub fn forget(&mut self, key: &K) {
        let was = self.rows.remove(key);
        if let Some(before) = &mut self.before {
            before.push((*key, was));
        }
    }

    /// The rows that are to be written, which then count as written, until this is undone.
    pub fn take_changed(&mut self, mut write: impl FnMut(&K, &V)) {
        for key in self.changed.drain(..) {
            let Some(held) = self.rows.get_mut(&key).filter(|held| held.changed) else {
                continue;
            };
            write(&key, &held.row);
            if let Some(before) = &mut self.before {
                before.push((key, Some(held.clone())));
            }
            held.changed = false;
        }
    }

    /// Whether it was as the store has it, and now is not.
    fn set(&mut self, key: K, row: V, changed: bool) -> bool {
        let was = self.rows.insert(key, Held { row, changed });
        let was_changed = was.as_ref().is_some_and(|held| held.changed);
        if let Some(before) = &mut self.before {
            before.push((key, was));
        }
        changed && !was_changed
    }
}

impl<K: Eq + Hash + Copy, V> Shelved for Shelf<K, V> {
    fn begin(&mut self) {
        self.before.get_or_insert_default().clear();
    }

    fn undo(&mut self) {
        for (key, was) in self.before.take().unwrap_or_default().into_iter().rev() {
            match was {
                Some(held) => {
                    if held.changed {
                        self.changed.push(key);
                    }
                    self.rows.insert(key, held);
                }
                None => {
                    self.rows.remove(&key);
                }
            }
        }
    }

    fn settle(&mut self) {
        self.before = None;
    }

    fn trim(&mut self) {
        if self.rows.len() > MAX_ROWS {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.changed.clear();
        self.before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shelf: &mut Shelf<u8, u8>) -> Vec<(u8, u8)> {
        let mut rows = Vec::new();
        shelf.take_changed(|key, row| rows.push((*key, *row)));
        rows
    }

    #[test]
    fn a_row_is_written_once_a_commit() {
        let mut shelf = Shelf::default();
        shelf.keep(1, 10);
        shelf.change(1, 11);
        shelf.change(1, 12);
        shelf.change(2, 20);
        assert_eq!(written(&mut shelf), [(1, 12), (2, 20)]);
        assert_eq!(written(&mut shelf), []);
        shelf.change(2, 21);
        assert_eq!(written(&mut shelf), [(2, 21)]);
    }

    #[test]
    fn what_is_undone_is_as_it_was() {
        let mut shelf = Shelf::default();
        shelf.keep(1, 10);
        shelf.change(2, 20);
        shelf.begin();
        shelf.change(1, 11);
        shelf.change(1, 12);
        shelf.change(2, 21);
        shelf.change(3, 30);
        shelf.forget(&2);
        shelf.undo();
        assert_eq!((shelf.find(&1), shelf.find(&3)), (Some(&10), None));
        assert_eq!(written(&mut shelf), [(2, 20)]);
        shelf.change(2, 22);
        shelf.begin();
        assert_eq!(written(&mut shelf), [(2, 22)]);
        shelf.undo();
        assert_eq!(written(&mut shelf), [(2, 22)]);
        shelf.begin();
        shelf.change(1, 13);
        shelf.settle();
        shelf.undo();
        assert_eq!(written(&mut shelf), [(1, 13)]);
    }

    #[test]
    fn few_rows_are_kept() {
        let mut shelf = Shelf::default();
        (0..=MAX_ROWS).for_each(|key| shelf.keep(key, ()));
        shelf.trim();
        assert!(shelf.rows.is_empty());
    }
}
