//! Any line → [`Request`] or [`Refusal`]: the rules. Need not be fast.
//!
//! In this order, and the first fault is the answer: encoding, bytes and depth, JSON, keys, `id`, `type`, the
//! verb's fields.

use serde_json::value::RawValue;

use super::fields::Fields;
use super::{Command, Raw, Refusal, Request, prescan, verbs};
use crate::wire::code::{Code, Mode, Verb};
use crate::wire::frame::examples;

pub(super) fn decode(line: &[u8], mode: Mode) -> Result<Request<'_>, Refusal<'_>> {
    let fields = read_object(line)?;
    let (id, verb) = (fields.id(), fields.verb());
    let (readable_id, known_verb) = (id.clone().unwrap_or(None), verb.clone().ok());
    match read_command(&fields, id, verb, mode) {
        Ok(command) => Ok(Request {
            id: readable_id,
            command,
        }),
        Err(refusal) => Err(Refusal {
            id: readable_id,
            verb: known_verb,
            hint: refusal
                .hint
                .or_else(|| example(refusal.code, known_verb, mode)),
            ..refusal
        }),
    }
}

fn read_command<'a>(
    fields: &Fields<'a>,
    id: Result<Option<Raw<'a>>, Refusal<'a>>,
    verb: Result<Verb, Refusal<'a>>,
    mode: Mode,
) -> Result<Command<'a>, Refusal<'a>> {
    fields.check_unique()?;
    id?;
    verbs::command(verb?, fields, mode)
}

fn read_object(line: &[u8]) -> Result<Fields<'_>, Refusal<'_>> {
    let text = std::str::from_utf8(line).map_err(|error| {
        let offset = error.valid_up_to();
        Refusal::new(
            Code::InvalidUtf8,
            format!("the line is not UTF-8 at byte {offset}, counted from 0"),
        )
    })?;
    prescan::check(line)?;
    if text.trim_start_matches([' ', '\t']).starts_with('{') {
        return serde_json::from_str(text).map_err(syntax);
    }
    serde_json::from_str::<&RawValue>(text).map_err(syntax)?;
    Err(Refusal::new(Code::BadType, "a line is one JSON object"))
}

/// For a fault of grammar serde_json has fixed sentences, which end with line and column.
fn syntax(error: serde_json::Error) -> Refusal<'static> {
    Refusal::new(Code::InvalidJson, format!("the line is not JSON: {error}"))
}

/// A line of this verb as it should be.
fn example(code: Code, verb: Option<Verb>, mode: Mode) -> Option<&'static str> {
    if !matches!(code, Code::MissingField | Code::BadType) {
        return None;
    }
    examples(mode)
        .find(|(known, _)| Some(*known) == verb)
        .map(|(_, line)| line)
}
