//! What one key was given → its type, or what it must be instead. Knows no other key.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::{Config, Listen, LogFormat};

/// A value as file, environment or command line hand it over, before anybody knows what it should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// From the environment and the command line everything is text, and lists are comma-separated.
    Words(String),
    Text(String),
    Number(i128),
    Boolean(bool),
    List(Vec<Given>),
    /// Any other type, by its name with an article.
    Other(&'static str),
}

impl Given {
    /// `a string`, for a message.
    fn kind(&self) -> String {
        match self {
            Given::Words(words) => format!("{words:?}"),
            Given::Text(text) => format!("the string {text:?}"),
            Given::Number(number) => format!("the number {number}"),
            Given::Boolean(value) => value.to_string(),
            Given::List(_) => "a list".into(),
            Given::Other(name) => (*name).into(),
        }
    }

    fn must_be(&self, what: impl std::fmt::Display) -> String {
        format!("must be {what}, not {}", self.kind())
    }

    fn as_number(&self) -> Option<i128> {
        match self {
            Given::Number(number) => Some(*number),
            Given::Words(words) => words.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Given::Text(text) | Given::Words(text) => Some(text),
            _ => None,
        }
    }

    fn as_list(&self) -> Option<Vec<Given>> {
        match self {
            Given::List(items) => Some(items.clone()),
            Given::Words(words) => {
                let item = |word: &str| Given::Words(word.trim().into());
                Some(words.split(',').map(item).collect())
            }
            _ => None,
        }
    }
}

pub fn number(given: &Given, range: RangeInclusive<u64>) -> Result<u64, String> {
    let (low, high) = (*range.start(), *range.end());
    let number = given.as_number().and_then(|n| u64::try_from(n).ok());
    number
        .filter(|n| range.contains(n))
        .ok_or_else(|| given.must_be(format_args!("a whole number from {low} to {high}")))
}

pub fn boolean(given: &Given) -> Result<bool, String> {
    match given {
        Given::Boolean(value) => Ok(*value),
        Given::Words(words) if words == "true" => Ok(true),
        Given::Words(words) if words == "false" => Ok(false),
        _ => Err(given.must_be("true or false")),
    }
}

pub fn text(given: &Given) -> Result<String, String> {
    let plain = |text: &&str| text.len() <= 253 && !text.chars().any(char::is_control);
    let text = given.as_text().filter(plain);
    let form = "at most 253 bytes without control characters";
    Ok(text.ok_or_else(|| given.must_be(form))?.into())
}

pub fn texts(given: &Given) -> Result<Vec<String>, String> {
    if given.as_text() == Some("") {
        return Ok(Vec::new());
    }
    let items = given.as_list();
    let items = items.ok_or_else(|| given.must_be("a list of strings"))?;
    items.iter().map(text).collect()
}

/// The place of the word in `words`.
pub fn one_of<const N: usize>(given: &Given, words: [&str; N]) -> Result<usize, String> {
    let found = given
        .as_text()
        .and_then(|text| words.iter().position(|word| *word == text));
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    found.ok_or_else(|| given.must_be(quoted.join(" or ")))
}

/// Empty: none.
pub fn path(given: &Given) -> Result<Option<PathBuf>, String> {
    match given.as_text() {
        Some("") => Ok(None),
        Some(text) if !text.contains('\0') => Ok(Some(PathBuf::from(text))),
        _ => Err(given.must_be("a path")),
    }
}

pub fn show_path(path: &Option<PathBuf>) -> String {
    let path = path.as_deref().map(|path| path.display().to_string());
    format!("{:?}", path.unwrap_or_default())
}

pub fn token_keys(given: &Given) -> Result<Vec<String>, String> {
    let keys = texts(given)?;
    let known = |key: &String| {
        let path = key.strip_prefix("eddsa:").or(key.strip_prefix("hs256:"));
        path.is_some_and(|path| path.starts_with('/'))
    };
    match keys.iter().all(known) {
        true => Ok(keys),
        false => Err(given.must_be("a list of eddsa:/PATH and hs256:/PATH")),
    }
}

