//! Changes of rows as bytes: which statement, and its values. What is made of them is the same whether they were
//! written a moment ago or before a crash. Knows no rows.
//!
//! ```text
//! change, count of values, then each value:
//!   0                     NULL
//!   1 to 8                an integer, in so many bytes, the lowest first
//!   9, 10                 a blob, a text: its length in 4 bytes, and it
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::Failed;

/// One row of a table as it is from now on. The numbers are in stores: they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Message = 1,
    Entry = 2,
    Mailbox = 3,
    Conversation = 4,
    Cursor = 5,
}

impl Change {
    /// The statements are in stores too, by their number: their values keep their order.
    pub fn sql(self) -> &'static str {
        match self {
            Change::Message => {
                "INSERT INTO messages (id, conversation, seq, from_high, time, state, hidden, reply_to,
                     edited, expires, to_seq, crc, sender, message_id, fingerprint, kind, body, id_key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
            }
            Change::Entry => {
                "INSERT INTO log (account, pos, kind, message, peer, seq, time, bytes, by, device)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            }
            Change::Mailbox => {
                "INSERT OR REPLACE INTO mailboxes
                     (account, head, delivered, gaps, waiting, waiting_bytes, run, run_head,
                      accept_from, delivery_receipts, read_receipts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            }
            Change::Conversation => {
                "UPDATE conversations SET last_seq = ?2, last_time = ?3,
                     low_sent = ?4, low_delivered = ?5, low_read = ?6, low_shown_delivered = ?7,
                     low_shown_read = ?8, low_waiting = ?9, low_waiting_bytes = ?10,
                     high_sent = ?11, high_delivered = ?12, high_read = ?13, high_shown_delivered = ?14,
                     high_shown_read = ?15, high_waiting = ?16, high_waiting_bytes = ?17,
                     low_last = ?18, low_last_time = ?19, high_last = ?20, high_last_time = ?21 WHERE id = ?1"
            }
            Change::Cursor => {
                "UPDATE devices SET acked = ?3, sent = ?4, online = ?5, run = ?6
                 WHERE account = ?1 AND device = ?2
                   AND (acked, sent, online, run) IS NOT (?3, ?4, ?5, ?6)"
            }
        }
    }

    /// Whether it makes a row of its own; of others only the last change counts.
    pub fn is_one_of_many(self) -> bool {
        matches!(self, Change::Message | Change::Entry)
    }

    fn of(number: u8) -> Option<Self> {
        let all = [
            Change::Message,
            Change::Entry,
            Change::Mailbox,
            Change::Conversation,
            Change::Cursor,
        ];
        all.into_iter().find(|change| *change as u8 == number)
    }
}

/// Puts a change behind those that are there; nothing of it if it fails.
pub fn put(out: &mut Vec<u8>, change: Change, values: &[&dyn ToSql]) -> Result<(), Failed> {
    let before = out.len();
    let count = u8::try_from(values.len()).map_err(|_| Failed::other("too many values"))?;
    out.extend([change as u8, count]);
    for value in values {
        let put = value
            .to_sql()
            .map_err(Failed::from)
            .and_then(|value| match &value {
                ToSqlOutput::Borrowed(value) => put_value(out, *value),
                ToSqlOutput::Owned(value) => put_value(out, value.into()),
                _ => Err(Failed::other("a value of another kind")),
            });
        if let Err(failed) = put {
            out.truncate(before);
            return Err(failed);
        }
    }
    Ok(())
}

/// Makes the changes of `bytes` that are `wanted`, in their order.
pub fn make(db: &Connection, bytes: &[u8], wanted: impl Fn(Change) -> bool) -> Result<(), Failed> {
    let mut left = Left(bytes);
    let mut statements = HashMap::new();
    while !left.0.is_empty() {
        let change = left.byte().and_then(Change::of).ok_or_else(broken)?;
        let count = left.byte().ok_or_else(broken)?;
        let mut statement = match (wanted(change), statements.entry(change as u8)) {
            (false, _) => None,
            (true, Entry::Occupied(known)) => Some(known.into_mut()),
            (true, Entry::Vacant(new)) => Some(new.insert(db.prepare_cached(change.sql())?)),
        };
        for at in 1..=usize::from(count) {
            let value = left.value().ok_or_else(broken)?;
            if let Some(statement) = &mut statement {
                statement.raw_bind_parameter(at, ToSqlOutput::Borrowed(value))?;
            }
        }
        if let Some(statement) = statement {
            statement.raw_execute()?;
        }
    }
    Ok(())
}

pub fn broken() -> Failed {
    Failed::malformed("changes that were to be made are not as they were written")
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) -> Result<(), Failed> {
    match value {
        ValueRef::Null => out.push(NULL),
        ValueRef::Integer(number) => {
            let length = length_of(number);
            out.push(length as u8);
            out.extend(number.to_le_bytes().iter().take(length));
        }
        ValueRef::Blob(bytes) => put_bytes(out, BLOB, bytes)?,
        ValueRef::Text(bytes) => put_bytes(out, TEXT, bytes)?,
        ValueRef::Real(_) => return Err(Failed::other("no row has such a number")),
    }
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<(), Failed> {
    let length = u32::try_from(bytes.len()).map_err(|_| Failed::other("a value is too long"))?;
    out.push(kind);
    out.extend(length.to_le_bytes());
    out.extend(bytes);
    Ok(())
}

/// Bytes from which its sign can be told too.
fn length_of(number: i64) -> usize {
    let bits = 65 - (number ^ (number >> 63)).leading_zeros();
    (bits as usize).div_ceil(8)
}

struct Left<'a>(&'a [u8]);

impl<'a> Left<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn value(&mut self) -> Option<ValueRef<'a>> {
        Some(match self.byte()? {
            NULL => ValueRef::Null,
            length @ 1..=8 => ValueRef::Integer(self.integer(usize::from(length))?),
            BLOB => ValueRef::Blob(self.long()?),
            TEXT => ValueRef::Text(self.long()?),
            _ => return None,
        })
    }

