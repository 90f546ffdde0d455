//! Everything that is kept of an account, a part at a time: [`crate::wire::frame::ExportLine`] says how it is written.
//! What changes while it is read may be in it or not; each part is as it was at one moment.

use super::post::{Post, Stop};
use super::{Answer, Exported};
use crate::accounts::AccountId;
use crate::store::{Along, Conversation, Failed};
use crate::wire::frame::ExportLine;

/// Bytes of the lines of one part, but for the last line.
pub const EXPORT_BYTES: usize = 64 * 1024;
/// Rows read at once.
const ROWS: u32 = 32;

/// The parts, in their order.
const ACCOUNT: u32 = 0;
const RELATIONS: u32 = 1;
const CONVERSATIONS: u32 = 2;
/// [`Exported::seq`]: the conversation at [`Exported::after`] is done.
const DONE: u64 = u64::MAX;

impl Post<'_> {
    pub(super) fn export(&self, account: AccountId, from: Exported) -> Result<Answer, Stop> {
        let mut part = Part::default();
        let next = match from.part {
            ACCOUNT => self.export_account(account, &mut part)?,
            RELATIONS => self.export_relations(account, from, &mut part)?,
            _ => self.export_conversations(account, from, &mut part)?,
        };
        let lines = part.lines;
        Ok(Answer::Export { lines, next })
    }

    /// Bounded as the numbers of keys and devices are.
    fn export_account(
        &self,
        account: AccountId,
        part: &mut Part,
    ) -> Result<Option<Exported>, Failed> {
        let (tables, me) = (self.tables, self.known(account)?);
        part.add(&ExportLine::Account {
            username: me.who.as_str(),
            created_unix_ms: tables.created(account)?,
            settings: &tables.mailbox(account)?.settings,
        });
        for (key, created_unix_ms) in tables.key_list(account)? {
            let key = &key;
            part.add(&ExportLine::Key {
                key,
                created_unix_ms,
            });
        }
        for row in tables.devices(account)? {
            part.add(&ExportLine::Device {
                device: &row.device,
                created_unix_ms: row.created_unix_ms,
                seen_unix_ms: row.seen_unix_ms,
            });
        }
        Ok(Some(at(RELATIONS, 0, DONE)))
    }

    fn export_relations(
        &self,
        account: AccountId,
        from: Exported,
        part: &mut Part,
    ) -> Result<Option<Exported>, Failed> {
        let mut after = from.after;
        while !part.is_full() {
            let rows = self.tables.relations(account, AccountId(after), ROWS)?;
            if rows.is_empty() {
                return Ok(Some(at(CONVERSATIONS, Along::START.0, DONE)));
            }
            for (peer, relation) in rows {
                after = peer.0;
                part.add(&ExportLine::Relation {
                    with: self.who(peer)?.as_str(),
                    blocked: relation.blocked,
                    allowed: relation.allowed,
                });
            }
        }
        Ok(Some(at(RELATIONS, after, DONE)))
    }

    fn export_conversations(
        &self,
        account: AccountId,
        from: Exported,
        part: &mut Part,
    ) -> Result<Option<Exported>, Failed> {
        let mut along = Along(from.after);
        if from.seq != DONE
            && let Some(begun) = self.tables.conversation_at(account, along)?
            && let Some(seq) = self.export_messages(account, begun, from.seq, part)?
        {
            return Ok(Some(at(CONVERSATIONS, along.0, seq)));
        }
        while !part.is_full() {
            let rows = self.tables.conversations_along(account, along, ROWS)?;
            if rows.is_empty() {
                return Ok(None);
            }
            for row in rows {
                along = Along::after(&row, account);
                let (listed, _) = self.listed(row, account)?;
                part.add(&ExportLine::Conversation(&listed));
                if let Some(seq) = self.export_messages(account, row, 0, part)? {
                    return Ok(Some(at(CONVERSATIONS, along.0, seq)));
                }
            }
        }
        Ok(Some(at(CONVERSATIONS, along.0, DONE)))
    }

    /// Those after `after`, as long as there is room. `None`: all of them.
    fn export_messages(
        &self,
        account: AccountId,
        conversation: Conversation,
        after: u64,
        part: &mut Part,
    ) -> Result<Option<u64>, Failed> {
        let (low, high) = (self.who(conversation.low)?, self.who(conversation.high)?);
        let mut at = after;
        loop {
            let rows = self.tables.messages_after(conversation.id, at, ROWS)?;
            if rows.is_empty() {
                return Ok(None);
            }
            for row in rows {
                if part.is_full() {
                    return Ok(Some(at));
                }
                at = row.seq;
                let (from, to) = match row.from_high {
                    true => (high.clone(), low.clone()),
                    false => (low.clone(), high.clone()),
                };
                let message = self.shown(&conversation, &row, account, from, Some(to));
                part.add(&ExportLine::Message(&message));
            }
        }
    }
}

#[derive(Default)]
struct Part {
    lines: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Part {
    fn add(&mut self, line: &ExportLine<'_>) {
        let line = line.line();
        self.bytes = self.bytes.saturating_add(line.len());
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.bytes >= EXPORT_BYTES
    }
}

fn at(part: u32, after: i64, seq: u64) -> Exported {
    Exported { part, after, seq }
}