/// `/path` or `credential:NAME`; empty: none.
pub fn key_place(given: &Given) -> Result<String, String> {
    let place = text(given)?;
    let name = place.strip_prefix("credential:");
    let is_name = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    match place.is_empty() || place.starts_with('/') || name.is_some_and(is_name) {
        true => Ok(place),
        false => Err(given.must_be("/PATH or credential:NAME")),
    }
}

pub fn set_listen(config: &mut Config, given: &Given) -> Result<(), String> {
    let listen = places(given)?;
    if listen.is_empty() {
        return Err("must name at least one address".into());
    }
    config.listen = listen;
    config.listen_is_default = false;
    Ok(())
}

/// Empty: nowhere.
pub fn set_metrics(config: &mut Config, given: &Given) -> Result<(), String> {
    let listen = match given.as_text() {
        Some("") => Vec::new(),
        _ => places(given)?,
    };
    let speaks_tls = |place: &Listen| match place {
        Listen::Tls(_) => true,
        Listen::Inherited(name) => name == "tls",
        Listen::Tcp(_) | Listen::Unix(_) => false,
    };
    if listen.iter().any(speaks_tls) {
        return Err("must not be a place for TLS: HTTP is spoken there".into());
    }
    config.metrics.listen = listen;
    Ok(())
}

fn places(given: &Given) -> Result<Vec<Listen>, String> {
    let items = given.as_list();
    let items = items.ok_or_else(|| given.must_be("a list of addresses"))?;
    let (mut listen, mut wrong) = (Vec::new(), Vec::new());
    for item in &items {
        match item.as_text().map(address) {
            Some(Ok(place)) if listen.contains(&place) && !is_any_port(&place) => {
                wrong.push(format!("must name {} once", item.kind()));
            }
            Some(Ok(place)) => listen.push(place),
            Some(Err(what)) => wrong.push(what),
            None => wrong.push(given.must_be("a list of strings")),
        }
    }
    match wrong.is_empty() {
        true => Ok(listen),
        false => Err(wrong.join("; and ")),
    }
}

pub fn show_listen(listen: &[Listen]) -> String {
    let text = |listen: &Listen| match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Tls(address) => format!("tls:{address}"),
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Inherited(name) => format!("systemd:{name}"),
    };
    format!("{:?}", listen.iter().map(text).collect::<Vec<_>>())
}

/// One of the forms of [`Listen`].
fn address(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.len() {
            2..=MAX_SOCKET_PATH if path.starts_with('/') && !path.contains('\0') => {
                Ok(Listen::Unix(PathBuf::from(path)))
            }
            _ => Err(format!(
                "must have a path from / of at most {MAX_SOCKET_PATH} bytes after unix:, not {path:?}"
            )),
        };
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        return match name.is_empty() {
            false => Ok(Listen::Inherited(name.into())),
            true => Err("must have a FileDescriptorName after systemd:".into()),
        };
    }
    if let Some(rest) = text.strip_prefix("tls:") {
        return match cfg!(feature = "tls") {
            true => socket_address(rest, "tls:", DEFAULT_TLS_PORT).map(Listen::Tls),
            false => Err(format!(
                "must not be {text:?}: this privmsgd was built without TLS"
            )),
        };
    }
    socket_address(text, "", DEFAULT_PORT).map(Listen::Tcp)
}

fn socket_address(text: &str, prefix: &str, port: u16) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let form = "must be ADDRESS:PORT, tls:ADDRESS:PORT, unix:/PATH or systemd:NAME";
        let text = format!("{prefix}{text}");
        match nearest_address(text.trim_start_matches("tls:"), port) {
            Some(hint) => format!("{form}, not {text:?}; did you mean {prefix}{hint}?"),
            None => format!("{form}, not {text:?}"),
        }
    })
}

