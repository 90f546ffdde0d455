//! Public keys as arguments and as files. Knows no accounts.

use std::fs::File;
use std::io::Read;

use crate::accounts::PublicKey;
use crate::accounts::written_key::parse;
use crate::admin::cli::Failure;
use crate::escape;
use crate::ops::exit::{Exit, reason};

/// `text`: a key, or the name of a file that holds one, with or without `@`.
pub fn read(text: &str) -> Result<PublicKey, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        return from_file(path);
    }
    match parse(text) {
        Ok(key) => Ok(key),
        Err(_) if !text.contains(' ') && std::path::Path::new(text).exists() => from_file(text),
        Err(what) => Err(wrong(text, what)),
    }
}

fn from_file(path: &str) -> Result<PublicKey, Failure> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        let path = escape::plain(path, MAX_SHOWN_BYTES);
        let why = reason(&error);
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => Exit::NoInput,
        };
        Failure::new(code, format_args!("{path}: cannot read the key: {why}"))
    })?;
    parse(&text).map_err(|what| wrong(path, what))
}

fn wrong(text: &str, what: &str) -> Failure {
    // A private key given by mistake must not end in a log.
    let shown = match text.len() {
        0..=MAX_SHOWN_BYTES if !text.contains("PRIVATE") => escape::plain(text, MAX_SHOWN_BYTES),
        _ => "KEY".into(),
    };
    Failure::new(Exit::Usage, format_args!("{shown}: {what}"))
}

const MAX_FILE_BYTES: u64 = 64 * 1024;
const MAX_SHOWN_BYTES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_refused_and_not_shown() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n";
        let failure = read(private).unwrap_err();
        assert!(failure.message.contains("private key"), "{failure:?}");
        assert!(!failure.message.contains("hunter2"), "{failure:?}");
    }
}
