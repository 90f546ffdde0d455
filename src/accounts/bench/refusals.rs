//! The answers to what could not be done. Knows no store.

use log::error;

use super::super::{Answer, Asker, Done, Refused};
use super::Outcome;
use crate::mailbox::{self, Mail};
use crate::store::{Failed, Why};

/// The answer to one job that failed alone.
pub(super) fn refusal(asker: Asker, mail: Option<&Mail>, failed: &Failed) -> Done {
    if matches!(failed.why, Why::Other | Why::Row) {
        error!("store: {failed}");
    }
    answer(asker, mail, super::super::clerk::not_stored(failed.why))
}

pub(super) fn could_not(outcome: &Outcome, failed: &Failed) -> Done {
    let refused = super::super::clerk::not_stored(failed.why);
    answer(outcome.asker, outcome.mail.as_deref(), refused)
}

pub(super) fn answer(asker: Asker, mail: Option<&Mail>, refused: Refused) -> Done {
    let answer = match mail {
        Some(mail) => Answer::Mail {
            reply: mail.reply.clone(),
            verb: mail.verb,
            answer: Box::new(mailbox::Answer::Refused(refused)),
        },
        None => Answer::Refused(refused),
    };
    Done {
        asker,
        answer,
        ends: None,
        notice: None,
        entries: Vec::new(),
        regards: Vec::new(),
    }
}

pub(super) fn only_reads(ask: &mailbox::Ask) -> bool {
    use mailbox::Ask;
    matches!(
        ask,
        Ask::Reach { .. }
            | Ask::Fetch { .. }
            | Ask::History { .. }
            | Ask::Conversations { .. }
            | Ask::Watch { .. }
            | Ask::Export { .. }
    )
}

/// Whether anybody is to hear of it.
pub(super) fn is_told(done: &Done) -> bool {
    done.asker != Asker::Nobody
        || !matches!(done.answer, Answer::Mail { .. })
        || !done.entries.is_empty()
        || !done.regards.is_empty()
}
