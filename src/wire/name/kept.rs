//! A name that is kept in place, as a session keeps its own. Knows no grammar.

use std::borrow::Cow;
use std::num::NonZeroU8;

use super::{Form, Key, MAX_BYTES, Name, international_key};

/// A shown form that is kept, in place: who is written to is found without following a pointer.
#[derive(Clone)]
pub struct Kept {
    len: NonZeroU8,
    bytes: [u8; MAX_BYTES],
}

impl Kept {
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len.get()))
            .unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub fn to_name(&self) -> Name<'static> {
        Name(Form::Text(Cow::Owned(self.as_str().to_owned())))
    }

    /// What is compared. Accepted cost: beyond ASCII it is mapped anew at each call.
    pub fn key(&self) -> Key {
        Key::ascii(self.as_bytes()).unwrap_or_else(|| international_key(self.as_str()))
    }
}

impl From<&Name<'_>> for Kept {
    fn from(name: &Name<'_>) -> Self {
        let (mut bytes, text) = ([0; MAX_BYTES], name.as_bytes());
        let len = text.len().clamp(1, MAX_BYTES);
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Kept {
            len: NonZeroU8::new(len as u8).unwrap_or(NonZeroU8::MIN),
            bytes,
        }
    }
}
