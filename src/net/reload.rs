//! Reading the configuration again without stopping the loop. Knows nothing of what is in it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::Waker;

use crate::config::Config;
use crate::net::tls::Identity;

/// What was read.
pub struct Fresh {
    pub config: Config,
    /// The certificate, where TLS is spoken.
    pub identity: Option<Identity>,
    /// What others take over as well, once all of it holds.
    pub apply: Box<dyn FnOnce() + Send>,
}

/// Reads and checks the whole configuration, and the certificate; messages for people if any of it cannot be used.
pub type Reload = Arc<dyn Fn() -> Outcome + Send + Sync>;

type Outcome = Result<Fresh, Vec<String>>;

/// One reading at a time, on a thread that lives as long as the reading.
pub struct Reloader {
    reload: Reload,
    waker: Arc<Waker>,
    sender: Sender<Outcome>,
    receiver: Receiver<Outcome>,
    reading: bool,
    /// Asked for again while reading: what is being read may be old.
    again: bool,
}

impl Reloader {
    pub fn new(reload: Reload, waker: Arc<Waker>) -> Self {
        let (sender, receiver) = channel();
        Reloader {
            reload,
            waker,
            sender,
            receiver,
            reading: false,
            again: false,
        }
    }

    /// Starts reading; the waker tells when it is done.
    pub fn start(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.reading, true) {
            self.again = true;
            return Ok(());
        }
        let (reload, waker, sender) =
            (self.reload.clone(), self.waker.clone(), self.sender.clone());
        let spawned = thread::Builder::new()
            .name("reload".into())
            .stack_size(256 * 1024)
            .spawn(move || {
                // The receiver is gone only when the process ends.
                let _ = sender.send(reload());
                let _ = waker.wake();
            });
        self.reading = spawned.is_ok();
        spawned.map(drop)
    }

    /// What was read; `None`: nothing yet, or it must be read once more.
    pub fn finish(&mut self) -> Option<Outcome> {
        let outcome = self.receiver.try_recv().ok()?;
        self.reading = false;
        if std::mem::take(&mut self.again) && self.start().is_ok() {
            return None;
        }
        Some(outcome)
    }
}
