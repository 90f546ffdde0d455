//! `known_servers`: one line for each server that speaks TLS, its address and the SHA-256 of the certificate that it had the
//! first time. Knows no TLS.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::secret_file;
use crate::client::address::Address;
use crate::ops::exit::reason;

/// SHA-256 of a certificate.
pub type Fingerprint = [u8; 32];

/// Remembers the certificate of a server that was never seen, and compares that of one that was. Whether it is remembered
/// from now on. Fails with words for people.
pub fn check(file: &Path, address: &Address, found: &Fingerprint) -> Result<bool, String> {
    if file.as_os_str().is_empty() {
        return Err("it is not known where to remember certificates: set HOME".into());
    }
    let cannot = |error: io::Error| format!("{}: {}", file.display(), reason(&error));
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(cannot)?,
    };
    let address = address.to_string();
    match text.lines().find_map(|line| of(line, &address)) {
        Some(known) if known == hex(found) => Ok(false),
        Some(known) => Err(changed(file, &address, known, found)),
        None => remember(file, &address, found)
            .map(|()| true)
            .map_err(cannot),
    }
}

/// What a person is told of a certificate that is remembered.
pub fn news(address: &Address, found: &Fingerprint) -> String {
    let found = shown(&hex(found));
    format!("{address} is trusted from now on by its certificate, SHA-256 {found}")
}

/// As OpenSSL shows it, and so for people: pairs of digits with colons. `digits`: 64 of them.
pub fn shown(digits: &str) -> String {
    let digits = digits.to_uppercase();
    let pairs: Vec<&str> = digits
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .collect();
    pairs.join(":")
}

/// As it stands in the file: 64 digits.
pub fn hex(fingerprint: &Fingerprint) -> String {
    let digits: Vec<String> = fingerprint
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits.concat()
}

/// Colons, as OpenSSL writes them, and the prefix `sha256:` may stand in it.
pub fn parse(text: &str) -> Option<Fingerprint> {
    let text = text
        .strip_prefix("sha256:")
        .unwrap_or(text)
        .replace(':', "");
    let mut fingerprint = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in fingerprint.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(fingerprint)
}

fn of<'a>(line: &'a str, address: &str) -> Option<&'a str> {
    let (known, fingerprint) = line.split_once(' ')?;
    (known == address).then(|| fingerprint.trim())
}

fn remember(file: &Path, address: &str, found: &Fingerprint) -> io::Result<()> {
    if let Some(dir) = file.parent() {
        secret_file::private_dir(dir)?;
    }
    let mut file: File = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(format!("{address} {}\n", hex(found)).as_bytes())?;
    file.sync_all()
}

fn changed(file: &Path, address: &str, known: &str, found: &Fingerprint) -> String {
    let file = file.display();
    let (known, found) = (shown(known), shown(&hex(found)));
    format!(
        "the certificate of {address} has changed: nothing was sent\n  \
         the first time  {known}\n  now             {found}\n  \
         Either the server has a new certificate, or somebody stands between you and it. Ask its operator for the \
         fingerprint:\n  openssl x509 -in tls.crt -noout -fingerprint -sha256\n  \
         If the new one is right, take the line of {address} out of {file}."
    )
}
