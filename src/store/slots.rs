//! How changes that wait stand in the database: one stream of bytes, cut into rows of one length. Once the changes are
//! made, the rows are filled again from the first. They are overwritten in place, so that a commit touches few pages;
//! what a row held before stays in it until then, or until [`wipe`]. Knows no changes.
//!
//! ```text
//! changes of row n:
//!   generation            8 bytes, the lowest first: that of row 1 is the present one
//!   length                4 bytes: how much of the stream is here
//!   more                  1 byte: 1 if the stream goes on in row n + 1
//!   the stream, zeros
//! sum of row n:           2^40 + CRC-32C over n and all but the zeros: as long as any other
//! ```
//! Before there were slots, a row had all changes of one commit, and a sum below 2^40: such rows are read too.

use rusqlite::{Connection, params};

use super::changes::broken;
use super::crc::Crc;
use super::{Failed, from_sql};

/// With it, a row fills one page of its own, and shares another one with seven others.
const SLOT: usize = 4_576;
const HEAD: usize = 13;
/// Bytes of the stream in a row.
const ROOM: usize = SLOT - HEAD;
const MARK: i64 = 1 << 40;

/// What waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stream {
    pub generation: u64,
    pub bytes: Vec<u8>,
    /// The rows that it takes.
    rows: i64,
}

/// Everything that waits, of a generation; fails if it is not as it was written.
pub fn read(db: &Connection) -> Result<Stream, Failed> {
    let mut list = db.prepare("SELECT id, sum, changes FROM tail ORDER BY id")?;
    let mut rows = list.query([])?;
    let mut stream = Stream::default();
    while let Some(row) = rows.next()? {
        let (id, sum) = (row.get(0)?, row.get(1)?);
        let bytes = row.get_ref(2)?.as_blob().map_err(|_| broken())?;
        if sum & MARK == 0 {
            stream.take_old(sum, bytes)?;
        } else if !stream.take(id, sum, bytes)? {
            return Ok(stream);
        }
    }
    match stream.rows {
        0 => Ok(stream),
        // The last one says that there is more.
        _ => Err(broken()),
    }
}

impl Stream {
    /// Whether it goes on.
    fn take(&mut self, id: i64, sum: i64, bytes: &[u8]) -> Result<bool, Failed> {
        let (generation, rest) = bytes.split_first_chunk().ok_or_else(broken)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(broken)?;
        let (more, rest) = rest.split_first().ok_or_else(broken)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| broken())?;
        let (generation, text) = (u64::from_le_bytes(*generation), rest.get(..length));
        let text = text.ok_or_else(broken)?;
        let is_whole = sum == sum_of(id, bytes.get(..HEAD + length).unwrap_or_default());
        let is_next = id == self.rows + 1 && (id == 1 || generation == self.generation);
        if !is_whole || !is_next {
            return Err(broken());
        }
        self.generation = generation;
        self.rows = id;
        self.bytes.extend(text);
        Ok(*more != 0)
    }

    fn take_old(&mut self, sum: i64, bytes: &[u8]) -> Result<(), Failed> {
        if sum != i64::from(Crc::new().bytes(bytes).sum()) {
            return Err(broken());
        }
        self.bytes.extend(bytes);
        Ok(())
    }
}

/// Writes what comes after the first `durable` bytes of the stream, which were written before.
pub fn write(
    db: &Connection,
    generation: u64,
    stream: &[u8],
    durable: usize,
) -> Result<(), Failed> {
    // The last one is written again even if it is full: it says now that there is more.
    let first = durable.saturating_sub(1) / ROOM;
    let texts = stream.chunks(ROOM).zip(1_i64..).skip(first);
    for (text, id) in texts {
        let is_last = usize::try_from(id).is_ok_and(|id| id * ROOM >= stream.len());
        put(db, id, generation, text, !is_last)?;
    }
    Ok(())
}

/// The changes of all generations before are made: none waits.
pub fn begin(db: &Connection, generation: u64) -> Result<(), Failed> {
    put(db, 1, generation, &[], false)
}

/// Those of before there were slots are made.
pub fn remove_old(db: &Connection) -> Result<(), Failed> {
    db.execute("DELETE FROM tail WHERE sum < ?1", [MARK])?;
    Ok(())
}

/// Leaves nothing in rows of what does not wait any more.
pub fn wipe(db: &Connection) -> Result<(), Failed> {
    let used = read(db)?.rows;
    let sql = "UPDATE tail SET sum = ?1, changes = ?2 WHERE id > ?3 AND sum >= ?1";
    db.execute(sql, params![MARK, vec![0_u8; SLOT], used])?;
    Ok(())
}

/// Of the rows that there are; 0: there are none.
pub fn generation(db: &Connection) -> Result<u64, Failed> {
    let mut first = db.prepare_cached("SELECT changes FROM tail WHERE id = 1 AND sum >= ?1")?;
    let mut rows = first.query([MARK])?;
    let Some(row) = rows.next()? else {
        return Ok(0);
    };
    let bytes = row.get_ref(0)?.as_blob().map_err(|_| broken())?;
    let generation = bytes.first_chunk().ok_or_else(broken)?;
    Ok(u64::from_le_bytes(*generation))
}

