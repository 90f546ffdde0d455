//! What makes message bodies unreadable to whoever has only the files: a key of the operator's, and sealing with it.
//! Knows no rows.
//!
//! A sealed part is a random nonce of 12 bytes, the text under AES-256-GCM-SIV (RFC 8452: a nonce that is drawn twice
//! tells only whether two texts of the same place are the same), and 16 bytes that prove it. The place (conversation,
//! number, and which part) is proved with it: what was sealed for one row opens in no other.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Failed, Fingerprint};
use crate::accounts::Secret;
use crate::ops::exit::{Exit, StartError, reason};

const KEY_BYTES: usize = 32;
/// More than any form of a key.
const MAX_FILE_BYTES: u64 = 4_096;
/// What the proof in the store is the seal of.
const PROOF: &[u8] = b"privmsgd mailbox 1";

/// Which part of a message is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Body,
    Kind,
}

/// Whose part: a conversation's row and the message's number in it, which no edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub conversation: i64,
    pub seq: i64,
}

pub struct Sealer {
    key: LessSafeKey,
    /// Of fingerprints: the plain hash of a short text is as good as the text.
    mac: hmac::Key,
}

impl Sealer {
    /// `/path` or `credential:NAME`; `None`: nothing is named.
    pub fn load(place: &str) -> Result<Option<Sealer>, StartError> {
        if place.is_empty() {
            return Ok(None);
        }
        let path = path_of(place)?;
        let bytes = read(&path, place)?;
        let key = parse(bytes.expose()).ok_or_else(|| {
            let what = "this is no key: 32 bytes, or their hexadecimal or base64 text";
            StartError::new(Exit::Config, what, path.display(), MAKE_ONE)
        })?;
        Sealer::new(key.expose())
            .map(Some)
            .ok_or_else(|| StartError::new(Exit::Internal, "no use for it", path.display(), ""))
    }

