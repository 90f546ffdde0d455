//! Ways to the daemon and clients on them.

use std::io::Read;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::tools::output;
use crate::common::{Address, Chunking, Client, Daemon, Setup};

/// How clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    V4,
    V6,
    Unix,
}

impl Via {
    /// Those that are not the one with the full counts.
    pub const OTHERS: [Via; 2] = [Via::V6, Via::Unix];

    pub fn start(self, setup: Setup) -> (Daemon, Address) {
        let setup = match self {
            Via::V4 => setup,
            Via::V6 => setup.arg("--listen").arg("[::1]:0"),
            Via::Unix => setup.unix(),
        };
        let daemon = Daemon::start(&setup);
        let is_wanted = |address: &&Address| match address {
            Address::Tcp(address) if address.is_ipv6() => self == Via::V6,
            Address::Tcp(_) => self == Via::V4,
            Address::Tls(_) => false,
            Address::Unix(_) => self == Via::Unix,
        };
        let found = daemon.addresses().iter().find(is_wanted).cloned();
        (daemon, found.expect("it listens there"))
    }
}

/// Connected, with a bound on how long it waits.
pub fn socket(address: &Address) -> Socket {
    sized(address, None)
}

/// The same with a receive buffer of about so many bytes.
pub fn sized(address: &Address, receive_buffer: Option<usize>) -> Socket {
    let (domain, address) = match address {
        Address::Tcp(address) | Address::Tls(address) => {
            (Domain::for_address(*address), SockAddr::from(*address))
        }
        Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path).expect("a short path")),
    };
    let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes).expect("SO_RCVBUF");
    }
    socket.connect(&address).expect("connect");
    if domain != Domain::UNIX {
        socket.set_tcp_nodelay(true).expect("TCP_NODELAY");
    }
    let patience = Some(Duration::from_secs(15));
    socket.set_read_timeout(patience).expect("a read limit");
    socket.set_write_timeout(patience).expect("a write limit");
    socket
}

/// A client over `socket` that has read `hello`.
pub fn greeted(socket: Socket, who: &str) -> Client {
    let mut client = Client::over(socket, who, Chunking::Whole);
    client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
    client
}

pub fn connected(address: &Address, who: &str) -> Client {
    greeted(socket(address), who)
}

pub fn named(address: &Address, name: &str) -> Client {
    let mut client = connected(address, name);
    client.register(name);
    client
}

/// Registered clients `{prefix}0` and so on.
pub fn crowd(address: &Address, prefix: &str, count: usize) -> Vec<Client> {
    (0..count)
        .map(|n| named(address, &format!("{prefix}{n}")))
        .collect()
}

/// A `privateMessage` without line end. `text` needs no escapes.
pub fn message(to: &str, text: &str) -> String {
    format!(r#"{{"type":"privateMessage","toUsername":"{to}","message":"{text}"}}"#)
}

/// What the recipient of [`message`] expects.
pub fn relayed(from: &str, text: &str) -> String {
    format!(r#"{{"type":"privateMessage","from":"{from}","message":"{text}","time":"…"}}"#)
}

/// Ends a connection with RST where there is such a thing.
pub fn reset(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}

/// Everything up to the end; the error that was the end, if it was none of the good ones.
pub fn read_to_end(mut socket: &Socket) -> (String, std::io::Result<usize>) {
    let mut bytes = Vec::new();
    let end = socket.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// What the kernel holds for the daemon's end of this connection; `None`: not TCP.
pub fn kernel_kib(client: &Client) -> Option<u64> {
    let (here, there) = (
        client.socket().local_addr().ok()?,
        client.socket().peer_addr().ok()?,
    );
    let (here, there) = (here.as_socket()?.port(), there.as_socket()?.port());
    let filter = format!("sport = :{there} and dport = :{here}");
    let text = output("ss", "iproute2", &["-tmnH", &filter]);
    let (_, memory) = text.split_once("skmem:(").expect("skmem");
    let fields = memory.split(')').next().unwrap_or_default().split(',');
    let of = |field: &str, key: &str| -> Option<u64> { field.strip_prefix(key)?.parse().ok() };
    let counted = fields.filter_map(|field| of(field, "r").or(of(field, "f")).or(of(field, "w")));
    Some(counted.sum::<u64>() / 1024)
}
