//! The servers: whether they are installed, how they are configured, started and ended, and what they used.
//! Knows no protocol and no load.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::dialect::privmsgd::{AUDIENCE, SECRET};
use crate::machine;
pub use crate::places::Places;
use crate::places::{compile, free_port, program_at};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Privmsgd,
    Redis,
    Nats,
}

pub const KINDS: [Kind; 3] = [Kind::Privmsgd, Kind::Redis, Kind::Nats];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Privmsgd => "privmsgd",
            Kind::Redis => "redis",
            Kind::Nats => "nats",
        }
    }

    /// What it says of its version; `None`: it is not installed.
    pub fn version(self, places: &Places) -> Option<String> {
        let program = match self {
            Kind::Privmsgd => places.privmsgd.as_os_str().to_str()?,
            Kind::Redis => "redis-server",
            Kind::Nats => "nats-server",
        };
        let output = program_at(program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(text.lines().next()?.split(" sha=").next()?.to_string())
    }

    /// How it is configured, for people.
    pub fn configuration(self) -> &'static str {
        match self {
            Kind::Privmsgd => {
                "--data, --log-level warn, mailbox.max_waiting 1000000 (a recipient's queue, as without bound at the peers), \
                 accounts.tries_per_minute 60000, names proved by tokens; everything else as shipped: durability fsync"
            }
            Kind::Redis => {
                "appendonly yes, appendfsync always, no rewrites, no snapshots, io-threads 1, maxclients 19000; XADD to a stream per \
                 recipient, XREADGROUP BLOCK 0, XACK"
            }
            Kind::Nats => {
                "GOMAXPROCS=1, JetStream with file storage; its acks are NOT fsynced; a durable push consumer per recipient, \
                 explicit acks"
            }
        }
    }

    /// Whether `syncs.c` can be put before its libc.
    pub fn calls_libc(self) -> bool {
        self != Kind::Nats
    }
}

impl Places {
    /// Where the servers run and keep what they store.
    pub fn run(&self) -> PathBuf {
        self.target.join("durable")
    }

    fn shim(&self) -> PathBuf {
        self.target.join("syncs.so")
    }

    pub fn build_shim(&self) -> Outcome<()> {
        let flags = ["-O2", "-Wall", "-Wextra", "-shared", "-fPIC"];
        compile(&flags, &self.benches.join("syncs.c"), &self.shim())
    }
}

/// What a server is started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// Added to each fsync and fdatasync.
    pub extra_us: u32,
    /// Without accounts and without a store; privmsgd only.
    pub open: bool,
    /// With what the last one stored.
    pub keep: bool,
}

/// A server that runs on its core; killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub started: Instant,
    syncs: PathBuf,
}

/// What a server had used at some time.
#[derive(Clone, Copy)]
pub struct Used {
    pub at: Instant,
    pub cpu_ns: u64,
    pub syncs: u64,
    pub written_bytes: u64,
}

impl Server {
    pub fn start(kind: Kind, setup: Setup, places: &Places) -> Outcome<Server> {
        let dir = places.run();
        if !setup.keep {
            remove(&dir);
        }
        fs::create_dir_all(&dir).map_err(told)?;
        let port = free_port().map_err(told)?;
        let mut command = command(kind, setup, places, &dir, port)?;
        let syncs = dir.join("syncs");
        if kind.calls_libc() {
            command
                .env("LD_PRELOAD", places.shim())
                .env("BENCH_SYNCS", &syncs)
                .env("BENCH_SYNC_EXTRA_US", setup.extra_us.to_string());
        }
        let told_to = fs::File::create(dir.join("log")).map_err(told)?;
        command
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stderr(told_to.try_clone().map_err(told)?)
            .stdout(told_to);
        let _ = fs::remove_file(dir.join("port"));
        // What is started inherits the core.
        machine::pin(machine::SERVER_CORE).map_err(told)?;
        let started = Instant::now();
        let child = command.spawn();
        machine::pin(machine::LOAD_CORE).map_err(told)?;
        let mut server = Server {
            child: child.map_err(|error| format!("{}: {error}", kind.name()))?,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            started,
            syncs,
        };
        server.await_listening(kind, &dir)?;
        Ok(server)
    }

