//! What comes next in a device's log.

use std::sync::Arc;

use super::post::{Post, Stop};
use super::{Answer, Change, Entry, Event, FETCH_BYTES, FETCH_ENTRIES, Fetched, Sender, Who};
use crate::accounts::AccountId;
use crate::planted::{self, Fault};
use crate::store::{Conversation, Failed, Known, LogKind, LogRow, MessageRow, Why};
use crate::wire::code::{Evidence, Stage};

impl Post<'_> {
    pub(super) fn fetch(
        &mut self,
        me: &Known,
        from: &Sender,
        after: u64,
        entries: u32,
    ) -> Result<Answer, Stop> {
        let mut fetched = Fetched {
            entries: Vec::new(),
            complete: true,
        };
        let Some(device) = &from.device else {
            return Ok(Answer::Fetched(fetched));
        };
        let Some(cursor) = self.tables.cursor(me.id, device)? else {
            return Ok(Answer::Fetched(fetched));
        };
        let wanted = entries.clamp(1, FETCH_ENTRIES) as usize;
        let sent = cursor.sent.max(cursor.acked);
        let mut bytes = 0;
        self.tables.log_after(me.id, after, device, |row| {
            fetched.complete = fetched.entries.len() < wanted;
            if !fetched.complete {
                return Ok(false);
            }
            let event = match self.event(me, &row) {
                Err(failed) if failed.why == Why::Row => {
                    self.tables.note_damaged_entry(me.id, row.pos);
                    return Ok(true);
                }
                event => event?,
            };
            bytes += length(&event);
            if bytes > FETCH_BYTES && !fetched.entries.is_empty() {
                fetched.complete = false;
                return Ok(false);
            }
            fetched.entries.push(Entry {
                owner: me.who.clone(),
                not_for: row.device,
                pos: row.pos,
                event,
                redelivered: row.pos <= sent && !planted::is(Fault::RedeliveredUnmarked),
            });
            Ok(true)
        })?;
        if fetched.complete && fetched.entries.is_empty() && after <= cursor.acked {
            self.skip_own(me, cursor)?;
        }
        Ok(Answer::Fetched(fetched))
    }

    /// All that is left in the log the device has caused itself: it need not be looked through again.
    fn skip_own(&self, me: &Known, mut cursor: crate::store::Cursor) -> Result<(), Failed> {
        let head = self.tables.mailbox(me.id)?.head;
        if cursor.acked < head {
            cursor.acked = head;
            self.tables.put_cursor(me.id, cursor)?;
        }
        Ok(())
    }

    /// What an entry of the log of `me` says now.
    fn event(&self, me: &Known, row: &LogRow) -> Result<Event, Failed> {
        let time_unix_ms = row.time_unix_ms.unwrap_or_default();
        if row.kind == LogKind::NewDevice {
            return Ok(Event::NewDevice {
                device: row.device.clone().unwrap_or_default(),
                time_unix_ms,
            });
        }
        let (peer, seq) = whole(row)?;
        let with = self.who(peer)?;
        let receipt = |with, stage| Event::Receipt {
            with,
            stage,
            up_to_seq: seq,
            by: row.by.unwrap_or(Evidence::Transport),
            time_unix_ms,
        };
        Ok(match row.kind {
            LogKind::Message => {
                let (conversation, message) = self.message_of(me.id, peer, seq, row)?;
                let shown = self.shown(&conversation, &message, me.id, with, None);
                Event::Message(Arc::new(shown))
            }
            LogKind::Copy => {
                let (conversation, message) = self.message_of(me.id, peer, seq, row)?;
                let from = me.who.clone();
                let shown = self.shown(&conversation, &message, me.id, from, Some(with));
                Event::Message(Arc::new(shown))
            }
            LogKind::Changed => {
                let (conversation, message) = self.message_of(me.id, peer, seq, row)?;
                let change = match self.removed(&conversation, &message, me.id) {
                    Some(removed) => Change::Removed(removed),
                    None => Change::Edited(message.body),
                };
                Event::Changed {
                    with,
                    seq,
                    change,
                    time_unix_ms,
                }
            }
            LogKind::Read => receipt(with, Stage::Read),
            LogKind::ReadElsewhere => Event::ReadElsewhere { with, seq },
            LogKind::Delivered | LogKind::NewDevice => receipt(with, Stage::Delivered),
        })
    }

    /// The message that an entry is about, which must be one of the two whom the entry names.
    fn message_of(
        &self,
        me: AccountId,
        peer: AccountId,
        seq: u64,
        row: &LogRow,
    ) -> Result<(Conversation, MessageRow), Failed> {
        let conversation = self.tables.conversation(me, peer)?;
        let conversation =
            conversation.ok_or_else(|| Failed::damaged("an entry's conversation"))?;
        let id = row.message.unwrap_or_default();
        let message = self.tables.message(id, conversation.id, seq)?;
        Ok((conversation, message))
    }

    pub(super) fn who(&self, account: AccountId) -> Result<Who, Failed> {
        let known = self.tables.known(account)?;
        known
            .map(|known| known.who)
            .ok_or_else(|| Failed::damaged("an account that messages are of"))
    }
}

fn whole(row: &LogRow) -> Result<(AccountId, u64), Failed> {
    row.peer
        .zip(row.seq)
        .ok_or_else(|| Failed::damaged("an entry of a log"))
}

/// Bytes of the bodies in it.
fn length(event: &Event) -> usize {
    match event {
        Event::Message(message) => message.body.len(),
        Event::Changed {
            change: Change::Edited(body),
            ..
        } => body.len(),
        _ => 0,
    }
}
