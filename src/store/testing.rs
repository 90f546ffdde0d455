//! What tests do to a store that no daemon does. Knows no rows.

use std::path::Path;

use super::{Store, slots};

impl Store {
    /// From now on a power cut may take what was committed.
    pub fn hurry(&self) {
        self.db.execute_batch("PRAGMA synchronous = OFF").unwrap();
    }

    /// From now on every batch fails before it begins.
    pub fn jam(&self) {
        self.db.execute_batch("BEGIN").unwrap();
    }

    /// Changes what no release changes.
    pub fn break_rows(&self, sql: &str) {
        self.make_changes().unwrap();
        self.spoil(sql);
    }

    /// The same, whatever waits.
    pub fn spoil(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }

    /// Bytes of changes that wait.
    pub fn tail_bytes(&self) -> usize {
        slots::read(&self.db).unwrap().bytes.len()
    }

    pub fn count_rows(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.db.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

/// Whether a text stands in any file of a directory.
pub fn stands_in(dir: &Path, text: &str) -> bool {
    let mut files = std::fs::read_dir(dir).unwrap();
    files.any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        has(&bytes, text)
    })
}

pub fn has(bytes: &[u8], text: &str) -> bool {
    let mut parts = bytes.windows(text.len());
    parts.any(|part| part == text.as_bytes())
}
