//! The servers: what they are called, whether they are installed, how they are configured, started and ended.
//! Knows no protocol and no load.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::load::Outcome;
use crate::machine;
pub use crate::places::Places;
use crate::places::{compile, free_port, program_at};
use crate::wire;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Privmsgd,
    /// The same daemon, over TLS.
    PrivmsgdTls,
    Floor,
    Nats,
    Redis,
    Mosquitto,
    Ngircd,
    SocketIo,
    /// `openssl s_server`, for its handshakes.
    OpenSsl,
}

pub const KINDS: [Kind; 9] = [
    Kind::Privmsgd,
    Kind::PrivmsgdTls,
    Kind::Floor,
    Kind::Nats,
    Kind::Redis,
    Kind::Mosquitto,
    Kind::Ngircd,
    Kind::SocketIo,
    Kind::OpenSsl,
];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Privmsgd => "privmsgd",
            Kind::PrivmsgdTls => "privmsgd-tls",
            Kind::Floor => "floor",
            Kind::Nats => "nats",
            Kind::Redis => "redis",
            Kind::Mosquitto => "mosquitto",
            Kind::Ngircd => "ngircd",
            Kind::SocketIo => "socket.io",
            Kind::OpenSsl => "openssl",
        }
    }

    /// Another project's server, against which we are measured.
    pub fn is_peer(self) -> bool {
        !matches!(self, Kind::Privmsgd | Kind::PrivmsgdTls | Kind::Floor)
    }

    pub fn speaks_tls(self) -> bool {
        matches!(self, Kind::PrivmsgdTls | Kind::OpenSsl)
    }

    /// The longest payload that the protocol carries, in bytes.
    pub fn max_payload(self) -> usize {
        match self {
            Kind::Ngircd => 400,
            _ => 60_000,
        }
    }

    /// What it says of its version; `None`: it is not installed.
    pub fn version(self, places: &Places) -> Option<String> {
        let (program, argument) = match self {
            Kind::Privmsgd | Kind::PrivmsgdTls => {
                (places.privmsgd.as_os_str().to_str()?, "--version")
            }
            Kind::Floor => ("cc", "--version"),
            Kind::Nats => ("nats-server", "--version"),
            Kind::Redis => ("redis-server", "--version"),
            Kind::Mosquitto => ("mosquitto", "-h"),
            Kind::Ngircd => ("ngircd", "--version"),
            Kind::SocketIo => return socket_io_version(places),
            Kind::OpenSsl => ("openssl", "version"),
        };
        let output = program_at(program).arg(argument).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().next()?.split(" sha=").next()?.to_string();
        match self {
            Kind::Floor => Some(format!("floor.c, {first}, -O3")),
            _ => Some(first),
        }
    }

    /// How it is configured, for people.
    pub fn configuration(self) -> &'static str {
        match self {
            Kind::Privmsgd => {
                "--log-level warn, everything else as shipped; only where a megabyte is on its way to one recipient \
                 (64 times 16 kB) queue_soft_bytes 4 MiB, queue_hard_bytes 8 MiB, total_queue_bytes 1 GiB"
            }
            Kind::PrivmsgdTls => {
                "the same with --listen tls:; TLS 1.3, a self-signed P-256 certificate"
            }
            Kind::Floor => "nothing to configure",
            Kind::Nats => {
                "GOMAXPROCS=1, no monitoring, no log file, max_connections 65536, no pings, write_deadline 60s"
            }
            Kind::Redis => {
                "no persistence, io-threads 1, maxclients 19000, no output limit for pubsub, hz 1"
            }
            Kind::Mosquitto => "no log, no persistence, queues without limit, set_tcp_nodelay true",
            Kind::Ngircd => {
                "no penalties (MaxPenaltyTime 0), no limits on connections, no ident, no DNS, no MOTD, ping after a day"
            }
            Kind::SocketIo => {
                "the tutorial's server; WebSocket only, no compression, NODE_ENV=production"
            }
            Kind::OpenSsl => "s_server -tls1_3, the same certificate, no tickets",
        }
    }
}

impl Places {
    fn socket_io(&self) -> PathBuf {
        self.target.join("peers/socket.io")
    }

    fn floor(&self) -> PathBuf {
        self.target.join("floor")
    }
}

fn socket_io_version(places: &Places) -> Option<String> {
    let package = places
        .socket_io()
        .join("node_modules/socket.io/package.json");
    let package: serde_json::Value = serde_json::from_slice(&fs::read(package).ok()?).ok()?;
    let node = Command::new("node").arg("--version").output().ok()?;
    Some(format!(
        "socket.io {}, node {}",
        package.get("version")?.as_str()?,
        String::from_utf8_lossy(&node.stdout).trim()
    ))
}

/// Compiles the floor.
pub fn build_floor(places: &Places) -> Outcome<()> {
    let flags = ["-O3", "-march=native", "-Wall", "-Wextra"];
    compile(&flags, &places.benches.join("floor.c"), &places.floor())
}

/// privmsgd's `queue_soft_bytes` as shipped, less what a frame is longer than its payload.
const SHIPPED_QUEUE_BYTES: usize = 240 * 1024;
/// What the peers have as well: queues for a load that has more than that on its way to one recipient.
const WIDE_QUEUES: [(&str, &str); 3] = [
    ("PRIVMSGD_LIMITS__QUEUE_SOFT_BYTES", "4194304"),
    ("PRIVMSGD_LIMITS__QUEUE_HARD_BYTES", "8388608"),
    ("PRIVMSGD_LIMITS__TOTAL_QUEUE_BYTES", "1073741824"),
];

