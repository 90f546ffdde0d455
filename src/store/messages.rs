//! The rows of messages. One whose sum does not fit what it holds is shown as a hole, and never its text.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use log::error;
use rusqlite::{OptionalExtension, Row, ToSql, params};

use super::changes::Change;
use super::crc::Crc;
use super::state::{Hidden, MessageState};
use super::{Failed, Part, Place, Sealer, Tables, from_sql, to_sql};
use crate::accounts::AccountId;

/// Of what was sent under a `messageId`.
pub type Fingerprint = [u8; 16];

#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// Given by [`Tables::add_message`].
    pub id: i64,
    pub conversation: i64,
    pub seq: u64,
    pub from_high: bool,
    pub time_unix_ms: u64,
    pub state: MessageState,
    pub hidden: Hidden,
    pub reply_to: Option<u64>,
    pub edited_unix_ms: Option<u64>,
    pub expires_unix_ms: Option<u64>,
    /// The end of a hole that is longer than one message.
    pub to_seq: Option<u64>,
    /// What it is known by if it is sent again.
    pub known_by: Option<KnownBy>,
    pub kind: Option<Box<[u8]>>,
    /// Empty unless it is there.
    pub body: Arc<[u8]>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KnownBy {
    pub sender: AccountId,
    /// As between its quotes.
    pub message_id: Box<[u8]>,
    pub fingerprint: Fingerprint,
}

/// What a sender is told once more of a message it sends again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// `None`: the row does not say it any more.
    pub by: Option<KnownBy>,
    pub seq: u64,
    pub time_unix_ms: u64,
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, conversation, seq, from_high, time, state, hidden, reply_to, edited, expires,
                 to_seq, crc, sender, message_id, fingerprint, kind, body
             FROM messages WHERE ",
            $which
        )
    };
}

