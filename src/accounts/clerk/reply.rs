//! Answers in the making.

use super::super::{Answer, Asker, Done, Ends, Notice, Refused};
use super::Next;
use crate::mailbox::{Entry, Regard};
use crate::store::Failed;
use crate::wire::code::Code;
use crate::wire::name::Name;

/// A [`Done`] but for who asked.
pub struct Reply {
    pub answer: Answer,
    pub ends: Option<Ends>,
    pub notice: Option<(Name<'static>, Notice)>,
    pub entries: Vec<Entry>,
    pub regards: Vec<Regard>,
}

impl Reply {
    pub fn new(answer: Answer) -> Self {
        Reply {
            answer,
            ends: None,
            notice: None,
            entries: Vec::new(),
            regards: Vec::new(),
        }
    }

    pub fn refused(refusal: Refused) -> Self {
        Reply::new(Answer::Refused(refusal))
    }

    pub fn ending(answer: Answer, ends: Ends) -> Self {
        Reply {
            ends: Some(ends),
            ..Reply::new(answer)
        }
    }

    pub fn to(self, asker: Asker) -> Done {
        Done {
            asker,
            answer: self.answer,
            ends: self.ends,
            notice: self.notice,
            entries: self.entries,
            regards: self.regards,
        }
    }
}

/// Why a part of the clerk goes no further. What a refused job wrote before stays; what a failed one wrote does not.
pub enum Stop {
    Refused(Refused),
    Failed(Failed),
}

impl Stop {
    pub(super) fn into_next(self) -> Result<Next, Failed> {
        match self {
            Stop::Refused(refusal) => Ok(Next::Reply(Reply::refused(refusal))),
            Stop::Failed(failed) => Err(failed),
        }
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Stop::Failed(failed)
    }
}

impl From<Refused> for Stop {
    fn from(refusal: Refused) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<Reply> for Next {
    fn from(reply: Reply) -> Self {
        Next::Reply(reply)
    }
}

pub fn refused(code: Code, message: &'static str, field: Option<&'static str>) -> Refused {
    Refused {
        code,
        message,
        field,
        retry_after_ms: None,
    }
}

pub fn rate_limited(wait_ms: u64) -> Refused {
    let text = "too many tries at this name or from this address; wait (those at a name shut out passwords only)";
    Refused {
        retry_after_ms: Some(u32::try_from(wait_ms).unwrap_or(u32::MAX)),
        ..refused(Code::RateLimited, text, None)
    }
}