/// A server that runs on its core; ended when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// With which a client speaks to it, where that is TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Server {
    /// `in_flight`: bytes that the load has on their way to one recipient at most.
    pub fn start(kind: Kind, places: &Places, in_flight: usize) -> Outcome<Server> {
        let dir = places.target.join("run");
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let tls = kind
            .speaks_tls()
            .then(|| wire::certify(&places.privmsgd, &dir))
            .transpose()?;
        let mut command = command(kind, places, &dir, port)?;
        if kind == Kind::Privmsgd && in_flight > SHIPPED_QUEUE_BYTES {
            command.envs(WIDE_QUEUES);
        }
        command
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(if kind == Kind::Floor {
                Stdio::piped()
            } else {
                Stdio::null()
            });
        // What is started inherits the core.
        machine::pin(machine::SERVER_CORE).map_err(|error| error.to_string())?;
        let child = command.spawn();
        machine::pin(machine::LOAD_CORE).map_err(|error| error.to_string())?;
        let child = child.map_err(|error| format!("{}: {error}", kind.name()))?;
        let mut server = Server {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            tls,
        };
        match kind {
            Kind::Floor => server.read_port()?,
            Kind::Privmsgd | Kind::PrivmsgdTls => server.await_port_file(&dir.join("port"))?,
            _ => {}
        }
        server.await_listening(kind)?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn read_port(&mut self) -> Outcome<()> {
        let mut line = String::new();
        if let Some(stdout) = self.child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let port: u16 = line.trim().parse().map_err(|_| "no port was printed")?;
        self.address.set_port(port);
        Ok(())
    }

    fn await_port_file(&mut self, path: &Path) -> Outcome<()> {
        let text = within(|| fs::read_to_string(path).ok()).ok_or("no port file appeared")?;
        let address = text.trim();
        self.address = address
            .trim_start_matches("tls:")
            .parse()
            .map_err(|_| format!("port file: {text}"))?;
        Ok(())
    }

    fn await_listening(&mut self, kind: Kind) -> Outcome<()> {
        within(|| TcpStream::connect(self.address).ok())
            .map(drop)
            .ok_or(format!("{} does not listen", kind.name()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn within<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if let Some(done) = attempt() {
            return Some(done);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn command(kind: Kind, places: &Places, dir: &Path, port: u16) -> Outcome<Command> {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        fs::write(&path, text)
            .map(|()| path)
            .map_err(|error| error.to_string())
    };
    Ok(match kind {
        Kind::Privmsgd | Kind::PrivmsgdTls => {
            let listen = match kind {
                Kind::PrivmsgdTls => "tls:127.0.0.1:0",
                _ => "127.0.0.1:0",
            };
            let port_file = dir.join("port");
            let _ = fs::remove_file(&port_file);
            let mut command = Command::new(&places.privmsgd);
            command.args(["--listen", listen, "--log-level", "warn"]);
            command.env("CREDENTIALS_DIRECTORY", dir);
            command.arg("--port-file").arg(port_file);
            command
        }
        Kind::Floor => Command::new(places.floor()),
        Kind::Nats => {
            let mut command = program_at("nats-server");
            let path = write("nats.conf", nats_conf(port))?;
            command.env("GOMAXPROCS", "1").arg("-c").arg(path);
            command
        }
        Kind::Redis => {
            let mut command = program_at("redis-server");
            command.arg(write("redis.conf", redis_conf(port))?);
            command
        }
        Kind::Mosquitto => {
            let mut command = program_at("mosquitto");
            let path = write("mosquitto.conf", mosquitto_conf(port))?;
            command.arg("-c").arg(path);
            command
        }
        Kind::Ngircd => {
            let mut command = program_at("ngircd");
            let path = write("ngircd.conf", ngircd_conf(port))?;
            command.arg("--nodaemon").arg("--config").arg(path);
            command
        }
        Kind::OpenSsl => {
            let mut command = Command::new("openssl");
            command
                .args([
                    "s_server",
                    "-tls1_3",
                    "-www",
                    "-num_tickets",
                    "0",
                    "-no_cache",
                ])
                .args(["-cert", "tls.crt", "-key", "tls.key"])
                .arg("-accept")
                .arg(format!("127.0.0.1:{port}"));
            command
        }
        Kind::SocketIo => {
            let mut command = Command::new("node");
            command
                .arg(places.socket_io().join("server.js"))
                .env("PORT", port.to_string())
                .env("NODE_ENV", "production");
            command
        }
    })
}

fn nats_conf(port: u16) -> String {
    format!(
        "listen: 127.0.0.1:{port}\nmax_connections: 65536\nmax_pending: 256MB\nping_interval: \"1h\"\n\
         write_deadline: \"60s\"\nlog_file: \"/dev/null\"\n"
    )
}

fn redis_conf(port: u16) -> String {
    format!(
        "bind 127.0.0.1\nport {port}\nsave \"\"\nappendonly no\nmaxclients 19000\nhz 1\ndynamic-hz no\nio-threads 1\n\
         tcp-backlog 4096\nprotected-mode no\nclient-output-buffer-limit pubsub 0 0 0\ntimeout 0\n"
    )
}

fn mosquitto_conf(port: u16) -> String {
    format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\npersistence false\nmax_queued_messages 0\n\
         max_queued_bytes 0\nset_tcp_nodelay true\nmax_connections -1\nsys_interval 0\nuser root\n"
    )
}

fn ngircd_conf(port: u16) -> String {
    format!(
        "[Global]\nName = irc.example\nInfo = bench\nListen = 127.0.0.1\nPorts = {port}\nMotdPhrase =\nMotdFile = /dev/null/none\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxNickLength = 16\nMaxPenaltyTime = 0\nPingTimeout = 86400\nPongTimeout = 86400\n\
         [Options]\nIdent = no\nPAM = no\nDNS = no\nSyslogFacility = local1\n"
    )
}
