//! TLS under a connection: the handshake, and whether the server is who it was. Knows no lines.
//!
//! There are no roots of the system here: a server is trusted because a file names its authority, because its
//! certificate's fingerprint was given, or because the same certificate was there the first time.

mod words;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError,
    RootCertStore, SignatureScheme,
};

use super::{NoLink, left};
use crate::client::address::Address;
use crate::client::profile::Trust;
use crate::client::profile::known::{self, Fingerprint};
use crate::ops::exit::reason;

pub struct Tls {
    session: ClientConnection,
    stream: TcpStream,
    /// Bytes that are decrypted and not read yet.
    plain: usize,
    ended: bool,
}

impl Tls {
    /// The handshake; then, where trust is by first use, the certificate is remembered or compared. Also what a person is to
    /// be told if it is remembered.
    pub fn shake(
        stream: TcpStream,
        address: &Address,
        host: &str,
        trust: &Trust,
        patience: Duration,
    ) -> Result<(Tls, Option<String>), NoLink> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| NoLink::Untrusted(format!("{host:?} cannot stand in a certificate")))?;
        let config = config(trust)?;
        let session = ClientConnection::new(config, name)
            .map_err(|error| NoLink::Untrusted(error.to_string()))?;
        let mut tls = Tls {
            session,
            stream,
            plain: 0,
            ended: false,
        };
        tls.handshake(patience)
            .map_err(|error| refused(address, host, trust, &error))?;
        let mut news = None;
        let certificate = tls
            .session
            .peer_certificates()
            .and_then(|chain| chain.first());
        let fingerprint = certificate.map(|certificate| fingerprint(certificate));
        match (trust, fingerprint) {
            (Trust::Authority { .. }, _) => {}
            (Trust::Fingerprint(wanted), Some(found)) if *wanted == found => {}
            (Trust::FirstUse(file), Some(found)) => {
                let is_new = known::check(file, address, &found).map_err(NoLink::Untrusted)?;
                news = is_new.then(|| known::news(address, &found));
            }
            _ => return Err(NoLink::Untrusted(other_fingerprint(address, fingerprint))),
        }
        Ok((tls, news))
    }

    fn handshake(&mut self, patience: Duration) -> io::Result<()> {
        let start = Instant::now();
        while self.session.is_handshaking() {
            let left = left(start, patience);
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            self.stream.set_write_timeout(Some(left))?;
            match self.session.complete_io(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(ErrorKind::TimedOut.into());
                }
                done => done?,
            };
        }
        self.stream.set_nonblocking(true)
    }

    pub fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Ok(count) => {
                    self.plain = self.plain.saturating_sub(count);
                    return Ok(count);
                }
                // An end without close_notify: a line that was cut off is none anyway.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() != ErrorKind::WouldBlock || self.ended => {
                    return Err(error);
                }
                Err(_) => {}
            }
            self.ended = self.session.read_tls(&mut self.stream)? == 0;
            let state = self
                .session
                .process_new_packets()
                .map_err(io::Error::other)?;
            self.plain = state.plaintext_bytes_to_read();
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Bounded by what rustls keeps; nothing is taken while records wait.
        let count = match self.session.wants_write() {
            true => 0,
            false => self.session.writer().write(bytes)?,
        };
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && count > 0 => break,
                done => done?,
            };
        }
        Ok(count)
    }

    pub fn end_output(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.write(&[]).map(drop)
    }

    pub fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// There is something to read that the socket will not announce.
    pub fn has_plaintext(&self) -> bool {
        self.plain > 0
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// SHA-256 of a certificate's DER.
pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    let digest = digest(&SHA256, certificate);
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

fn config(trust: &Trust) -> Result<Arc<ClientConfig>, NoLink> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| NoLink::Untrusted(error.to_string()))?;
    let authority = match trust {
        Trust::Authority { file, name } => {
            let bad = |what: String| NoLink::Untrusted(format!("{}: {what}", file.display()));
            let roots = Arc::new(roots(file).map_err(bad)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| bad(error.to_string()))?;
            // Not every name of a server can stand in a certificate.
            let also = name
                .clone()
                .and_then(|name| ServerName::try_from(name).ok());
            Some(Authority { verifier, also })
        }
        Trust::FirstUse(_) | Trust::Fingerprint(_) => None,
    };
    let verifier = Verifier {
        provider,
        authority,
    };
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The certificates of a file (PEM), at least one.
fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let text = std::fs::read(file).map_err(|error| reason(&error))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate in it is not good: {}", words::of(&error)))?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".into()),
        false => Ok(roots),
    }
}

/// Whose certificates vouch for the server's, for the host's name or another one.
#[derive(Debug)]
struct Authority {
    verifier: Arc<WebPkiServerVerifier>,
    also: Option<ServerName<'static>>,
}

/// Makes sure that the server has the certificate's key. Without an authority, whose certificate it is is compared after the
/// handshake, by its fingerprint, before a byte is sent.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    authority: Option<Authority>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(Authority { verifier, also }) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        let is_for = |name: &ServerName<'_>| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        };
        match (is_for(server_name), also) {
            (
                Err(TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })),
                Some(also),
            ) => is_for(also),
            (verified, _) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// A handshake that failed: for its certificate, or otherwise.
fn refused(address: &Address, host: &str, trust: &Trust, error: &io::Error) -> NoLink {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    match (inner, trust) {
        (Some(TlsError::InvalidCertificate(why)), Trust::Authority { file, .. }) => {
            let why = words::of_certificate(why, Some(host));
            NoLink::Untrusted(format!(
                "the certificate of {address} is not vouched for by {}: {why}",
                file.display()
            ))
        }
        (Some(TlsError::InvalidCertificate(_)), _) => NoLink::Untrusted(format!(
            "no TLS with {address}: it does not prove that it has the key of its certificate"
        )),
        (Some(TlsError::InvalidMessage(_)), _) => NoLink::Untrusted(format!(
            "no TLS with {address}: what answers there does not speak it; without it, leave out tls:"
        )),
        (Some(error), _) => NoLink::Untrusted(format!("no TLS with {address}: {error}")),
        (None, _) => NoLink::Unreachable(format!("no TLS with {address}: {}", reason(error))),
    }
}

fn other_fingerprint(address: &Address, found: Option<Fingerprint>) -> String {
    let found = found.map_or("none".into(), |found| known::shown(&known::hex(&found)));
    format!(
        "the certificate of {address} is not the one whose fingerprint was given: it has {found}"
    )
}
