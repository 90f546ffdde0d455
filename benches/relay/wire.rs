//! A connection of the generator, with TLS or without. Knows no protocol above it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::load::Outcome;

pub enum Wire {
    Plain(TcpStream),
    Tls(Box<Sealed>),
}

pub struct Sealed {
    socket: TcpStream,
    tls: ClientConnection,
    /// Reading goes on until the socket is empty.
    drains: bool,
    /// Bytes that were decrypted and not read: no event of the socket will tell of them.
    left: usize,
}

/// A certificate in `dir`, made by `privmsgd`, and who trusts it.
pub fn certify(privmsgd: &Path, dir: &Path) -> Outcome<Arc<ClientConfig>> {
    for name in ["tls.crt", "tls.key"] {
        let _ = fs::remove_file(dir.join(name));
    }
    let made = Command::new(privmsgd)
        .args(["tls", "self-signed", "--name", "localhost", "--out"])
        .arg(dir)
        .output()
        .map_err(|error| error.to_string())?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    client(&dir.join("tls.crt")).map_err(|error| error.to_string())
}

/// Trusts the one certificate of this file; every handshake is a full one.
fn client(certificate: &Path) -> io::Result<Arc<ClientConfig>> {
    let certificate = CertificateDer::pem_reader_iter(File::open(certificate)?)
        .next()
        .and_then(Result::ok)
        .ok_or(ErrorKind::InvalidData)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

impl Wire {
    /// Shakes hands if there is a configuration for it.
    pub fn new(mut socket: TcpStream, tls: Option<&Arc<ClientConfig>>) -> io::Result<Wire> {
        let Some(config) = tls else {
            return Ok(Wire::Plain(socket));
        };
        let name = "localhost".try_into().map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Wire::Tls(Box::new(Sealed {
            socket,
            tls,
            drains: false,
            left: 0,
        })))
    }

    pub fn never_block(&mut self) -> io::Result<()> {
        if let Wire::Tls(sealed) = self {
            sealed.drains = true;
        }
        self.socket().set_nonblocking(true)
    }

    /// Whether there is more to read of which the socket knows nothing any more.
    pub fn has_more(&self) -> bool {
        matches!(self, Wire::Tls(sealed) if sealed.left > 0)
    }

    pub fn end(&mut self) {
        if let Wire::Tls(sealed) = self {
            sealed.tls.send_close_notify();
            let _ = sealed.flush();
        }
        // A server may hang up first: then it is over too.
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(sealed) => &sealed.socket,
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl Read for Wire {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(to),
            Wire::Tls(sealed) => sealed.read(to),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write_vectored(from),
            Wire::Tls(sealed) => {
                // One record, unless it is more than a record holds.
                let count = sealed.tls.writer().write_vectored(from)?;
                sealed.flush()?;
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealed {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut to[filled..]) {
                Ok(0) => return Ok(filled),
                Ok(count) => {
                    filled += count;
                    self.left = self.left.saturating_sub(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) if filled > 0 => return Ok(filled),
                // Left without close_notify.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            if filled == to.len() || filled > 0 && !self.drains {
                return Ok(filled);
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(_) => {
                    let state = self.tls.process_new_packets().map_err(io::Error::other)?;
                    self.left = state.plaintext_bytes_to_read();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => {
                    return Ok(filled);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What is on its way is far less than a socket takes: that it blocks is an error.
    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if let Err(error) = self.tls.write_tls(&mut self.socket) {
                return Err(io::Error::other(format!("cannot send: {error}")));
            }
        }
        Ok(())
    }
}
