//! Where a device begins in its mailbox when it registers.

use std::sync::Arc;

use super::ack::Proof;
use super::post::Post;
use super::{Event, Opening, Wanted};
use crate::accounts::AccountId;
use crate::planted::{self, Fault};
use crate::store::{Cursor, Failed, Known, LogKind, LogRow, Mailbox};
use crate::wire::code::Evidence;

/// A device whose row was just written.
pub struct Arrival<'a> {
    pub device: &'a str,
    pub is_new: bool,
    /// Whether the account has no other.
    pub is_first: bool,
}

impl Post<'_> {
    pub fn open(
        &mut self,
        me: &Known,
        arrival: &Arrival<'_>,
        wanted: &Wanted,
    ) -> Result<Opening, Failed> {
        if arrival.is_new && !arrival.is_first {
            self.tell_others(me, arrival.device)?;
        }
        let mailbox = self.tables.mailbox(me.id)?;
        let mut cursor = self.cursor(me, arrival.device)?;
        self.enter(&mut cursor, &mailbox);
        let epoch = self.tables.epoch();
        let resumed = wanted.after.map(|after| after.epoch == epoch);
        let after = wanted.after.filter(|after| after.epoch == epoch);
        let after = after.map(|after| after.pos.min(mailbox.head));
        let at_head = !arrival.is_first && !planted::is(Fault::NewDeviceFromStart);
        if arrival.is_new && at_head && after.is_none() {
            cursor.acked = mailbox.head;
        }
        self.tables.put_cursor(me.id, cursor.clone())?;
        if let Some(after) = after {
            let proof = Proof {
                by: Evidence::Client,
                invisible: wanted.invisible,
            };
            self.advance(me, cursor, after, proof)?;
        }
        let acked = self.cursor(me, arrival.device)?.acked;
        Ok(Opening {
            epoch,
            // Receipts to oneself are none: what was acknowledged has added nothing here.
            head: mailbox.head,
            acked,
            from: after.unwrap_or(acked).min(acked),
            resumed,
        })
    }

    /// One more session of the device, and what sessions that ended without a word may have been sent.
    fn enter(&self, cursor: &mut Cursor, mailbox: &Mailbox) {
        let run = self.tables.run_number();
        cursor.sent = self.sent_upto(cursor, mailbox);
        if cursor.run != run {
            (cursor.run, cursor.online) = (run, 0);
        }
        cursor.online = cursor.online.saturating_add(1);
    }

    /// Up to where a device may have been sent the log: of a session that has not ended nothing else is known.
    fn sent_upto(&self, cursor: &Cursor, mailbox: &Mailbox) -> u64 {
        let run = self.tables.run_number();
        let head = match cursor.run != run && mailbox.run == run {
            true => mailbox.run_head,
            false => mailbox.head,
        };
        match cursor.online {
            0 => cursor.sent,
            _ => cursor.sent.max(head),
        }
    }

    /// Whether some device of the account may have been sent what stands at `pos`.
    pub(super) fn may_have_been_sent(&self, account: AccountId, pos: u64) -> Result<bool, Failed> {
        let mailbox = self.tables.mailbox(account)?;
        self.tables.cursors(account, |cursors| {
            let mut cursors = cursors.iter();
            cursors.any(|cursor| self.sent_upto(cursor, &mailbox) >= pos)
        })
    }

    fn tell_others(&mut self, me: &Known, device: &str) -> Result<(), Failed> {
        let (device, time_unix_ms) = (Arc::<str>::from(device), self.now.unix_ms);
        let entry = LogRow {
            time_unix_ms: Some(time_unix_ms),
            device: Some(device.clone()),
            ..LogRow::new(LogKind::NewDevice)
        };
        let event = Event::NewDevice {
            device,
            time_unix_ms,
        };
        self.add(me, &entry, event)
    }

    fn cursor(&self, me: &Known, device: &str) -> Result<Cursor, Failed> {
        let cursor = self.tables.cursor(me.id, device)?;
        cursor.ok_or_else(|| Failed::damaged("a device that was just written"))
    }
}
