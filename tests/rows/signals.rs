//! F1, F2: how the daemon ends.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::Socket;

use crate::bench::socket::{Via, connected, crowd, named};
use crate::bench::{alone, millis, record, secs};
use crate::common::{Address, Client, Daemon, Setup};

/// Readers of nothing, each with a queue behind a full socket.
fn stuck(address: &Address, count: usize) -> Vec<Client> {
    let stuck = crowd(address, "Stuck", count);
    let mut sender = named(address, "Filler");
    let text = "s".repeat(60_000);
    for n in 0..count {
        let head = format!(r#"{{"type":"privateMessage","id":1,"toUsername":"Stuck{n}""#);
        while {
            sender.send(&format!("{head},\"message\":\"{text}\"}}"));
            sender.line().contains(r#""type":"accepted""#)
        } {}
    }
    stuck
}

/// F1: SIGTERM with `clients`, `silent` of which do not read. Every other one is told, and none is reset.
pub fn f1_sigterm(via: Via, clients: usize, silent: usize, drain: Duration) {
    let _alone = alone();
    let setup = Setup::new()
        .limit("drain_timeout_ms", drain.as_millis())
        .limit("stall_timeout_ms", 120_000);
    let (mut daemon, address) = via.start(setup);
    let stuck = stuck(&address, silent);
    let half = (clients - silent) / 2;
    let mut readers = crowd(&address, "Reader", half);
    readers.extend((half..clients - silent).map(|n| connected(&address, &format!("{n}"))));
    let start = Instant::now();
    daemon.signal(Signal::TERM);
    let readers = thread::spawn(move || notices(&readers));
    let told = readers.join().expect("every reader is told");
    let told_after = start.elapsed();
    let status = daemon.wait();
    let ended_after = start.elapsed();
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    assert!(daemon.log().contains("[INFO] ended"), "{}", daemon.log());
    assert_eq!(told, clients - silent);
    record(
        "F1",
        format_args!(
            "{via:?}: {told}/{told} told after {told_after:.2?}, ended after {ended_after:.2?} ({silent} silent, {drain:?})"
        ),
    );
    let bound = if silent == 0 {
        millis(250) * 3
    } else {
        drain + millis(500)
    };
    assert!(ended_after <= bound, "{ended_after:?}");
    assert!(
        silent == 0 || ended_after >= drain,
        "the silent had no time"
    );
    drop(stuck);
}

/// How many read `serverClosing` as their last line, and then the end; spread over time, and without a reset.
fn notices(readers: &[Client]) -> usize {
    let mut afters = std::collections::BTreeSet::new();
    for client in readers {
        let (text, end) = crate::bench::socket::read_to_end(client.socket());
        assert!(end.is_ok(), "{end:?} after {text:?}");
        let last = text.lines().last().unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(last).expect("a frame is JSON");
        assert!(
            json["code"] == "serverClosing" && json["reconnect"] == true,
            "{text}"
        );
        afters.insert(json["afterMs"].as_u64().expect("afterMs"));
    }
    assert!(
        afters.len() > readers.len() / 2,
        "{} different afterMs",
        afters.len()
    );
    readers.len()
}

/// F2: the second signal ends it at once, whoever still has something to read.
pub fn f2_second_signal(signals: [Signal; 2], times: u32) {
    let _alone = alone();
    for _ in 0..times {
        let (mut daemon, address) = Via::V4.start(Setup::new());
        let stuck = stuck(&address, 3);
        daemon.signal(signals[0]);
        daemon.await_log("closing: ");
        assert_still_draining(&daemon, &address);
        let start = Instant::now();
        daemon.signal(signals[1]);
        assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
        let after = start.elapsed();
        record("F2", format_args!("{signals:?}: ended after {after:.1?}"));
        assert!(after <= millis(100) * 3, "{after:?}");
        drop(stuck);
    }
}

fn assert_still_draining(daemon: &Daemon, address: &Address) {
    thread::sleep(millis(300));
    assert!(!daemon.log().contains("[INFO] ended"), "it did not wait");
    let Address::Tcp(address) = address else {
        return;
    };
    let socket = Socket::new(
        socket2::Domain::for_address(*address),
        socket2::Type::STREAM,
        None,
    );
    let refused = socket
        .expect("a socket")
        .connect_timeout(&(*address).into(), secs(1));
    assert!(refused.is_err(), "it still listens");
}
