//! A13, A15, B12 and B18 with mailboxes: a reader that stands still, acknowledges nothing or leaves costs room on the disk
//! and nothing else, and a store of any size is opened at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::place::{PATIENT, Place, password, register};
use crate::bench::process::{Peak, anon_kib};
use crate::bench::socket::{kernel_kib, sized};
use crate::bench::{alone, millis, record, secs};
use crate::common::{Chunking, Client, PASSWORD, Setup};

const MAILBOX: &str = "[mailbox]\nmax_waiting = 100000000\nmax_waiting_bytes = 1099511627776\n[limits]\nstall_timeout_ms = 3600000\n";
/// Messages that may be without an answer at once.
const IN_FLIGHT: u64 = 256;
/// What a session may have without an `ack`, by default.
const WINDOW: u64 = 256;
/// The bar of B12 and A13 in KiB, of the daemon and of the kernel.
const GROWTH_KIB: u64 = 1_126;
const KERNEL_KIB: u64 = 512;

/// Who messages are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Away,
    /// Reads nothing.
    Frozen,
    /// Reads all, acknowledges nothing.
    Mute,
}

fn place(names: &[&str]) -> Place {
    Place::set_up(Setup::new(), &format!("{PATIENT}{MAILBOX}"), names)
}

fn session(place: &Place, name: &str, deliver: &str) -> Client {
    let mut client = Client::over(sized(&place.address(), None), name, Chunking::Whole);
    client.patience = secs(60);
    client.expect(r#"{"type":"hello",…}"#);
    let more = format!(r#"{},"deliver":"{deliver}""#, password(PASSWORD));
    client.send(&register(name, &more));
    client.expect(r#"{"type":"registered",…}"#);
    client
}

/// Sends messages `first` to `last` to `to`; each is accepted.
fn send(sender: &mut Client, to: &str, (first, last): (u64, u64), filling: &str) {
    let (mut sent, mut answered) = (first - 1, first - 1);
    while answered < last {
        if sent < last && sent - answered <= IN_FLIGHT / 2 {
            let until = last.min(answered + IN_FLIGHT);
            let lines: Vec<String> = (sent + 1..=until)
                .map(|number| {
                    format!(r#"{{"type":"privateMessage","toUsername":"{to}","message":"{number} {filling}","id":{number}}}"#)
                })
                .collect();
            sender.send(&lines.join("\n"));
            sent = until;
        }
        let line = sender.line();
        answered += 1;
        let is_it = line.contains(r#""type":"accepted""#);
        assert!(
            is_it && line.contains(&format!(r#""id":{answered},"#)),
            "{line}"
        );
    }
}

/// All messages come, in order, with what the reader got before.
fn read_all(reader: &mut Client, before: u64, count: u64) {
    for number in before + 1..=count {
        let line = loop {
            let line: Value = serde_json::from_str(&reader.line()).expect("JSON");
            if line["type"] == "privateMessage" {
                break line;
            }
        };
        assert_eq!(line["seq"], number, "{line}");
        let text = line["message"].as_str().unwrap_or_default();
        assert!(text.starts_with(&format!("{number} ")), "{line}");
        if number % 64 == 0 || number == count {
            reader.send(&format!(r#"{{"type":"ack","pos":{}}}"#, line["pos"]));
        }
    }
}

struct Poured {
    growth_kib: u64,
    kernel_kib: u64,
}

/// A daemon of its own, and so many messages to such a reader. All of them come in the end.
fn pour(kind: Reader, count: u64, bytes: usize) -> Poured {
    let place = place(&["Sender", "Reader"]);
    let mut sender = session(&place, "Sender", "none");
    let mut reader = match kind {
        Reader::Away => None,
        Reader::Frozen | Reader::Mute => Some(session(&place, "Reader", "ack")),
    };
    let filling = "x".repeat(bytes);
    let pid = place.daemon().pid();
    let (before, peak) = (anon_kib(pid), Peak::start(pid));
    let got = match (&mut reader, kind) {
        (Some(reader), Reader::Mute) => {
            send(&mut sender, "Reader", (1, count.min(WINDOW)), &filling);
            let got = read_window(reader, count.min(WINDOW));
            send(&mut sender, "Reader", (got + 1, count), &filling);
            // No more is pushed, however much waits.
            reader.patience = millis(200);
            assert!(reader.try_line().is_err());
            reader.patience = secs(60);
            got
        }
        _ => {
            send(&mut sender, "Reader", (1, count), &filling);
            0
        }
    };
    let growth_kib = peak.stop().saturating_sub(before);
    let kernel_kib = reader.as_ref().and_then(kernel_kib).unwrap_or(0);
    let mut reader = reader.unwrap_or_else(|| session(&place, "Reader", "ack"));
    if got > 0 {
        reader.send(&format!(r#"{{"type":"ack","pos":{got}}}"#));
    }
    read_all(&mut reader, got, count);
    Poured {
        growth_kib,
        kernel_kib,
    }
}

/// Of messages that come at once; none is acknowledged.
fn read_window(reader: &mut Client, count: u64) -> u64 {
    let mut got = 0;
    while got < count {
        let line = reader.line();
        got += u64::from(line.contains(r#""type":"privateMessage""#));
    }
    got
}

fn compare(row: &str, kind: Reader, count: u64, bytes: usize) {
    let _alone = alone();
    // What the store keeps in memory it keeps for who is away too.
    let away = pour(Reader::Away, count, bytes);
    let here = pour(kind, count, bytes);
    let growth = here.growth_kib.saturating_sub(away.growth_kib);
    record(
        row,
        format_args!(
            "{count} messages of {bytes} B to a {kind:?} reader: growth {} KiB, {} where the reader is away; kernel {} KiB; all came",
            here.growth_kib, away.growth_kib, here.kernel_kib
        ),
    );
    assert!(growth <= GROWTH_KIB, "{growth} KiB more");
    assert!(
        here.kernel_kib <= KERNEL_KIB,
        "the kernel holds {} KiB",
        here.kernel_kib
    );
}

/// B12: `mebibytes` for a reader that stands still, in messages of 1 kB.
pub fn b12_frozen_reader(mebibytes: u64) {
    compare("B12", Reader::Frozen, mebibytes * 1_049, 1_000);
}

/// A13.
pub fn a13_mute_reader(count: u64) {
    compare("A13", Reader::Mute, count, 100);
}

/// A15: from the start of the process, after an end and after a kill, until a connection is greeted and a message accepted.
pub fn a15_restart(count: u64, bar: Duration) {
    let _alone = alone();
    let mut place = place(&["Sender", "Reader"]);
    let mut sender = session(&place, "Sender", "none");
    send(&mut sender, "Reader", (1, count), &"x".repeat(200));
    drop(sender);
    for (end, number) in [("kill", 1), ("end", 2)] {
        if end == "end" {
            place.daemon().signal(rustix::process::Signal::TERM);
            place.daemon_mut().wait();
        }
        place.kill();
        let start = Instant::now();
        place.start();
        let mut sender = place.connect("Sender");
        let greeted = start.elapsed();
        let more = format!(r#"{},"deliver":"none""#, password(PASSWORD));
        sender.send(&register("Sender", &more));
        sender.expect(r#"{"type":"registered",…}"#);
        let from = count + number;
        send(&mut sender, "Reader", (from, from), "again");
        let accepted = start.elapsed();
        record(
            "A15",
            format_args!(
                "{count} messages stored, after a {end}: greeted {greeted:.0?} after the start, first accepted {accepted:.0?}"
            ),
        );
        // On a shared machine three times the bar is no failure.
        assert!(greeted < bar * 3, "{greeted:?}");
    }
}

/// B18: recipients who leave at any moment while somebody writes to them: each message is answered, and none is lost.
pub fn b18_leaving_recipients(count: u64) {
    const RECIPIENTS: u64 = 4;
    let _alone = alone();
    let names: Vec<String> = (0..RECIPIENTS).map(|n| format!("r{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).chain(["Sender"]).collect();
    let place = place(&all);
    let (over, each) = (AtomicBool::new(false), count / RECIPIENTS);
    let left: u64 = thread::scope(|scope| {
        let leaving =
            |name| move |place: &Place, over: &AtomicBool| leave_and_return(place, name, over);
        let comers: Vec<_> = names
            .iter()
            .map(|name| {
                let (place, over, comer) = (&place, &over, leaving(name));
                scope.spawn(move || comer(place, over))
            })
            .collect();
        let senders: Vec<_> = names
            .iter()
            .map(|name| {
                let place = &place;
                scope.spawn(move || {
                    let mut sender = session(place, "Sender", "none");
                    send(&mut sender, name, (1, each), "gone?");
                })
            })
            .collect();
        senders
            .into_iter()
            .for_each(|sender| sender.join().expect("each is answered"));
        over.store(true, Ordering::Relaxed);
        comers
            .into_iter()
            .map(|comer| comer.join().expect("it comes and goes"))
            .sum()
    });
    for name in &names {
        read_all(&mut session(&place, name, "ack"), 0, each);
    }
    record(
        "B18",
        format_args!(
            "{count} messages to recipients who left {left} times meanwhile: all answered, 0 lost"
        ),
    );
    assert!(left >= 2 * RECIPIENTS, "they left {left} times");
}

/// How often it left; it acknowledges nothing.
fn leave_and_return(place: &Place, name: &str, over: &AtomicBool) -> u64 {
    let mut left = 0;
    while !over.load(Ordering::Relaxed) {
        let mut client = session(place, name, "ack");
        for _ in 0..left % 7 {
            let _ = client.line();
        }
        match left % 3 {
            0 => client.reset(),
            _ => drop(client),
        }
        left += 1;
    }
    left
}
