//! D2, D3: everybody asks for more than they read.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::bench::process::{Peak, anon_kib};
use crate::bench::socket::{Via, connected, crowd, greeted, message, named, relayed, socket};
use crate::bench::{alone, millis, record, wait_until};
use crate::common::{Client, Daemon, Setup};

const MIB: usize = 1024 * 1024;

/// D3: queues of `readers` that read nothing, each allowed 1 MiB, within the bound on all queues together.
pub fn d3_all_queues_full(readers: usize, total_mib: usize) {
    let _alone = alone();
    let setup = Setup::new()
        .limit("queue_soft_bytes", MIB)
        .limit("queue_hard_bytes", 2 * MIB)
        .limit("total_queue_bytes", total_mib * MIB)
        .limit("stall_timeout_ms", 120_000);
    let (daemon, address) = Via::V4.start(setup);
    let mut slow = crowd(&address, "Reader", readers);
    let mut sender = named(&address, "Sender");
    let memory = anon_kib(daemon.pid());
    let peak = Peak::start(daemon.pid());
    let (mut accepted, mut busy) = (vec![0; readers], 0);
    let text = "d".repeat(60_000);
    for _ in 0..40 {
        for (n, count) in accepted.iter_mut().enumerate() {
            let head = format!(r#"{{"type":"privateMessage","id":1,"toUsername":"Reader{n}""#);
            sender.send(&format!("{head},\"message\":\"{text}\"}}"));
            let line = sender.line();
            *count += usize::from(line.contains(r#""type":"accepted""#));
            busy += usize::from(line.contains(r#""code":"recipientBusy""#));
        }
    }
    let growth = peak.stop().saturating_sub(memory);
    record(
        "D3",
        format_args!("{readers} readers: growth {growth} KiB of {total_mib} MiB, {busy} × busy"),
    );
    assert!(busy > 0, "the sender was never told");
    assert!(
        growth <= (total_mib * 1024 * 110 / 100) as u64,
        "{growth} KiB"
    );
    assert!(
        growth >= (total_mib * 1024 / 2) as u64,
        "the queues were not full: {growth} KiB"
    );
    assert_all_read(&mut slow, &accepted, &daemon);
    sender.send(&message("Reader0", "again"));
    slow[0].expect(&relayed("Sender", "again"));
}

/// Nothing accepted is lost, but to those whose queue was the largest and who were closed for it.
fn assert_all_read(slow: &mut [Client], accepted: &[usize], daemon: &Daemon) {
    let evicted = daemon.log().matches("ended, slowConsumer").count();
    let mut cut = 0;
    for (client, count) in slow.iter_mut().zip(accepted) {
        let read = (0..*count)
            .take_while(|_| client.try_line().is_ok())
            .count();
        cut += usize::from(read < *count);
    }
    assert_eq!(cut, evicted, "{}", daemon.log());
}

/// D2: `clients` that never register, ask for more than they read, and stay. `timeout`: for both.
pub fn d2_unregistered_output(clients: usize, timeout: Duration) {
    let _alone = alone();
    let ms = timeout.as_millis();
    let setup = Setup::new().limit("register_timeout_ms", ms);
    // Who was told to go and does not read it is waited for no longer than this.
    let (daemon, address) = Via::V4.start(setup.limit("stall_timeout_ms", ms));
    connected(&address, "first").expect_nothing();
    let memory = anon_kib(daemon.pid());
    let peak = Peak::start(daemon.pid());
    // Answered by an error about ten times as long.
    let block = concat!(r#"{"type":"typing","toUsername":"Anna"}"#, "\n").repeat(1_000);
    let start = Instant::now();
    let sockets: Vec<Socket> = (0..clients).map(|_| socket(&address)).collect();
    for mut socket in &sockets {
        socket.set_nonblocking(true).expect("nonblocking");
        let mut dry = 0;
        while dry < 3 {
            match socket.write(block.as_bytes()) {
                Ok(1..) => dry = 0,
                _ => {
                    dry += 1;
                    thread::sleep(millis(2));
                }
            }
        }
    }
    assert!(start.elapsed() < timeout, "too slow to measure");
    let growth = peak.stop().saturating_sub(memory);
    let each = growth as f64 / clients as f64;
    wait_until("they are cut", timeout * 2, || daemon.open_files() < 20);
    let after = start.elapsed();
    record(
        "D2",
        format_args!(
            "{clients} clients: {each:.1} KiB each, all gone after {after:.1?} of {timeout:?}"
        ),
    );
    // 16 KiB of output, 4 KiB of input; the rest is what pages and the allocator add.
    assert!(each <= 26.0, "{each:.1} KiB each");
    drop(greeted(socket(&address), "afterwards"));
}
