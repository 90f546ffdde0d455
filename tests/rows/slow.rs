//! B12, B14, B15: who does not read, and who writes too much.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::bench::pair::Pair;
use crate::bench::process::{Peak, anon_kib};
use crate::bench::socket::{Via, kernel_kib, message, named, relayed};
use crate::bench::{alone, millis, record, secs, wait_until};
use crate::common::{Client, Setup};

const MIB: usize = 1024 * 1024;
const TEXT_BYTES: usize = 1_000;

fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(TEXT_BYTES))
}

/// B12: `mebibytes` for a reader that stands still. The sender is told; what was accepted arrives.
pub fn b12_slow_reader(via: Via, mebibytes: usize) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new().limit("stall_timeout_ms", 120_000));
    let pair = Pair::start(&address);
    let mut slow = named(&address, "Slow");
    let sender = named(&address, "Sender");
    let memory = anon_kib(daemon.pid());
    let peak = Peak::start(daemon.pid());
    let (accepted, busy) = send_all(sender, mebibytes * MIB / TEXT_BYTES);
    let kernel = kernel_kib(&slow);
    let growth = peak.stop().saturating_sub(memory);
    for number in &accepted {
        slow.expect(&relayed("Sender", &text(*number)));
    }
    slow.expect_nothing();
    pair.finish("B12");
    record(
        "B12",
        format_args!(
            "{via:?}: {mebibytes} MiB sent, {} accepted and read, {busy} busy; growth {growth} KiB, kernel {kernel:?} KiB",
            accepted.len()
        ),
    );
    assert!(busy > 0, "the sender was never told");
    assert!(growth <= 1_126, "memory grew by {growth} KiB");
    assert!(
        kernel.is_none_or(|kib| kib <= 512),
        "the kernel holds {kernel:?} KiB"
    );
}

/// Sends messages 0 to `count` to Slow. Returns which were accepted, and how many were refused with `recipientBusy`.
fn send_all(mut sender: Client, count: usize) -> (Vec<usize>, usize) {
    let mut writer = sender.socket().try_clone().expect("a socket");
    let (mut accepted, mut busy) = (Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..count {
                let head = r#"{"type":"privateMessage","toUsername":"Slow""#;
                let line = format!(
                    "{head},\"id\":{number},\"message\":\"{}\"}}\n",
                    text(number)
                );
                writer.write_all(line.as_bytes()).expect("send");
            }
        });
        for number in 0..count {
            let line = sender.line();
            assert!(
                line.contains(&format!(r#""id":{number},"#)),
                "{number}: {line}"
            );
            match line.contains(r#""type":"accepted""#) {
                true => accepted.push(number),
                false => assert!(line.contains(r#""code":"recipientBusy""#), "{line}"),
            }
            busy += usize::from(accepted.last() != Some(&number));
        }
    });
    (accepted, busy)
}

/// B14: one client floods a reader for `span`, alone and beside the pair.
pub fn b14_flood(via: Via, span: Duration) {
    let _lock = alone();
    let (_daemon, address) = via.start(Setup::new());
    let mut rates = Vec::new();
    for with_pair in [false, true, false] {
        let pair = with_pair.then(|| Pair::start(&address));
        let (flooder, sink) = (named(&address, "Flooder"), named(&address, "Sink"));
        let start = Instant::now();
        let bytes = flood(flooder.socket(), sink.socket(), span);
        rates.push(bytes as f64 / start.elapsed().as_secs_f64() / MIB as f64);
        if let Some(pair) = pair {
            pair.finish("B14");
        }
        drop((flooder, sink));
        thread::sleep(millis(200));
    }
    let alone = (rates[0] + rates[2]) / 2.0;
    let share = rates[1] / alone * 100.0;
    record(
        "B14",
        format_args!("{via:?}: {alone:.0} MiB/s alone, {share:.0} % of that beside the pair"),
    );
    assert!(
        share >= 80.0 / 3.0,
        "the flooder keeps {share:.0} % of its rate"
    );
}

/// Bytes written by `flooder`, while `sink` reads what comes.
fn flood(mut flooder: &Socket, sink: &Socket, span: Duration) -> usize {
    let line = message("Sink", &"y".repeat(1_000)) + "\n";
    let block = line.repeat(64);
    let end = Instant::now() + span;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| discard(sink, &over));
        // Told `recipientBusy` when the sink is slower: that must be read too.
        scope.spawn(|| discard(flooder, &over));
        let mut bytes = 0;
        while Instant::now() < end {
            bytes += flooder.write(block.as_bytes()).expect("send");
        }
        over.store(true, Ordering::Relaxed);
        bytes
    })
}

fn discard(mut socket: &Socket, over: &AtomicBool) {
    socket
        .set_read_timeout(Some(millis(50)))
        .expect("a read limit");
    let mut scratch = vec![0; 256 * 1024];
    while !over.load(Ordering::Relaxed) {
        let _ = socket.read(&mut scratch);
    }
}

/// B15: writes to itself and never reads; it is closed `stall` after it came to a standstill.
pub fn b15_never_reads_itself(via: Via, stall: Duration) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new().limit("stall_timeout_ms", stall.as_millis()));
    let pair = Pair::start(&address);
    let selfish = named(&address, "Selfish");
    let files = daemon.open_files();
    let memory = anon_kib(daemon.pid());
    let peak = Peak::start(daemon.pid());
    let mut socket = selfish.socket();
    socket
        .set_write_timeout(Some(millis(200)))
        .expect("a write limit");
    let block = (message("Selfish", &"z".repeat(1_000)) + "\n").repeat(64);
    let mut bytes = 0;
    while let Ok(count) = socket.write(block.as_bytes()) {
        bytes += count;
    }
    let closed = wait_until("it is closed", stall * 3 + secs(3), || {
        daemon.open_files() < files
    });
    let growth = peak.stop().saturating_sub(memory);
    pair.finish("B15");
    assert!(daemon.log().contains("slowConsumer"), "{}", daemon.log());
    named(&address, "Selfish");
    record(
        "B15",
        format_args!(
            "{via:?}: stands after {bytes} bytes, closed {closed:.1?} later ({stall:?}), growth {growth} KiB"
        ),
    );
    assert!(growth <= 1_126, "memory grew by {growth} KiB");
}
