//! Hash → key of a slot. Knows no names: whoever asks compares.
//!
//! Among a million names each place that is looked at is far away in memory, so that the usual lookup looks at one cache
//! line: entries stand in lines of seven, in the line that their hash names or, while that is full, in the next ones.

/// One entry: half of the name's hash, enough to move it when the table grows, and the slot.
#[derive(Clone, Copy, Default)]
struct Entry {
    hash: u32,
    /// The slot's key plus one; 0: free.
    key: u32,
}

const ENTRIES: usize = 7;

#[derive(Clone, Default)]
#[repr(C, align(64))]
struct Line {
    entries: [Entry; ENTRIES],
    /// How many entries looked for a place here, found none, and stand further on.
    passed: u32,
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    /// A bit for each entry with this hash. All are looked at, whichever it is: a jump at the right one could not be
    /// foreseen, and what follows it would not be fetched meanwhile.
    #[inline]
    fn places(&self, hash: u32) -> u32 {
        let mut places = 0;
        for (at, entry) in self.entries.iter().enumerate() {
            places |= u32::from((entry.hash == hash) & (entry.key != 0)) << at;
        }
        places
    }
}

/// Grows by doubling: accepted cost is one pass over its entries.
#[derive(Default)]
pub struct Table {
    /// As many as a power of two, or none.
    lines: Vec<Line>,
    len: usize,
}

impl Table {
    /// The key of the first entry with this hash that `is_it`.
    #[inline]
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        for _ in 0..self.lines.len() {
            let line = self.lines.get(at)?;
            let mut places = line.places(hash);
            while let Some(entry) = line.entries.get(places.trailing_zeros() as usize) {
                let key = entry.key.wrapping_sub(1);
                if is_it(key) {
                    return Some(key);
                }
                places &= places - 1;
            }
            if line.passed == 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    pub fn insert(&mut self, hash: u32, key: u32) {
        if self.len >= self.lines.len() * ENTRIES / 4 * 3 {
            self.grow();
        }
        self.place(Entry {
            hash,
            key: key.saturating_add(1),
        });
    }

    /// Removes the first entry with this hash that `is_it`; whether there was one.
    pub fn remove(&mut self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> bool {
        let home = self.home(hash);
        let mut at = home;
        for _ in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(at) else {
                return false;
            };
            let found = line
                .entries
                .iter_mut()
                .find(|entry| entry.hash == hash && entry.key != 0 && is_it(entry.key - 1));
            if let Some(entry) = found {
                *entry = Entry::default();
                self.len -= 1;
                self.forget_passing(home, at);
                return true;
            }
            if line.passed == 0 {
                return false;
            }
            at = self.after(at);
        }
        false
    }

    /// An entry that stood in the line `end` and belonged into `home` is gone.
    fn forget_passing(&mut self, home: usize, end: usize) {
        let mut at = home;
        while at != end {
            if let Some(line) = self.lines.get_mut(at) {
                line.passed = line.passed.saturating_sub(1);
            }
            at = self.after(at);
        }
    }

    /// There is room: at least a quarter is free.
    fn place(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while let Some(line) = self.lines.get_mut(at) {
            if let Some(free) = line.entries.iter_mut().find(|entry| entry.key == 0) {
                *free = entry;
                self.len += 1;
                return;
            }
            line.passed = line.passed.saturating_add(1);
            at = self.after(at);
        }
    }

    fn grow(&mut self) {
        let count = (self.lines.len() * 2).max(1);
        let old = std::mem::replace(&mut self.lines, vec![Line::default(); count]);
        self.len = 0;
        for entry in old.iter().flat_map(|line| &line.entries) {
            if entry.key != 0 {
                self.place(*entry);
            }
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.lines.len().wrapping_sub(1)
    }

    #[inline]
    fn after(&self, line: usize) -> usize {
        (line + 1) & self.lines.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Against a map, with hashes so few that lines overflow into each other.
    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut table, mut map) = (Table::default(), HashMap::new());
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for step in 0..200_000_u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = (random >> 40) as u32 % 600;
            let hash = key / 5 * 64;
            if map.contains_key(&key) && (random >> 20).is_multiple_of(2) {
                assert!(table.remove(hash, |found| found == key));
                map.remove(&key);
            } else if map.insert(key, hash).is_none() {
                table.insert(hash, key);
            }
            let other = step % 600;
            assert_eq!(
                table.find(other / 5 * 64, |found| found == other),
                map.get(&other).map(|_| other)
            );
            assert_eq!(table.len, map.len());
        }
        for key in map.keys() {
            assert!(table.remove(key / 5 * 64, |found| found == *key));
        }
        assert!(table.lines.iter().all(|line| line.passed == 0));
    }
}
