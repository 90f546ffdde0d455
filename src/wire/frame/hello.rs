//! The `hello` line: rendered once for each configuration, but for the nonce. Knows no connection.

use super::FRAME_OVERHEAD;
use super::json::{flag, key, number, string, text};
use crate::accounts::Nonce;
use crate::wire::base64url;
use crate::wire::code::{Durability, Mode, Proof};

/// What `hello` says that the configuration and the connection decide.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'a> {
    pub mode: Mode,
    pub server_name: &'a str,
    /// How a name can be proved here.
    pub auth: &'a [Proof],
    pub tls: bool,
    pub durability: Durability,
    pub max_line_bytes: usize,
}

/// The line, in two parts: a nonce stands between them, if there is one.
#[derive(Clone, Debug)]
pub struct Hello {
    start: Vec<u8>,
    end: Vec<u8>,
}

impl Hello {
    pub fn new(greeting: &Greeting<'_>) -> Self {
        let mut start = b"{\"type\":\"hello\",\"server\":\"privmsgd\",\"version\":".to_vec();
        string(&mut start, env!("CARGO_PKG_VERSION"));
        start.extend_from_slice(b",\"protocol\":1");
        text(&mut start, "mode", greeting.mode.as_str());
        key(&mut start, "serverName");
        string(&mut start, greeting.server_name);
        key(&mut start, "auth");
        let auth: Vec<&str> = greeting.auth.iter().map(|proof| proof.as_str()).collect();
        let list = match auth.is_empty() {
            true => "[]".to_owned(),
            false => format!("[\"{}\"]", auth.join("\",\"")),
        };
        start.extend_from_slice(list.as_bytes());
        let mut end = Vec::new();
        flag(&mut end, "tls", greeting.tls);
        text(&mut end, "durability", greeting.durability.as_str());
        end.extend_from_slice(b",\"limits\":{\"maxLineBytes\":");
        number(&mut end, greeting.max_line_bytes as u64);
        end.extend_from_slice(b",\"maxFrameBytes\":");
        number(&mut end, (greeting.max_line_bytes + FRAME_OVERHEAD) as u64);
        end.extend_from_slice(b",\"maxNameBytes\":64,\"maxWindow\":1024}}\n");
        Hello { start, end }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>, nonce: Option<Nonce>) {
        out.extend_from_slice(&self.start);
        if let Some(nonce) = nonce {
            key(out, "nonce");
            out.push(b'"');
            base64url::encode(out, &nonce);
            out.push(b'"');
        }
        out.extend_from_slice(&self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_names_the_mode_and_the_ways_in() {
        let hello = Hello::new(&Greeting {
            mode: Mode::Mailbox,
            server_name: "example.org",
            auth: &[Proof::PublicKey, Proof::ResumeToken],
            tls: true,
            durability: Durability::Os,
            max_line_bytes: 1_000,
        });
        let mut out = Vec::new();
        hello.write(&mut out, Some([0; 16]));
        let line = String::from_utf8(out).unwrap();
        let wanted = r#","mode":"mailbox","serverName":"example.org","auth":["publicKey","resumeToken"],"nonce":"AAAAAAAAAAAAAAAAAAAAAA","tls":true,"durability":"os","limits":{"maxLineBytes":1000,"maxFrameBytes":2024,"#;
        assert!(line.contains(wanted), "{line}");
    }
}
