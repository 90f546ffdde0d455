//! B6, B7 (half-open), B17 (addresses): what needs hosts of its own.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::bench::namespace::Namespace;
use crate::bench::socket::{connected, greeted, message, named};
use crate::bench::{alone, millis, record, secs};
use crate::common::{Address, Client, Daemon, Setup, text_of};

/// How the daemon is set up to find dead peers, and by when it must have.
pub struct Timing {
    pub config: &'static str,
    /// With data on the way.
    pub pending: Duration,
    pub idle: Duration,
}

fn start(namespace: &Namespace, setup: Setup) -> Daemon {
    let under = namespace.under();
    let words: Vec<&str> = under.iter().map(String::as_str).collect();
    Daemon::start(&setup.under(&words))
}

/// The link goes down without a FIN: the name is free in time, and its owner has it back at once.
pub fn b6_a_half_open_peer(timing: &Timing) {
    let _alone = alone();
    let (here, far) = Namespace::cable();
    let daemon = start(
        &here,
        Setup::new()
            .arg("--listen")
            .arg("10.7.0.1:0")
            .config(timing.config),
    );
    let (near, distant) = (&daemon.addresses()[0], &daemon.addresses()[1]);
    let dial = |name: &str| far.inside(|| connected(distant, name));
    let (mut pending, mut idle, mut back) = (dial("Pending"), dial("Idle"), dial("Back"));
    pending.register("Pending");
    idle.register("Idle");
    let token = back.register("Back");
    let mut watcher = here.inside(|| named(near, "Watcher"));
    watcher.send(r#"{"type":"watch","usernames":["Pending","Idle"]}"#);
    for name in ["Pending", "Idle"] {
        watcher.expect(&presence(name, "online"));
    }

    // Until every byte is acknowledged, nobody is idle: acknowledgements may be 200 ms late.
    std::thread::sleep(millis(600));
    far.ip("link set cable down");
    let start = Instant::now();
    watcher.send(&message("Pending", "are you there?"));
    takes_back(&mut here.inside(|| connected(near, "Back again")), &token);
    watcher.patience = timing.idle.max(timing.pending);
    let (mut after_pending, mut after_idle) = (Duration::MAX, Duration::MAX);
    for _ in 0..2 {
        match text_of(&watcher.expect(OFFLINE), "username").as_str() {
            "Pending" => after_pending = start.elapsed(),
            _ => after_idle = start.elapsed(),
        }
    }
    record(
        "B6",
        format_args!("closed after {after_pending:.1?} with data pending, {after_idle:.1?} idle"),
    );
    assert!(after_pending <= timing.pending && after_idle <= timing.idle);
    for name in ["Pending", "Idle"] {
        here.inside(|| named(near, name));
    }
}

/// B7, half-open: the old connection cannot be told, and that holds nobody up.
fn takes_back(client: &mut Client, token: &str) {
    let start = Instant::now();
    client.send(&format!(
        r#"{{"type":"register","username":"Back","resumeToken":"{token}"}}"#
    ));
    let line = client.expect(r#"{"type":"registered","username":"Back","resumeToken":"…"}"#);
    assert_ne!(text_of(&line, "resumeToken"), token);
    record(
        "B7",
        format_args!("from a half-open holder: {:?}", start.elapsed()),
    );
    assert!(start.elapsed() < secs(1));
}

const OFFLINE: &str = r#"{"type":"presence","username":"…","status":"offline","since":"…"}"#;

fn presence(name: &str, status: &str) -> String {
    format!(r#"{{"type":"presence","username":"{name}","status":"{status}","since":"…"}}"#)
}

/// `[::]` alone takes IPv4 too, as mapped addresses; beside `0.0.0.0` on the same port it leaves IPv4 to it.
pub fn b17_any_address_of_both_families() {
    let _alone = alone();
    let host = Namespace::new();
    let listens = ["[::]:7001", "[::]:7002", "0.0.0.0:7002", "127.0.0.1:7003"];
    let setup = listens.iter().fold(Setup::new(), |setup, address| {
        setup.arg("--listen").arg(address)
    });
    let daemon = start(&host, setup);
    assert_eq!(daemon.addresses().len(), 1 + listens.len());
    let ways = [
        "[::1]:7001",
        "127.0.0.1:7001",
        "[::1]:7002",
        "127.0.0.1:7002",
        "127.0.0.1:7003",
    ];
    let mut clients: Vec<Client> = Vec::new();
    for (n, way) in ways.iter().enumerate() {
        let address = Address::Tcp(way.parse().expect("an address"));
        clients.push(host.inside(|| named(&address, &format!("Way{n}"))));
    }
    for n in 0..ways.len() {
        let to = (n + 1) % ways.len();
        clients[n].send(&message(&format!("Way{to}"), "from one way to the other"));
        clients[to].expect(&crate::bench::socket::relayed(
            &format!("Way{n}"),
            "from one way to the other",
        ));
    }
    assert!(daemon.log().contains("from 127.0.0.1:"), "mapped is IPv4");
    assert!(!daemon.log().contains("ffff:127"), "{}", daemon.log());
}

/// Addresses of one /64 count as one, wherever they connect; another /64 and IPv4 do not.
pub fn b17_ipv6_counts_by_network() {
    let _alone = alone();
    let host = Namespace::new();
    for address in ["fd00:1::1", "fd00:1::2", "fd00:1::ffff:3", "fd00:2::1"] {
        host.ip(&format!("addr add {address}/128 dev lo nodad"));
    }
    host.ip("addr add 10.9.0.1/32 dev lo");
    let setup = Setup::new()
        .arg("--listen")
        .arg("[::]:7001")
        .limit("max_connections_per_address", 3);
    let _daemon = start(&host, setup);
    let dial = |from: &str| host.inside(|| from_address(from, 7001));
    let mut kept = Vec::new();
    for from in ["fd00:1::1", "fd00:1::2", "fd00:1::ffff:3"] {
        kept.push(greeted(dial(from), from));
    }
    for from in ["fd00:1::1", "fd00:1::2"] {
        let mut refused = Client::over(dial(from), from, crate::common::Chunking::Whole);
        refused.expect_goodbye("serverFull");
    }
    for from in ["fd00:2::1", "10.9.0.1", "10.9.0.1", "10.9.0.1", "::1"] {
        kept.push(greeted(dial(from), from));
    }
    let mut refused = Client::over(dial("10.9.0.1"), "mapped", crate::common::Chunking::Whole);
    refused.expect_goodbye("serverFull");
    kept.remove(0).reset();
    std::thread::sleep(millis(50));
    greeted(dial("fd00:1::2"), "in the place of another");
}

/// A socket bound to `from` and connected to the same address.
fn from_address(from: &str, port: u16) -> Socket {
    let ip: IpAddr = from.parse().expect("an address");
    let target = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(ip, 0).into()).expect("bind");
    socket.connect(&target.into()).expect("connect");
    socket
}
