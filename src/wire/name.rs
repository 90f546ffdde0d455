//! The grammar of names, and when two of them are the same. Knows nothing of who holds one.
//!
//! ASCII letters, digits and `. _ - +`, first a letter or digit; beyond ASCII what RFC 8265 allows. A name is
//! shown as UsernameCasePreserved makes it and compared as UsernameCaseMapped does. ASCII allocates nothing.

mod kept;
mod reserved;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use precis_profiles::precis_core::Error;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};

pub use kept::Kept;
pub use reserved::RESERVED;
use reserved::is_reserved;

/// A name in the form that is shown to people: valid by construction.
#[derive(Clone, Debug)]
pub struct Name<'a>(Form<'a>);

#[derive(Clone, Debug)]
enum Form<'a> {
    /// In ASCII and so far only seen as bytes: most names of a relay are never needed as text.
    Bytes(&'a [u8]),
    Text(Cow<'a, str>),
}

impl<'a> Name<'a> {
    /// Borrows where `text` is its own shown form, which every ASCII name is.
    pub fn parse(text: &'a str) -> Result<Self, NameError> {
        if is_ascii_name(text.as_bytes()) {
            return Ok(Name(Form::Text(Cow::Borrowed(text))));
        }
        if text.is_ascii() {
            return Err(ascii_fault(text.as_bytes()));
        }
        international(text).map(|text| Name(Form::Text(text)))
    }

    /// The ASCII name that `text` begins with, to the first byte that no name in ASCII has.
    #[inline]
    pub(crate) fn leading_ascii(text: &'a [u8]) -> Option<Self> {
        let len = text
            .iter()
            .position(|&byte| !is_name_byte(byte))
            .unwrap_or(text.len());
        let name = text.get(..len)?;
        if !name.first()?.is_ascii_alphanumeric() || len > MAX_CODE_POINTS || is_reserved(name) {
            return None;
        }
        Some(Name(Form::Bytes(name)))
    }

    /// A name in ASCII that was read from the same bytes before.
    #[inline]
    pub(crate) fn of_shape(text: &'a [u8]) -> Self {
        Name(Form::Bytes(text))
    }

    pub fn into_owned(self) -> Name<'static> {
        Name(Form::Text(Cow::Owned(self.as_str().to_owned())))
    }

    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Bytes(text) => std::str::from_utf8(text).unwrap_or_default(),
            Form::Text(text) => text,
        }
    }

    /// What is compared. Accepted cost: beyond ASCII it is mapped anew at each call.
    #[inline]
    pub fn key(&self) -> Key {
        Key::ascii(self.as_bytes()).unwrap_or_else(|| international_key(self.as_str()))
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Bytes(text) => text,
            Form::Text(text) => text.as_bytes(),
        }
    }
}

impl PartialEq for Name<'_> {
    /// As shown: names that differ in case only are told apart, unlike their keys.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name<'_> {}

/// The case-mapped form of a name: two names are the same if their keys are.
#[derive(Clone, Copy)]
pub struct Key {
    /// Zero from `len` on.
    bytes: [u8; MAX_BYTES],
    len: u8,
}

impl Key {
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    #[inline]
    fn ascii(name: &[u8]) -> Option<Self> {
        let mut key = Key {
            bytes: [0; MAX_BYTES],
            len: name.len() as u8,
        };
        let (to, _) = key.bytes.split_first_chunk_mut::<MAX_CODE_POINTS>()?;
        to.get_mut(..name.len())?.copy_from_slice(name);
        to.make_ascii_lowercase();
        to.is_ascii().then_some(key)
    }

    fn new(text: &str) -> Option<Self> {
        let mut key = Key {
            bytes: [0; MAX_BYTES],
            len: text.len() as u8,
        };
        key.bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(key)
    }
}

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    Empty,
    TooLong,
    BadStart,
    BadCharacter,
    /// Characters that RFC 8265 allows, but not together or not in this order.
    NotIdentifier,
    Reserved,
}

impl NameError {
    /// One clause for a person, to stand after "the name".
    pub const fn reason(self) -> &'static str {
        match self {
            NameError::Empty => "is empty",
            NameError::TooLong => "is longer than 32 characters or 64 bytes",
            NameError::BadStart => "must begin with a letter or digit",
            NameError::BadCharacter => "may hold only letters, digits and . _ - +",
            NameError::NotIdentifier => {
                "mixes characters or directions in a way that RFC 8265 does not allow"
            }
            NameError::Reserved => "is reserved",
        }
    }
}

