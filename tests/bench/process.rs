//! What a process uses: memory, processor time, wake-ups. Memory is RssAnon: heap and stacks. VmRSS would count the pages
//! of the program file too, which come as code runs for the first time and say nothing about connections.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::common::Daemon;

/// Anonymous resident memory in KiB.
pub fn anon_kib(pid: u32) -> u64 {
    number_of(&read(&format!("/proc/{pid}/status")), "RssAnon:")
}

/// Processor time used so far, in ms; the kernel counts in steps of 10.
pub fn cpu_ms(pid: u32) -> u64 {
    let stat = read(&format!("/proc/{pid}/stat"));
    let fields = stat.rsplit_once(") ").expect("a name in parentheses").1;
    let ticks = |at: usize| -> u64 { fields.split(' ').nth(at).unwrap().parse().unwrap() };
    (ticks(11) + ticks(12)) * 10
}

/// How often any thread was woken so far.
pub fn wakeups(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("/proc");
    let status = tasks.map(|task| read(&format!("{}/status", task.unwrap().path().display())));
    status
        .map(|status| number_of(&status, "voluntary_ctxt_switches:"))
        .sum()
}

/// Sets how many descriptors the daemon may have open from now on. Returns what was.
pub fn limit_descriptors(daemon: &Daemon, count: u64) -> u64 {
    super::tools::need_root();
    let limit = Rlimit {
        current: Some(count),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let pid = Pid::from_raw(daemon.pid() as i32);
    let old = prlimit(pid, Resource::Nofile, limit).expect("set the limit");
    old.current.unwrap_or(u64::MAX)
}

/// The log grows by at most 10 lines and 2 KiB a second, after a burst: D9.
pub struct LogMeter {
    start: Instant,
    lines: usize,
    bytes: usize,
}

/// Lines that may come at once, and what one is at most: a second's share of the remote ones and its summary, and those
/// that a daemon still writes when its port is known already.
const BURST: usize = 52 + STARTING;
const STARTING: usize = 4;
const LINE_BYTES: usize = 160;

impl LogMeter {
    pub fn start(daemon: &Daemon) -> LogMeter {
        let log = daemon.log();
        LogMeter {
            start: Instant::now(),
            lines: log.lines().count(),
            bytes: log.len(),
        }
    }

    #[track_caller]
    pub fn finish(self, row: &str, daemon: &Daemon) {
        let (log, seconds) = (daemon.log(), self.start.elapsed().as_secs_f64());
        let lines = log.lines().count() - self.lines;
        let bytes = log.len() - self.bytes;
        super::record(
            "D9",
            format_args!("{row}: {lines} log lines, {bytes} bytes in {seconds:.1} s"),
        );
        let may = |rate: f64, burst: usize| (rate * seconds) as usize + burst;
        assert!(lines <= may(10.0, BURST), "{row}: {lines} lines\n{log}");
        assert!(
            bytes <= may(2_048.0, BURST * LINE_BYTES),
            "{row}: {bytes} bytes\n{log}"
        );
    }
}

/// Looks at the memory of a process again and again, for its peak.
pub struct Peak {
    over: Arc<AtomicBool>,
    looks: JoinHandle<u64>,
}

impl Peak {
    pub fn start(pid: u32) -> Peak {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let looks = thread::spawn(move || {
            let mut peak = 0;
            while !ends.load(Ordering::Relaxed) {
                peak = peak.max(anon_kib(pid));
                thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        Peak { over, looks }
    }

    /// In KiB.
    pub fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.looks.join().expect("the peak")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn number_of(status: &str, key: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(key));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no {key}"))
}
