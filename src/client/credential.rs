//! What proves a name: read from files, put into a `register`. Knows no connection.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::key::Key;
use crate::accounts::Secret;
use crate::ops::exit::reason;

/// Cheap to clone; shows nothing of itself.
#[derive(Clone, Default)]
pub enum Credential {
    /// Open mode asks for none.
    #[default]
    None,
    Password(Arc<Secret>),
    /// A file with a JSON Web Token, read for each connection, so that another program may renew it.
    TokenFile(PathBuf),
    Key(Arc<Key>),
}

impl Credential {
    pub fn password(text: &str) -> Credential {
        Credential::Password(Arc::new(Secret::new(text.as_bytes())))
    }

    /// Its name in `hello.auth`.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Credential::None => None,
            Credential::Password(_) => Some("password"),
            Credential::TokenFile(_) => Some("token"),
            Credential::Key(_) => Some("publicKey"),
        }
    }

    /// The token as it is now, if it is one. Fails with words for people.
    pub fn token(&self) -> Result<Option<String>, String> {
        let Credential::TokenFile(path) = self else {
            return Ok(None);
        };
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {}", path.display(), reason(&error)))?;
        Ok(Some(text.trim().into()))
    }

    /// Whoever reads the line that carries it has it.
    pub fn is_bearer(&self) -> bool {
        matches!(self, Credential::Password(_) | Credential::TokenFile(_))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::None => "None",
            Credential::Password(_) => "Password(…)",
            Credential::TokenFile(_) => "TokenFile(…)",
            Credential::Key(_) => "Key(…)",
        })
    }
}
