//! One connection, with a bound on how long and how much it reads.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::pattern::{self, Bindings};
use super::{Address, Chunking, PASSWORD, text_of};

/// How long one line may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest line a client takes, in bytes: more than any `maxFrameBytes` used in tests.
const LONGEST: usize = 2 * 1024 * 1024;

pub struct Client {
    /// For messages to people.
    who: String,
    socket: Socket,
    chunking: Chunking,
    /// Read, but not yet given out.
    buffer: Vec<u8>,
    /// What of `buffer` is known to hold no newline.
    looked: usize,
    /// Lines that came before one that was waited for.
    earlier: VecDeque<String>,
    fences: u32,
    pub patience: Duration,
}

impl Client {
    pub fn dial(address: Address, who: &str, chunking: Chunking) -> Client {
        let socket: Socket = match &address {
            Address::Tcp(address) | Address::Tls(address) => {
                TcpStream::connect(address).map(Socket::from)
            }
            Address::Unix(path) => UnixStream::connect(path).map(Socket::from),
        }
        .unwrap_or_else(|error| panic!("{who}: cannot connect to {address:?}: {error}"));
        if !matches!(address, Address::Unix(_)) {
            socket.set_tcp_nodelay(true).expect("TCP_NODELAY");
        }
        Client::over(socket, who, chunking)
    }

    /// A socket that the test made.
    pub fn over(socket: Socket, who: &str, chunking: Chunking) -> Client {
        socket
            .set_write_timeout(Some(PATIENCE))
            .expect("a write limit");
        Client {
            who: who.into(),
            socket,
            chunking,
            buffer: Vec::new(),
            looked: 0,
            earlier: VecDeque::new(),
            fences: 0,
            patience: PATIENCE,
        }
    }

    /// One line, or several with newlines between; the last newline is added.
    pub fn send(&mut self, lines: &str) {
        self.send_bytes(format!("{lines}\n").as_bytes());
    }

