//! A1, A2, A12, B16: nothing accepted is lost when the daemon is killed, the power goes or links are cut, at any instant.
//! Needs root, for disks and cables.

#[path = "../bench/mod.rs"]
mod bench;
#[path = "../model/choice.rs"]
#[allow(dead_code)]
mod choice;
#[path = "../common/mod.rs"]
mod common;
#[path = "../rows/crash/mod.rs"]
mod crash;

#[path = "../rows/links.rs"]
mod links;

use choice::number;
use crash::{End, cycles, nothing_is_lost};

use bench::millis;
use bench::tun::Weather;
use common::Setup;

const LONG: bool = cfg!(feature = "long-tests");

/// `CRASH_COUNT`, so that a long run may be done in parts, each with its own `CRASH_SEED`; else what CI does, or the row's.
fn count(ci: usize, long: usize) -> usize {
    let row = if LONG { long } else { ci };
    number("CRASH_COUNT").map_or(row, |count| count as usize)
}

fn seed(usual: u64) -> u64 {
    number("CRASH_SEED").unwrap_or(usual)
}

#[test]
fn a1_killed_five_hundred_times() {
    nothing_is_lost("A1", End::Kill, count(500, 10_000), seed(1));
}

#[test]
fn a2_without_power_five_hundred_times() {
    nothing_is_lost("A2", End::PowerCut, count(500, 10_000), seed(2));
}

/// Each round cuts the links of twenty.
#[test]
fn a12_two_hundred_cut_links() {
    links::a12_cut_links(
        links::Way::plain(),
        count(10, 100),
        seed(0x2545_f491_4f6c_dd1d),
    );
}

#[test]
fn b16_one_and_five_packets_of_a_hundred_are_lost() {
    links::b16_lost_packets(1, 10_000);
    links::b16_lost_packets(5, 2_000);
}

#[test]
fn b16_late_packets_overtake_each_other() {
    let weather = Weather {
        at_least: millis(50),
        at_most: millis(200),
        overtaken: 10,
        lost: 1,
    };
    links::b16_late_packets(weather, count(1_000, 10_000) as u64);
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