fn is_any_port(listen: &Listen) -> bool {
    matches!(listen, Listen::Tcp(address) | Listen::Tls(address) if address.port() == 0)
}

/// What somebody meant who left out the port, the address or the brackets, or wrote a host name.
fn nearest_address(text: &str, default_port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, default_port));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port.parse().ok()?;
    let ip = match host.trim_matches(['[', ']']) {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        "" | "*" => IpAddr::from([0, 0, 0, 0]),
        host => host.parse().ok()?,
    };
    Some(SocketAddr::new(ip, port))
}

pub fn set_name(config: &mut Config, given: &Given) -> Result<(), String> {
    let fits = |name: &&str| {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"\"\\".contains(c);
        (1..=253).contains(&name.len()) && name.chars().all(plain)
    };
    let form = "1 to 253 bytes without spaces, quotes and control characters";
    let name = given.as_text().filter(fits);
    config.server_name = name.ok_or_else(|| given.must_be(form))?.into();
    Ok(())
}

pub fn set_mode(config: &mut Config, given: &Given) -> Result<(), String> {
    let octal = |text: &str| u32::from_str_radix(text, 8).ok();
    let mode = given
        .as_text()
        .and_then(octal)
        .filter(|mode| *mode <= 0o777);
    let mode = mode.filter(|mode| mode & 0o600 == 0o600);
    config.unix_mode = mode.ok_or_else(|| {
        given.must_be("permission bits as an octal string from \"0600\" to \"0777\"")
    })?;
    Ok(())
}

pub fn set_keepalive(config: &mut Config, given: &Given) -> Result<(), String> {
    let form = "three whole numbers: 1 to 32767, 1 to 32767, 1 to 127";
    let wrong = || given.must_be(form);
    let items = given.as_list().ok_or_else(wrong)?;
    let [idle, interval, probes] = &items[..] else {
        return Err(wrong());
    };
    let part = |item: &Given, max| number(item, 1..=max).ok()?.try_into().ok();
    config.limits.keepalive = [
        part(idle, 32_767).ok_or_else(wrong)?,
        part(interval, 32_767).ok_or_else(wrong)?,
        part(probes, 127).ok_or_else(wrong)?,
    ];
    Ok(())
}

pub fn set_level(config: &mut Config, given: &Given) -> Result<(), String> {
    let level = given.as_text().and_then(|text| text.parse().ok());
    let form = "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
    config.log.level = level.ok_or_else(|| given.must_be(form))?;
    Ok(())
}

pub fn set_format(config: &mut Config, given: &Given) -> Result<(), String> {
    config.log.format = match given.as_text() {
        Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        _ => return Err(given.must_be("\"text\" or \"json\"")),
    };
    Ok(())
}

const DEFAULT_PORT: u16 = 7748;
const DEFAULT_TLS_PORT: u16 = 7749;
/// `sun_path` with its end.
const MAX_SOCKET_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "tls")]
    fn a_place_for_tls_is_an_address_with_a_prefix() {
        let v6 = "[::1]:7749".parse().unwrap();
        assert_eq!(address("tls:[::1]:7749"), Ok(Listen::Tls(v6)));
        for (text, wanted) in [
            ("tls:127.0.0.1", "did you mean tls:127.0.0.1:7749?"),
            ("tls:localhost:1", "did you mean tls:127.0.0.1:1?"),
            ("tls:", "not \"tls:\""),
            ("tls:unix:/x", "not \"tls:unix:/x\""),
            ("tsl:127.0.0.1:1", "must be ADDRESS:PORT, tls:ADDRESS:PORT"),
        ] {
            let told = address(text).expect_err(text);
            assert!(told.contains(wanted), "{told}");
        }
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn without_tls_a_place_for_it_is_a_mistake_that_says_so() {
        let told = address("tls:127.0.0.1:7749").expect_err("no TLS");
        assert!(told.contains("built without TLS"), "{told}");
    }
}
