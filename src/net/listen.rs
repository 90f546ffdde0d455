//! Making listening sockets, or taking them from the service manager. Knows nothing of who connects.

mod twice;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::warn;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token, event::Source};
use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use crate::config::{Config, Limits, Listen};
use crate::net::admit::Peer;
use crate::net::stream::Stream;
use crate::ops::Inherited;
use crate::ops::exit::{Exit, StartError, reason};

pub use twice::named_twice;

/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 4_096;

pub struct Listener {
    socket: Kind,
    /// As a client would write it: `127.0.0.1:7748`, `unix:/path`.
    pub address: String,
    /// Every connection of it begins with a TLS handshake.
    pub is_tls: bool,
    /// Reached from this machine only.
    pub is_local: bool,
}

enum Kind {
    Tcp(TcpListener),
    /// With the path that this process made and removes again.
    Unix(UnixListener, Option<PathBuf>),
}

/// What was made, by who connects there.
pub struct Bound {
    /// Never empty.
    pub clients: Vec<Listener>,
    pub metrics: Vec<Listener>,
}

/// Everything that `config` says to listen on. Inherited sockets nobody asked for are closed, with a warning.
pub fn bind(config: &Config, mut inherited: Vec<Inherited>) -> Result<Bound, StartError> {
    let lenient = config.listen_is_default;
    let (clients, metrics) = (
        wanted(config, &inherited),
        wanted_metrics(config, &inherited),
    );
    if let Some(error) = twice::find(&clients, &metrics).into_iter().next() {
        return Err(error);
    }
    let clients = make(&clients, lenient, config, &mut inherited)?;
    let metrics = make(&metrics, false, config, &mut inherited)?;
    for Inherited { name, .. } in inherited {
        warn!(
            "the inherited socket {name:?} is not used: listen = \"systemd:{}\" would",
            name.escape_debug()
        );
    }
    if clients.is_empty() {
        let error = io::Error::from(ErrorKind::AddrNotAvailable);
        return Err(StartError::listen_tcp(
            SocketAddr::from(([127, 0, 0, 1], 7748)),
            &error,
        ));
    }
    Ok(Bound { clients, metrics })
}

/// `lenient`: an address family that the machine does not have is left out.
fn make(
    wanted: &[Listen],
    lenient: bool,
    config: &Config,
    inherited: &mut Vec<Inherited>,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for listen in wanted {
        match listen {
            Listen::Tcp(address) => match tcp(*address, config) {
                Err(error) if lenient && is_missing_family(&error) => {
                    warn!("not listening on {address}: {}", reason(&error));
                }
                made => {
                    listeners.push(made.map_err(|error| StartError::listen_tcp(*address, &error))?)
                }
            },
            Listen::Tls(address) => listeners.push(
                tcp(*address, config)
                    .and_then(Listener::over_tls)
                    .map_err(|error| StartError::listen_tcp(*address, &error))?,
            ),
            Listen::Unix(path) => {
                listeners.push(
                    unix(path, config.unix_mode)
                        .map_err(|error| StartError::listen_unix(path, &error))?,
                );
            }
            Listen::Inherited(name) => {
                let all = std::mem::take(inherited).into_iter();
                let (named, others) = all.partition(|socket| is_named(&socket.name, name));
                *inherited = others;
                listeners.extend(take(named, name, &config.limits)?);
            }
        }
    }
    Ok(listeners)
}

/// Whether any of the listeners that [`bind`] would make speaks TLS, so that a certificate is needed.
pub fn speaks_tls(config: &Config, inherited: &[Inherited]) -> bool {
    wanted(config, inherited).iter().any(|listen| match listen {
        Listen::Tls(_) => true,
        Listen::Inherited(name) => name == TLS_NAME,
        Listen::Tcp(_) | Listen::Unix(_) => false,
    })
}

/// Where nobody said what to listen on: the sockets that were inherited, by their usual names.
fn wanted(config: &Config, inherited: &[Inherited]) -> Vec<Listen> {
    let for_clients = |socket: &&Inherited| socket.name != METRICS_NAME;
    let inherited: Vec<&Inherited> = inherited.iter().filter(for_clients).collect();
    if !config.listen_is_default || inherited.is_empty() {
        return config.listen.clone();
    }
    let tls = inherited.iter().any(|socket| socket.name == TLS_NAME);
    let only_tls = tls && inherited.iter().all(|socket| socket.name == TLS_NAME);
    let mut names = Vec::new();
    if !only_tls {
        names.push(DEFAULT_NAME);
    }
    if tls {
        names.push(TLS_NAME);
    }
    let named = |name: &str| Listen::Inherited(name.into());
    names.into_iter().map(named).collect()
}

/// Where nobody said so: at the sockets that were inherited for it, `inherited` being those that nobody has taken.
fn wanted_metrics(config: &Config, inherited: &[Inherited]) -> Vec<Listen> {
    let is_there = inherited.iter().any(|socket| socket.name == METRICS_NAME);
    match config.metrics.listen.is_empty() && is_there {
        true => vec![Listen::Inherited(METRICS_NAME.into())],
        false => config.metrics.listen.clone(),
    }
}

