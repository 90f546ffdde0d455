//! One side of TLS without a socket: ciphertext is fed in, plain text sealed. The only place that names rustls'
//! unbuffered connection, so that another interface needs another file. Knows no connection and no socket.
//!
//! rustls decrypts in the caller's buffer, and parts of a handshake message stay there until its end has come: what
//! [`Session::feed`] did not use must be shown to rustls again, as it was left, with every later call. So the session
//! keeps it, and nobody else calls rustls.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{AlertDescription, Error, ServerConfig};

/// Handshake bytes taken from a peer at most; none that a client sends of itself is a tenth of it.
pub const MAX_HANDSHAKE_BYTES: usize = 64 * 1024;
/// What is kept between two calls at most, while the handshake lasts.
pub const MAX_KEPT_BYTES: usize = MAX_HANDSHAKE_BYTES;
/// The same after it: an unfinished record, and what came with the one before it.
const MAX_OPEN_KEPT_BYTES: usize = 16 * 1024 + 256 + 5 + 8 * 1024;
/// What sealing adds to one record of up to [`RECORD_BYTES`].
const SEAL_OVERHEAD: usize = 64;
/// The fatal alert `decode_error`, unencrypted.
const DECODE_ERROR: &[u8] = &[0x15, 3, 3, 0, 2, 2, 50];
/// Plain text in one record.
const RECORD_BYTES: usize = 16 * 1024;

pub struct Session {
    rustls: UnbufferedServerConnection,
    /// Ciphertext that was read and not used up. No capacity while empty.
    kept: Vec<u8>,
    /// Ciphertext taken so far, while the handshake lasts.
    handshake_bytes: usize,
    /// What is kept is less than a record: only more of it helps.
    pub is_hungry: bool,
    /// The peer will send no more.
    pub has_ended: bool,
}

/// Where plain text goes: the caller's room, and what did not fit.
pub struct Sink<'a> {
    pub room: &'a mut [u8],
    pub filled: usize,
    /// At most one record.
    pub excess: Vec<u8>,
}

/// Why a session cannot go on. What is to be sent about it was appended to the output.
#[derive(Debug)]
pub struct Fault {
    what: Error,
    /// The alert that tells the peer, where it was not encrypted.
    told: Option<AlertDescription>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, self.told) {
            (Error::AlertReceived(alert), _) => write!(f, "the peer sent the alert {alert:?}"),
            (what, Some(alert)) => write!(f, "{what}; told by the alert {alert:?}"),
            (what, None) => what.fmt(f),
        }
    }
}

impl Sink<'_> {
    pub fn is_full(&self) -> bool {
        self.filled == self.room.len()
    }

    /// Takes one record. Called only while there is room left.
    fn put(&mut self, plain: &[u8]) {
        let room = self.room.get_mut(self.filled..).unwrap_or_default();
        let count = plain.len().min(room.len());
        let (fits, rest) = plain.split_at_checked(count).unwrap_or_default();
        if let Some(room) = room.get_mut(..count) {
            room.copy_from_slice(fits);
            self.filled += count;
        }
        self.excess.extend_from_slice(rest);
    }
}

/// What one step of rustls led to.
enum Step {
    Again,
    /// There is nothing left to do without more ciphertext.
    Hungry,
    Ended,
}

