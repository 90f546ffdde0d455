//! What tests do to a store that no daemon does. Knows no rows.

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
