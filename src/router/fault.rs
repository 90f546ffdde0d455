//! Why commands are refused, in words. Knows no state.

use std::borrow::Cow;

use crate::id::ConnId;
use crate::net::conns::Load;
use crate::router::Table;
use crate::wire::code::{Code, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::{ErrorMessage, Frame};
use crate::wire::name::Name;

/// Why a command was not carried out.
pub(super) struct Fault<'a> {
    pub code: Code,
    pub message: Cow<'static, str>,
    pub field: Option<&'static str>,
    pub to_raw: Option<Raw<'a>>,
    pub hint: Option<&'static str>,
    pub retry_after_ms: Option<u32>,
}

impl<'a> Fault<'a> {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Fault {
            code,
            message: message.into(),
            field: None,
            to_raw: None,
            hint: None,
            retry_after_ms: None,
        }
    }
}

pub(super) fn refuse<T: Table>(
    out: &mut T,
    to: ConnId,
    id: Option<Raw<'_>>,
    command: Option<Verb>,
    fault: &Fault<'_>,
) {
    out.send(
        to,
        &Frame::Error(ErrorMessage {
            id,
            command,
            code: fault.code,
            message: &fault.message,
            field: fault.field,
            to_raw: fault.to_raw,
            hint: fault.hint,
            retry_after_ms: fault.retry_after_ms,
        }),
    );
}

#[cold]
pub(super) fn not_registered<'a>() -> Fault<'a> {
    Fault {
        hint: Some("send {\"type\":\"register\",\"username\":\"Alice\"} first"),
        ..Fault::new(Code::NotRegistered, "register a name first")
    }
}

pub(super) fn not_available<'a>(message: &'static str, field: Option<&'static str>) -> Fault<'a> {
    Fault {
        field,
        ..Fault::new(Code::NotAvailable, message)
    }
}

#[cold]
pub(super) fn unknown_user<'a>(name: &Name<'_>, to_raw: Raw<'a>) -> Fault<'a> {
    let message = format!("User \"{}\" not found", name.as_str());
    Fault {
        to_raw: Some(to_raw),
        ..Fault::new(Code::UnknownUser, message)
    }
}

/// What became of a frame that `name` was offered.
#[inline]
pub(super) fn offered<'a>(load: Load, name: &Name<'_>, to_raw: Raw<'a>) -> Result<(), Fault<'a>> {
    match load {
        Load::Fits => Ok(()),
        Load::Busy => Err(recipient_busy(name, to_raw)),
        Load::Gone => Err(unknown_user(name, to_raw)),
    }
}

#[cold]
fn recipient_busy<'a>(name: &Name<'_>, to_raw: Raw<'a>) -> Fault<'a> {
    let message = format!(
        "User \"{}\" reads slower than it is written to; not delivered",
        name.as_str()
    );
    Fault {
        to_raw: Some(to_raw),
        ..Fault::new(Code::RecipientBusy, message)
    }
}
