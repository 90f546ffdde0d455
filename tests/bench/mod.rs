//! What the rows about sockets, memory and signals measure with. Holds no row itself.
#![allow(dead_code)]

pub mod namespace;
pub mod pair;
pub mod place;
pub mod process;
pub mod socket;
pub mod tools;
pub mod tun;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// One measurement at a time, in this process and in others of the same build. Held until dropped.
#[must_use]
pub fn alone() -> File {
    let lock = File::create(scratch("alone")).expect("create the lock");
    flock(&lock, FlockOperation::LockExclusive).expect("take the lock");
    lock
}

/// Writes a figure down: to standard error and to `target/tmp/figures`.
pub fn record(row: &str, figure: std::fmt::Arguments<'_>) {
    eprintln!("{row}: {figure}");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(scratch("figures"));
    writeln!(file.expect("open the figures"), "{row}: {figure}").expect("write a figure");
}

/// A path of the build's own.
pub fn scratch(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Waits until `done`, and fails after `patience`. Returns how long it took.
#[track_caller]
pub fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < patience, "after {patience:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