    fn await_listening(&mut self, kind: Kind, dir: &Path) -> Outcome<()> {
        let failed = || {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            format!("{} does not listen: {log}", kind.name())
        };
        if kind == Kind::Privmsgd {
            let path = dir.join("port");
            let address = self.within(|| fs::read_to_string(&path).ok()?.trim().parse().ok());
            self.address = address.ok_or_else(failed)?;
        }
        let address = self.address;
        self.within(|| TcpStream::connect(address).ok())
            .map(drop)
            .ok_or_else(failed)
    }

    /// What comes while the server lives, and soon.
    fn within<T>(&mut self, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            if let Some(done) = attempt() {
                return Some(done);
            }
            thread::sleep(Duration::from_millis(1));
        }
        None
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn used(&self) -> Used {
        let pid = self.pid();
        let syncs = fs::read(&self.syncs).unwrap_or_default();
        let syncs = syncs
            .first_chunk()
            .map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        let written_bytes = field(&format!("/proc/{pid}/io"), "write_bytes:");
        Used {
            at: Instant::now(),
            cpu_ns: machine::cpu_ns(pid),
            syncs,
            written_bytes,
        }
    }

    /// All its memory, and the most it ever was, in bytes.
    pub fn resident_bytes(&self) -> (u64, u64) {
        let path = format!("/proc/{}/status", self.pid());
        (field(&path, "VmRSS:") * 1024, field(&path, "VmHWM:") * 1024)
    }

    /// As an operator ends it.
    pub fn quit(mut self) -> Outcome<Duration> {
        let start = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(told)?;
        let end = start + Duration::from_secs(120);
        while Instant::now() < end {
            if self.child.try_wait().map_err(told)?.is_some() {
                return Ok(start.elapsed());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err("it does not end".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number after a word at the beginning of a line.
fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

fn command(kind: Kind, setup: Setup, places: &Places, dir: &Path, port: u16) -> Outcome<Command> {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        let secret = fs::Permissions::from_mode(0o600);
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, secret))
            .map(|()| path)
            .map_err(told)
    };
    Ok(match kind {
        Kind::Privmsgd => {
            let mut command = Command::new(&places.privmsgd);
            command
                .args(["--listen", "127.0.0.1:0", "--log-level", "warn"])
                .arg("--port-file")
                .arg(dir.join("port"));
            if !setup.open {
                let secret = write("secret", String::from_utf8_lossy(SECRET).into_owned())?;
                let config = write("privmsgd.toml", privmsgd_toml(&secret))?;
                command.arg("--config").arg(config);
                command.arg("--data").arg(dir.join("data"));
            }
            command
        }
        Kind::Redis => {
            let mut command = program_at("redis-server");
            command.arg(write("redis.conf", redis_conf(port))?);
            command
        }
        Kind::Nats => {
            let mut command = program_at("nats-server");
            let path = write("nats.conf", nats_conf(port, dir))?;
            command.env("GOMAXPROCS", "1").arg("-c").arg(path);
            command
        }
    })
}

fn privmsgd_toml(secret: &Path) -> String {
    format!(
        "[accounts]\ntoken_keys = [\"hs256:{}\"]\ntoken_audience = \"{AUDIENCE}\"\ntries_per_minute = 60000\n\
         [mailbox]\nmax_waiting = 1000000\n",
        secret.display()
    )
}

fn redis_conf(port: u16) -> String {
    format!(
        "bind 127.0.0.1\nport {port}\nsave \"\"\nappendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0\n\
         maxclients 19000\nio-threads 1\ntcp-backlog 4096\nprotected-mode no\ntimeout 0\n"
    )
}

fn nats_conf(port: u16, dir: &Path) -> String {
    format!(
        "listen: 127.0.0.1:{port}\nmax_connections: 65536\nmax_pending: 256MB\nping_interval: \"1h\"\n\
         write_deadline: \"60s\"\nlog_file: \"/dev/null\"\n\
         jetstream {{ store_dir: \"{}\", max_file_store: 20GB, max_memory_store: 256MB }}\n",
        dir.display()
    )
}

/// What a server stored, when nobody needs it any more.
pub fn remove(dir: &Path) {
    let _ = fs::remove_dir_all(dir);
}

/// Bytes of all files below.
pub fn disk_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => disk_bytes(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
