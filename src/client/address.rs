//! Where a server is, written as the daemon prints it. Knows no sockets.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::{Error, Kind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix(PathBuf),
}

impl Address {
    /// Nobody between can read along: TLS, or this machine.
    pub fn is_confidential(&self) -> bool {
        match self {
            Address::Tls { .. } | Address::Unix(_) => true,
            Address::Tcp { host, .. } => is_loopback(host),
        }
    }

    /// The name that a server there most likely has: the host's; `localhost` on this machine.
    pub fn likely_server_name(&self) -> &str {
        match self {
            Address::Unix(_) => "localhost",
            Address::Tcp { host, .. } | Address::Tls { host, .. } if is_loopback(host) => {
                "localhost"
            }
            Address::Tcp { host, .. } | Address::Tls { host, .. } => host,
        }
    }
}

/// `HOST[:PORT]`, `tls:HOST[:PORT]` or `unix:/PATH`; an IPv6 address stands in brackets if a port follows.
impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Address, Error> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.is_empty() {
                true => Err(wrong(text)),
                false => Ok(Address::Unix(path.into())),
            };
        }
        match text.strip_prefix("tls:") {
            Some(rest) => {
                let (host, port) = host_and_port(rest).ok_or_else(|| wrong(text))?;
                let port = port.unwrap_or(TLS_PORT);
                Ok(Address::Tls { host, port })
            }
            None => {
                let (host, port) = host_and_port(text).ok_or_else(|| wrong(text))?;
                let port = port.unwrap_or(PORT);
                Ok(Address::Tcp { host, port })
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, host, port) = match self {
            Address::Unix(path) => return write!(f, "unix:{}", path.display()),
            Address::Tcp { host, port } => ("", host, port),
            Address::Tls { host, port } => ("tls:", host, port),
        };
        match host.contains(':') {
            true => write!(f, "{prefix}[{host}]:{port}"),
            false => write!(f, "{prefix}{host}:{port}"),
        }
    }
}

fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host.into(), None)),
            _ => Some((host.into(), Some(rest.strip_prefix(':')?.parse().ok()?))),
        };
    }
    let bare = text.parse::<IpAddr>().is_ok();
    let (host, port) = match text.split_once(':') {
        Some((host, port)) if !bare => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    let is_host = !host.is_empty() && !host.contains(['/', ' ', '\t', '\n', '@']);
    is_host.then(|| (host.into(), port))
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn wrong(text: &str) -> Error {
    let text = crate::escape::plain(text, 100);
    Error::new(
        Kind::Usage,
        format!("{text:?} is no address of a server"),
        "it is HOST:PORT, tls:HOST:PORT or unix:/PATH, as privmsgd prints when it starts",
    )
}

const PORT: u16 = 7748;
const TLS_PORT: u16 = 7749;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_the_daemon_writes_it() {
        for (text, full) in [
            ("127.0.0.1:7748", "127.0.0.1:7748"),
            ("localhost", "localhost:7748"),
            ("[::1]:9", "[::1]:9"),
            ("::1", "[::1]:7748"),
            ("[::1]", "[::1]:7748"),
            ("tls:chat.example", "tls:chat.example:7749"),
            ("tls:chat.example:443", "tls:chat.example:443"),
            ("unix:/run/privmsgd/socket", "unix:/run/privmsgd/socket"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), full, "{text}");
            assert_eq!(full.parse(), Ok(address), "{full}");
        }
        for text in [
            "",
            ":7748",
            "a:b",
            "a:70000",
            "[::1",
            "[a]:1",
            "unix:",
            "tls:",
            "http://a:1",
        ] {
            assert_eq!(
                text.parse::<Address>().unwrap_err().kind,
                Kind::Usage,
                "{text}"
            );
        }
    }

    #[test]
    fn only_this_machine_is_confidential_without_tls() {
        let is = |text: &str| text.parse::<Address>().unwrap().is_confidential();
        assert!(is("127.0.0.9") && is("::1") && is("LocalHost") && is("tls:a") && is("unix:/s"));
        assert!(!is("chat.example") && !is("10.0.0.1") && !is("localhost.example"));
    }
}
