//! The fields of a line's object, and typed access to them. Knows no verb's rules.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{self, MAX_WORD_BYTES};
use super::{MAX_NAMES, Raw, Refusal};
use crate::wire::code::{Code, Verb};
use crate::wire::name::Name;

/// Keys decoded, values raw, in the order of the line.
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Refuses a key that stands twice, known or not, by whatever escapes. Linear in the number of keys.
    pub(super) fn check_unique(&self) -> Result<(), Refusal<'a>> {
        let repeated = if self.0.len() <= FEW_KEYS {
            self.0
                .iter()
                .enumerate()
                .find(|(index, (key, _))| self.0.iter().take(*index).any(|(other, _)| other == key))
        } else {
            let mut seen = HashSet::with_capacity(self.0.len());
            self.0
                .iter()
                .enumerate()
                .find(|(_, (key, _))| !seen.insert(key.as_ref()))
        };
        let Some((_, (key, _))) = repeated else {
            return Ok(());
        };
        let field = KNOWN_FIELDS.iter().copied().find(|known| known == key);
        Err(Refusal {
            field,
            ..Refusal::new(
                Code::DuplicateKey,
                "a key stands twice in the line's object",
            )
        })
    }

    /// None if there is none; refused if it is not one or stands twice.
    pub(super) fn id(&self) -> Result<Option<Raw<'a>>, Refusal<'a>> {
        let Some(raw) = self.only("id")? else {
            return Ok(None);
        };
        match scalar::unquoted(raw.0) {
            Some(text) if text.len() <= MAX_WORD_BYTES => Ok(Some(raw)),
            Some(_) => Err(bad_value("id", "is longer than 64 bytes")),
            None => match scalar::integer(raw.0) {
                Ok(_) => Ok(Some(raw)),
                Err(Code::BadValue) => Err(bad_value("id", BEYOND_EXACT)),
                Err(_) => Err(bad_type("id", "a string or an integer")),
            },
        }
    }

    pub(super) fn verb(&self) -> Result<Verb, Refusal<'a>> {
        if self.only("type")?.is_none() {
            return Err(Refusal {
                hint: Some(HELP),
                ..missing("type")
            });
        }
        let word = self.required_word("type")?;
        Verb::parse(&word).ok_or_else(|| Refusal {
            hint: Some(HELP),
            ..unknown_type(&word)
        })
    }

    pub(super) fn raw(&self, field: &'static str) -> Option<Raw<'a>> {
        self.0
            .iter()
            .find(|(key, _)| key == field)
            .map(|(_, value)| Raw(value.get().as_bytes()))
    }

    pub(super) fn required_raw(&self, field: &'static str) -> Result<Raw<'a>, Refusal<'a>> {
        self.raw(field).ok_or_else(|| missing(field))
    }

    /// The first field of the line that is one of `fields`.
    pub(super) fn first_of(&self, fields: &[&'static str]) -> Option<&'static str> {
        self.0
            .iter()
            .find_map(|(key, _)| fields.iter().copied().find(|field| field == key))
    }

    /// A string, decoded.
    pub(super) fn word(&self, field: &'static str) -> Result<Option<Cow<'a, str>>, Refusal<'a>> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        decoded(raw)
            .map(Some)
            .ok_or_else(|| bad_type(field, "a string"))
    }

    pub(super) fn required_word(&self, field: &'static str) -> Result<Cow<'a, str>, Refusal<'a>> {
        self.word(field)?.ok_or_else(|| missing(field))
    }

    /// A string of at most 64 bytes as sent between its quotes, and at least `min`.
    pub(super) fn short_string(
        &self,
        field: &'static str,
        min: usize,
    ) -> Result<Option<Raw<'a>>, Refusal<'a>> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        let text = scalar::unquoted(raw.0).ok_or_else(|| bad_type(field, "a string"))?;
        if text.len() < min {
            return Err(bad_value(field, "is empty"));
        }
        if text.len() > MAX_WORD_BYTES {
            return Err(bad_value(field, "is longer than 64 bytes"));
        }
        Ok(Some(raw))
    }

    pub(super) fn integer(
        &self,
        field: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Refusal<'a>> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        match scalar::integer(raw.0) {
            Ok(value) if range.contains(&value) => Ok(Some(value)),
            Ok(_) => Err(bad_value(
                field,
                &format!("must be from {} to {}", range.start(), range.end()),
            )),
            Err(Code::BadValue) => Err(bad_value(field, BEYOND_EXACT)),
            Err(_) => Err(bad_type(field, "an integer")),
        }
    }

    pub(super) fn boolean(&self, field: &'static str) -> Result<Option<bool>, Refusal<'a>> {
        match self.raw(field).map(|raw| raw.0) {
            None => Ok(None),
            Some(b"true") => Ok(Some(true)),
            Some(b"false") => Ok(Some(false)),
            Some(_) => Err(bad_type(field, "true or false")),
        }
    }

    /// A name, and the same as sent.
    pub(super) fn name(&self, field: &'static str) -> Result<(Name<'a>, Raw<'a>), Refusal<'a>> {
        let raw = self.required_raw(field)?;
        Ok((name(field, raw)?, raw))
    }

    /// An array of at least one name.
    pub(super) fn names(&self, field: &'static str) -> Result<Vec<Name<'a>>, Refusal<'a>> {
        let raw = self.required_raw(field)?;
        let elements: Vec<&'a RawValue> =
            serde_json::from_slice(raw.0).map_err(|_| bad_type(field, "an array of names"))?;
        if elements.is_empty() {
            return Err(bad_value(field, "is empty"));
        }
        if elements.len() > MAX_NAMES {
            return Err(bad_value(field, "holds more than 128 names"));
        }
        elements
            .into_iter()
            .map(|element| name(field, Raw(element.get().as_bytes())))
            .collect()
    }

    /// The value of a field that does not stand twice.
    fn only(&self, field: &'static str) -> Result<Option<Raw<'a>>, Refusal<'a>> {
        let mut values = self.0.iter().filter(|(key, _)| key == field);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(|(_, value)| Raw(value.get().as_bytes()))),
            (_, Some(_)) => Err(Refusal::of_field(
                Code::DuplicateKey,
                field,
                format!("\"{field}\" stands twice"),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(FEW_KEYS);
        while let Some((Text(key), value)) = map.next_entry()? {
            fields.push((key, value));
        }
        Ok(Fields(fields))
    }
}

/// Borrows what has no escapes: a bare `Cow` would not.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

pub(super) fn missing(field: &'static str) -> Refusal<'static> {
    Refusal::of_field(Code::MissingField, field, format!("\"{field}\" is missing"))
}

pub(super) fn bad_value(field: &'static str, what: &str) -> Refusal<'static> {
    Refusal::of_field(Code::BadValue, field, format!("\"{field}\" {what}"))
}

fn bad_type(field: &'static str, expected: &str) -> Refusal<'static> {
    Refusal::of_field(
        Code::BadType,
        field,
        format!("\"{field}\" must be {expected}"),
    )
}

fn decoded(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    scalar::unquoted(raw.0)?;
    serde_json::from_slice(raw.0).ok().map(|Text(text)| text)
}

fn name<'a>(field: &'static str, raw: Raw<'a>) -> Result<Name<'a>, Refusal<'a>> {
    let expected = if field == "usernames" {
        "an array of names"
    } else {
        "a string"
    };
    let name = match decoded(raw).ok_or_else(|| bad_type(field, expected))? {
        Cow::Borrowed(text) => Name::parse(text),
        Cow::Owned(text) => Name::parse(&text).map(Name::into_owned),
    };
    name.map_err(|error| Refusal {
        to_raw: (field == "toUsername").then_some(raw),
        ..Refusal::of_field(
            Code::InvalidName,
            field,
            format!("the name {}", error.reason()),
        )
    })
}

/// A known verb in other letters, as other programs write it, is named.
fn unknown_type(word: &str) -> Refusal<'static> {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let near = (word.len() <= MAX_WORD_BYTES).then(|| plain(word));
    let meant = Verb::ALL
        .iter()
        .find(|verb| near.as_deref() == Some(plain(verb.as_str()).as_str()));
    let message = match meant {
        Some(verb) => format!(
            "this \"type\" is not known; did you mean \"{}\"?",
            verb.as_str()
        ),
        None => "this \"type\" is not known".to_owned(),
    };
    Refusal::of_field(Code::UnknownType, "type", message)
}

/// Up to here comparing each with each costs less than hashing.
const FEW_KEYS: usize = 12;

const BEYOND_EXACT: &str = "is beyond 2^53 - 1";

const HELP: &str = "send {\"type\":\"help\"}";

/// Which duplicate keys are named in the answer; others are the client's own words.
const KNOWN_FIELDS: &[&str] = &[
    "acceptFrom",
    "action",
    "after",
    "before",
    "command",
    "data",
    "deliver",
    "deliveryReceipts",
    "device",
    "ephemeral",
    "epoch",
    "expiresIn",
    "forBoth",
    "heartbeatMs",
    "id",
    "kind",
    "limit",
    "message",
    "messageId",
    "password",
    "pos",
    "private",
    "protocol",
    "publicKey",
    "readReceipts",
    "replyTo",
    "resumeToken",
    "seq",
    "signature",
    "status",
    "toUsername",
    "token",
    "type",
    "username",
    "usernames",
    "window",
    "withUsername",
];
