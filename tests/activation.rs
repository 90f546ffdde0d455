//! Under a service manager: sockets that it opened (F6), what it is told (F7), reload (F3) and stop (F1).
//!
//! The test is the service manager: it holds the listening socket and reads the notify socket.
#![cfg(feature = "systemd")]

mod common;
mod ops;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::Socket;

use common::{Address, Chunking, Client};
use ops::{ACTIVATED, PATIENCE, Running, listener};

const HELLO: &str = r#"{"type":"hello","server":"privmsgd",…}"#;

#[test]
fn f6_systemd_socket_activate_hands_over_a_socket_without_a_network() {
    let (mut daemon, address) = socket_activate();
    let mut alice = Client::dial(Address::Tcp(address), "Alice", Chunking::Whole);
    alice.expect(HELLO);
    alice.register("Alice");
    daemon.signal(Signal::TERM);
    alice.expect_goodbye("serverClosing");
    assert_eq!(daemon.wait(), Some(0));
}

/// Connections made while nobody serves wait in the socket, and each is served by the next daemon.
#[test]
fn f6_connections_made_during_a_restart_wait() {
    const WAITING: usize = 1_000;
    let (listener, address) = listener();
    let mut first = inherit(&listener, &[], &mut Command::new("sh"));
    Client::dial(Address::Tcp(address), "first", Chunking::Whole).expect(HELLO);
    first.signal(Signal::TERM);
    assert_eq!(first.wait(), Some(0));
    let dial = || TcpStream::connect_timeout(&address, PATIENCE).expect("a place in the queue");
    let waiting: Vec<TcpStream> = (0..WAITING).map(|_| dial()).collect();
    let _second = inherit(&listener, &[], &mut Command::new("sh"));
    for (number, stream) in waiting.into_iter().enumerate() {
        let who = format!("client {number}");
        Client::over(stream.into(), &who, Chunking::Whole).expect(HELLO);
    }
}

#[test]
fn f6_an_inherited_socket_is_found_by_name() {
    let (listener, address) = listener();
    let _named = inherit(
        &listener,
        &["--listen", "systemd:plain"],
        &mut Command::new("sh"),
    );
    Client::dial(Address::Tcp(address), "Alice", Chunking::Whole).expect(HELLO);
    let mut missing = inherit(
        &listener,
        &["--listen", "systemd:tls"],
        &mut Command::new("sh"),
    );
    let code = missing.wait();
    assert_eq!(code, Some(78));
}

#[test]
fn f7_ready_comes_when_connections_are_accepted() {
    let (listener, address) = listener();
    let manager = Manager::new();
    let started = Instant::now();
    let _daemon = inherit(&listener, &[], manager.told_by(&mut Command::new("sh")));
    manager.await_line("READY=1");
    // The bar is 50 ms; a busy machine gets its slack.
    assert!(
        started.elapsed() < Duration::from_millis(50 * 20),
        "{:?}",
        started.elapsed()
    );
    Client::dial(Address::Tcp(address), "Alice", Chunking::Whole).expect(HELLO);
}

#[test]
fn f7_the_watchdog_is_pinged_while_the_loop_turns_and_only_then() {
    let (listener, _) = listener();
    let manager = Manager::new();
    let mut shell = Command::new("sh");
    let shell = manager.told_by(&mut shell).env("WATCHDOG_USEC", "100000");
    let daemon = inherit(&listener, &[], shell);
    for _ in 0..5 {
        manager.await_line("WATCHDOG=1");
    }
    daemon.signal(Signal::STOP);
    manager.drain();
    assert_eq!(manager.next_within(Duration::from_millis(500)), None);
    daemon.signal(Signal::CONT);
    manager.await_line("WATCHDOG=1");
}

/// F7. A handler that hangs stops the pings, though the process is alive: it is the loop that pings.
#[test]
#[cfg(debug_assertions)]
fn f7_a_stalled_loop_does_not_ping() {
    let (listener, address) = listener();
    let manager = Manager::new();
    let mut shell = Command::new("sh");
    let shell = manager
        .told_by(&mut shell)
        .env("WATCHDOG_USEC", "100000")
        .env("PRIVMSGD_DEBUG__HOOKS", "true");
    let _daemon = inherit(&listener, &[], shell);
    let mut client = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    manager.await_line("WATCHDOG=1");
    std::io::Write::write_all(&mut client, b"{\"type\":\"debugStall\"}\n").expect("send");
    std::thread::sleep(Duration::from_millis(200));
    manager.drain();
    assert_eq!(manager.next_within(Duration::from_millis(700)), None);
}

#[test]
fn f3_a_reload_is_told_to_the_service_manager() {
    let (listener, _) = listener();
    let manager = Manager::new();
    let daemon = inherit(&listener, &[], manager.told_by(&mut Command::new("sh")));
    manager.await_line("READY=1");
    for _ in 0..10 {
        daemon.signal(Signal::HUP);
        let told = manager.await_line("RELOADING=1");
        let since = told
            .lines()
            .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(since.is_some_and(|n| n.parse::<u64>().is_ok()), "{told}");
        manager.await_line("READY=1");
    }
}

#[test]
fn a_stop_is_told_to_the_service_manager() {
    let (listener, _) = listener();
    let manager = Manager::new();
    let mut daemon = inherit(&listener, &[], manager.told_by(&mut Command::new("sh")));
    manager.await_line("READY=1");
    daemon.signal(Signal::TERM);
    manager.await_line("STOPPING=1");
    assert_eq!(daemon.wait(), Some(0));
}

/// A daemon whose descriptor 3 is `listener`, named `plain`, as a service manager starts it.
fn inherit(listener: &Socket, args: &[&str], shell: &mut Command) -> Running {
    let script = format!("exec 3<&0 </dev/null; {ACTIVATED} exec \"$0\" \"$@\"");
    let binary = env!("CARGO_BIN_EXE_privmsgd");
    shell.args(["-c", &script, binary]).args(args);
    Running::with_socket(shell, listener)
}

/// systemd-socket-activate on a free port; another process may be faster to take it, so try again.
fn socket_activate() -> (Running, SocketAddr) {
    for _ in 0..20 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new("systemd-socket-activate");
        command.args(["--fdname=plain", "-l", &address.to_string()]);
        command.args(["unshare", "-n", env!("CARGO_BIN_EXE_privmsgd")]);
        let mut running = Running::start(&mut command);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !running.has_ended() {
            // The first connection starts the daemon; it is served, and then ends.
            if let Ok(stream) = TcpStream::connect(address) {
                drop(stream);
                return (running, address);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("systemd-socket-activate does not listen");
}

/// The service manager's end of the notify socket.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new() -> Manager {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-manager-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        Manager { socket, path }
    }

    fn told_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("NOTIFY_SOCKET", &self.path)
    }

    /// The next message with this line, skipping others.
    fn await_line(&self, line: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.next_within(PATIENCE) {
                Some(told) if told.lines().any(|found| found == line) => return told,
                _ => {}
            }
        }
        panic!("{line} was not told");
    }

    fn drain(&self) {
        while self.next_within(Duration::from_millis(50)).is_some() {}
    }

    fn next_within(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
