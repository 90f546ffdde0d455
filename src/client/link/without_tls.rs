//! In place of TLS in a build without it.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::NoLink;
use crate::client::address::Address;
use crate::client::profile::Trust;

/// There is none.
pub struct Tls(Infallible);

impl Tls {
    pub fn shake(
        _stream: TcpStream,
        _address: &Address,
        _host: &str,
        _trust: &Trust,
        _patience: Duration,
    ) -> Result<(Tls, Option<String>), NoLink> {
        Err(NoLink::Untrusted("this build of privmsg has no TLS".into()))
    }

    pub fn read(&mut self, _room: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub fn end_output(&mut self) -> io::Result<()> {
        match self.0 {}
    }

    pub fn wants_write(&self) -> bool {
        match self.0 {}
    }

    pub fn has_plaintext(&self) -> bool {
        match self.0 {}
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }
}
