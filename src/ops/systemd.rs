//! The service manager: state told over its datagram socket, listening sockets taken from it. Knows
//! nothing of what is served. Without the feature `systemd` its twin does nothing.

use std::env;
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
}

impl Notifier {
    /// From `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID`.
    pub fn from_env() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Notifier {
            socket: connect(),
            watchdog_interval: watchdog.filter(|interval| !interval.is_zero()),
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

    /// The configuration is being read again; [`Notifier::ready`] ends it.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        }
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

    fn send(&self, states: &[NotifyState]) {
        if let Some(socket) = &self.socket {
            let lines: Vec<String> = states.iter().map(NotifyState::to_string).collect();
            let _ = socket.send(lines.join("\n").as_bytes());
        }
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

/// `$NOTIFY_SOCKET` is a path, or `@` and an abstract name.
fn connect() -> Option<UnixDatagram> {
    let name = env::var_os("NOTIFY_SOCKET")?;
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(&name),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

const MAX_STATUS_BYTES: usize = 200;
