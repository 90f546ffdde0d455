//! TLS' twin for builds without the feature `tls`: there is no certificate, and nobody to use it.

use std::convert::Infallible;
use std::io;

use mio::net::TcpStream;

use crate::config::{SelfSigned, TlsConfig};
use crate::ops::exit::{Exit, StartError};

pub struct Identity(Infallible);

pub struct Layer(Infallible);

impl Identity {
    pub fn end_unix_ms(&self) -> u64 {
        match self.0 {}
    }
}

pub fn load(_: &TlsConfig) -> Result<Identity, StartError> {
    Err(missing("a TLS listener"))
}

pub fn self_signed(_: &SelfSigned, _: u64) -> Result<String, StartError> {
    Err(missing("tls self-signed"))
}

fn missing(what: &str) -> StartError {
    let fix = "build it with the feature tls";
    StartError::new(
        Exit::Config,
        "this privmsgd was built without TLS",
        what,
        fix,
    )
}

impl Layer {
    pub fn new(identity: Identity) -> Self {
        match identity.0 {}
    }

    pub fn replace(&self, _: Identity) -> bool {
        match self.0 {}
    }

    pub fn begin_turn(&self, _: u32) {
        match self.0 {}
    }

    pub fn remind(&self, _: u64, _: u64) -> u64 {
        match self.0 {}
    }

    pub fn certificate_end_unix_ms(&self) -> u64 {
        match self.0 {}
    }

    pub fn wrap<S>(&self, _: TcpStream) -> io::Result<S> {
        match self.0 {}
    }
}
