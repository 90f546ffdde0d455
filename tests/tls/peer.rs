//! A client that speaks TLS over a real socket, with a bound on how long it waits.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::common::{Bindings, check};

const PATIENCE: Duration = Duration::from_secs(15);

pub struct Peer {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Peer {
    /// After the handshake, which may fail.
    pub fn try_connect(address: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<Peer> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Peer::try_over(socket, config)
    }

    /// The same over a socket that the test made.
    pub fn try_over(mut socket: TcpStream, config: Arc<ClientConfig>) -> std::io::Result<Peer> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = "localhost".try_into().expect("a name");
        let mut tls = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Peer {
            stream: StreamOwned::new(tls, socket),
            buffer: Vec::new(),
        })
    }

    #[track_caller]
    pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Peer {
        let mut peer = Peer::try_connect(address, config.clone()).expect("a handshake");
        peer.expect(r#"{"type":"hello",…}"#);
        peer
    }

    pub fn register(&mut self, name: &str) {
        self.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
        self.expect(r#"{"type":"registered",…}"#);
    }

    pub fn send(&mut self, line: &str) {
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .expect("send");
        self.stream.flush().expect("send");
    }

    /// `None`: the end.
    pub fn line(&mut self) -> Option<String> {
        self.line_within(PATIENCE).expect("something comes")
    }

    /// `None`: nothing came in time.
    pub fn line_within(&mut self, patience: Duration) -> Option<Option<String>> {
        let socket = self.stream.get_ref();
        socket.set_read_timeout(Some(patience)).expect("a limit");
        let mut room = [0; 16_384];
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                return Some(Some(line));
            }
            match self.stream.read(&mut room) {
                Ok(0) => return Some(None),
                Ok(count) => self.buffer.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => return Some(None),
            }
        }
    }

    /// Says that no more is to come.
    pub fn end(&mut self) {
        self.stream.conn.send_close_notify();
        let _ = self.stream.flush();
    }

    #[track_caller]
    pub fn expect(&mut self, pattern: &str) {
        let line = self
            .line()
            .unwrap_or_else(|| panic!("the end, not {pattern}"));
        let matched = check(pattern, &line, &mut Bindings::new());
        assert!(matched.is_ok(), "expected {pattern}\ngot      {line}");
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        let chain = self.stream.conn.peer_certificates().expect("a chain");
        chain[0].clone().into_owned()
    }
}