impl Session {
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Session {
            rustls: UnbufferedServerConnection::new(config)?,
            kept: Vec::new(),
            handshake_bytes: 0,
            is_hungry: true,
            has_ended: false,
        })
    }

    pub fn is_handshaking(&self) -> bool {
        self.rustls.is_handshaking()
    }

    /// Whether not a byte was fed yet.
    pub fn is_untouched(&self) -> bool {
        self.handshake_bytes == 0
    }

    /// Copies what was kept to the end of `room`, for the next [`Session::feed`], which must follow.
    pub fn load(&mut self, room: &mut [u8]) -> usize {
        let kept = std::mem::take(&mut self.kept);
        let start = room.len().saturating_sub(kept.len());
        match room.get_mut(start..).filter(|end| end.len() == kept.len()) {
            Some(end) => end.copy_from_slice(&kept),
            None => return 0,
        }
        kept.len()
    }

    /// Takes ciphertext: what was kept, and `fresh` new bytes after it. Plain text goes to `sink` until that is full,
    /// what must be sent in answer to `out`. The rest is kept.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        fresh: usize,
        sink: &mut Sink<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.is_handshaking() {
            self.handshake_bytes = self.handshake_bytes.saturating_add(fresh);
        }
        let mut used = 0;
        self.is_hungry = false;
        while !sink.is_full() && !self.is_hungry && !self.has_ended {
            let rest = input.get_mut(used..).unwrap_or_default();
            let (discard, step) = step(&mut self.rustls, rest, sink, out);
            used += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Hungry) => self.is_hungry = true,
                Ok(Step::Ended) => self.has_ended = true,
                Err(what) => return Err(self.fault(what, out)),
            }
        }
        self.keep(input.get(used..).unwrap_or_default())
    }

    /// Appends `plain` as records to `out`; `false`: the handshake does not allow that yet.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        let records = plain.len() / RECORD_BYTES + 1;
        let mut room = plain.len() + records * SEAL_OVERHEAD;
        self.write(out, |traffic, out| {
            let start = out.len();
            loop {
                out.resize(start + room, 0);
                match traffic.encrypt(plain, out.get_mut(start..).unwrap_or_default()) {
                    Ok(written) => {
                        out.truncate(start + written);
                        return Ok(());
                    }
                    Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                        room = size.required_size;
                    }
                    Err(_) => return Err(Error::EncryptError),
                }
            }
        })
    }

    /// Appends what tells the peer that nothing more comes.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        self.write(out, |traffic, out| {
            let start = out.len();
            out.resize(start + RECORD_BYTES, 0);
            let written = traffic
                .queue_close_notify(out.get_mut(start..).unwrap_or_default())
                .map_err(|_| Error::EncryptError)?;
            out.truncate(start + written);
            Ok(())
        })
    }

    /// Brings rustls to where it takes plain text. It must see what was kept of an unfinished record, and nothing else:
    /// whole records that wait for room are not to be opened here.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&mut Traffic<'_>, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<bool, Fault> {
        let mut kept = std::mem::take(&mut self.kept);
        let (mut used, shown) = (0, if self.is_hungry { kept.len() } else { 0 });
        let mut wrote = || loop {
            let rest = kept.get_mut(used..shown).unwrap_or_default();
            let UnbufferedStatus { discard, state, .. } = self.rustls.process_tls_records(rest);
            used += discard;
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return write(&mut traffic, out).map(|()| true);
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.has_ended = true,
                Ok(_) => return Ok(false),
                Err(what) => return Err(what),
            }
        };
        // The loop writes outside of what catches panics while a connection is read from; this one must not end it.
        let wrote = catch_unwind(AssertUnwindSafe(&mut wrote))
            .unwrap_or_else(|_| Err(Error::General("panicked".into())));
        kept.drain(..used.min(shown));
        self.kept = kept;
        wrote.map_err(|what| Fault { what, told: None })
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), Fault> {
        let bound = match self.is_handshaking() {
            true => MAX_KEPT_BYTES,
            false => MAX_OPEN_KEPT_BYTES,
        };
        if rest.len() > bound || self.is_handshaking() && self.handshake_bytes > MAX_HANDSHAKE_BYTES
        {
            let what = Error::General("too much for one handshake message".into());
            return Err(Fault { what, told: None });
        }
        if !self.has_ended && !rest.is_empty() {
            self.kept = rest.to_vec();
        }
        Ok(())
    }

    /// After an error rustls may still have an alert to send. Asked for more than that, it would read on.
    fn fault(&mut self, what: Error, out: &mut Vec<u8>) -> Fault {
        let start = out.len();
        while self.rustls.wants_write() {
            match self.rustls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out),
                _ => break,
            }
        }
        if out.len() == start && self.rustls.negotiated_cipher_suite().is_none() {
            // For some of what is no handshake at all rustls has none.
            out.extend_from_slice(DECODE_ERROR);
        }
        let told = match out.get(start..) {
            Some([.., 0x15, 3, _, 0, 2, _, alert]) => Some(AlertDescription::from(*alert)),
            _ => None,
        };
        Fault { what, told }
    }
}

type Traffic<'a> = rustls::unbuffered::WriteTraffic<'a, rustls::server::ServerConnectionData>;
type Data<'a> = rustls::unbuffered::EncodeTlsData<'a, rustls::server::ServerConnectionData>;

/// Returns what was used up of `input`, and what it led to.
fn step(
    rustls: &mut UnbufferedServerConnection,
    input: &mut [u8],
    sink: &mut Sink<'_>,
    out: &mut Vec<u8>,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { discard, state, .. } = rustls.process_tls_records(input);
    let step = match state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => sink.put(record.payload),
                    Err(error) => return (discard, Err(error)),
                }
            }
            Ok(Step::Again)
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            encode(&mut data, out);
            Ok(Step::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake) => {
            Ok(Step::Hungry)
        }
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Step::Ended),
        Ok(_) => Err(Error::General("early data was not offered".into())),
        Err(error) => Err(error),
    };
    (discard, step)
}

/// Appends one record of the handshake.
fn encode(data: &mut Data<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) {
        out.resize(start + size.required_size, 0);
        if data
            .encode(out.get_mut(start..).unwrap_or_default())
            .is_err()
        {
            out.truncate(start);
        }
    }
}
