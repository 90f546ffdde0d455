//! E9: many handshakes, slow ones and none at all, beside a registered pair.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection};

use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::net::admit::Peer as NetPeer;
use privmsgd::net::memory::pair;

use crate::bench::pair::Pair as Probe;
use crate::bench::process::{LogMeter, cpu_ms};
use crate::bench::{alone, record, secs, wait_until};
use crate::common::Daemon;
use crate::files::Pair;
use crate::peer::Peer;

/// A connection whose hello is sent and whose answer is never read.
fn stalled(address: SocketAddr, client: &Arc<ClientConfig>, whole: bool) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("connect");
    let name = "localhost".try_into().expect("a name");
    let mut tls = ClientConnection::new(client.clone(), name).expect("a client");
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).expect("memory");
    let sent = if whole { hello.len() } else { hello.len() / 2 };
    socket.write_all(&hello[..sent]).expect("send");
    socket
}

/// E9: 500 handshakes that stop half-way, or before they begin, cost nothing while they wait, and are cut after 5 s.
#[test]
fn e9_five_hundred_stalled_handshakes_are_cut_in_time_and_cost_nothing() {
    let _alone = alone();
    let files = Pair::new();
    let client = files.client();
    let daemon = Daemon::start(&files.setup());
    let start = Instant::now();
    let mut crowd: Vec<TcpStream> = (0..500)
        .map(|n| match n % 3 {
            0 => TcpStream::connect(daemon.tls()).expect("connect"),
            n => stalled(daemon.tls(), &client, n == 1),
        })
        .collect();
    let connected = start.elapsed();
    thread::sleep(Duration::from_millis(500));
    let (from, before) = (Instant::now(), cpu_ms(daemon.pid()));
    thread::sleep(secs(2));
    let used = cpu_ms(daemon.pid()) - before;
    let share = used as f64 / from.elapsed().as_millis() as f64;
    let probe = Probe::start(&daemon.addresses()[0]);
    for socket in &mut crowd {
        socket.set_read_timeout(Some(secs(10))).expect("a limit");
        let mut rest = Vec::new();
        // The end may be a reset: the daemon says nothing to who has not shaken hands.
        let _ = socket.read_to_end(&mut rest);
    }
    let cut = start.elapsed();
    probe.finish("E9 stalled");
    record(
        "E9",
        format_args!(
            "500 stalled handshakes: {:.1} % CPU, all cut after {cut:?}",
            share * 100.0
        ),
    );
    assert!(share <= 0.01, "{used} ms");
    assert!(cut >= secs(5) && cut <= secs(6) + connected, "{cut:?}");
    wait_until("all files are closed", secs(5), || {
        daemon.log().contains("TLS handshake too slow")
    });
}

/// E9: 1,500 connections from two threads delay nobody by more than a turn, and the log stays small.
#[test]
fn e9_a_flood_of_handshakes_leaves_the_pair_alone() {
    let _alone = alone();
    let files = Pair::new();
    let client = files.client();
    let daemon = Daemon::start(&files.setup());
    let log = LogMeter::start(&daemon);
    let probe = Probe::start(&daemon.addresses()[0]);
    let start = Instant::now();
    let address = daemon.tls();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || {
                // What is measured is how long the daemon lets the pair wait, not who else gets the processor.
                let _ = rustix::process::nice(19);
                for n in 0..750 {
                    match n % 3 {
                        0 => drop(stalled(address, &client, n % 2 == 0)),
                        _ => drop(Peer::connect(address, &client)),
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a flooder");
    }
    let took = start.elapsed();
    probe.finish("E9 flood");
    record(
        "E9",
        format_args!("1,500 connections, two thirds of them shaking hands, in {took:?}"),
    );
    log.finish("E9 flood", &daemon);
}

/// E9: hellos that wait and come all at once are all answered.
#[test]
fn e9_hellos_that_come_at_once_are_all_answered() {
    let _alone = alone();
    let files = Pair::new();
    let client = files.client();
    let daemon = Daemon::start(&files.setup());
    let name = || "localhost".try_into().expect("a name");
    let mut crowd: Vec<(TcpStream, ClientConnection)> = (0..100)
        .map(|_| {
            let socket = TcpStream::connect(daemon.tls()).expect("connect");
            socket.set_read_timeout(Some(secs(10))).expect("a limit");
            let tls = ClientConnection::new(client.clone(), name()).expect("a client");
            (socket, tls)
        })
        .collect();
    let probe = Probe::start(&daemon.addresses()[0]);
    let flooder = thread::spawn(move || {
        let _ = rustix::process::nice(19);
        for (socket, tls) in &mut crowd {
            tls.write_tls(socket).expect("send");
        }
        for (socket, tls) in &mut crowd {
            while tls.is_handshaking() {
                tls.complete_io(socket).expect("a handshake");
            }
        }
    });
    flooder.join().expect("all shook hands");
    probe.finish("E9 at once");
}

/// A daemon that closes cuts those who cannot be told, and tells the others.
#[test]
fn f1_closing_does_not_wait_for_handshakes() {
    let files = Pair::new();
    let client = files.client();
    let mut daemon = Daemon::start(&files.setup());
    let _stalled: Vec<_> = (0..10)
        .map(|n| stalled(daemon.tls(), &client, n % 2 == 0))
        .collect();
    let mut alice = Peer::connect(daemon.tls(), &client);
    alice.register("Alice");
    let start = Instant::now();
    daemon.signal(rustix::process::Signal::TERM);
    alice.expect(r#"{"type":"goodbye","code":"serverClosing",…}"#);
    assert_eq!(alice.line(), None);
    drop(alice);
    assert!(daemon.wait().success());
    assert!(start.elapsed() < secs(3), "{:?}", start.elapsed());
}

/// A `hello` that waits for a handshake takes its own length, not a buffer's, and comes whole.
#[test]
fn a_hello_that_waits_for_a_handshake_takes_little_room() {
    let mut engine = Engine::new(&Config::default(), 10, Box::new(|| Some(7)));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    let ways = [NetPeer::tcp(address), NetPeer::tcp(address).over_tls()];
    let mut greeted = ways.map(|peer| {
        let (near, far) = pair(usize::MAX);
        let before = engine.conns.queue_bytes();
        let id = engine.connect(near, peer);
        (id, far, engine.conns.queue_bytes() - before)
    });
    engine.flush();
    assert_eq!(engine.conns.queue_bytes(), 0);
    let [plain, waiting] = greeted.each_mut().map(|(id, far, room)| {
        assert!(engine.is_sound(*id));
        (far.take(usize::MAX), *room)
    });
    assert!(plain.0.ends_with(b"}\n") && waiting.0.ends_with(b"}\n"));
    assert_eq!(waiting.1, waiting.0.len());
    assert!(plain.1 > 2 * waiting.1, "{} {}", plain.1, waiting.1);
}
