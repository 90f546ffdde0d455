//! Ed25519 private keys as people have them: OpenSSH's and OpenSSL's files. Knows no files and no connection.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::accounts::{overwrite, signed_text};
use crate::wire::base64url;

pub struct Key(Ed25519KeyPair);

impl Key {
    /// A new one, and the PEM text (PKCS #8) to keep of it.
    pub fn generate() -> Option<(Key, String)> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).ok()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let text = STANDARD.encode([PKCS8, &seed[..]].concat());
        overwrite(&mut seed);
        Some((Key(pair), format!("{PEM_BEGIN}\n{text}\n{PEM_END}\n")))
    }

    /// The text of a file: `ssh-keygen -t ed25519` without passphrase, or `openssl genpkey -algorithm ed25519`. Fails with
    /// what is wrong with it, for a sentence.
    pub fn parse(text: &str) -> Result<Key, &'static str> {
        let mut seed = match (
            between(text, SSH_BEGIN, SSH_END),
            between(text, PEM_BEGIN, PEM_END),
        ) {
            (Some(bytes), _) => openssh(&bytes)?,
            (None, Some(der)) => pkcs8(&der).ok_or("is a private key, but not one of Ed25519")?,
            (None, None) if text.contains("ENCRYPTED PRIVATE KEY") => return Err(ENCRYPTED),
            (None, None) => return Err("is no private key of ssh-keygen or openssl"),
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        overwrite(&mut seed);
        pair.map(Key).map_err(|_| "is no good key")
    }

    /// As `register` and `account` send it.
    pub fn public(&self) -> String {
        encode(self.0.public_key().as_ref())
    }

    /// Over this connection's nonce, the server that is meant, and the name.
    pub fn sign(&self, nonce: &str, server_name: &str, name: &str) -> String {
        let text = signed_text(nonce, server_name, name);
        encode(self.0.sign(text.as_bytes()).as_ref())
    }
}

fn encode(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    base64url::encode(&mut text, bytes);
    String::from_utf8_lossy(&text).into_owned()
}

fn between(text: &str, begin: &str, end: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(begin)?;
    let (body, _) = rest.split_once(end)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// RFC 8410: what stands before the seed is always the same.
fn pkcs8(der: &[u8]) -> Option<[u8; 32]> {
    der.strip_prefix(PKCS8)?.get(..32)?.try_into().ok()
}

/// The seed of the one key in a file of OpenSSH (its PROTOCOL.key).
fn openssh(bytes: &[u8]) -> Result<[u8; 32], &'static str> {
    const BROKEN: &str = "is a damaged OpenSSH key";
    let mut all = Strings(bytes.strip_prefix(SSH_MAGIC).ok_or(BROKEN)?);
    let cipher = all.string().ok_or(BROKEN)?;
    all.string().and_then(|_kdf| all.string()).ok_or(BROKEN)?;
    if cipher != b"none" {
        return Err(ENCRYPTED);
    }
    if all.number() != Some(1) {
        return Err(BROKEN);
    }
    let public = all.string().ok_or(BROKEN)?;
    if Strings(public).string() != Some(b"ssh-ed25519") {
        return Err("is no Ed25519 key: ssh-keygen -t ed25519 makes one");
    }
    let mut private = Strings(all.string().ok_or(BROKEN)?);
    let (one, two) = (private.number(), private.number());
    private
        .string()
        .and_then(|_kind| private.string())
        .ok_or(BROKEN)?;
    let secret = private.string().ok_or(BROKEN)?;
    let seed = secret.get(..32).and_then(|seed| seed.try_into().ok());
    match one == two {
        true => seed.ok_or(BROKEN),
        false => Err(BROKEN),
    }
}

/// SSH's strings and numbers, one after the other.
struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

const ENCRYPTED: &str = "is encrypted with a passphrase, which is not asked for here";
const SSH_BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const SSH_END: &str = "-----END OPENSSH PRIVATE KEY-----";
const SSH_MAGIC: &[u8] = b"openssh-key-v1\0";
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// The DER of a PrivateKeyInfo of Ed25519 up to the seed.
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed of RFC 8032's first test.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_key_of_openssl_is_the_key_it_is() {
        let key = Key::parse(PEM).unwrap();
        assert_eq!(key.public(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }

    #[test]
    fn a_key_that_is_made_is_read_again() {
        let (key, text) = Key::generate().unwrap();
        assert_eq!(Key::parse(&text).unwrap().public(), key.public());
        assert_ne!(Key::generate().unwrap().0.public(), key.public());
    }

    #[test]
    fn what_is_no_private_key_is_refused_and_damage_ends_nothing() {
        for text in [
            "",
            "ssh-ed25519 AAAA",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n",
        ] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
        let whole = PEM.replace('\n', "");
        for at in 0..whole.len() {
            let _ = Key::parse(&whole[..at]);
        }
        let mut file = SSH_MAGIC.to_vec();
        for part in [&b"none"[..], b"none", b""] {
            file.extend((part.len() as u32).to_be_bytes());
            file.extend(part);
        }
        for rest in [
            &b""[..],
            b"\0\0\0\x01",
            b"\0\0\0\x02",
            b"\0\0\0\x01\xff\xff\xff\xff",
        ] {
            assert!(openssh(&[&file[..], rest].concat()).is_err());
        }
    }
}
