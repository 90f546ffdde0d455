//! Ed25519 public keys in the forms in which people have them. Knows no files and no accounts.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::PublicKey;

/// A key in any of the forms: base64url of its bytes, a line of OpenSSH, PEM. Fails with what is wrong.
pub fn parse(text: &str) -> Result<PublicKey, &'static str> {
    let text = text.trim();
    if text.contains("PRIVATE KEY-----") {
        return Err("this is a private key: give the public one");
    }
    if text.contains(BEGIN) {
        return from_pem(text).ok_or("this PEM file holds no Ed25519 public key");
    }
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    match (first, words.next()) {
        ("ssh-ed25519", Some(body)) => {
            after(&decode(body), SSH).ok_or("this is no whole ssh-ed25519 line")
        }
        (kind, Some(_)) if kind.starts_with("ssh-") || kind.starts_with("ecdsa-") => {
            Err("only Ed25519 keys prove a name: ssh-keygen -t ed25519 makes one")
        }
        (word, None) => after(&decode(word), &[])
            .ok_or("not an Ed25519 public key: base64url of 32 bytes, an ssh-ed25519 line, or a file of one"),
        _ => Err("not an Ed25519 public key"),
    }
}

/// The first public key in `text` if it is one of Ed25519; what stands around it does not matter (RFC 7468).
pub fn from_pem(text: &str) -> Option<PublicKey> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let body: String = body.split_whitespace().collect();
    after(&decode(&body), SPKI)
}

/// The key that is all there is behind `prefix`.
fn after(bytes: &[u8], prefix: &[u8]) -> Option<PublicKey> {
    bytes.strip_prefix(prefix)?.try_into().ok()
}

/// Of either alphabet, padded or not; nothing if it is neither.
fn decode(text: &str) -> Vec<u8> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    let decoded = GeneralPurpose::new(alphabet, config).decode(text);
    decoded.unwrap_or_default()
}

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// The DER of a SubjectPublicKeyInfo of Ed25519 (RFC 8410) up to the key.
const SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// An OpenSSH key (RFC 8709) up to the key.
const SSH: &[u8] = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20";

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032's first test, as OpenSSL, OpenSSH and base64url have it.
    #[test]
    fn every_form_of_one_key_is_the_same_key() {
        let wanted: PublicKey =
            *b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\
            \x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
        for text in [
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea a@b c\n",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "AAAA",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAA x",
            "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