fn put(db: &Connection, id: i64, generation: u64, text: &[u8], more: bool) -> Result<(), Failed> {
    let mut slot = Vec::with_capacity(SLOT);
    slot.extend(generation.to_le_bytes());
    slot.extend((text.len() as u32).to_le_bytes());
    slot.push(u8::from(more));
    slot.extend(text);
    let values = (sum_of(id, &slot), id);
    slot.resize(SLOT, 0);
    let row = params![values.0, slot, values.1];
    let update = "UPDATE tail SET sum = ?1, changes = ?2 WHERE id = ?3";
    if db.prepare_cached(update)?.execute(row)? == 0 {
        let insert = "INSERT INTO tail (sum, changes, id) VALUES (?1, ?2, ?3)";
        db.prepare_cached(insert)?.execute(row)?;
    }
    Ok(())
}

fn sum_of(id: i64, slot: &[u8]) -> i64 {
    let sum = Crc::new().number(from_sql(id)).bytes(slot).sum();
    MARK + i64::from(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("v3.sql")).unwrap();
        db
    }

    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8 + 1).collect()
    }

    fn count(db: &Connection, which: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM tail WHERE {which}");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_written_in_any_parts_is_read() {
        let stream = text(3 * ROOM + 7);
        let ends = [
            1,
            ROOM - 1,
            ROOM,
            ROOM + 1,
            2 * ROOM,
            3 * ROOM,
            stream.len(),
        ];
        for first in ends {
            for second in ends.into_iter().filter(|second| *second > first) {
                let db = store();
                begin(&db, 7).unwrap();
                write(&db, 7, &stream[..first], 0).unwrap();
                assert_eq!(read(&db).unwrap().bytes, stream[..first]);
                write(&db, 7, &stream[..second], first).unwrap();
                let read = read(&db).unwrap();
                assert!((read.generation, &*read.bytes) == (7, &stream[..second]));
                assert_eq!(count(&db, "TRUE"), second.div_ceil(ROOM) as i64);
            }
        }
    }

    #[test]
    fn what_was_made_is_read_no_more_and_its_rows_are_used_again() {
        let db = store();
        assert_eq!(generation(&db).unwrap(), 0);
        write(&db, 0, &text(3 * ROOM), 0).unwrap();
        begin(&db, 1).unwrap();
        assert_eq!(
            (generation(&db).unwrap(), read(&db).unwrap().bytes.len()),
            (1, 0)
        );
        for length in [5, ROOM, 2 * ROOM] {
            write(&db, 1, &text(length), 0).unwrap();
            assert_eq!(read(&db).unwrap().bytes, text(length));
        }
        assert_eq!(count(&db, "TRUE"), 3);
    }

    #[test]
    fn a_row_is_overwritten_in_place() {
        let db = store();
        write(&db, 0, &text(8 * ROOM), 0).unwrap();
        let pages = |db: &Connection| -> (i64, i64) {
            let of = |what| db.pragma_query_value(None, what, |row| row.get(0)).unwrap();
            (of("page_count"), of("freelist_count"))
        };
        let before = pages(&db);
        let changed = |db: &Connection| db.changes();
        for (generation, length) in [(1, 1), (2, 8 * ROOM), (u64::MAX, 100)] {
            write(&db, generation, &text(length), 0).unwrap();
            begin(&db, generation).unwrap();
            wipe(&db).unwrap();
            assert_eq!(pages(&db), before);
            assert!(changed(&db) > 0);
        }
    }

    #[test]
    fn nothing_is_left_after_a_wipe() {
        let db = store();
        write(&db, 0, &text(4 * ROOM), 0).unwrap();
        begin(&db, 1).unwrap();
        write(&db, 1, &text(ROOM + 9), 0).unwrap();
        wipe(&db).unwrap();
        assert_eq!(read(&db).unwrap().bytes, text(ROOM + 9));
        assert_eq!(count(&db, "id > 2 AND changes = zeroblob(4576)"), 2);
        assert_eq!(
            count(&db, "id = 2 AND substr(changes, 23) = zeroblob(4554)"),
            1
        );
    }

    #[test]
    fn what_is_not_as_it_was_written_is_refused() {
        let breaks = [
            "UPDATE tail SET sum = sum + 1 WHERE id = 2",
            "UPDATE tail SET sum = sum - 1099511627776 WHERE id = 2",
            "UPDATE tail SET changes = substr(changes, 1, 12) WHERE id = 1",
            "UPDATE tail SET changes = x'' WHERE id = 2",
            "UPDATE tail SET changes = CAST(x'01' || substr(changes, 2) AS BLOB) WHERE id = 3",
            "DELETE FROM tail WHERE id = 2",
            "DELETE FROM tail WHERE id = 3",
            "UPDATE tail SET id = 9 WHERE id = 1",
        ];
        for sql in breaks {
            let db = store();
            write(&db, 0, &text(2 * ROOM + 1), 0).unwrap();
            read(&db).unwrap();
            assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
            assert!(read(&db).is_err(), "{sql}");
        }
    }

    #[test]
    fn rows_of_before_are_read_and_go() {
        let db = store();
        for text in [&b"one"[..], b"two"] {
            let sum = i64::from(Crc::new().bytes(text).sum());
            let sql = "INSERT INTO tail (sum, changes) VALUES (?1, ?2)";
            db.execute(sql, params![sum, text]).unwrap();
        }
        assert_eq!(read(&db).unwrap().bytes, b"onetwo");
        remove_old(&db).unwrap();
        begin(&db, 1).unwrap();
        assert_eq!(read(&db).unwrap().bytes, b"");
        assert_eq!(count(&db, "TRUE"), 1);
    }
}
