//! A certificate and its key, from files to what handshakes use: all of it, or a message that names the file.
//! Knows no connection.

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig};

use super::der::not_after;
use super::expiry::Expiry;
use crate::config::TlsConfig;
use crate::ops::exit::{Exit, StartError, reason};

/// What proves to clients who the server is.
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) expiry: Expiry,
    pub(super) certificate: CertificateDer<'static>,
}

impl Identity {
    /// When the certificate ends, in milliseconds since 1970.
    pub fn end_unix_ms(&self) -> u64 {
        self.expiry.end_unix_ms
    }
}

const MAX_FILE_BYTES: u64 = 1024 * 1024;
const SELF_SIGNED: &str = "make a pair for a first try: privmsgd tls self-signed --name HOST";

/// Reads and checks the certificate and the key that `config` names, or the service manager's.
pub fn load(config: &TlsConfig) -> Result<Identity, StartError> {
    let certificate = place(config.certificate.as_deref(), "tls.certificate", "tls.crt")?;
    let key = place(config.key.as_deref(), "tls.key", "tls.key")?;
    let chain = chain(&certificate)?;
    let end = chain.iter().map(|certificate| not_after(certificate));
    let end = end
        .collect::<Option<Vec<u64>>>()
        .and_then(|ends| ends.into_iter().min());
    let end = end.ok_or_else(|| broken(&certificate, "one of its parts is no certificate"))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let leaf = chain.first().cloned();
    let leaf = leaf.ok_or_else(|| broken(&certificate, "there is no certificate in it"))?;
    let certified = certify(chain, &certificate, &key, &provider)?;
    let versions = match config.allow_1_2 {
        true => &[&rustls::version::TLS13, &rustls::version::TLS12][..],
        false => &[&rustls::version::TLS13],
    };
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| broken(&certificate, &error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // A resumed handshake saves the server next to nothing (measured), and every ticket is state that outlives its
    // connection: an allocation and a key to keep secret.
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Identity {
        config: Arc::new(server),
        expiry: Expiry::new(certificate.display().to_string(), end),
        certificate: leaf,
    })
}

/// The file that was named, or the credential of that name.
fn place(named: Option<&Path>, key: &str, credential: &str) -> Result<PathBuf, StartError> {
    if let Some(path) = named {
        return Ok(path.into());
    }
    let credential = credentials().map(|dir| dir.join(credential));
    credential.filter(|path| path.exists()).ok_or_else(|| {
        let what = format!("a TLS listener needs {key}");
        StartError::new(Exit::Config, "nothing is set", what, SELF_SIGNED)
    })
}

/// Where the service manager puts what only this service may read.
fn credentials() -> Option<PathBuf> {
    let dir = env::var_os("CREDENTIALS_DIRECTORY")?;
    (!dir.is_empty()).then(|| dir.into())
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let text = read(path).map_err(|error| unreadable(path, &error))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(broken(path, "there is no certificate in it")),
        Err(error) => Err(broken(path, &format!("it is no PEM file: {error}"))),
    }
}

fn certify(
    chain: Vec<CertificateDer<'static>>,
    certificate: &Path,
    path: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, StartError> {
    let text = read_key(path)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            broken(path, "there is no private key in it that is not encrypted")
        }
        error => broken(path, &format!("it is no PEM file: {error}")),
    })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| broken(path, &format!("the key cannot be used: {error}")))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let what = format!("it is not the key of {}", certificate.display());
            Err(broken(path, &what))
        }
        Err(error) => Err(broken(certificate, &format!("it cannot be used: {error}"))),
    }
}

/// A key that others may read is no secret, unless the service manager put it where they cannot come.
fn read_key(path: &Path) -> Result<Vec<u8>, StartError> {
    let text = read(path).map_err(|error| unreadable(path, &error))?;
    let mode = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mode = mode.permissions().mode() & 0o777;
    let is_credential = credentials().is_some_and(|dir| path.starts_with(dir));
    if mode & 0o077 != 0 && !is_credential {
        let what = format!("others may read this key (mode {mode:04o})");
        let fix = format!("keep it to yourself: chmod 600 {}", path.display());
        return Err(StartError::new(
            Exit::Permission,
            &what,
            path.display(),
            fix,
        ));
    }
    Ok(text)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a file"));
    }
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)?;
    match text.len() as u64 > MAX_FILE_BYTES {
        true => Err(io::Error::new(ErrorKind::FileTooLarge, "over 1 MiB")),
        false => Ok(text),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> StartError {
    let (code, fix) = match error.kind() {
        ErrorKind::PermissionDenied => {
            (Exit::Permission, "let this user, and nobody else, read it")
        }
        _ => (Exit::Config, SELF_SIGNED),
    };
    let what = format!("cannot read it: {}", reason(error));
    StartError::new(code, &what, path.display(), fix)
}

fn broken(path: &Path, what: &str) -> StartError {
    StartError::new(Exit::Config, what, path.display(), "")
}
