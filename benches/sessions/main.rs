//! Beyond one process's descriptors: up to a million registered sessions in one engine, without sockets.
//! Bytes of heap of each, the cost of a message to a random name from one sender and from a random one, the worst
//! single operation, the cost of a turn.

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/sessions.rs"]
mod sessions;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use privmsgd::id::ConnId;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::counting::{Counting, allocations, live_bytes};
use crate::sessions::Sessions;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Sessions whose bytes arrive in one turn.
const TURN: usize = 64;
const MESSAGES: usize = 1 << 18;
const TURNS: u32 = 20_000;

fn main() {
    // Cargo's own arguments mean nothing here; a number is the most sessions to hold.
    let most = std::env::args().find_map(|word| word.parse().ok());
    let counts: Vec<usize> = [1_000, 100_000, 1_000_000]
        .into_iter()
        .filter(|count| most.is_none_or(|most: usize| *count <= most))
        .collect();
    println!(
        "{:>10}{:>12}{:>12}{:>14}{:>14}{:>14}{:>14}{:>14}",
        "sessions",
        "heap B",
        "register",
        "the worst",
        "route",
        "from anyone",
        "the worst",
        "empty turn"
    );
    let rows: Vec<Value> = counts.into_iter().map(row).collect();
    let path = Path::new(env!("CARGO_BIN_EXE_privmsgd"))
        .ancestors()
        .nth(2)
        .map(|target| target.join("bench"));
    if let Some(path) = path {
        let written = fs::create_dir_all(&path)
            .and_then(|()| fs::write(path.join("sessions.json"), format!("{:#}\n", json!(rows))));
        println!("{} {written:?}", path.join("sessions.json").display());
    }
}

fn row(count: usize) -> Value {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let names: Vec<String> = (0..count)
        .map(|index| format!("user{:05x}.{index}", random.next() & 0xf_ffff))
        .collect();
    let entering = Lines::new(names.iter().map(|name| register_line(name)));
    let once = Lines::new((0..count).map(|index| message(&names[(index + 1) % count])));
    let somebody = |random: &mut Random| random.next() as usize % count;
    let senders: Vec<usize> = (0..MESSAGES).map(|_| somebody(&mut random)).collect();
    let one = vec![0; MESSAGES];
    let sent = Lines::new((0..MESSAGES).map(|_| message(&names[somebody(&mut random)])));
    let before = live_bytes();
    let mut sessions = Sessions::new(count);
    let register = register(&mut sessions, &entering);
    let all: Vec<usize> = (0..count).collect();
    send(&mut sessions, &all, &once);
    let own = sessions.ids.capacity() * size_of::<ConnId>() + all.capacity() * size_of::<usize>();
    let heap = (live_bytes() - before) as f64 - own as f64;
    let heap = heap / count as f64;
    let route = send(&mut sessions, &one, &sent);
    let scattered = send(&mut sessions, &senders, &sent);
    let turn_ns = turns(&mut sessions);
    println!(
        "{count:>10}{heap:>10.0} B{:>9.0} ns{:>11.1} µs{:>11.0} ns{:>11.0} ns{:>11.1} µs{turn_ns:>11.1} ns",
        register.mean_ns,
        register.worst_ns / 1e3,
        route.mean_ns,
        scattered.mean_ns,
        route.worst_ns.max(scattered.worst_ns) / 1e3,
    );
    json!({
        "sessions": count, "heapBytesPerSession": heap,
        "registerNs": register.mean_ns, "registerWorstNs": register.worst_ns,
        "routeNs": route.mean_ns, "routeFromAnyoneNs": scattered.mean_ns,
        "routeWorstNs": route.worst_ns.max(scattered.worst_ns), "emptyTurnNs": turn_ns,
        "routeAllocations": route.allocations, "registerAllocations": register.allocations,
    })
}