impl Tables<'_> {
    /// The row `id`, which is to be message `seq` of the conversation.
    pub fn message(&self, id: i64, conversation: i64, seq: u64) -> Result<MessageRow, Failed> {
        self.needs_all_made()?;
        let mut find = self.db.prepare_cached(select!("id = ?1"))?;
        let found = find
            .query_row([id], |row| Ok(whole(row, self.sealer)))
            .optional()?;
        let found = found.flatten();
        let right = found.filter(|row| (row.conversation, row.seq) == (conversation, seq));
        Ok(right.unwrap_or_else(|| self.damaged_message(id, conversation, seq)))
    }

    pub fn message_at(&self, conversation: i64, seq: u64) -> Result<Option<MessageRow>, Failed> {
        let sql = select!("conversation = ?1 AND seq = ?2");
        let mut found = self.messages(sql, params![conversation, to_sql(seq)], conversation)?;
        Ok(found.pop())
    }

    /// Those with lower numbers, the highest first.
    pub fn messages_before(
        &self,
        conversation: i64,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<MessageRow>, Failed> {
        let sql = select!("conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
        let which = params![conversation, to_sql(seq), limit];
        self.messages(sql, which, conversation)
    }

    /// Those with higher numbers, the lowest first.
    pub fn messages_after(
        &self,
        conversation: i64,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<MessageRow>, Failed> {
        let sql = select!("conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
        let which = params![conversation, to_sql(seq), limit];
        self.messages(sql, which, conversation)
    }

    /// What this sender has sent under this `messageId`, or, once in 2^64 times, under another one.
    pub fn message_known_by(
        &self,
        sender: AccountId,
        message_id: &[u8],
    ) -> Result<Option<Sent>, Failed> {
        let key = id_key(message_id);
        if let Some(found) = self.noted_message((sender, key)) {
            return Ok(Some(found));
        }
        let sql = select!("sender = ?1 AND id_key = ?2");
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_row(params![sender.0, key], |row| Ok(whole(row, self.sealer)));
        match found.optional()? {
            // Whether it is the same can no longer be told.
            Some(None) => Err(Failed::damaged("a message that was sent again")),
            Some(Some(row)) => Ok(Some(row.sent())),
            None => Ok(None),
        }
    }

    /// A fingerprint as it is kept: where bodies are sealed, it tells nothing to whoever has not the key.
    pub fn keyed(&self, fingerprint: Fingerprint) -> Fingerprint {
        match self.sealer {
            Some(sealer) => sealer.fingerprint(fingerprint),
            None => fingerprint,
        }
    }

    /// Its row, for [`MessageRow::id`].
    pub fn add_message(&self, row: &MessageRow) -> Result<i64, Failed> {
        let change = |values: &[&dyn ToSql]| self.change(Change::Message, values);
        if self.makes_at_once() {
            self.write_message(None, row, change)?;
            return Ok(self.db.last_insert_rowid());
        }
        self.is_next_seq(row.conversation, row.seq)?;
        let id = self.next_message()?;
        self.write_message(Some(id), row, change)?;
        if let Some(by) = &row.known_by {
            let key = (by.sender, id_key(&by.message_id));
            self.note_message(key, row.sent());
        }
        Ok(id)
    }

    /// The row that has its id, as it is from now on.
    pub fn put_message(&self, row: &MessageRow) -> Result<(), Failed> {
        self.needs_all_made()?;
        let sql = "UPDATE messages SET conversation = ?2, seq = ?3, from_high = ?4, time = ?5, state = ?6,
                 hidden = ?7, reply_to = ?8, edited = ?9, expires = ?10, to_seq = ?11, crc = ?12,
                 sender = ?13, message_id = ?14, fingerprint = ?15, kind = ?16, body = ?17,
                 id_key = ?18
             WHERE id = ?1";
        self.write_message(Some(row.id), row, |values| self.run(sql, values).map(drop))
    }

    /// Nothing is left of the text of a damaged row. The rest stands as it was found, and still says that it is damaged:
    /// who sends the message again is not taken to send another one.
    pub fn empty_damaged(&self, id: i64, state: MessageState) -> Result<(), Failed> {
        self.needs_all_made()?;
        let sql = "UPDATE messages SET state = ?2, kind = NULL, body = x'', expires = NULL
                   WHERE id = ?1";
        self.run(sql, params![id, state.number()]).map(|_| ())
    }

    /// `id`: that of the row; `None`: the next one.
    fn write_message(
        &self,
        id: Option<i64>,
        row: &MessageRow,
        write: impl FnOnce(&[&dyn ToSql]) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let sealed = match self.sealer {
            Some(sealer) => Some(row.sealed(sealer)?),
            None => None,
        };
        let row = sealed.as_ref().unwrap_or(row);
        let by = row.known_by.as_ref();
        write(params![
            id,
            row.conversation,
            to_sql(row.seq),
            row.from_high,
            to_sql(row.time_unix_ms),
            row.state.number(),
            row.hidden.bits(),
            row.reply_to.map(to_sql),
            row.edited_unix_ms.map(to_sql),
            row.expires_unix_ms.map(to_sql),
            row.to_seq.map(to_sql),
            i64::from(row.sum()),
            by.map(|by| by.sender.0),
            by.map(|by| &by.message_id),
            by.map(|by| &by.fingerprint),
            row.kind,
            &row.body,
            by.map(|by| id_key(&by.message_id)),
        ])
    }

    fn messages(
        &self,
        sql: &str,
        which: impl rusqlite::Params,
        conversation: i64,
    ) -> Result<Vec<MessageRow>, Failed> {
        self.needs_all_made()?;
        let mut list = self.db.prepare_cached(sql)?;
        let rows = list.query_map(which, |row| {
            Ok(match whole(row, self.sealer) {
                Some(message) => message,
                None => self.damaged_message(row.get(0)?, conversation, from_sql(row.get(2)?)),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn damaged_message(&self, id: i64, conversation: i64, seq: u64) -> MessageRow {
        if self.cache().damaged.insert(id) {
            error!("store: message {seq} of conversation {conversation} is damaged (row {id})");
        }
        MessageRow {
            id,
            conversation,
            seq,
            from_high: false,
            time_unix_ms: 0,
            state: MessageState::Damaged,
            hidden: Hidden::default(),
            reply_to: None,
            edited_unix_ms: None,
            expires_unix_ms: None,
            to_seq: None,
            known_by: None,
            kind: None,
            body: Arc::default(),
        }
    }
}

impl MessageRow {
    /// As it is written where bodies are sealed; what is empty stays so.
    fn sealed(&self, sealer: &Sealer) -> Result<MessageRow, Failed> {
        let seal = |part, text: &[u8]| match text.is_empty() {
            true => Ok(Vec::new()),
            false => sealer.seal(part, self.place(), text),
        };
        let kind = self.kind.as_deref().map(|kind| seal(Part::Kind, kind));
        Ok(MessageRow {
            kind: kind.transpose()?.map(Into::into),
            body: seal(Part::Body, &self.body)?.into(),
            ..self.clone()
        })
    }

    /// What [`MessageRow::sealed`] made, read again.
    fn opened(self, sealer: &Sealer) -> Result<MessageRow, Failed> {
        let open = |part, sealed: &[u8]| match sealed.is_empty() {
            true => Ok(Vec::new()),
            false => sealer.open(part, self.place(), sealed),
        };
        let kind = self.kind.as_deref().map(|kind| open(Part::Kind, kind));
        Ok(MessageRow {
            kind: kind.transpose()?.map(Into::into),
            body: open(Part::Body, &self.body)?.into(),
            ..self
        })
    }

    fn sent(&self) -> Sent {
        Sent {
            by: self.known_by.clone(),
            seq: self.seq,
            time_unix_ms: self.time_unix_ms,
        }
    }

    fn place(&self) -> Place {
        Place {
            conversation: self.conversation,
            seq: to_sql(self.seq),
        }
    }

    /// Over everything but `id` and `id_key`, as it is written.
    fn sum(&self) -> u32 {
        let by = self.known_by.as_ref();
        Crc::new()
            .number(self.conversation.cast_unsigned())
            .number(self.seq)
            .number(u64::from(self.from_high))
            .number(self.time_unix_ms)
            .number(self.state.number().cast_unsigned())
            .number(self.hidden.bits().cast_unsigned())
            .option(self.reply_to)
            .option(self.edited_unix_ms)
            .option(self.expires_unix_ms)
            .option(self.to_seq)
            .option(by.map(|by| by.sender.0.cast_unsigned()))
            .text(by.map(|by| &*by.message_id))
            .text(by.map(|by| &by.fingerprint[..]))
            .text(self.kind.as_deref())
            .text(Some(&self.body))
            .sum()
    }
}

/// Short, so that looking for a `messageId` touches few pages; nobody finds two that have the same by chance.
fn id_key(message_id: &[u8]) -> i64 {
    let sum = digest(&SHA256, message_id);
    let first = sum.as_ref().first_chunk::<8>();
    i64::from_be_bytes(first.copied().unwrap_or_default())
}

/// Every row, for [`sum_is_right`] and [`opens`].
pub(super) const ALL: &str = select!("TRUE ORDER BY id");

/// Whether the row is as it was written.
pub(super) fn sum_is_right(row: &Row<'_>) -> bool {
    whole(row, None).is_some()
}

/// Whether its text can be read.
pub(super) fn opens(row: &Row<'_>, sealer: Option<&Sealer>) -> bool {
    whole(row, sealer).is_some()
}

/// What the row says, if it says what was written.
fn whole(row: &Row<'_>, sealer: Option<&Sealer>) -> Option<MessageRow> {
    let (message, sum) = read(row).ok()??;
    let message = (i64::from(message.sum()) == sum).then_some(message)?;
    match sealer {
        Some(sealer) => message.opened(sealer).ok(),
        None => Some(message),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<(MessageRow, i64)>> {
    let option = |at| row.get::<_, Option<i64>>(at).map(|n| n.map(from_sql));
    let sender: Option<i64> = row.get(12)?;
    let known_by = match sender {
        Some(sender) => Some(KnownBy {
            sender: AccountId(sender),
            message_id: row.get_ref(13)?.as_blob()?.into(),
            fingerprint: row.get(14)?,
        }),
        None => None,
    };
    let Some(state) = MessageState::of(row.get(5)?) else {
        return Ok(None);
    };
    let message = MessageRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        seq: from_sql(row.get(2)?),
        from_high: row.get(3)?,
        time_unix_ms: from_sql(row.get(4)?),
        state,
        hidden: Hidden::of(row.get(6)?),
        reply_to: option(7)?,
        edited_unix_ms: option(8)?,
        expires_unix_ms: option(9)?,
        to_seq: option(10)?,
        known_by,
        kind: row.get_ref(15)?.as_blob_or_null()?.map(Into::into),
        body: row.get_ref(16)?.as_blob()?.into(),
    };
    Ok(Some((message, row.get(11)?)))
}
