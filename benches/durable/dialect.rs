//! What the generator must know of a protocol whose messages are stored: how to come in, how to send, what acceptance,
//! delivery and acknowledgement look like. Knows no sockets. Each pair has a sender and a recipient of its own.

pub mod nats;
pub mod privmsgd;
pub mod redis;

use crate::Outcome;
pub use crate::step::Step;

/// What a recipient has to acknowledge, and what became of that. Each protocol uses what it needs.
#[derive(Default)]
pub struct Ear {
    /// Messages taken, and those of them whose acknowledgement the server has confirmed.
    pub taken: u64,
    pub acknowledged: u64,
    /// Acknowledgements to be written: as bytes of the protocol, and how many they are.
    pub due: Vec<u8>,
    pub due_count: u64,
    /// The last position taken.
    pub position: u64,
    /// The server was asked whether everything is acknowledged, and has not answered.
    pub asked: bool,
    /// Everything that was taken is acknowledged, and the server said so.
    pub confirmed: bool,
}

pub trait Dialect {
    /// What must be there before anyone comes. `connect` opens a connection of its own.
    fn prepare(&self, _connect: &dyn Fn() -> Outcome<std::net::TcpStream>) -> Outcome<()> {
        Ok(())
    }

    fn sender(&self, pair: u32) -> Vec<Step>;

    fn recipient(&self, pair: u32) -> Vec<Step>;

    /// What a recipient writes once it has come in.
    fn listen(&self, _pair: u32, _out: &mut Vec<u8>) {}

    /// Appends what sends a message.
    fn send(&self, pair: u32, number: u64, text: &[u8], out: &mut Vec<u8>);

    /// Whether every message is answered, or is on its way only until it arrives.
    fn accepts(&self) -> bool {
        true
    }

    /// What the front of the sender's bytes says: its length, and the number of the message accepted where it is told.
    /// `None`: not all of it is here.
    fn answer(&self, pair: u32, bytes: &[u8]) -> Outcome<Option<(usize, Option<u64>)>>;

    /// Takes whole frames off the recipient's bytes and hands on each text; returns the length of the frames.
    fn hear(
        &self,
        pair: u32,
        ear: &mut Ear,
        bytes: &[u8],
        took: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<usize>;

    /// After each read: appends the acknowledgements that are due.
    fn acknowledge(&self, pair: u32, ear: &mut Ear, out: &mut Vec<u8>);

    /// Everything has arrived. Asks whether all of it is acknowledged, unless that is known or asked already.
    fn confirm(&self, pair: u32, ear: &mut Ear, out: &mut Vec<u8>);
}

pub fn sender(pair: u32) -> String {
    format!("s{pair:06}")
}

pub fn recipient(pair: u32) -> String {
    format!("r{pair:06}")
}

/// Decimal digits and nothing else.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')))
    })
}

/// The beginning of received bytes, for people.
pub fn plain(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(300)].escape_ascii().to_string()
}

pub fn not_understood<T>(bytes: &[u8]) -> Outcome<T> {
    Err(format!("not understood: {}", plain(bytes)))
}
