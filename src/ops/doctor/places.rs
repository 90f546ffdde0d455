//! Where clients connect: whether something answers there, or could. Knows no more of the protocol than how a greeting
//! begins.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};

use super::{Patient, Running, failed, holder};
use crate::config::Listen;
use crate::net::listen;
use crate::ops::exit::{StartError, reason};
use crate::ops::health::Check;

/// For a connection, and again for a greeting.
const PATIENCE: Duration = Duration::from_millis(300);
/// Looked at; a daemon has a few.
const MAX_PLACES: usize = 16;

pub fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = match &patient.running {
        Some(running) => answering(running),
        None => takable(patient),
    };
    checks.push(reach(patient));
    checks.extend(readers(patient));
    checks
}

/// Every place that the configuration names.
fn takable(patient: &Patient<'_>) -> Vec<Check> {
    let config = patient.guess;
    let twice = listen::named_twice(config).into_iter();
    let twice = twice.map(|error| failed("listener", error, "name it once"));
    let clients = config.listen.iter().take(MAX_PLACES);
    let metrics = config.metrics.listen.iter().take(MAX_PLACES);
    let wanted = |name| Wanted {
        name,
        is_sure: (name == "metrics" || !config.listen_is_default) && !patient.may_run(),
        may_be_own: patient.may_run() || config.data.is_none(),
    };
    clients
        .map(|place| (wanted("listener"), place))
        .chain(metrics.map(|place| (wanted("metrics"), place)))
        .map(|(wanted, place)| wanted.free(place))
        .chain(twice)
        .collect()
}

/// All at once: each may take its time.
fn answering(running: &Running) -> Vec<Check> {
    let places = running.listeners.iter().take(MAX_PLACES);
    thread::scope(|scope| {
        let looks: Vec<_> = places.map(|place| scope.spawn(|| greets(place))).collect();
        looks
            .into_iter()
            .filter_map(|look| look.join().ok())
            .collect()
    })
}

fn greets(place: &str) -> Check {
    let began = Instant::now();
    match greeting(place) {
        Ok(true) => {
            let took = began.elapsed().as_secs_f64() * 1e3;
            Check::ok("listener", format!("{place} answers, in {took:.1} ms"))
        }
        Ok(false) => Check::failed(
            "listener",
            format!("{place} answers, but not as privmsgd does"),
            "something stands between: a proxy, a firewall's redirection, or the service in a network of its own",
        ),
        Err(error) => Check::failed(
            "listener",
            format!("{place} does not answer: {}", reason(&error)),
            "look for a firewall (nft list ruleset) and at privmsgd status; the log says why connections are refused",
        ),
    }
}

/// Whether what greets there is this daemon; with TLS a greeting would need a handshake, and a connection has to do.
fn greeting(place: &str) -> io::Result<bool> {
    if let Some(path) = place.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        return begins(stream);
    }
    let address = place.trim_start_matches("tls:").parse();
    let address = reachable(address.map_err(|_| ErrorKind::InvalidInput)?);
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    if place.starts_with("tls:") {
        return Ok(true);
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    begins(stream)
}

fn begins(mut stream: impl Read) -> io::Result<bool> {
    const HELLO: &[u8] = b"{\"type\":\"hello\",\"server\":\"privmsgd\"";
    const FULL: &[u8] = b"{\"type\":\"goodbye\"";
    let mut bytes = [0; HELLO.len()];
    let count = stream.read(&mut bytes)?;
    let found = bytes.get(..count).unwrap_or_default();
    Ok(found.starts_with(HELLO) || found.starts_with(FULL))
}

/// A listener on all addresses is asked at this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let local = match address {
        SocketAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], address.port())),
        SocketAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
    };
    match address.ip().is_unspecified() {
        true => local,
        false => address,
    }
}

/// A place that a daemon would take.
#[derive(Clone, Copy)]
struct Wanted {
    /// Of the finding.
    name: &'static str,
    /// It would have to make it itself, and none is known to run that has.
    is_sure: bool,
    /// The one that was not found may have it: in open mode there is no store whose lock tells.
    may_be_own: bool,
}

impl Wanted {
    /// Takes the place for a moment, and connects to nobody: that could start a service.
    fn free(self, listen: &Listen) -> Check {
        match listen {
            Listen::Tcp(address) | Listen::Tls(address) => self.free_tcp(*address),
            Listen::Unix(path) => self.free_unix(path),
            Listen::Inherited(name) => Check::ok(
                self.name,
                format!("the service manager opens the sockets named {name}"),
            ),
        }
    }

