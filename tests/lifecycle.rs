//! F1–F4, F12, F18: starting, reloading, ending, and what the system sees of it.

mod bench;
mod common;
#[path = "rows/reload.rs"]
mod reload;
#[path = "rows/signals.rs"]
mod signals;
#[path = "rows/system.rs"]
mod system;

use bench::secs;
use bench::socket::Via;
use rustix::process::Signal;

#[test]
fn f1_sigterm_tells_everybody_who_reads() {
    signals::f1_sigterm(Via::V4, 1_000, 5, secs(2));
}

#[test]
fn f1_sigterm_without_slow_readers() {
    for via in [Via::V4, Via::V6, Via::Unix] {
        signals::f1_sigterm(via, 1_000, 0, secs(10));
    }
}

#[test]
fn f2_the_second_signal_ends_at_once() {
    signals::f2_second_signal([Signal::TERM, Signal::TERM], 2);
    signals::f2_second_signal([Signal::INT, Signal::TERM], 1);
    signals::f2_second_signal([Signal::TERM, Signal::INT], 1);
}

#[test]
fn f3_a_hundred_reloads_drop_nobody() {
    reload::f3_reloads(1_000, 100);
}

#[test]
fn f4_broken_files_change_nothing() {
    reload::f4_broken_files();
}

#[test]
fn f12_a_unix_socket_has_its_mode_from_the_start() {
    system::f12_unix_socket_mode(100);
}

#[test]
fn f18_system_calls_are_those_of_the_unit() {
    system::f18_system_calls();
}

#[test]
fn f18_setting_limits_may_be_forbidden() {
    system::f18_runs_without_setting_limits();
}
