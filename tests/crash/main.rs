//! A1, A2: nothing accepted is lost when the daemon is killed or the power goes, at any instant. Needs root, for the
//! disk whose power is cut.

#[path = "../bench/mod.rs"]
mod bench;
#[path = "../common/mod.rs"]
mod common;
#[path = "../rows/crash/mod.rs"]
mod crash;

use crash::{End, cycles, nothing_is_lost};

use common::Setup;

#[test]
fn a1_killed_five_hundred_times() {
    nothing_is_lost("A1", End::Kill, 500, 1);
}

#[test]
fn a2_without_power_five_hundred_times() {
    nothing_is_lost("A2", End::PowerCut, 500, 2);
}

/// The test of the test: where nothing is made durable, a power cut takes what was accepted, and that is seen.
#[test]
fn a2_is_seen_where_nothing_is_synced() {
    let verdict = cycles(End::PowerCut, 20, 3, unsynced(), "");
    bench::record("A2", format_args!("without fdatasync: {verdict}"));
    assert!(verdict.lost > 0, "{verdict:#?}");
}

/// A daemon whose fsync and fdatasync do nothing.
fn unsynced() -> Setup {
    let dir = bench::scratch("unsynced");
    std::fs::create_dir_all(&dir).expect("a directory");
    let code = "int fsync(int f) { return 0; }\nint fdatasync(int f) { return 0; }\n";
    std::fs::write(dir.join("unsynced.c"), code).expect("write");
    let args = ["-shared", "-fPIC", "-o", "unsynced.so", "unsynced.c"];
    bench::place::tool(&dir, "cc", &args);
    Setup::new().env("LD_PRELOAD", &dir.join("unsynced.so").display().to_string())
}
