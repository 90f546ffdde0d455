//! Tokens that an application mints for its own users: JSON Web Tokens (RFC 7519), and the keys that they are
//! checked by. Knows no accounts.
//!
//! A token proves its name until it expires, as often as it is shown: whoever mints them makes them short-lived.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::key::is_weak;
use super::written_key::from_pem;
use super::{MAX_TOKEN_BYTES, Secret};
use crate::config::AccountsConfig;
use crate::ops::exit::{Exit, StartError, reason};
use crate::wire::name::Name;

/// How far the minter's clock may be ahead: `nbf` only. A token is over at its `exp`, to the second.
pub const NOT_BEFORE_LEEWAY_MS: u64 = 5_000;

const MIN_SECRET_BYTES: usize = 32;
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// What tokens are checked by; none: no token is good.
#[derive(Clone, Default)]
pub struct TokenKeys(Vec<TokenKey>);

/// The algorithm belongs to the key: a token cannot choose how it is checked.
#[derive(Clone)]
struct TokenKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    Invalid,
    /// In every other way it was good.
    Expired,
}

impl TokenKeys {
    /// Reads the files that the configuration names: all, or none.
    pub fn load(config: &AccountsConfig) -> Result<Self, StartError> {
        let keys = config.token_keys.iter().map(|given| TokenKey::load(given));
        keys.collect::<Result<_, _>>().map(TokenKeys)
    }

    /// What is wrong with any of them.
    pub fn faults(config: &AccountsConfig) -> Vec<StartError> {
        let keys = config.token_keys.iter();
        keys.filter_map(|given| TokenKey::load(given).err())
            .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name that `token` proves to `audience`.
    pub fn verify(
        &self,
        token: &[u8],
        audience: &str,
        unix_ms: u64,
    ) -> Result<Name<'static>, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Invalid);
        }
        let mut claims = self.0.iter().filter_map(|key| key.claims(token));
        let claims = claims.next().ok_or(TokenFault::Invalid)?;
        claims.check(audience, unix_ms)
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKeys({})", self.0.len())
    }
}

impl TokenKey {
    /// Of `eddsa:/path` or `hs256:/path`.
    fn load(given: &str) -> Result<Self, StartError> {
        let (kind, path) = given.split_once(':').unwrap_or_default();
        let path = Path::new(path);
        let bytes = read_key_file(path, kind == "hs256")?;
        match kind {
            "eddsa" => TokenKey::eddsa(bytes.expose())
                .ok_or_else(|| bad_key(path, "it holds no Ed25519 public key in PEM", EDDSA_FIX)),
            "hs256" => TokenKey::hs256(bytes.expose())
                .ok_or_else(|| bad_key(path, "the secret is shorter than 32 bytes", HS256_FIX)),
            _ => Err(bad_key(path, "a key of no known kind", EDDSA_FIX)),
        }
    }

    fn eddsa(pem: &[u8]) -> Option<Self> {
        let key = from_pem(std::str::from_utf8(pem).ok()?)?;
        (!is_weak(&key)).then(|| TokenKey {
            algorithm: Algorithm::EdDSA,
            // Despite its name it takes the 32 bytes alone.
            key: DecodingKey::from_ed_der(&key),
        })
    }

    /// One line end at the end is no part of the secret.
    fn hs256(secret: &[u8]) -> Option<Self> {
        let secret = secret.strip_suffix(b"\n").unwrap_or(secret);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        (secret.len() >= MIN_SECRET_BYTES).then(|| TokenKey {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
        })
    }

    /// If this key signed them. Times and audience are for [`Claims::check`], which is told the time.
    fn claims(&self, token: &[u8]) -> Option<Claims> {
        let mut validation = Validation::new(self.algorithm);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let token = decode::<Claims>(token, &self.key, &validation).ok()?;
        // RFC 7515, section 4.1.11: extensions that must be understood, and are not.
        token.header.crit.is_none().then_some(token.claims)
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds since 1970, with or without a fraction.
    exp: f64,
    nbf: Option<f64>,
    aud: Audience,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    fn check(&self, audience: &str, unix_ms: u64) -> Result<Name<'static>, TokenFault> {
        let meant = match &self.aud {
            Audience::One(one) => one == audience,
            Audience::Several(several) => several.iter().any(|one| one == audience),
        };
        // Milliseconds of this millennium are exact in a double.
        let now = unix_ms as f64;
        let latest = now + NOT_BEFORE_LEEWAY_MS as f64;
        let begun = self.nbf.is_none_or(|nbf| nbf * 1_000.0 <= latest);
        let name = Name::parse(&self.sub).map_err(|_| TokenFault::Invalid)?;
        if !meant || !begun {
            return Err(TokenFault::Invalid);
        }
        match self.exp * 1_000.0 > now {
            true => Ok(name.into_owned()),
            false => Err(TokenFault::Expired),
        }
    }
}

const EDDSA_FIX: &str = "make a pair: openssl genpkey -algorithm ed25519 -out token.key; openssl pkey -in token.key -pubout";
const HS256_FIX: &str = "make one: openssl rand -base64 48";

/// Nobody else may be able to write the file, nor to read it if it is `secret`.
fn read_key_file(path: &Path, secret: bool) -> Result<Secret, StartError> {
    let unreadable = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => Exit::NoInput,
        };
        let what = format!("cannot read the token key: {}", reason(&error));
        let fix = "see accounts.token_keys";
        StartError::new(code, &what, path.display(), fix)
    };
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(bad_key(path, "it is no file", "see accounts.token_keys"));
    }
    let (forbidden, what) = match secret {
        true => (0o026, "others may read or write the secret of tokens"),
        false => (0o022, "others may write the key of tokens"),
    };
    if found.mode() & forbidden != 0 {
        let fix = format!("chmod go-rwx {}", path.display());
        return Err(StartError::new(Exit::Permission, what, path.display(), fix));
    }
    let mut bytes = Vec::with_capacity(MAX_KEY_FILE_BYTES as usize + 1);
    let read =
        File::open(path).and_then(|f| f.take(MAX_KEY_FILE_BYTES + 1).read_to_end(&mut bytes));
    let read = read.map_err(unreadable)?;
    let bytes = Secret::from(bytes);
    match read as u64 > MAX_KEY_FILE_BYTES {
        true => Err(bad_key(
            path,
            "it is larger than 64 KiB",
            "see accounts.token_keys",
        )),
        false => Ok(bytes),
    }
}

fn bad_key(path: &Path, what: &str, fix: &str) -> StartError {
    let what = format!("not a key for tokens: {what}");
    StartError::new(Exit::Config, &what, path.display(), fix)
}
