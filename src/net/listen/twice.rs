//! Places that the configuration names twice, which no daemon can take. Opens nothing.

use std::env;
use std::net::SocketAddr;

use crate::config::{Config, Listen};
use crate::ops::exit::{Exit, StartError};

/// Of a configuration that is only looked at. Where nobody said where to listen, the service manager may have sockets for it.
pub fn named_twice(config: &Config) -> Vec<StartError> {
    let is_service = env::var_os("INVOCATION_ID").is_some();
    let clients = match config.listen_is_default && is_service {
        true => &[],
        false => &config.listen[..],
    };
    find(clients, &config.metrics.listen)
}

/// Each place that is taken when its turn comes.
pub fn find(clients: &[Listen], metrics: &[Listen]) -> Vec<StartError> {
    let named = |key| move |listen| (key, listen);
    let clients = clients.iter().map(named("server.listen"));
    let all: Vec<(&str, &Listen)> = clients
        .chain(metrics.iter().map(named("metrics.listen")))
        .collect();
    // As sockets are made: such a one leaves IPv4 to others if clients connect there.
    let shares = |v6: &SocketAddr| {
        let leaves = |(key, listen): &(&str, &Listen)| {
            *key == "server.listen"
                && tcp(listen).is_some_and(|other| other.is_ipv4() && other.port() == v6.port())
        };
        !all.iter().any(leaves)
    };
    let mut found = Vec::new();
    for (at, (key, place)) in all.iter().enumerate() {
        let mut before = all.iter().take(at);
        if let Some((other_key, other)) = before.find(|(_, other)| is_taken(other, place, shares)) {
            found.push(fault((other_key, other), (key, place)));
        }
    }
    found
}

fn is_taken(by: &Listen, place: &Listen, shares: impl Fn(&SocketAddr) -> bool) -> bool {
    let (Some(one), Some(other)) = (tcp(by), tcp(place)) else {
        return matches!((by, place), (Listen::Unix(one), Listen::Unix(other)) if one == other);
    };
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    match (one, other) {
        (SocketAddr::V6(six), SocketAddr::V4(_)) | (SocketAddr::V4(_), SocketAddr::V6(six)) => {
            six.ip().is_unspecified() && shares(&SocketAddr::V6(*six))
        }
        _ => is_any || one.ip() == other.ip(),
    }
}

fn tcp(listen: &Listen) -> Option<&SocketAddr> {
    match listen {
        Listen::Tcp(address) | Listen::Tls(address) => Some(address),
        Listen::Unix(_) | Listen::Inherited(_) => None,
    }
}

fn fault(first: (&str, &Listen), second: (&str, &Listen)) -> StartError {
    let (place, other) = (written(second.1), written(first.1));
    let what = match (place == other, first.0 == second.0) {
        (true, true) => format!("{} names it twice", second.0),
        (true, false) => format!("{} and {} both name it", first.0, second.0),
        (false, _) => format!(
            "{} names it, and {other} of {} has its port",
            second.0, first.0
        ),
    };
    let what = format!("cannot listen: {what}");
    let fix = "give each its own port or path, or leave one out";
    StartError::new(Exit::Unavailable, &what, place, fix)
}

fn written(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) | Listen::Tls(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Inherited(name) => format!("systemd:{name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn places(text: &str) -> Vec<Listen> {
        let place = |word: &str| match word.strip_prefix("unix:") {
            Some(path) => Listen::Unix(path.into()),
            None => Listen::Tcp(word.parse().unwrap()),
        };
        text.split_whitespace().map(place).collect()
    }

    #[test]
    fn a_place_that_is_named_twice_is_found_once() {
        for (clients, metrics, wanted) in [
            ("127.0.0.1:7 [::1]:7", "", 0),
            ("127.0.0.1:0 127.0.0.1:0", "127.0.0.1:0", 0),
            ("127.0.0.1:7", "127.0.0.1:8 127.0.0.2:7 [::1]:7", 0),
            ("0.0.0.0:7 [::]:7", "", 0),
            ("127.0.0.1:7", "127.0.0.1:7", 1),
            ("127.0.0.1:7 127.0.0.1:7", "127.0.0.1:7", 2),
            ("0.0.0.0:7", "127.0.0.1:7", 1),
            ("127.0.0.1:7", "0.0.0.0:7", 1),
            ("[::]:7", "127.0.0.1:7", 1),
            ("[::]:7 127.0.0.1:7", "", 0),
            ("unix:/a unix:/b", "unix:/c", 0),
            ("unix:/a", "unix:/a", 1),
        ] {
            let found = find(&places(clients), &places(metrics));
            assert_eq!(found.len(), wanted, "{clients} | {metrics}: {found:?}");
            assert!(found.iter().all(|error| error.code == Exit::Unavailable));
        }
    }

    /// What this module believes of the kernel.
    #[test]
    fn the_kernel_says_the_same() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        for address in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}")] {
            assert!(TcpListener::bind(&address).is_err(), "{address}");
        }
    }
}