    fn integer(&mut self, length: usize) -> Option<i64> {
        let bytes = self.bytes(length)?;
        let sign = bytes.last()? >> 7;
        let mut whole = [0_u8.wrapping_sub(sign); 8];
        whole
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Some(i64::from_le_bytes(whole))
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(*self.bytes(4)?.first_chunk()?);
        self.bytes(usize::try_from(length).ok()?)
    }
}

const NULL: u8 = 0;
const BLOB: u8 = 9;
const TEXT: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Vec<(Change, Vec<ValueRef<'_>>)>> {
        let (mut left, mut all) = (Left(bytes), Vec::new());
        while !left.0.is_empty() {
            let change = Change::of(left.byte()?)?;
            let values = (0..left.byte()?)
                .map(|_| left.value())
                .collect::<Option<_>>()?;
            all.push((change, values));
        }
        Some(all)
    }

    #[test]
    fn what_is_put_is_read() {
        let mut numbers = vec![0_i64, i64::MAX, i64::MIN];
        for bits in 0..63 {
            let power = 1_i64 << bits;
            numbers.extend([power - 1, power, -power, -power - 1]);
        }
        let mut bytes = Vec::new();
        for number in &numbers {
            put(&mut bytes, Change::Entry, &[number]).unwrap();
        }
        let values: &[&dyn ToSql] = &[&None::<i64>, &"text", &b"blob".as_slice(), &true];
        put(&mut bytes, Change::Cursor, values).unwrap();
        assert!(put(&mut bytes, Change::Message, &[&7, &1.5]).is_err());
        let mut read = read(&bytes).unwrap();
        let last = [
            ValueRef::Null,
            ValueRef::Text(b"text"),
            ValueRef::Blob(b"blob"),
            ValueRef::Integer(1),
        ];
        assert_eq!(read.pop(), Some((Change::Cursor, last.to_vec())));
        let wanted = numbers
            .iter()
            .map(|n| (Change::Entry, vec![ValueRef::Integer(*n)]));
        assert!(read.into_iter().eq(wanted));
    }

    #[test]
    fn half_a_change_is_none() {
        let mut bytes = Vec::new();
        let values: &[&dyn ToSql] = &[&300, &"text"];
        put(&mut bytes, Change::Mailbox, values).unwrap();
        for length in 1..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length}");
        }
        bytes[0] = 99;
        assert!(read(&bytes).is_none());
    }
}
