//! What is asked about messages that have arrived, and about an account's choices.

use super::post::{Post, Stop, refused};
use super::{Answer, Ask, Sender};
use crate::store::Known;
use crate::wire::code::Code;

impl Post<'_> {
    pub(super) fn of_the_past(
        &mut self,
        me: &Known,
        from: &Sender,
        ask: &Ask,
    ) -> Result<Answer, Stop> {
        match ask {
            Ask::MarkRead { with, seq, private } => self.mark_read(me, from, with, *seq, *private),
            Ask::History { with, page, limit } => self.history(me.id, with, *page, *limit),
            Ask::Conversations(asked) => self.conversations(me.id, asked),
            Ask::Edit { with, seq, message } => self.edit(me, from, with, *seq, message),
            Ask::Delete {
                with,
                seq,
                for_both,
            } => self.delete(me, from, with, *seq, *for_both),
            Ask::Relate { with, relation } => self.relate(me, with, *relation),
            Ask::Settings {
                accept_from,
                delivery_receipts,
                read_receipts,
            } => self.set(me, *accept_from, *delivery_receipts, *read_receipts),
            Ask::Export { from: part } => self.export(me.id, *part),
            Ask::DeleteAccount => Ok(self.delete_account(me)?),
            Ask::Send(_)
            | Ask::Fetch { .. }
            | Ask::Ack { .. }
            | Ask::Left { .. }
            | Ask::Reach { .. }
            | Ask::Watch { .. } => {
                Err(refused(Code::NotAvailable, "this is asked elsewhere", None))
            }
        }
    }
}
