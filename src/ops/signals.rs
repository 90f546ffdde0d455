//! Signals as an event source of the loop. Knows nothing of what they lead to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mio::{Interest, Registry, Token, event::Source};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// From now on a file that may not grow (RLIMIT_FSIZE) is an error of the write alone, in every thread, and no end of the
/// process.
pub fn outlive_file_limits() -> io::Result<()> {
    // Nobody asks whether it came: the write says so. A handler, because programs started from here would keep SIG_IGN.
    let came = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, came).map(drop)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain; once more: end now.
    Terminate,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Owns the process's handlers of these signals from its making on; dropping it does not bring the
/// default actions back.
pub struct Signals(signal_hook_mio::v1_0::Signals);

impl Signals {
    pub fn new() -> io::Result<Self> {
        signal_hook_mio::v1_0::Signals::new([SIGHUP, SIGINT, SIGTERM]).map(Signals)
    }

    /// What arrived since the last call; the same signal twice in between counts once. Never blocks.
    pub fn pending(&mut self) -> impl Iterator<Item = Signal> {
        self.0.pending().map(|number| match number {
            SIGHUP => Signal::Reload,
            _ => Signal::Terminate,
        })
    }
}

impl Source for Signals {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.register(to, token, interest)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.0.deregister(from)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};
    use rustix::process::{Signal as Raw, getpid, kill_process};

    use super::*;

    #[test]
    fn a_signal_wakes_the_poll_and_is_told_once() {
        let mut poll = Poll::new().unwrap();
        let mut signals = Signals::new().unwrap();
        let registry = poll.registry();
        registry
            .register(&mut signals, Token(7), Interest::READABLE)
            .unwrap();
        for (raw, wanted) in [
            (Raw::HUP, Signal::Reload),
            (Raw::TERM, Signal::Terminate),
            (Raw::INT, Signal::Terminate),
        ] {
            kill_process(getpid(), raw).unwrap();
            let mut events = Events::with_capacity(4);
            poll.poll(&mut events, Some(Duration::from_secs(10)))
                .unwrap();
            assert!(events.iter().any(|event| event.token() == Token(7)));
            assert_eq!(signals.pending().collect::<Vec<_>>(), [wanted]);
            assert_eq!(signals.pending().count(), 0);
        }
    }
}
