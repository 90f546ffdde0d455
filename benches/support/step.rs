//! How a client of any protocol comes in: line by line, each with an answer to be awaited.

use memchr::memmem;

/// One step of coming in: bytes to send, then what to wait for.
pub struct Step {
    pub send: Vec<u8>,
    /// The answer is complete when it holds `has` and ends with `ends`.
    pub has: &'static [u8],
    pub ends: &'static [u8],
}

impl Step {
    pub fn new(send: impl Into<Vec<u8>>, has: &'static [u8], ends: &'static [u8]) -> Self {
        Step {
            send: send.into(),
            has,
            ends,
        }
    }

    pub fn is_answered(&self, received: &[u8]) -> bool {
        received.ends_with(self.ends) && memmem::find(received, self.has).is_some()
    }
}