    /// From 32 bytes. One key for each purpose is made of them.
    fn new(bytes: &[u8]) -> Option<Sealer> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = |purpose: &[u8]| hmac::sign(&root, purpose);
        let body = derived(b"privmsgd mailbox bodies 1");
        let mac = derived(b"privmsgd mailbox fingerprints 1");
        Some(Sealer {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, body.as_ref()).ok()?),
            mac: hmac::Key::new(hmac::HMAC_SHA256, mac.as_ref()),
        })
    }

    pub fn seal(&self, part: Part, place: Place, text: &[u8]) -> Result<Vec<u8>, Failed> {
        self.seal_as(&named(part, place), text)
    }

    /// Fails unless it was sealed with this key, as this part of this place.
    pub fn open(&self, part: Part, place: Place, sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        let damaged = || Failed::damaged("a sealed part of a message");
        self.open_as(&named(part, place), sealed)
            .ok_or_else(damaged)
    }

    /// Whether two texts are the same, told by whoever has the key only.
    pub fn fingerprint(&self, digest: Fingerprint) -> Fingerprint {
        let mut made = Fingerprint::default();
        let tag = hmac::sign(&self.mac, &digest);
        for (to, from) in made.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        made
    }

    /// For the store: it shows that a key is this one.
    pub fn proof(&self) -> Result<Vec<u8>, Failed> {
        self.seal_as(PROOF, PROOF)
    }

    pub fn proves(&self, proof: &[u8]) -> bool {
        self.open_as(PROOF, proof).is_some_and(|text| text == PROOF)
    }

    fn seal_as(&self, name: &[u8], text: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut nonce = [0; NONCE_LEN];
        let failed = || Failed::damaged("nothing random for a nonce");
        getrandom::fill(&mut nonce).map_err(|_| failed())?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + text.len() + 16);
        sealed.extend_from_slice(text);
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name),
                &mut sealed,
            )
            .map_err(|_| Failed::damaged("a text cannot be sealed"))?;
        sealed.splice(..0, nonce);
        Ok(sealed)
    }

    fn open_as(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut text = rest.to_vec();
        let length = self
            .key
            .open_in_place(nonce, Aad::from(name), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

/// Shows no key.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn named(part: Part, place: Place) -> Vec<u8> {
    let mut name = match part {
        Part::Body => b"body".to_vec(),
        Part::Kind => b"kind".to_vec(),
    };
    name.extend_from_slice(&place.conversation.to_be_bytes());
    name.extend_from_slice(&place.seq.to_be_bytes());
    name
}

fn path_of(place: &str) -> Result<PathBuf, StartError> {
    let Some(name) = place.strip_prefix("credential:") else {
        return Ok(place.into());
    };
    let dir = credentials().ok_or_else(|| {
        let what = format!("mailbox.key is {place}, and the service manager gave no credentials");
        let fix = format!("in the unit: LoadCredential={name}:/etc/privmsgd/{name}");
        StartError::new(Exit::Config, &what, "$CREDENTIALS_DIRECTORY", fix)
    })?;
    Ok(dir.join(name))
}

/// Whether only a process of the service manager's can see the key: this is none.
pub fn is_out_of_sight(place: &str) -> bool {
    place.starts_with("credential:") && credentials().is_none()
}

/// Where the service manager puts what only this service may read.
fn credentials() -> Option<PathBuf> {
    let dir = env::var_os("CREDENTIALS_DIRECTORY")?;
    (!dir.is_empty()).then(|| dir.into())
}

/// A key that others may read is no secret, unless the service manager put it where they cannot come.
fn read(path: &Path, place: &str) -> Result<Secret, StartError> {
    let unreadable = |error: io::Error| {
        let (code, fix) = match error.kind() {
            ErrorKind::PermissionDenied => (Exit::Permission, "let this user alone read it"),
            ErrorKind::NotFound => (Exit::NoInput, MAKE_ONE),
            _ => (Exit::NoInput, ""),
        };
        let what = format!("mailbox.key cannot be read: {}", reason(&error));
        StartError::new(code, &what, path.display(), fix)
    };
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        let what = "mailbox.key is no file";
        return Err(StartError::new(
            Exit::NoInput,
            what,
            path.display(),
            MAKE_ONE,
        ));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && !place.starts_with("credential:") {
        let what = format!("others may read this key (mode {mode:04o})");
        let fix = format!("keep it to yourself: chmod 600 {}", path.display());
        let code = Exit::Permission;
        return Err(StartError::new(code, &what, path.display(), fix));
    }
    let mut bytes = Vec::with_capacity(MAX_FILE_BYTES as usize);
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    Ok(Secret::from(bytes))
}

/// The 32 bytes: as they are, or as text with at most one line end.
fn parse(bytes: &[u8]) -> Option<Secret> {
    if bytes.len() == KEY_BYTES {
        return Some(Secret::new(bytes));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_end();
    let key = match text.len() == 2 * KEY_BYTES {
        true => hex(text)?,
        false => base64(text)?,
    };
    (key.expose().len() == KEY_BYTES).then_some(key)
}

fn hex(text: &str) -> Option<Secret> {
    let digits = text.chars().map(|digit| digit.to_digit(16));
    let digits = Secret::from(
        digits
            .map(|d| Some(d? as u8))
            .collect::<Option<Vec<u8>>>()?,
    );
    let pair = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    let bytes: Vec<u8> = digits.expose().chunks(2).map(pair).collect();
    Some(Secret::from(bytes))
}

/// Of either alphabet, padded or not.
fn base64(text: &str) -> Option<Secret> {
    let padding = DecodePaddingMode::Indifferent;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    let bytes = GeneralPurpose::new(alphabet, config).decode(text).ok()?;
    Some(Secret::from(bytes))
}

pub(super) const MAKE_ONE: &str =
    "make one, and keep a copy apart from the backups: (umask 077; openssl rand -hex 32 > FILE)";

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        conversation: 7,
        seq: 3,
    };

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&[byte; KEY_BYTES]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_in_its_place_only() {
        let ours = sealer(1);
        let sealed = ours.seal(Part::Body, PLACE, b"\"canary\"").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
        let opened = ours.open(Part::Body, PLACE, &sealed).unwrap();
        assert_eq!(opened, b"\"canary\"");
        let (seq, conversation) = (4, 8);
        for (sealer, part, place) in [
            (&sealer(2), Part::Body, PLACE),
            (&ours, Part::Kind, PLACE),
            (&ours, Part::Body, Place { seq, ..PLACE }),
            (
                &ours,
                Part::Body,
                Place {
                    conversation,
                    ..PLACE
                },
            ),
        ] {
            assert!(sealer.open(part, place, &sealed).is_err());
        }
        for at in 0..sealed.len() * 8 {
            let mut broken = sealed.clone();
            broken[at / 8] ^= 1 << (at % 8);
            assert!(ours.open(Part::Body, PLACE, &broken).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(ours.open(Part::Body, PLACE, &sealed[..length]).is_err());
        }
    }

    #[test]
    fn the_same_text_is_sealed_otherwise_each_time() {
        let ours = sealer(1);
        let seal = || ours.seal(Part::Body, PLACE, b"1").unwrap();
        assert_ne!(seal(), seal());
        assert_eq!(ours.fingerprint([1; 16]), ours.fingerprint([1; 16]));
        assert_ne!(ours.fingerprint([1; 16]), sealer(2).fingerprint([1; 16]));
    }

    #[test]
    fn the_proof_shows_the_key() {
        let proof = sealer(1).proof().unwrap();
        assert!(sealer(1).proves(&proof) && !sealer(2).proves(&proof));
        assert!(!sealer(1).proves(b"") && !sealer(1).proves(PROOF));
    }

    #[test]
    fn a_key_has_three_forms_and_nothing_else_is_one() {
        let raw: [u8; KEY_BYTES] = std::array::from_fn(|at| at as u8 + 200);
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        let padded = "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=";
        let url = "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc";
        let upper = hex.to_uppercase() + "\n";
        let texts = [&hex, padded, url, &upper].map(str::as_bytes);
        for form in texts.into_iter().chain([&raw[..]]) {
            assert_eq!(parse(form).map(|key| key.expose() == raw), Some(true));
        }
        let bad = [
            "",
            "short",
            &hex[2..],
            &(hex.clone() + "00"),
            "g",
            &url[4..],
        ];
        assert!(bad.iter().all(|text| parse(text.as_bytes()).is_none()));
        assert!(parse(&[0xff; 33]).is_none());
    }
}
