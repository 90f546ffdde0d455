//! One daemon process: its own directory, its own port, its own log.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::bare::bare;

/// How long anything the daemon does by itself may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a file or a process that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How a daemon is started.
#[derive(Clone, Default)]
pub struct Setup {
    args: Vec<String>,
    env: Vec<(String, String)>,
    config: Option<String>,
    unix: bool,
    panics: bool,
    under: Vec<String>,
    accounts: Option<Vec<String>>,
}

/// The password of all accounts that tests make.
pub const PASSWORD: &str = "correct horse";

impl Setup {
    pub fn new() -> Setup {
        Setup::default()
    }

    /// A key of `[limits]`.
    pub fn limit(self, key: &str, value: impl ToString) -> Setup {
        self.key(&format!("limits.{key}"), value)
    }

    /// `table.key` of the configuration.
    pub fn key(self, path: &str, value: impl ToString) -> Setup {
        let variable = format!("PRIVMSGD_{}", path.replace('.', "__").to_uppercase());
        self.env(&variable, &value.to_string())
    }

    /// Mailbox mode, with these accounts.
    pub fn accounts(mut self, names: &[&str]) -> Setup {
        self.accounts = Some(names.iter().map(|&name| name.into()).collect());
        self
    }

    pub fn arg(mut self, arg: &str) -> Setup {
        self.args.push(arg.into());
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Setup {
        self.env.push((key.into(), value.into()));
        self
    }

    /// The text of a configuration file.
    pub fn config(mut self, toml: &str) -> Setup {
        self.config = Some(toml.into());
        self
    }

    /// Listen on a UNIX socket besides TCP.
    pub fn unix(mut self) -> Setup {
        self.unix = true;
        self
    }

    /// The daemon is the last arguments of this command, which must become it: `exec`, not a child.
    pub fn under(mut self, command: &[&str]) -> Setup {
        self.under = command.iter().map(|&word| word.into()).collect();
        self
    }

    /// The test causes a panic in the daemon: one in its log is no failure.
    pub fn panics(mut self) -> Setup {
        self.panics = true;
        self
    }
}

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Tls(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// One line of the port file.
    fn parse(line: &str) -> Address {
        let parse = |text: &str| {
            text.parse()
                .unwrap_or_else(|_| panic!("not an address in the port file: {line}"))
        };
        match (line.strip_prefix("unix:"), line.strip_prefix("tls:")) {
            (Some(path), _) => Address::Unix(path.into()),
            (_, Some(address)) => Address::Tls(parse(address)),
            _ => Address::Tcp(parse(line)),
        }
    }
}

/// A running daemon. Dropping it ends the process, and fails the test if the process had ended by itself or
/// had logged a panic.
pub struct Daemon {
    child: Child,
    dir: PathBuf,
    addresses: Vec<Address>,
    panics: bool,
    reaped: Option<ExitStatus>,
}

impl Daemon {
    /// Returns when the daemon accepts connections.
    pub fn start(setup: &Setup) -> Daemon {
        let dir = fresh_dir();
        let mut daemon = Daemon {
            child: spawn(setup, &dir),
            dir,
            addresses: Vec::new(),
            panics: setup.panics,
            reaped: None,
        };
        daemon.addresses = daemon.await_port_file();
        daemon
    }

    /// The first TCP address.
    pub fn tcp(&self) -> SocketAddr {
        let tcp = self.addresses.iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            _ => None,
        });
        tcp.expect("the daemon listens on TCP")
    }

    /// The first address for TLS.
    pub fn tls(&self) -> SocketAddr {
        let tls = self.addresses.iter().find_map(|address| match address {
            Address::Tls(address) => Some(*address),
            _ => None,
        });
        tls.expect("the daemon speaks TLS")
    }

    /// The first address, whatever it is.
    pub fn address(&self) -> Address {
        self.addresses[0].clone()
    }

    pub fn unix(&self) -> Address {
        let unix = self
            .addresses
            .iter()
            .find(|address| matches!(address, Address::Unix(_)));
        unix.expect("the daemon listens on a UNIX socket").clone()
    }

    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A directory of this daemon's own, removed with it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the daemon wrote to stderr so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    /// Descriptors the process has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("/proc")
            .count()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("/proc");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the daemon takes a signal");
    }

    /// Waits for the process to end by itself, which is then no failure.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                self.reaped = Some(status);
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the daemon did not end\n{}",
                self.log()
            );
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until the daemon's log holds `text`.
    pub fn await_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(
                Instant::now() < deadline,
                "{text:?} does not stand in the log\n{}",
                self.log()
            );
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn await_port_file(&mut self) -> Vec<Address> {
        let deadline = Instant::now() + PATIENCE;
        let path = self.dir.join("ports");
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.ends_with('\n') {
                return text.lines().map(Address::parse).collect();
            }
            if let Some(status) = self.child.try_wait().expect("wait") {
                self.reaped = Some(status);
                panic!("the daemon ended at once: {status}\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "no port file\n{}", self.log());
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let early = match self.reaped {
            Some(_) => None,
            None => self.child.try_wait().expect("wait"),
        };
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        let _ = fs::remove_dir_all(&self.dir);
        if thread::panicking() {
            eprintln!("--- the daemon's log\n{log}");
            return;
        }
        assert!(
            early.is_none(),
            "the daemon ended by itself: {early:?}\n{log}"
        );
        assert!(
            self.panics || !log.contains("panicked"),
            "the daemon panicked\n{log}"
        );
    }
}

fn spawn(setup: &Setup, dir: &Path) -> Child {
    let words: Vec<&str> = setup.under.iter().map(String::as_str).collect();
    let words = [&words[..], &[env!("CARGO_BIN_EXE_privmsgd")]].concat();
    let mut command = Command::new(words[0]);
    bare(&mut command)
        .args(&words[1..])
        .arg("--listen")
        .arg("127.0.0.1:0")
        .arg("--port-file")
        .arg(dir.join("ports"));
    if setup.unix {
        command
            .arg("--listen")
            .arg(format!("unix:{}", dir.join("socket").display()));
    }
    if let Some(names) = &setup.accounts {
        let data = dir.join("data");
        names.iter().for_each(|name| add_account(name, &data));
        command.arg("--data").arg(data);
    }
    if let Some(toml) = &setup.config {
        let path = dir.join("privmsgd.toml");
        fs::write(&path, toml).expect("write the configuration");
        command.arg("--config").arg(path);
    }
    command
        .args(&setup.args)
        .envs(setup.env.iter().map(|(key, value)| (key, value)));
    let log = File::create(dir.join("log")).expect("create the log");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("start the daemon")
}

/// As the operator does while no daemon runs.
fn add_account(name: &str, data: &Path) {
    let mut child = bare(&mut Command::new(env!("CARGO_BIN_EXE_privmsgd")))
        .args(["account", "add", name, "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("start privmsgd account add");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A child that reads nothing fails below.
    let _ = writeln!(stdin, "{PASSWORD}");
    drop(stdin);
    let status = child.wait().expect("wait");
    assert!(status.success(), "privmsgd account add {name}: {status}");
}

/// A new directory with a short path: the names of UNIX sockets are limited.
fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("privmsgd-{}-{number}", std::process::id()));
        if fs::create_dir(&dir).is_ok() {
            return dir;
        }
        assert!(number < 100_000, "no place for {}", dir.display());
    }
}