    fn free_tcp(self, address: SocketAddr) -> Check {
        match TcpListener::bind(address) {
            Ok(_) => Check::ok(self.name, format!("{address} is free")),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let port = address.port();
                let fix = format!("ss -ltnp 'sport = :{port}' names it");
                self.taken(&address.to_string(), &holder::at_port(port), fix)
            }
            Err(error) => failed(
                self.name,
                StartError::listen_tcp(address, &error),
                ELSEWHERE,
            ),
        }
    }

    fn free_unix(self, path: &Path) -> Check {
        let dir = path.parent().unwrap_or(Path::new("/"));
        let found = access(dir, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(io::Error::from)
            .and_then(|()| listen::is_socket(path));
        let shown = path.display().to_string();
        let ok = |what: &str| Check::ok(self.name, format!("{shown} {what}"));
        match (found, &holder::at_path(path)[..]) {
            (Err(error), _) => failed(self.name, StartError::listen_unix(path, &error), ELSEWHERE),
            (Ok(false), _) => ok("can be made"),
            (Ok(true), []) => ok("is left over, and will be replaced"),
            (Ok(true), inodes) => {
                self.taken(&shown, inodes, format!("ss -lxp 'src {shown}' names it"))
            }
        }
    }

    fn taken(self, place: &str, inodes: &[String], fix: String) -> Check {
        match holder::of(inodes) {
            Some(holder) if holder.name == "privmsgd" && self.may_be_own => {
                let what = format!("{place} is taken by {holder}, which is not asked here");
                let fix =
                    "ask it by its admin socket: --admin-socket PATH; or end it, and start one";
                Check::warning(self.name, what, fix)
            }
            Some(holder) if holder.pid != 1 || self.is_sure => {
                let what = format!("{place} is taken by {holder}: no daemon can listen there");
                Check::failed(self.name, what, "end that, or take another port or path")
            }
            _ => {
                let what = format!(
                    "{place} is taken: by privmsgd.socket, a daemon that is not asked, or another program"
                );
                match self.is_sure && self.name == "metrics" {
                    true => Check::failed(self.name, what, fix),
                    false => Check::warning(self.name, what, fix),
                }
            }
        }
    }
}

const ELSEWHERE: &str = "choose another place: --listen, --metrics";

/// Who can connect at all, which is what most refused connections come from.
fn reach(patient: &Patient<'_>) -> Check {
    let (mut plain, mut encrypted) = (false, false);
    let listeners = patient
        .running
        .iter()
        .flat_map(|running| &running.listeners);
    for place in listeners {
        let address = place.trim_start_matches("tls:").parse::<SocketAddr>();
        let remote = address.is_ok_and(|address| is_remote(&address));
        (plain, encrypted) = match place.starts_with("tls:") {
            true => (plain, encrypted | remote),
            false => (plain | remote, encrypted),
        };
    }
    if patient.running.is_none() {
        for listen in &patient.guess.listen {
            plain |= matches!(listen, Listen::Tcp(address) if is_remote(address));
            encrypted |= matches!(listen, Listen::Tls(address) if is_remote(address));
        }
    }
    match (plain, encrypted) {
        (true, _) => Check::warning(
            "reach",
            "other machines can connect without TLS: others on the way can read and change every line",
            "close it with --listen 127.0.0.1:7748, or encrypt it with --listen tls:ADDRESS:PORT",
        ),
        (false, true) => Check::ok("reach", "other machines can connect, with TLS"),
        (false, false) => Check::ok(
            "reach",
            "local only: other machines cannot connect; --listen tls:ADDRESS:PORT opens it to them",
        ),
    }
}

fn is_remote(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Who can read the figures.
fn readers(patient: &Patient<'_>) -> Option<Check> {
    let places = patient.guess.metrics.listen.iter();
    let mut open = places.filter_map(|listen| match listen {
        Listen::Tcp(address) if is_remote(address) => Some(address),
        _ => None,
    });
    let address = open.next()?;
    Some(Check::warning(
        "metrics",
        format!("other machines can read the metrics at {address}: nothing protects them"),
        format!(
            "keep them on this machine, --metrics 127.0.0.1:{}, or behind something that protects them",
            address.port()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::health::Level;

    #[test]
    fn a_place_is_free_taken_or_not_to_be_had() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let wanted = Wanted {
            name: "listener",
            is_sure: true,
            may_be_own: false,
        };
        let found = wanted.free_tcp(address);
        let own = format!("(process {})", std::process::id());
        assert!(
            found.level == Level::Failed && found.what.contains(&own),
            "{found:?}"
        );
        drop(taken);
        assert_eq!(wanted.free_tcp(address).level, Level::Ok);
        let elsewhere = wanted.free_tcp("192.0.2.1:7748".parse().unwrap());
        assert!(
            elsewhere.level == Level::Failed && !elsewhere.fix.is_empty(),
            "{elsewhere:?}"
        );
        let nowhere = wanted.free_unix(Path::new("/no/such/dir/socket"));
        assert!(nowhere.fix.contains("mkdir -p /no/such/dir"), "{nowhere:?}");
    }

    #[test]
    fn what_greets_otherwise_is_not_this_daemon() {
        assert!(begins(&b"{\"type\":\"hello\",\"server\":\"privmsgd\",\"version\""[..]).unwrap());
        assert!(begins(&b"{\"type\":\"goodbye\",\"code\":\"serverFull\"}"[..]).unwrap());
        assert!(!begins(&b"SSH-2.0-x\r\n"[..]).unwrap());
        let any: SocketAddr = "[::]:1".parse().unwrap();
        assert_eq!(reachable(any), "[::1]:1".parse().unwrap());
    }
}
