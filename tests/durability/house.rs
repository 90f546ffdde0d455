//! A daemon that may end, and clients that tell what came before it did.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
pub const PASSWORD: &str = "correct horse";

/// A directory of its own, removed at the end.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(name: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-{name}-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        Place(dir)
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Accounts as the operator makes them while no daemon runs.
    pub fn with_accounts(self, names: &[&str]) -> Place {
        for name in names {
            add_account(name, &self.data());
        }
        self
    }

    /// A store like that of `other`.
    pub fn copied(name: &str, other: &Place) -> Place {
        let place = Place::new(name);
        fs::create_dir(place.data()).unwrap();
        fs::set_permissions(place.data(), fs::Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(other.data()).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, place.data().join(from.file_name().unwrap())).unwrap();
        }
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn add_account(name: &str, data: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privmsgd"))
        .args(["account", "add", name, "--data"])
        .arg(data)
        .env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start privmsgd account add");
    let mut stdin = child.stdin.take().expect("a pipe");
    let _ = writeln!(stdin, "{PASSWORD}");
    drop(stdin);
    assert!(child.wait().expect("wait").success());
}

/// Kills the process when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    ports: PathBuf,
}

impl Daemon {
    /// `under`: the command that becomes the daemon, or nothing.
    pub fn start(place: &Place, under: &[&str], keys: &[(&str, &str)]) -> Daemon {
        let (log, ports) = (place.0.join("log"), place.0.join("ports"));
        let _ = fs::remove_file(&ports);
        let program = env!("CARGO_BIN_EXE_privmsgd");
        let words = [under, &[program]].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(["--listen", "127.0.0.1:0", "--port-file"])
            .arg(&ports)
            .arg("--data")
            .arg(place.data())
            .env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64")
            .envs(keys.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Daemon { child, log, ports }
    }

    /// Where it listens, or how it ended before.
    pub fn port(&mut self) -> Result<u16, i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&self.ports).unwrap_or_default();
            if let Some(line) = text.strip_suffix('\n') {
                let port = line.rsplit(':').next().unwrap();
                return Ok(port.parse().unwrap());
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(status.code().unwrap_or(-1));
            }
            assert!(Instant::now() < deadline, "no port file\n{}", self.log());
            thread::sleep(LOOK_AGAIN);
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it did not end\n{}", self.log());
            thread::sleep(LOOK_AGAIN);
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it is a shell: kills what it has started.
    pub fn kill_children(&self) {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(path).unwrap_or_default();
        for pid in children.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
    }

    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let words = line.expect("VmRSS").split_whitespace().nth(1);
        words.unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill_children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the daemon's log\n{}", self.log());
        }
    }
}

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client {
            stream: BufReader::new(stream),
        }
    }

    /// A session of `name`; `more`: further members of `register`. `None`: refused, or the connection ended.
    pub fn session(port: u16, name: &str, more: &str) -> Option<Client> {
        let mut client = Client::connect(port);
        client.send(&format!(
            r#"{{"type":"register","username":"{name}","password":"{PASSWORD}"{more}}}"#
        ));
        loop {
            let line = client.line()?;
            match line["type"].as_str() {
                Some("hello") => {}
                Some("registered") => return Some(client),
                _ => return None,
            }
        }
    }

    /// That the peer is gone is told by the next line.
    pub fn send(&mut self, line: &str) {
        let _ = self
            .stream
            .get_mut()
            .write_all(format!("{line}\n").as_bytes());
    }

    /// The next line; `None`: the connection has ended.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("no line came")
            }
            Err(_) => None,
        }
    }

    /// The first line of one of these types.
    pub fn until(&mut self, types: &[&str]) -> Option<Value> {
        loop {
            let line = self.line()?;
            if types.contains(&line["type"].as_str().unwrap_or_default()) {
                return Some(line);
            }
        }
    }

    /// Sends one durable message with `id` and what became of it: `accepted` or `errorMessage`.
    pub fn message(&mut self, to: &str, number: u64, text: &str) -> Option<Value> {
        self.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"{to}","message":"{number} {text}","messageId":"m{number}","id":{number}}}"#
        ));
        loop {
            let line = self.until(&["accepted", "errorMessage"])?;
            if line["id"] == number {
                return Some(line);
            }
        }
    }

    /// The numbers of the messages that wait, up to `synced`.
    pub fn waiting(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            let line = self.line().expect("synced comes");
            match line["type"].as_str() {
                Some("synced") => return numbers,
                Some("privateMessage") => numbers.push(number_in(&line)),
                _ => {}
            }
        }
    }
}

/// `17 text`
pub fn number_in(line: &Value) -> u64 {
    let text = line["message"].as_str().expect("a text");
    text.split(' ').next().unwrap().parse().unwrap()
}

pub fn code(line: &Value) -> &str {
    line["code"].as_str().unwrap_or_default()
}

/// strace that is no parent of the daemon and looks only at what it changes.
pub fn strace(inject: &str) -> Vec<String> {
    strace_of("fsync,fdatasync", inject)
}

/// The same of other calls.
pub fn strace_of(calls: &str, inject: &str) -> Vec<String> {
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
    ];
    let words = words.iter().map(ToString::to_string);
    words
        .chain(["-e".into(), format!("trace={calls}")])
        .chain(["-e".into(), format!("inject={calls}:{inject}")])
        .collect()
}
