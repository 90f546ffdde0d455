//! A1, A2: a daemon that is killed, or whose disk loses what was not written, at any instant under load. What clients
//! wrote down of what they were told is compared with what is there in the end.

pub mod client;
pub mod disk;
pub mod ledger;
#[path = "../../common/random.rs"]
#[allow(dead_code)]
pub mod random;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::place::Place;
use crate::bench::{alone, record, secs, wait_until};
use crate::common::{Daemon, Setup};

use client::Client;
use disk::Disk;
use ledger::{Ledger, Verdict};
use random::Random;

/// Clients, each of which writes to all others.
pub const CLIENTS: usize = 8;

/// Cheap hashes, any number of tries, and mailboxes that hold what is under way.
const CONFIG: &str =
    "[accounts]\npassword_memory_kib = 64\ntries_per_minute = 60000\n[log]\nlevel = \"warn\"\n";

/// Between clients and who watches them.
#[derive(Default)]
pub struct Flags {
    /// The daemon is dead or about to be.
    pub stop: AtomicBool,
    /// Something was accepted.
    pub answered: AtomicBool,
}

/// What ends the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Kill,
    /// The disk loses everything that was not made durable.
    PowerCut,
}

/// So many ends, each 1 to 50 ms after the start or after the first answer; then what is there is compared. `setup`: how the daemon is started.
pub fn cycles(end: End, count: usize, seed: u64, setup: Setup, config: &str) -> Verdict {
    // A daemon in a network namespace would keep all mounts of its start from being freed.
    let _alone = (end == End::PowerCut).then(alone);
    let mut place = Place::stopped(setup, &format!("{CONFIG}{config}"));
    let disk = (end == End::PowerCut).then(|| Disk::make(&place.data()));
    for number in 0..CLIENTS {
        place.account(&format!("add {}", name(number)), crate::common::PASSWORD);
    }
    let mut random = Random(seed);
    let mut ledgers: Vec<Ledger> = (0..CLIENTS)
        .map(|number| Ledger::new(number, random.next()))
        .collect();
    for _ in 0..count {
        place.start();
        let span = Span {
            length: Duration::from_micros(1_000 + random.next() % 49_000),
            // On a busy machine nothing would have been answered within the span.
            from_first_answer: random.next().is_multiple_of(2),
        };
        ledgers = under_load(&place, ledgers, Some(span), || {
            if let Some(disk) = &disk {
                freeze(place.daemon());
                disk.cut();
            }
        });
        place.daemon_mut().wait();
        place.kill();
        if let Some(disk) = &disk {
            disk.mount_again();
        }
    }
    place.start();
    let ledgers = under_load(&place, ledgers, None, || {});
    // What some sent again after others had left.
    let ledgers = under_load(&place, ledgers, None, || {});
    let histories = (0..CLIENTS).map(|number| Client::histories(&place, number));
    let verdict = ledger::compare(&ledgers, &histories.collect::<Vec<_>>());
    place.kill();
    drop(disk);
    verdict
}

/// How long clients write.
#[derive(Clone, Copy)]
struct Span {
    length: Duration,
    from_first_answer: bool,
}

/// Lets all clients write for `span`, or, without one, until each has an answer to everything and has received what
/// waits. `cut` is called just before the end.
fn under_load(
    place: &Place,
    ledgers: Vec<Ledger>,
    span: Option<Span>,
    cut: impl FnOnce(),
) -> Vec<Ledger> {
    let flags = Arc::new(Flags::default());
    let address = place.daemon().tcp();
    let threads: Vec<_> = ledgers
        .into_iter()
        .map(|ledger| {
            let flags = flags.clone();
            let settle = span.is_none();
            thread::spawn(move || Client::run(address, ledger, settle, &flags))
        })
        .collect();
    if let Some(span) = span {
        if span.from_first_answer {
            let answered = || flags.answered.load(Ordering::Relaxed);
            wait_until("something is accepted", secs(60), answered);
        }
        // Cut and kill at an instant that nobody chose: that is what is tested.
        let until = Instant::now() + span.length;
        thread::sleep(until.saturating_duration_since(Instant::now()));
        cut();
        place.daemon().signal(rustix::process::Signal::KILL);
        flags.stop.store(true, Ordering::Relaxed);
    }
    threads
        .into_iter()
        .map(|thread| thread.join().expect("a client goes on"))
        .collect()
}

/// Power goes for a process and its disk at once. Without this the daemon would go on while the file system shuts down,
/// where Linux (6.18) answers an fdatasync that is under way with success and drops what it was to write.
fn freeze(daemon: &Daemon) {
    daemon.signal(rustix::process::Signal::STOP);
    let tasks = format!("/proc/{}/task", daemon.pid());
    wait_until("it stands still", secs(10), || {
        let mut tasks = std::fs::read_dir(&tasks).expect("/proc");
        tasks.all(|task| {
            let path = task.expect("a thread").path().join("stat");
            let stat = std::fs::read_to_string(path).expect("/proc");
            let state = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.trim_start().chars().next());
            // D: in a call, whose answer it will not see.
            matches!(state, Some('T' | 'D'))
        })
    });
}

/// Ends of one store: the more is in it, the longer each start looks at it before anything can be cut.
const OF_ONE_STORE: usize = 100;

/// Runs `count` cycles, with some stores one after the other, and fails if anything was lost, doubled, moved or made up.
pub fn nothing_is_lost(row: &str, end: End, count: usize, seed: u64) {
    let began = Instant::now();
    let mut all = Verdict::default();
    for first in (0..count).step_by(OF_ONE_STORE) {
        let count = OF_ONE_STORE.min(count - first);
        // The first store's is the one that was asked for, so that each can be had alone.
        let seed = seed ^ (first as u64) << 32;
        let verdict = cycles(end, count, seed, Setup::new(), "");
        assert!(verdict.is_clean(), "seed {seed}: {verdict:#?}");
        assert!(verdict.accepted > count, "too little was sent: {verdict}");
        all.add(verdict);
    }
    let took = began.elapsed();
    let seconds = took.as_secs_f64();
    record(
        row,
        format_args!("{count} × {end:?}, seed {seed}: {all}, in {seconds:.0} s"),
    );
    assert!(took < secs(60) + Duration::from_millis(1_000) * count as u32);
}

pub fn name(number: usize) -> String {
    format!("client{number}")
}
