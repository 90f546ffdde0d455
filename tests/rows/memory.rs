//! B19, C2, C10, D1, D6: what connections cost, and what lines that never end do.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::bench::process::{Peak, anon_kib, cpu_ms, wakeups};
use crate::bench::socket::{
    Via, connected, crowd, greeted, message, named, read_to_end, relayed, socket,
};
use crate::bench::{alone, record, secs, wait_until};
use crate::common::{Daemon, Setup};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// B19: `clients` registered connections that have sent and received once, then `span` of nothing.
pub fn b19_idle_clients(clients: usize, span: Duration) {
    let _alone = alone();
    let (daemon, address) = Via::V4.start(Setup::new());
    crowd(&address, "Warm", 10);
    wait_until("the first are gone", secs(5), || daemon.open_files() < 16);
    let memory = anon_kib(daemon.pid());
    let mut idle = crowd(&address, "Idle", clients);
    for (n, client) in idle.iter_mut().enumerate() {
        client.send(&message(&format!("Idle{n}"), "once"));
        client.expect(&relayed(&format!("Idle{n}"), "once"));
    }
    let growth = anon_kib(daemon.pid()) - memory;
    let each = growth as f64 * 1_024.0 / clients as f64;
    thread::sleep(secs(1));
    let before = (cpu_ms(daemon.pid()), wakeups(daemon.pid()));
    thread::sleep(span);
    let cpu = cpu_ms(daemon.pid()) - before.0;
    let woken = wakeups(daemon.pid()) - before.1;
    record(
        "B19",
        format_args!(
            "{clients} idle: {each:.0} bytes each, {cpu} ms CPU and {woken} wake-ups in {span:?}"
        ),
    );
    assert!(each <= 0.6 * 1_024.0, "{each:.0} bytes each");
    assert!(
        cpu <= 10 && woken <= span.as_secs(),
        "{cpu} ms, {woken} wake-ups"
    );
    idle[0].expect_nothing();
}

