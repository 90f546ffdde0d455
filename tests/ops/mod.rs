//! Processes that are started otherwise than by the harness: by a service manager, or in odd surroundings.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a service manager tells the process that a shell becomes by `exec`: descriptor 3 is a socket.
pub const ACTIVATED: &str = "LISTEN_FDS=1 LISTEN_FDNAMES=plain LISTEN_PID=$$";

/// A listening socket as a socket unit makes it, with its queue.
pub fn listener() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(4096).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address.as_socket().unwrap())
}

/// By a process of its own: a descriptor open for writing here would be inherited by whatever another test
/// starts meanwhile, and the kernel runs no file that somebody may write ("text file busy").
pub fn copy_binary(to: &Path) {
    let binary = env!("CARGO_BIN_EXE_privmsgd");
    let copied = Command::new("cp").arg(binary).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()));
}

/// A process that ends with the test.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let what = command.get_program().to_string_lossy().into_owned();
        let command = command.stdout(Stdio::null());
        let child = command.env("PRIVMSGD_LOG__LEVEL", "warn").spawn();
        Running(child.unwrap_or_else(|error| {
            panic!("{what}: {error}; systemd-* is in the package systemd, unshare in util-linux")
        }))
    }

    /// `command` finds `listener` as its standard input, and this process keeps no other copy of it.
    pub fn with_socket(command: &mut Command, listener: &Socket) -> Running {
        command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
        let running = Running::start(command);
        command.stdin(Stdio::null());
        running
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// The exit code; `None` after a signal.
    pub fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "the process does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