/// Lines to be read, made before anything is measured.
struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    fn new(lines: impl Iterator<Item = String>) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for line in lines {
            bytes.extend_from_slice(line.as_bytes());
            ends.push(bytes.len());
        }
        Lines { bytes, ends }
    }

    fn at(&self, index: usize) -> &[u8] {
        &self.bytes[self.ends[index]..self.ends[index + 1]]
    }

    fn len(&self) -> usize {
        self.ends.len() - 1
    }
}

fn register_line(name: &str) -> String {
    format!("{{\"type\":\"register\",\"username\":\"{name}\"}}\n")
}

/// A message of 100 bytes.
fn message(to: &str) -> String {
    format!(
        "{{\"type\":\"privateMessage\",\"toUsername\":\"{to}\",\"message\":\"{:.<100}\"}}\n",
        ""
    )
}

struct Cost {
    mean_ns: f64,
    worst_ns: f64,
    allocations: f64,
}

/// Time spent, and the longest single operation.
struct Watch {
    start: Duration,
    last: Duration,
    worst: Duration,
    allocations: u64,
}

impl Watch {
    fn start() -> Self {
        let start = cpu_time();
        Watch {
            start,
            last: start,
            worst: Duration::ZERO,
            allocations: allocations(),
        }
    }

    /// An operation has ended.
    fn lap(&mut self) {
        let now = cpu_time();
        self.worst = self.worst.max(now - self.last);
        self.last = now;
    }

    fn cost(&self, count: usize) -> Cost {
        Cost {
            mean_ns: (cpu_time() - self.start).as_nanos() as f64 / count as f64,
            worst_ns: self.worst.as_nanos() as f64,
            allocations: (allocations() - self.allocations) as f64 / count as f64,
        }
    }
}

fn register<'a>(sessions: &mut Sessions<'a>, lines: &'a Lines) -> Cost {
    let mut watch = Watch::start();
    for index in 0..lines.len() {
        sessions.register(lines.at(index));
        watch.lap();
        if index % TURN == TURN - 1 {
            sessions.end_turn();
            watch.lap();
        }
    }
    sessions.end_turn();
    assert_eq!(sessions.engine.population(), (lines.len(), lines.len()));
    watch.cost(lines.len())
}

/// Each line from its sender, a turn's worth at a time; all of them arrive. The mean is of a second pass that is not
/// watched line by line, because looking at the clock costs as much as a message.
fn send<'a>(sessions: &mut Sessions<'a>, senders: &[usize], lines: &'a Lines) -> Cost {
    let before = total_written(sessions);
    let mut watch = Watch::start();
    pass(sessions, senders, lines, || watch.lap());
    let bytes = total_written(sessions) - before;
    assert!(bytes >= (lines.len() * 150) as u64, "{bytes} bytes arrived");
    let again = Watch::start();
    pass(sessions, senders, lines, || {});
    Cost {
        worst_ns: watch.worst.as_nanos() as f64,
        ..again.cost(lines.len())
    }
}

fn pass<'a>(
    sessions: &mut Sessions<'a>,
    senders: &[usize],
    lines: &'a Lines,
    mut done: impl FnMut(),
) {
    for (index, sender) in senders.iter().enumerate() {
        sessions.send(sessions.ids[*sender], lines.at(index));
        done();
        if index % TURN == TURN - 1 {
            sessions.end_turn();
            done();
        }
    }
    sessions.end_turn();
}

fn total_written(sessions: &mut Sessions<'_>) -> u64 {
    let ids = sessions.ids.clone();
    ids.into_iter().map(|id| sessions.written(id)).sum()
}

/// Turns in which nothing happens.
fn turns(sessions: &mut Sessions<'_>) -> f64 {
    let start = cpu_time();
    for _ in 0..TURNS {
        black_box(sessions.end_turn());
    }
    (cpu_time() - start).as_nanos() as f64 / f64::from(TURNS)
}

/// CPU time of this thread: that others get their turn is no operation of ours.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// xorshift64*: the same names and ways in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
