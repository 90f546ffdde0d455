//! A12 over TLS: what the kernel says of ciphertext is what is known of the messages in it. Links are cut at any byte of
//! the records, by recipients who read as much as they like.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use socket2::Socket;

use crate::files::Pair;
use crate::links::{Recipient, Way, a12_cut_links};
use crate::peer::Peer;

/// Each cuts the links of twenty.
const ROUNDS: usize = if cfg!(feature = "long-tests") { 100 } else { 5 };

impl Recipient for Peer {
    fn say(&mut self, line: &str) {
        self.send(line);
    }

    fn hear(&mut self, patience: Duration) -> Option<String> {
        self.line_within(patience).flatten()
    }

    fn end(&mut self) {
        Peer::end(self);
    }
}

#[test]
fn a12_a_hundred_cut_links_over_tls() {
    let pair = Pair::new();
    let config = pair.client();
    let way = Way {
        listen: "tls:",
        keys: vec![
            (
                "PRIVMSGD_TLS__CERTIFICATE",
                pair.certificate().display().to_string(),
            ),
            ("PRIVMSGD_TLS__KEY", pair.key().display().to_string()),
        ],
        connect: &|socket, _| Box::new(connected(socket, &config)),
    };
    a12_cut_links(way, ROUNDS, 0x9e37_79b9_7f4a_7c15);
}

fn connected(socket: Socket, config: &Arc<ClientConfig>) -> Peer {
    let mut peer = Peer::try_over(TcpStream::from(socket), config.clone()).expect("a handshake");
    peer.expect(r#"{"type":"hello",…}"#);
    peer
}