/// Whether `text` is a name in ASCII: grammar, length and not reserved.
#[inline]
pub fn is_ascii_name(text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else {
        return false;
    };
    rest.len() < MAX_CODE_POINTS
        && first.is_ascii_alphanumeric()
        && rest.iter().all(|&byte| is_name_byte(byte))
        && !is_reserved(text)
}

const MAX_CODE_POINTS: usize = 32;
const MAX_BYTES: usize = 64;

/// What is looked at before it is mapped: no form of it may be longer, and the context rules of RFC 5892 take
/// quadratic time. Composed forms are at most four times shorter.
const MAX_UNMAPPED_BYTES: usize = 4 * MAX_BYTES;

#[inline]
fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)).copied().unwrap_or(false)
}

const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
        byte += 1;
    }
    table
};

fn ascii_fault(text: &[u8]) -> NameError {
    let Some(first) = text.first() else {
        return NameError::Empty;
    };
    if !text.iter().all(|&byte| is_name_byte(byte)) {
        NameError::BadCharacter
    } else if text.len() > MAX_CODE_POINTS {
        NameError::TooLong
    } else if !first.is_ascii_alphanumeric() {
        NameError::BadStart
    } else {
        NameError::Reserved
    }
}

/// The shown form of a name beyond ASCII. What is accepted is a fixed point of both profiles, so that a name
/// read back is the same name.
fn international(text: &str) -> Result<Cow<'_, str>, NameError> {
    if text.len() > MAX_UNMAPPED_BYTES {
        return Err(NameError::TooLong);
    }
    let shown = UsernameCasePreserved::enforce(text).map_err(fault)?;
    if shown.is_ascii() {
        return if is_ascii_name(shown.as_bytes()) {
            Ok(shown)
        } else {
            Err(ascii_fault(shown.as_bytes()))
        };
    }
    let key = UsernameCaseMapped::enforce(shown.as_ref()).map_err(fault)?;
    for form in [shown.as_ref(), key.as_ref()] {
        check_length_and_ascii(form)?;
    }
    if is_reserved(key.as_bytes()) {
        return Err(NameError::Reserved);
    }
    if !shown.starts_with(char::is_alphanumeric) {
        return Err(NameError::BadStart);
    }
    let again = UsernameCasePreserved::enforce(shown.as_ref()).map_err(fault)?;
    let key_again = UsernameCaseMapped::enforce(key.as_ref()).map_err(fault)?;
    if again != shown || key_again != key {
        return Err(NameError::NotIdentifier);
    }
    Ok(shown)
}

fn check_length_and_ascii(form: &str) -> Result<(), NameError> {
    if form.len() > MAX_BYTES || form.chars().count() > MAX_CODE_POINTS {
        return Err(NameError::TooLong);
    }
    if form
        .bytes()
        .any(|byte| byte.is_ascii() && !is_name_byte(byte))
    {
        return Err(NameError::BadCharacter);
    }
    Ok(())
}

/// `name` was accepted by [`international`], whose checks make every step here succeed.
#[cold]
fn international_key(name: &str) -> Key {
    let mapped = UsernameCaseMapped::enforce(name).unwrap_or(Cow::Borrowed(name));
    Key::new(&mapped).unwrap_or(Key {
        bytes: [0; MAX_BYTES],
        len: 0,
    })
}

fn fault(error: Error) -> NameError {
    match error {
        Error::BadCodepoint(_) => NameError::BadCharacter,
        _ => NameError::NotIdentifier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_text() {
        let key = Name::parse("Al-ice").unwrap().key();
        assert_eq!(format!("{key:?}"), r#"Key("al-ice")"#);
    }

    #[test]
    fn an_ascii_name_is_borrowed_and_compared_in_lower_case() {
        let name = Name::parse("Al-ice.B_0+").unwrap();
        assert!(matches!(name.0, Form::Text(Cow::Borrowed("Al-ice.B_0+"))));
        assert_eq!(name.key().as_bytes(), b"al-ice.b_0+");
        assert_eq!(name, Name::leading_ascii(b"Al-ice.B_0+\"").unwrap());
    }

    #[test]
    fn both_ways_to_a_key_agree_on_ascii() {
        for text in ["Bob", "0", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "x.y_z-w+"] {
            assert!(
                Key::ascii(text.as_bytes()) == Some(international_key(text)),
                "{text}"
            );
        }
    }
}
