//! The commands of a mailbox and their fields. Knows no mailbox.

use super::fields::{Fields, bad_value, missing};
use super::scalar::MAX_INTEGER;
use super::{Command, Mail, Refusal};
use crate::mailbox::{After, Page, Relation, Wanted};
use crate::wire::code::{AcceptFrom, Deliver, Verb};
use crate::wire::name::Name;

/// What open mode makes of the fields about mail.
pub(super) const UNUSED: Wanted = Wanted {
    deliver: Deliver::None,
    after: None,
    invisible: false,
};

pub(super) const fn is_mail(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::MarkRead
            | Verb::History
            | Verb::Conversations
            | Verb::EditMessage
            | Verb::DeleteMessage
            | Verb::Block
            | Verb::Unblock
            | Verb::Allow
            | Verb::Disallow
            | Verb::Settings
    )
}

/// Of a `register`.
pub(super) fn wanted<'a>(fields: &Fields<'a>, deliver: Deliver) -> Result<Wanted, Refusal<'a>> {
    let after = match (number(fields, "after", 0)?, number(fields, "epoch", 1)?) {
        (None, None) => None,
        (Some(pos), Some(epoch)) => Some(After { pos, epoch }),
        (Some(_), None) => return Err(missing("epoch")),
        (None, Some(_)) => return Err(missing("after")),
    };
    if after.is_some() && deliver == Deliver::None {
        return Err(bad_value("after", "is of no use with deliver:none"));
    }
    Ok(Wanted {
        deliver,
        after,
        // Only who knows the status can say.
        invisible: false,
    })
}

pub(super) fn ack<'a>(fields: &Fields<'a>) -> Result<Command<'a>, Refusal<'a>> {
    let pos = required(fields, "pos", 0)?;
    Ok(Command::Ack { pos })
}

/// Of a verb that [`is_mail`].
pub(super) fn mail<'a>(verb: Verb, fields: &Fields<'a>) -> Result<Mail<'a>, Refusal<'a>> {
    let relation = match verb {
        Verb::MarkRead => return mark_read(fields),
        Verb::History => return history(fields),
        Verb::Conversations => return conversations(fields),
        Verb::EditMessage => {
            return Ok(Mail::Edit {
                with: with(fields)?,
                seq: required(fields, "seq", 1)?,
                message: fields.required_raw("message")?,
            });
        }
        Verb::DeleteMessage => {
            return Ok(Mail::Delete {
                with: with(fields)?,
                seq: required(fields, "seq", 1)?,
                for_both: fields.boolean("forBoth")?.unwrap_or(false),
            });
        }
        Verb::Block => Relation::Block,
        Verb::Unblock => Relation::Unblock,
        Verb::Allow => Relation::Allow,
        Verb::Disallow => Relation::Disallow,
        _ => return settings(fields),
    };
    Ok(Mail::Relate {
        username: fields.name("username")?.0,
        relation,
    })
}

fn mark_read<'a>(fields: &Fields<'a>) -> Result<Mail<'a>, Refusal<'a>> {
    Ok(Mail::MarkRead {
        with: with(fields)?,
        seq: required(fields, "seq", 1)?,
        private: fields.boolean("private")?.unwrap_or(false),
    })
}

fn history<'a>(fields: &Fields<'a>) -> Result<Mail<'a>, Refusal<'a>> {
    let (before, after) = (number(fields, "before", 1)?, number(fields, "after", 0)?);
    let page = match (before, after) {
        (before, None) => Page::Before(before),
        (None, Some(after)) => Page::After(after),
        (Some(_), Some(_)) => {
            return Err(bad_value("after", "stands beside before: send one of them"));
        }
    };
    Ok(Mail::History {
        with: with(fields)?,
        page,
        limit: limit(fields)?,
    })
}

fn conversations<'a>(fields: &Fields<'a>) -> Result<Mail<'a>, Refusal<'a>> {
    let before = match fields.raw("before") {
        None => None,
        Some(_) => Some(fields.name("before")?.0),
    };
    Ok(Mail::Conversations {
        before,
        limit: limit(fields)?,
    })
}

fn settings<'a>(fields: &Fields<'a>) -> Result<Mail<'a>, Refusal<'a>> {
    let accept_from = match fields.word("acceptFrom")? {
        None => None,
        Some(word) => Some(
            AcceptFrom::parse(&word)
                .ok_or_else(|| bad_value("acceptFrom", "must be anyone, known or allowed"))?,
        ),
    };
    Ok(Mail::Settings {
        accept_from,
        delivery_receipts: fields.boolean("deliveryReceipts")?,
        read_receipts: fields.boolean("readReceipts")?,
    })
}

fn with<'a>(fields: &Fields<'a>) -> Result<Name<'a>, Refusal<'a>> {
    Ok(fields.name("withUsername")?.0)
}

/// Of messages or conversations in one answer.
fn limit<'a>(fields: &Fields<'a>) -> Result<u32, Refusal<'a>> {
    let given = fields.integer("limit", 1..=MAX_LIMIT)?;
    Ok(given
        .and_then(|limit| u32::try_from(limit).ok())
        .unwrap_or(DEFAULT_LIMIT))
}

fn required<'a>(fields: &Fields<'a>, field: &'static str, min: i64) -> Result<u64, Refusal<'a>> {
    number(fields, field, min)?.ok_or_else(|| missing(field))
}

fn number<'a>(
    fields: &Fields<'a>,
    field: &'static str,
    min: i64,
) -> Result<Option<u64>, Refusal<'a>> {
    let given = fields.integer(field, min..=MAX_INTEGER)?;
    Ok(given.and_then(|number| u64::try_from(number).ok()))
}

const MAX_LIMIT: i64 = 500;
const DEFAULT_LIMIT: u32 = 50;

#[cfg(test)]
mod tests;
