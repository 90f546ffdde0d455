//! What the kernel knows: cores, CPU time, memory, and how far the two cores are from each other.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The server's core and the load's.
pub const SERVER_CORE: usize = 1;
pub const LOAD_CORE: usize = 0;

/// Keeps this thread, and what it starts, on one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// CPU time of all threads of a process in ns, user and system; what its system calls cost in the network stack is
/// in it. Up to one timer tick of a running thread is missing.
pub fn cpu_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Private memory of a process in bytes.
pub fn memory_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:")?.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

pub fn core_count() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get())
}

pub fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(": "))
            .map_or("?", |(_, value)| value)
            .to_string()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let virtual_machine = if field("flags").contains("hypervisor") {
        ", virtual"
    } else {
        ""
    };
    format!(
        "{}{virtual_machine}, {} cores, Linux {}",
        field("model name"),
        info.matches("processor\t").count(),
        kernel.trim()
    )
}

/// The round trip of one cache line between the two cores in ns, the median of several tries.
pub fn core_distance_ns() -> f64 {
    const TRIPS: u32 = 20_000;
    let mut tries: Vec<f64> = (0..5).map(|_| round_trips(TRIPS)).collect();
    tries.sort_by(f64::total_cmp);
    tries[tries.len() / 2]
}

fn round_trips(trips: u32) -> f64 {
    let line = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = pin(SERVER_CORE);
            for trip in 0..trips {
                while line.load(Ordering::Acquire) != 2 * trip + 1 {
                    std::hint::spin_loop();
                }
                line.store(2 * trip + 2, Ordering::Release);
            }
        });
        let asking = scope.spawn(|| {
            let _ = pin(LOAD_CORE);
            let start = Instant::now();
            for trip in 0..trips {
                line.store(2 * trip + 1, Ordering::Release);
                while line.load(Ordering::Acquire) != 2 * trip + 2 {
                    std::hint::spin_loop();
                }
            }
            start.elapsed().as_nanos() as f64 / f64::from(trips)
        });
        asking.join().unwrap_or(f64::NAN)
    })
}

/// Instructions of a process, counted by `perf stat` where it can.
pub struct Instructions(Child);

impl Instructions {
    /// Whether `perf` counts instructions on this machine.
    pub fn are_counted() -> bool {
        Command::new("perf")
            .args(["stat", "-x,", "-e", "instructions", "true"])
            .output()
            .ok()
            .and_then(|output| count(&output.stderr))
            .is_some()
    }

    pub fn start(pid: u32) -> Option<Self> {
        Command::new("perf")
            .args(["stat", "-x,", "-e", "instructions", "-p", &pid.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()
            .map(Instructions)
    }

    pub fn stop(mut self) -> Option<u64> {
        kill_process(Pid::from_child(&self.0), Signal::INT).ok()?;
        let mut text = Vec::new();
        self.0.stderr.take()?.read_to_end(&mut text).ok()?;
        self.0.wait().ok()?;
        count(&text)
    }
}

fn count(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .filter(|line| line.contains("instructions"))
        .find_map(|line| line.split(',').next()?.parse().ok())
}
