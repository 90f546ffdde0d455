//! TLS under a connection: ciphertext on the socket's side, plain text on the caller's. Owns the certificate in use
//! and the room that all connections share. Knows no names, no JSON and no rules.
//!
//! ```text
//! socket ─► Tls::read  ─► session.feed ─► plain text
//! socket ◄─ Tls::write ◄─ session.seal ◄─ plain text
//! ```
//!
//! Events are edges, so nothing that was decrypted may stay behind without the caller knowing: a read goes on until
//! the socket has no more or the caller's room is full, and what ended it earlier is told by [`Transport::news`].

mod der;
mod expiry;
mod identity;
mod marks;
mod self_signed;
pub mod session;
mod traffic;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

pub use expiry::Expiry;
pub use identity::{Identity, load};
pub use self_signed::self_signed;
pub use traffic::Tls;

use crate::net::conn::Transport;

/// Read from a socket at once, in bytes of ciphertext.
const INPUT_BYTES: usize = 64 * 1024 + RECORD_OVERHEAD;
/// Sealed and offered to a socket at once, in bytes of plain text.
const SEAL_BYTES: usize = 64 * 1024;
/// What a read asks for beyond the plain text there is room for: headers and tags of the records around it.
const RECORD_OVERHEAD: usize = 512;

/// What all TLS connections of one event loop share. Cheap to clone.
#[derive(Clone)]
pub struct Layer(Rc<Shared>);

struct Shared {
    /// For handshakes that begin from now on; those that have begun keep theirs.
    config: RefCell<Arc<ServerConfig>>,
    expiry: RefCell<Expiry>,
    certificate: RefCell<CertificateDer<'static>>,
    /// Steps of handshakes that may still be taken in this turn: each costs up to a tenth of a millisecond.
    steps: Cell<u32>,
    scratch: RefCell<Scratch>,
}

/// Where ciphertext is for as long as one call takes, so that an idle connection owns none.
struct Scratch {
    /// Ciphertext is read to [`session::MAX_KEPT_BYTES`]; what a session kept is put before it.
    input: Vec<u8>,
    /// Sealed, for the socket.
    output: Vec<u8>,
}

impl Layer {
    pub fn new(identity: Identity) -> Self {
        // The first random number of a process takes the library 30 ms, and the loop must not wait for it. Without one
        // every handshake fails, and says so.
        let random = identity.config.crypto_provider().secure_random;
        let _ = random.fill(&mut [0; 32]);
        Layer(Rc::new(Shared {
            config: RefCell::new(identity.config),
            expiry: RefCell::new(identity.expiry),
            certificate: RefCell::new(identity.certificate),
            steps: Cell::new(0),
            scratch: RefCell::new(Scratch {
                input: vec![0; session::MAX_KEPT_BYTES + INPUT_BYTES],
                output: Vec::new(),
            }),
        }))
    }

    /// From the next handshake on. Whether it is another certificate.
    pub fn replace(&self, identity: Identity) -> bool {
        self.0.config.replace(identity.config);
        self.0.expiry.replace(identity.expiry);
        let before = self.0.certificate.replace(identity.certificate);
        before != *self.0.certificate.borrow()
    }

    /// A new turn of the loop: so many steps of handshakes may be taken in it.
    pub fn begin_turn(&self, steps: u32) {
        self.0.steps.set(steps);
    }

    /// Logs what is due about the certificate's end. Returns when to ask again, in monotonic ms.
    pub fn remind(&self, unix_ms: u64, now_ms: u64) -> u64 {
        self.0.expiry.borrow_mut().remind(unix_ms, now_ms)
    }

    /// When the certificate ends, in milliseconds since 1970.
    pub fn certificate_end_unix_ms(&self) -> u64 {
        self.0.expiry.borrow().end_unix_ms
    }

    /// The server's end of a connection whose client speaks first.
    pub fn wrap<S: Transport>(&self, socket: S) -> io::Result<Tls<S>> {
        let config = Arc::clone(&self.0.config.borrow());
        Tls::new(socket, self.clone(), config)
    }

    fn has_steps(&self) -> bool {
        self.0.steps.get() > 0
    }

    /// A step of a handshake was taken.
    fn take_step(&self) {
        self.0.steps.set(self.0.steps.get().saturating_sub(1));
    }
}
