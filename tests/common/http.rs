//! A scraper: one request, one answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Daemon;

const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// `whole`: everything up to the end of the connection.
    pub fn parse(whole: &str) -> Answer {
        let (head, body) = whole
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer over HTTP: {whole:?}"));
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.and_then(|n| n.parse().ok()).expect("a length");
        assert!(body.is_empty() || body.len() == length, "{whole:?}");
        Answer {
            status: status.and_then(|n| n.parse().ok()).expect("a status"),
            head: head.into(),
            body: body.into(),
        }
    }

    /// The number of one series.
    pub fn value(&self, series: &str) -> f64 {
        let line = self
            .body
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let line = line.unwrap_or_else(|| panic!("{series} is not in\n{}", self.body));
        line.parse().expect("a number")
    }

    /// All of them, without their numbers.
    pub fn series(&self) -> Vec<&str> {
        let lines = self.body.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| Some(line.rsplit_once(' ')?.0))
            .collect()
    }
}

impl Daemon {
    /// Where it tells figures, as its log says.
    pub fn metrics(&self) -> SocketAddr {
        self.await_log("/metrics\n");
        let log = self.log();
        let (_, rest) = log.split_once("metrics: http://").expect("in the log");
        let address = rest.split('/').next().unwrap_or_default();
        address.parse().expect("an address")
    }
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    get_over(stream, path)
}

/// The same over any stream.
pub fn get_over(mut stream: impl Read + Write, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("send");
    let mut whole = String::new();
    stream.read_to_string(&mut whole).expect("an answer");
    Answer::parse(&whole)
}
