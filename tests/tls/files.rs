//! Certificates and keys for tests, in directories that go away with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use privmsgd::config::{SelfSigned, TlsConfig};
use privmsgd::net::tls::self_signed;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::common::Setup;

pub const DAY_MS: u64 = 86_400_000;

/// A directory with `tls.crt` and `tls.key`.
pub struct Pair(PathBuf);

impl Pair {
    /// Good for a year, for `localhost` and `127.0.0.1`.
    pub fn new() -> Pair {
        Pair::made(now_ms(), 365)
    }

    /// Made when the clock said `unix_ms`, and good for `days` from then.
    pub fn made(unix_ms: u64, days: u32) -> Pair {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (next, own) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{own}-{next}"));
        fs::create_dir_all(&dir).expect("a directory");
        let asked = SelfSigned {
            names: vec!["localhost".into(), "127.0.0.1".into()],
            out: dir.clone(),
            days,
        };
        self_signed(&asked, unix_ms).expect("a pair");
        Pair(dir)
    }

    pub fn dir(&self) -> &Path {
        &self.0
    }

    pub fn certificate(&self) -> PathBuf {
        self.0.join("tls.crt")
    }

    pub fn key(&self) -> PathBuf {
        self.0.join("tls.key")
    }

    pub fn config(&self) -> TlsConfig {
        TlsConfig {
            certificate: Some(self.certificate()),
            key: Some(self.key()),
            ..TlsConfig::default()
        }
    }

    /// A daemon with this pair that listens for TLS first, and without.
    pub fn setup(&self) -> Setup {
        Setup::new()
            .arg("--listen")
            .arg("tls:127.0.0.1:0")
            .env(
                "PRIVMSGD_TLS__CERTIFICATE",
                &self.certificate().display().to_string(),
            )
            .env("PRIVMSGD_TLS__KEY", &self.key().display().to_string())
    }

    /// Puts another pair in its place, as an operator would: each file appears whole.
    pub fn replace(&self, with: &Pair) {
        for (from, to) in [
            (with.key(), self.key()),
            (with.certificate(), self.certificate()),
        ] {
            put(&to, &fs::read(from).expect("a file"));
        }
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.certificate()).expect("a certificate")
    }

    /// A client that trusts this certificate and no other.
    pub fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("a certificate");
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Replaces a file in one step; only its owner may read it.
pub fn put(path: &Path, text: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, text).expect("write");
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).expect("chmod");
    fs::rename(next, path).expect("rename");
}

pub fn now_ms() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    unix.expect("after 1970").as_millis() as u64
}
