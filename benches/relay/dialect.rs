//! What the generator must know of a protocol: how to come in, how to send, how to take apart what comes back.
//! Knows no sockets. Everything else about a load is the same for every server.

pub mod floor;
pub mod handshake;
pub mod irc;
pub mod mqtt;
pub mod nats;
pub mod privmsgd;
pub mod redis;
pub mod socketio;

pub use crate::step::Step;

/// What a connection is for. Protocols that forbid a subscriber to publish make use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Sender,
    Receiver,
    Both,
}

/// A message to be encoded. `number` is for protocols whose commands carry one.
pub struct Mail<'a> {
    pub from: u32,
    pub to: u32,
    pub number: u32,
    pub payload: &'a [u8],
}

/// What stands at the front of received bytes; `length` counts all of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not all of it is here.
    Partial,
    Message {
        length: usize,
        /// The sender, where the protocol says it; the payload says it always.
        from: Option<u32>,
        payload: &'a [u8],
    },
    /// The answer to a command that was accepted.
    Reply { length: usize },
    /// Must be answered for the connection to live.
    Ping {
        length: usize,
        answer: &'static [u8],
    },
    /// The server refused something: there will be no figure.
    Refused { length: usize },
    /// Not the protocol.
    Broken,
}

pub trait Dialect {
    /// How `user` becomes known to the server.
    fn enter(&self, user: u32, role: Role) -> Vec<Step>;
    /// Appends what sends `mail`. The length depends only on the payload's.
    fn encode(&self, mail: &Mail<'_>, out: &mut Vec<u8>);
    fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a>;
    /// Whether every message is answered with a [`Decoded::Reply`].
    fn replies(&self) -> bool {
        false
    }
    /// What a client says before it hangs up.
    fn leave(&self) -> &'static [u8] {
        b""
    }
}

/// Six digits: every user's name has the same length.
pub fn name(user: u32) -> String {
    format!("u{user:06}")
}

pub const NAME_BYTES: usize = 7;

/// The user whose name stands at the front of `bytes`.
#[inline]
pub fn user(bytes: &[u8]) -> Option<u32> {
    match bytes.get(..NAME_BYTES)?.split_first()? {
        (b'u', digits) => number(digits),
        _ => None,
    }
}

/// Decimal digits and nothing else.
#[inline]
pub fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')))
    })
}