/// C2: the line of exactly the limit passes whole, one byte more is one error, before and after `register`.
pub fn c2_exact_limits(via: Via) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new());
    let mut early = connected(&address, "early");
    for (length, passes) in [(4 * KIB, true), (4 * KIB + 1, false), (4 * KIB, true)] {
        let frame = r#"{"type":"ping","data":""}"#;
        let data = "e".repeat(length - frame.len());
        early.send(&format!(r#"{{"type":"ping","data":"{data}"}}"#));
        match passes {
            true => drop(early.expect(&format!(r#"{{"type":"pong","data":"{data}","time":"…"}}"#))),
            false => drop(early.expect_error("lineTooLong")),
        }
    }
    let (mut sender, mut reader) = (named(&address, "Sender"), named(&address, "Reader"));
    for (length, passes) in [(64 * KIB, true), (64 * KIB + 1, false), (64 * KIB, true)] {
        let text = "l".repeat(length - message("Reader", "").len());
        sender.send(&message("Reader", &text));
        match passes {
            true => drop(reader.expect(&relayed("Sender", &text))),
            false => drop(sender.expect_error("lineTooLong")),
        }
    }
    sender.expect_nothing();
}

/// C2 and D6: `mebibytes` without a line end. One error, then the end; memory stays.
pub fn c2_no_line_end(via: Via, mebibytes: usize) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let mut probe = named(&address, "Probe");
    // What the loop reads everybody into, and puts what it kept before, is touched once and is nobody's.
    let line = format!(r#"{{"type":"ping","data":"{}"}}"#, "r".repeat(62 * KIB));
    probe.send_bytes(&line.as_bytes()[..61 * KIB]);
    connected(&address, "meanwhile").expect_nothing();
    probe.send(&line[61 * KIB..]);
    probe.line();
    for registered in [false, true] {
        let client = match registered {
            true => named(&address, "Endless"),
            false => connected(&address, "Endless"),
        };
        probe.expect_nothing();
        let memory = anon_kib(daemon.pid());
        let peak = Peak::start(daemon.pid());
        let mut socket = client.socket();
        let block = vec![b'w'; 64 * KIB];
        let mut sent = 0;
        // Stops when the daemon has closed: what it reads away after that is bounded too.
        while sent < mebibytes * MIB && socket.write_all(&block).is_ok() {
            sent += block.len();
        }
        probe.expect_nothing();
        let growth = peak.stop().saturating_sub(memory);
        record(
            "C2",
            format_args!(
                "{via:?}, registered {registered}: took {sent} bytes, growth {growth} KiB"
            ),
        );
        assert!(sent < mebibytes * MIB, "it was never closed");
        // One line of the limit, in pages.
        assert!(growth <= 64 + 4, "memory grew by {growth} KiB");
    }
}

/// C2: the same at a pace at which the end of it can be read.
pub fn c2_no_line_end_is_told(via: Via) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new());
    let mut client = named(&address, "Endless");
    client.send_bytes(&vec![b'w'; MIB + 64 * KIB + 16]);
    client.expect_error("lineTooLong");
    client.expect_goodbye("lineTooLong");
}

/// C10: brackets up to the line limit with 256 KiB of stack. Returns when each is answered `tooDeep`.
pub fn c10_deep_nesting(times: u32) {
    let _alone = alone();
    let setup = Setup::new().under(&["/bin/sh", "-c", "ulimit -s 256; exec \"$0\" \"$@\""]);
    let (daemon, address) = Via::V4.start(setup.limit("max_errors", 1_000_000));
    assert_stack(&daemon, 256 * KIB);
    let mut client = named(&address, "Deep");
    let head = r#"{"type":"privateMessage","toUsername":"Deep","message":"#;
    let brackets = ["[", "{\"a\":", "[[{\"b\":["];
    let start = Instant::now();
    for n in 0..times {
        let unit = brackets[n as usize % brackets.len()];
        let count = (64 * KIB - head.len()) / unit.len();
        client.send(&format!("{head}{}", unit.repeat(count)));
        client.expect_error("tooDeep");
    }
    let each = start.elapsed() / times;
    client.send(&message("Deep", "alive"));
    client.expect(&relayed("Deep", "alive"));
    record(
        "C10",
        format_args!("{times} × 64 KiB of brackets: {each:.1?} each"),
    );
}

fn assert_stack(daemon: &Daemon, bytes: usize) {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("/proc");
    let line = limits.lines().find(|line| line.starts_with("Max stack"));
    assert!(
        line.is_some_and(|line| line.contains(&format!(" {bytes} "))),
        "{limits}"
    );
}

/// D1: `clients` with a line that lacks nothing but its end.
pub fn d1_unfinished_lines(clients: usize) {
    let _alone = alone();
    let (daemon, address) = Via::V4.start(Setup::new());
    let round = |clients: usize| -> Vec<Socket> {
        let sockets: Vec<Socket> = (0..clients).map(|_| socket(&address)).collect();
        for mut socket in &sockets {
            socket.write_all(&vec![b'u'; 4 * KIB - 1]).expect("send");
        }
        connected(&address, "behind them").expect_nothing();
        sockets
    };
    drop(round(10));
    let gone = || wait_until("they are gone", secs(5), || daemon.open_files() < 16);
    gone();
    let memory = anon_kib(daemon.pid());
    let (mut each, mut left) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let sockets = round(clients);
        each.push((anon_kib(daemon.pid()) - memory) as f64 / clients as f64);
        drop(sockets);
        gone();
        wait_until("their memory is given back", secs(10), || {
            anon_kib(daemon.pid()) <= memory + 512
        });
        left.push(anon_kib(daemon.pid()) - memory);
    }
    record(
        "D1",
        format_args!(
            "{clients} clients, three times: {each:.2?} KiB each, {left:?} KiB left after"
        ),
    );
    assert!((4.0..=6.0).contains(&each[0]), "{each:.2?} KiB each");
    assert!(
        left.iter().all(|left| *left <= 512),
        "{left:?} KiB are left"
    );
}

/// D6: memory follows the bytes that came, not the ones announced or expected.
pub fn d6_memory_follows_bytes() {
    let _alone = alone();
    for length in [1, 100, 1_000, 4_095, 20_000, 64 * KIB - 1] {
        let (daemon, address) = Via::V4.start(Setup::new());
        let mut client = named(&address, "Part");
        client.expect_nothing();
        let memory = anon_kib(daemon.pid());
        let peak = Peak::start(daemon.pid());
        let whole = message("Part", &"v".repeat(length));
        // Chunk by chunk, so that what is kept is copied again and again.
        for chunk in whole.as_bytes()[..length].chunks((length / 40).max(1)) {
            client.send_bytes(chunk);
        }
        connected(&address, "behind it").expect_nothing();
        let growth = peak.stop().saturating_sub(memory);
        record(
            "D6",
            format_args!("{length} bytes of a line: growth {growth} KiB"),
        );
        assert!(
            growth as usize * KIB <= length * 2 + 64 * KIB,
            "{length}: {growth} KiB"
        );
    }
}

/// The end of an overlong line is told even to who was slow to read it.
pub fn c2_told_before_register(via: Via) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new());
    let client = greeted(socket(&address), "Endless");
    let mut socket = client.socket();
    socket.write_all(&vec![b'w'; MIB + 8 * KIB]).expect("send");
    let (text, end) = read_to_end(socket);
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(text.matches(r#""code":"lineTooLong""#).count(), 2, "{text}");
}
