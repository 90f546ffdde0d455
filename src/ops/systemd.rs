//! The service manager: state told over its datagram socket, listening sockets taken from it. Knows
//! nothing of what is served. Without the feature `systemd` its twin does nothing.

use std::env;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use sd_notify::NotifyState;

use crate::escape;
use crate::net::sys;
use crate::ops::Inherited;
use crate::ops::exit::{Exit, StartError, reason};

/// Tells the service manager, if there is one. Nothing here blocks except [`Notifier::ready`], and
/// nothing fails: what cannot be told is left out.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog_interval: Option<Duration>,
    /// READY after a reload was not taken yet.
    owed: bool,
}

impl Notifier {
    /// From `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID`.
    pub fn from_env() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        let name = env::var_os("NOTIFY_SOCKET");
        Notifier {
            socket: name.as_deref().and_then(connect),
            watchdog_interval: watchdog.filter(|interval| !interval.is_zero()),
            owed: false,
        }
    }

    /// How often to [`Notifier::ping`]: half of what the service manager allows.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog_interval
    }

    /// Connections are accepted. Waits up to a second for room, since this word must not get lost.
    pub fn ready(&self, status: &str) {
        if let Some(socket) = &self.socket {
            let second = Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::new(socket, PollFlags::OUT)];
            let _ = rustix::event::poll(&mut fds, Some(&second));
        }
        self.send(&[NotifyState::Ready, status_of(&clean(status))]);
    }

    /// What [`Notifier::reloading`] began is over. Does not wait: [`Notifier::retry`] says it if there is no room now.
    pub fn reloaded(&mut self, status: &str) {
        self.owed = !self.send(&[NotifyState::Ready, status_of(&clean(status))]);
    }

    /// Says again what there was no room for; whether that still has to be done.
    pub fn retry(&mut self) -> bool {
        self.owed = self.owed && !self.send(&[NotifyState::Ready]);
        self.owed
    }

    /// The configuration is being read again; [`Notifier::reloaded`] ends it.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        };
    }

    pub fn stopping(&self, status: &str) {
        self.send(&[NotifyState::Stopping, status_of(&clean(status))]);
    }

    pub fn status(&self, status: &str) {
        self.send(&[status_of(&clean(status))]);
    }

    /// The loop turns.
    pub fn ping(&self) {
        self.send(&[NotifyState::Watchdog]);
    }

    /// Whether there was room for it, or nobody to tell.
    fn send(&self, states: &[NotifyState]) -> bool {
        let Some(socket) = &self.socket else {
            return true;
        };
        let lines: Vec<String> = states.iter().map(NotifyState::to_string).collect();
        let sent = socket.send(lines.join("\n").as_bytes());
        !sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// The sockets that the service manager opened for this process; empty when it opened none.
/// Call it once: each descriptor has one owner.
pub fn inherited() -> Result<Vec<Inherited>, StartError> {
    let failed = |error| {
        StartError::new(
            Exit::Os,
            &format!("cannot take the inherited sockets: {}", reason(&error)),
            "LISTEN_FDS",
            "start privmsgd from privmsgd.socket, or unset LISTEN_PID",
        )
    };
    let fds = sd_notify::listen_fds_with_names().map_err(failed)?;
    fds.map(|(raw, name)| {
        let fd = sys::own(raw)?;
        Ok(Inherited { name, fd })
    })
    .collect::<std::io::Result<_>>()
    .map_err(failed)
}

fn status_of(text: &str) -> NotifyState<'_> {
    NotifyState::Status(text)
}

fn clean(status: &str) -> String {
    escape::plain(status, MAX_STATUS_BYTES)
}

/// `name`: a path, or `@` and an abstract name.
fn connect(name: &OsStr) -> Option<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(name),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

const MAX_STATUS_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// A service manager's socket and a notifier that talks to it.
    fn pair(name: &str) -> (UnixDatagram, Notifier) {
        let name = format!("@privmsgd-notify-{name}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let socket = connect(OsStr::new(&name));
        assert!(socket.is_some());
        let notifier = Notifier {
            owed: false,
            socket,
            watchdog_interval: None,
        };
        (manager, notifier)
    }

    fn told(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 1000];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// F7.
    #[test]
    fn each_state_is_told_in_the_words_of_sd_notify() {
        let (manager, notifier) = pair("words");
        notifier.ready("on 127.0.0.1:7748");
        assert_eq!(told(&manager), "READY=1\nSTATUS=on 127.0.0.1:7748");
        notifier.reloading();
        let reloading = told(&manager);
        let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        assert!(
            since.is_some_and(|n| n.parse::<u64>().is_ok()),
            "{reloading}"
        );
        notifier.ping();
        assert_eq!(told(&manager), "WATCHDOG=1");
        notifier.status("a\nREADY=1");
        assert_eq!(told(&manager), "STATUS=a\\nREADY=1");
        notifier.stopping("draining");
        assert_eq!(told(&manager), "STOPPING=1\nSTATUS=draining");
    }

    #[test]
    fn a_service_manager_that_does_not_read_stops_nothing() {
        let (manager, notifier) = pair("full");
        (0..10_000).for_each(|_| notifier.ping());
        drop(manager);
        notifier.ping();
        Notifier::default().ready("nobody is told");
        assert!(connect(OsStr::new("/no/such/socket")).is_none());
        assert!(connect(OsStr::new("")).is_none());
    }

    #[test]
    fn what_the_manager_had_no_room_for_is_said_again() {
        let (manager, mut notifier) = pair("owed");
        while notifier.send(&[NotifyState::Watchdog]) {}
        notifier.reloaded("reloaded");
        assert!(notifier.retry());
        while told(&manager) != "WATCHDOG=1" {}
        for _ in 0..1_000 {
            if !notifier.retry() {
                break;
            }
            told(&manager);
        }
        manager.set_nonblocking(true).unwrap();
        let mut last = String::new();
        let mut buffer = [0; 1000];
        while let Ok(length) = manager.recv(&mut buffer) {
            last = String::from_utf8(buffer[..length].to_vec()).unwrap();
        }
        assert_eq!(last, "READY=1");
    }
}
