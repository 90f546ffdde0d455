//! The grammar of names, and when two of them are the same. Knows nothing of who holds one.

use std::borrow::Cow;

/// A name in the form that is shown to people: valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a>(Cow<'a, str>);