impl Listener {
    /// The next connection that waits. It inherits the listener's socket options.
    pub fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.socket {
            Kind::Tcp(listener) => listener
                .accept()
                .map(|(stream, address)| (Stream::Tcp(stream), self.peer(address))),
            Kind::Unix(listener, _) => listener
                .accept()
                .map(|(stream, _)| (Stream::Unix(stream), Peer::unix())),
        }
    }

    fn peer(&self, address: SocketAddr) -> Peer {
        match self.is_tls {
            true => Peer::tcp(address).over_tls(),
            false => Peer::tcp(address),
        }
    }

    /// The same place, for TLS. A UNIX socket has no use for it.
    fn over_tls(mut self) -> io::Result<Listener> {
        if matches!(self.socket, Kind::Unix(..)) {
            return Err(ErrorKind::InvalidInput.into());
        }
        let address = format!("tls:{}", self.address);
        (self.address, self.is_tls) = (address, true);
        Ok(self)
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Kind::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Kind::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Kind::Unix(_, Some(path)) = &self.socket {
            let _ = fs::remove_file(path);
        }
    }
}

/// The name of the sockets that are taken when nobody said what to listen on.
const DEFAULT_NAME: &str = "plain";

/// The name of those that speak TLS.
const TLS_NAME: &str = "tls";

/// The name of those where figures are told.
const METRICS_NAME: &str = "metrics";

/// A socket unit without `FileDescriptorName=` gives its own name, other launchers give none.
fn is_named(given: &str, wanted: &str) -> bool {
    given == wanted
        || wanted == DEFAULT_NAME
            && matches!(given, "" | "unknown" | "privmsgd.socket" | "connection")
}

fn is_missing_family(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn tcp(address: SocketAddr, config: &Config) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        None,
    )?;
    if address.is_ipv6() {
        // With `0.0.0.0` asked for as well, `[::]` must leave IPv4 to it.
        let shares_port = |listen: &Listen| matches!(listen, Listen::Tcp(other) | Listen::Tls(other) if other.is_ipv4() && other.port() == address.port());
        socket.set_only_v6(config.listen.iter().any(shares_port))?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    tcp_listener(socket, &config.limits)
}

/// Sets what every accepted connection inherits, so that accepting one is a single call.
fn tcp_listener(socket: Socket, limits: &Limits) -> io::Result<Listener> {
    let [idle, interval, probes] = limits.keepalive;
    let seconds = |count| Duration::from_secs(u64::from(count));
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(seconds(idle))
            .with_interval(seconds(interval))
            .with_retries(probes),
    )?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(u64::from(
        limits.user_timeout_ms,
    ))))?;
    socket.set_tcp_notsent_lowat(limits.notsent_lowat_bytes)?;
    socket.set_tcp_nodelay(true)?;
    // telnet marks its interrupt as urgent; out of line it would be missing from the stream.
    socket.set_out_of_band_inline(true)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into());
    let address = listener.local_addr()?;
    Ok(Listener {
        socket: Kind::Tcp(listener),
        address: address.to_string(),
        is_tls: false,
        is_local: address.ip().to_canonical().is_loopback(),
    })
}

/// The socket appears in the file system with its final mode: a connection can only be made once it listens.
pub fn unix(path: &Path, mode: u32) -> io::Result<Listener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode))?;
    let umask = rustix::process::umask(Mode::empty());
    let bound = SockAddr::unix(path).and_then(|address| socket.bind(&address));
    rustix::process::umask(umask);
    bound?;
    socket.listen(BACKLOG)?;
    unix_listener(socket, Some(path))
}

fn unix_listener(socket: Socket, made: Option<&Path>) -> io::Result<Listener> {
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(socket.into());
    let path = listener
        .local_addr()?
        .as_pathname()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    Ok(Listener {
        socket: Kind::Unix(listener, made.map(Path::to_owned)),
        address: format!("unix:{path}"),
        is_tls: false,
        is_local: true,
    })
}

/// Whether there is a socket where one is to be made; anything else there is an error.
pub fn is_socket(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(ErrorKind::AlreadyExists.into()),
        Ok(_) => Ok(true),
    }
}

/// A socket whose process is gone is in the way; one that answers is in use.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !is_socket(path)? {
        return Ok(());
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

fn take(named: Vec<Inherited>, name: &str, limits: &Limits) -> Result<Vec<Listener>, StartError> {
    let fail = |what: &str| {
        let fix = "name it in the socket unit: FileDescriptorName=plain, ListenStream=…";
        StartError::new(Exit::Config, what, format!("systemd:{name}"), fix)
    };
    if named.is_empty() {
        return Err(fail("no socket of this name was inherited"));
    }
    let convert = |fd| -> io::Result<Listener> {
        let socket = Socket::from(fd);
        if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(ErrorKind::InvalidInput.into());
        }
        match socket.domain()? {
            Domain::UNIX => unix_listener(socket, None),
            _ => tcp_listener(socket, limits),
        }
    };
    let convert = |fd| {
        convert(fd).and_then(|one| {
            if name == TLS_NAME {
                one.over_tls()
            } else {
                Ok(one)
            }
        })
    };
    let convert =
        |socket: Inherited| convert(socket.fd).map_err(|_| fail("not a listening stream socket"));
    named.into_iter().map(convert).collect()
}