    /// Exactly these bytes. A peer that has hung up is no failure here: the next `expect` tells.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        for chunk in self.chunking.cut(bytes) {
            match self.socket.write_all(chunk) {
                Err(error) if !hung_up(error.kind()) => {
                    panic!("{}: cannot send: {error}", self.who)
                }
                Err(_) => return,
                Ok(()) => {}
            }
        }
    }

    /// Registers `name` and returns the `resumeToken`.
    pub fn register(&mut self, name: &str) -> String {
        self.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
        text_of(
            &self.expect(r#"{"type":"registered","username":"…","resumeToken":"…"}"#),
            "resumeToken",
        )
    }

    /// Proves `name` by the password of all accounts; nothing waits for it.
    pub fn prove(&mut self, name: &str, device: Option<&str>) {
        let device = device.map(|device| format!(r#","device":"{device}""#));
        let device = device.unwrap_or_default();
        self.send(&format!(
            r#"{{"type":"register","username":"{name}","password":"{PASSWORD}"{device}}}"#
        ));
        self.expect(r#"{"type":"registered","username":"…","resumeToken":"…","device":"…",…}"#);
        self.expect(r#"{"type":"synced","pos":…}"#);
    }

    /// The next line, which must match; see [`pattern`].
    #[track_caller]
    pub fn expect(&mut self, pattern: &str) -> String {
        self.expect_with(pattern, &mut Bindings::new())
    }

    /// The same, with strings remembered from one line to the next.
    #[track_caller]
    pub fn expect_with(&mut self, pattern: &str, bindings: &mut Bindings) -> String {
        let line = self
            .try_line()
            .unwrap_or_else(|end| panic!("{}: {end}\nexpected: {pattern}", self.who));
        if let Err(at) = pattern::check(pattern, &line, bindings) {
            let (same, other) = line.split_at(line.floor_char_boundary(at));
            panic!(
                "{}:\nexpected: {pattern}\ngot:      {line}\nalike:    {same}\nthen:     {other}",
                self.who
            );
        }
        line
    }

    /// An `errorMessage` with this code, whatever else it says. Returns the line.
    #[track_caller]
    pub fn expect_error(&mut self, code: &str) -> String {
        let line = self.line();
        let json: serde_json::Value = serde_json::from_str(&line).expect("a frame is JSON");
        assert!(
            json["type"] == "errorMessage" && json["code"] == code,
            "{}: expected {code}, got {line}",
            self.who
        );
        line
    }

    /// A `goodbye` with this code, and then the end. Returns the line.
    #[track_caller]
    pub fn expect_goodbye(&mut self, code: &str) -> String {
        let line = self.line();
        let json: serde_json::Value = serde_json::from_str(&line).expect("a frame is JSON");
        assert!(
            json["type"] == "goodbye" && json["code"] == code,
            "{}: expected {code}, got {line}",
            self.who
        );
        self.expect_closed();
        line
    }

    /// The server's end of stream, with nothing before it. A reset is a failure.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.try_line() {
            Err(End::Closed) => {}
            Err(end) => panic!("{}: {end}, expected the end", self.who),
            Ok(line) => panic!("{}: expected the end, got {line}", self.who),
        }
    }

    /// Nothing has come, and the server answers: all that was sent before has been handled.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.fences += 1;
        let id = format!("fence-{}", self.fences);
        self.send(&format!(r#"{{"type":"ping","id":"{id}"}}"#));
        self.expect(&format!(r#"{{"type":"pong","id":"{id}","time":"…"}}"#));
    }

    /// The next line without its newline.
    #[track_caller]
    pub fn line(&mut self) -> String {
        self.try_line()
            .unwrap_or_else(|end| panic!("{}: {end}, expected a line", self.who))
    }

    /// All lines up to the end of the stream.
    #[track_caller]
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.try_line() {
                Ok(line) => lines.push(line),
                Err(End::Closed) => return lines,
                Err(end) => panic!("{}: {end} after {lines:#?}", self.who),
            }
        }
    }

    /// Ends this side's stream; the other side's goes on.
    pub fn half_close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.socket
            .set_linger(Some(Duration::ZERO))
            .expect("SO_LINGER");
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Reads up to `synced`; what comes before it is still to be read.
    #[track_caller]
    pub fn until_synced(&mut self) {
        let mut earlier = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with(r#"{"type":"synced","#) {
                break;
            }
            earlier.push(line);
        }
        self.earlier.extend(earlier);
    }

    pub fn try_line(&mut self) -> Result<String, End> {
        if let Some(line) = self.earlier.pop_front() {
            return Ok(line);
        }
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(end) = self.buffer[self.looked..]
                .iter()
                .position(|&byte| byte == b'\n')
            {
                let line = self
                    .buffer
                    .drain(..self.looked + end + 1)
                    .collect::<Vec<u8>>();
                self.looked = 0;
                return String::from_utf8(line[..line.len() - 1].to_vec())
                    .map_err(|_| End::NotUtf8);
            }
            self.looked = self.buffer.len();
            if self.looked > LONGEST {
                return Err(End::TooLong);
            }
            self.fill(deadline)?;
        }
    }

    fn fill(&mut self, deadline: Instant) -> Result<(), End> {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        self.socket
            .set_read_timeout(Some(left))
            .expect("a read limit");
        let mut scratch = [0; 64 * 1024];
        match self.socket.read(&mut scratch) {
            Ok(0) if self.buffer.is_empty() => Err(End::Closed),
            Ok(0) => Err(End::MidLine(
                String::from_utf8_lossy(&self.buffer).into_owned(),
            )),
            Ok(count) => {
                self.buffer.extend_from_slice(&scratch[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(End::Silence)
            }
            Err(error) => Err(End::Broken(error.to_string())),
        }
    }
}

/// Why there is no next line.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    MidLine(String),
    Silence,
    Broken(String),
    TooLong,
    NotUtf8,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Closed => write!(f, "the server ended the connection"),
            End::MidLine(rest) => {
                write!(f, "the server ended the connection within a line: {rest}")
            }
            End::Silence => write!(f, "nothing came in time"),
            End::Broken(error) => write!(f, "the connection broke: {error}"),
            End::TooLong => write!(f, "a line came that does not end"),
            End::NotUtf8 => write!(f, "a line came that is not UTF-8"),
        }
    }
}

fn hung_up(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}
