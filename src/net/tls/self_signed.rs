//! `privmsgd tls self-signed`: a certificate that nobody else vouches for, and its key, in two new files.
//! Knows no connection.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::config::SelfSigned;
use crate::ops::exit::{Exit, StartError, reason};
use crate::time;

const DAY_MS: u64 = 86_400_000;

/// Makes both files; what to tell the user. `unix_ms`: now.
pub fn self_signed(asked: &SelfSigned, unix_ms: u64) -> Result<String, StartError> {
    let (certificate, key) = make(asked, unix_ms).map_err(|error| {
        let fix = "give host names and IP addresses: --name chat.example.org --name 192.0.2.1";
        let what = format!("no certificate can be made: {error}");
        StartError::new(Exit::Usage, &what, asked.names.join(", "), fix)
    })?;
    let (crt, pem) = (asked.out.join("tls.crt"), asked.out.join("tls.key"));
    // The certificate last: where it is, its key is.
    write(&pem, 0o600, &key.serialize_pem())?;
    write(&crt, 0o644, &certificate.pem()).inspect_err(|_| drop(fs::remove_file(&pem)))?;
    let (crt, pem) = (crt.display(), pem.display());
    let host = asked.names.first().map_or("localhost", String::as_str);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.into()
    };
    Ok(format!(
        "{crt}: for {}, good for {} days\n{pem}: its key; nobody else may read it\n\
         SHA-256 {}\n\nStart the daemon:\n  \
         PRIVMSGD_TLS__CERTIFICATE={crt} PRIVMSGD_TLS__KEY={pem} privmsgd --listen tls:127.0.0.1:7749\n\
         Then connect:\n  openssl s_client -quiet -verify_return_error -CAfile {crt} -connect {host}:7749\n",
        asked.names.join(", "),
        asked.days,
        fingerprint(certificate.der()),
    ))
}

fn make(asked: &SelfSigned, unix_ms: u64) -> Result<(Certificate, KeyPair), rcgen::Error> {
    let mut params = CertificateParams::new(asked.names.clone())?;
    if let Some(name) = asked.names.first() {
        params
            .distinguished_name
            .push(DnType::CommonName, name.as_str());
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = |days: u64| {
        let (year, month, day) = time::date(unix_ms + days * DAY_MS);
        date_time_ymd(year as i32, month as u8, day as u8)
    };
    params.not_before = day(0);
    params.not_after = day(u64::from(asked.days) + 1);
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?, key))
}

/// A new file with exactly these permissions; none is ever overwritten.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), StartError> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| {
        let fix = match error.kind() {
            ErrorKind::AlreadyExists => "move it away, or choose another directory: --out DIR",
            ErrorKind::NotFound => "name a directory that exists: --out DIR",
            _ => "choose a directory that this user may write to: --out DIR",
        };
        let what = format!("cannot make it: {}", reason(&error));
        StartError::new(Exit::CannotCreate, &what, path.display(), fix)
    })
}

/// As `openssl x509 -fingerprint -sha256` shows it.
fn fingerprint(der: &[u8]) -> String {
    let hash = digest(&SHA256, der);
    let pairs = hash.as_ref().iter().map(|byte| format!("{byte:02X}"));
    pairs.collect::<Vec<_>>().join(":")
}
