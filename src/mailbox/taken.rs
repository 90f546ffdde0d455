//! Which messages of a log some device has taken. That is all up to a position, but for gaps: a device that began at
//! the head has taken what came later, and not what waited then.

use std::collections::BTreeMap;

use super::post::Post;
use crate::accounts::AccountId;
use crate::store::{Arrived, Failed, Gap, Mailbox};

/// What a device has just taken that none had before.
#[derive(Default)]
pub(super) struct Taken {
    pub arrived: Vec<Arrived>,
    /// The first message of a sender that is in a gap.
    pub missing: BTreeMap<AccountId, u64>,
}

impl Post<'_> {
    /// A device has taken what is after `was` up to `pos`, which are in the log.
    pub(super) fn take(
        &self,
        account: AccountId,
        mailbox: &mut Mailbox,
        was: u64,
        pos: u64,
    ) -> Result<Taken, Failed> {
        let mut taken = Taken::default();
        if mailbox.waiting == 0 {
            mailbox.delivered = mailbox.delivered.max(pos);
            return Ok(taken);
        }
        if mailbox.gaps == 0 && was <= mailbox.delivered {
            if pos > mailbox.delivered {
                taken.arrived = self.tables.arrived(account, mailbox.delivered, pos)?;
                mailbox.delivered = pos;
            }
            return Ok(taken);
        }
        self.take_apart(account, mailbox, was, pos)
    }

    /// The same where there are gaps, or will be: rare.
    fn take_apart(
        &self,
        account: AccountId,
        mailbox: &mut Mailbox,
        was: u64,
        pos: u64,
    ) -> Result<Taken, Failed> {
        let mut open = self.tables.gaps(account)?;
        if pos > mailbox.delivered {
            open.push(Gap {
                after: mailbox.delivered,
                upto: pos,
            });
        }
        let mut taken = Taken::default();
        let mut gaps = Vec::new();
        for gap in open {
            let (after, upto) = (gap.after.max(was), gap.upto.min(pos));
            if after >= upto {
                gaps.push(gap);
                continue;
            }
            taken
                .arrived
                .extend(self.tables.arrived(account, after, upto)?);
            let before = Gap { upto: after, ..gap };
            let behind = Gap { after: upto, ..gap };
            gaps.extend([before, behind]);
        }
        gaps.retain(|gap| gap.after < gap.upto);
        self.close_empty(account, &mut gaps, &mut taken)?;
        self.tables.put_gaps(account, &gaps)?;
        mailbox.gaps = gaps.len() as u64;
        mailbox.delivered = mailbox.delivered.max(pos);
        Ok(taken)
    }

    /// Keeps the gaps that hold messages, and notes whose.
    fn close_empty(
        &self,
        account: AccountId,
        gaps: &mut Vec<Gap>,
        taken: &mut Taken,
    ) -> Result<(), Failed> {
        let mut held = Vec::new();
        for gap in gaps.drain(..) {
            let waiting = self.tables.arrived(account, gap.after, gap.upto)?;
            if !waiting.is_empty() {
                held.push(gap);
            }
            for arrived in waiting {
                let first = taken.missing.entry(arrived.peer).or_insert(arrived.seq);
                *first = arrived.seq.min(*first);
            }
        }
        *gaps = held;
        Ok(())
    }
}
