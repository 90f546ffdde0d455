//! The list of an account's conversations while it is put together, a part of them at a time. Knows no store.

use crate::wire::name::Name;

/// Conversations of one answer, whatever was asked for.
const MAX_CONVERSATIONS: u32 = 500;

/// What was asked for, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Those behind this one in the list, which has the latest first.
    pub before: Option<Name<'static>>,
    pub limit: usize,
    pub latest: Option<Latest>,
}

/// The first of a list, as far as conversations have been looked at: each the time of its last message, and its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    after: Option<(u64, i64)>,
    count: usize,
    /// The first one is first.
    found: Vec<(u64, i64)>,
    /// Where those begin that were not looked at.
    pub next: i64,
}

impl Listing {
    pub fn new(before: Option<Name<'static>>, limit: u32) -> Self {
        Listing {
            before,
            limit: limit.clamp(1, MAX_CONVERSATIONS) as usize,
            latest: None,
        }
    }

    /// What it holds, in memory.
    pub fn bytes(&self) -> usize {
        let found = self.latest.as_ref().map(|latest| latest.found.as_slice());
        found.map_or(0, std::mem::size_of_val)
    }
}

impl Latest {
    /// `count` of those behind `after`.
    pub fn new(after: Option<(u64, i64)>, count: usize, next: i64) -> Self {
        Latest {
            after,
            count,
            found: Vec::new(),
            next,
        }
    }

    pub fn add(&mut self, some: impl IntoIterator<Item = (u64, i64)>) {
        let after = self.after.unwrap_or((u64::MAX, i64::MAX));
        self.found
            .extend(some.into_iter().filter(|place| *place < after));
        self.found.sort_unstable_by(|a, b| b.cmp(a));
        self.found.truncate(self.count);
        self.found.shrink_to_fit();
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        self.found.iter().map(|(_, row)| *row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_whatever_they_come_in() {
        let mut latest = Latest::new(Some((50, 5)), 3, 0);
        latest.add([(10, 1), (50, 5), (50, 4), (51, 2)]);
        latest.add([(30, 6), (50, 3), (9, 7)]);
        latest.add([]);
        assert_eq!(latest.rows().collect::<Vec<_>>(), [4, 3, 6]);
    }
}
