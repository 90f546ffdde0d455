//! B19, C2, C10, D1–D6, D9: what the daemon uses, whatever is done to it.

mod bench;
mod common;
#[path = "rows/memory.rs"]
mod memory;
#[path = "rows/queues.rs"]
mod queues;
#[path = "rows/soak.rs"]
mod soak;

use bench::secs;
use bench::socket::Via;

#[test]
fn b19_ten_thousand_idle_clients() {
    memory::b19_idle_clients(9_500, secs(10));
}

#[test]
fn c2_exact_limits() {
    memory::c2_exact_limits(Via::V4);
}

#[test]
fn c2_without_line_end_memory_stays() {
    memory::c2_no_line_end(Via::V4, 64);
}

#[test]
fn c2_without_line_end_is_told() {
    memory::c2_no_line_end_is_told(Via::V4);
    memory::c2_told_before_register(Via::V4);
}

#[test]
fn b17_c2_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        memory::c2_exact_limits(via);
        memory::c2_no_line_end(via, 64);
        memory::c2_no_line_end_is_told(via);
        memory::c2_told_before_register(via);
    }
}

#[test]
fn c10_deep_nesting_with_a_small_stack() {
    memory::c10_deep_nesting(300);
}

#[test]
fn d1_unfinished_lines() {
    memory::d1_unfinished_lines(1_000);
}

#[test]
fn d2_unregistered_output() {
    queues::d2_unregistered_output(200, secs(8));
}

#[test]
fn d3_all_queues_full() {
    queues::d3_all_queues_full(100, 64);
}

#[test]
fn d4_floods_in_48_mib() {
    soak::d4_little_memory(48, secs(30));
}

#[test]
fn d5_churn() {
    soak::d5_churn(secs(60), secs(15), 500);
}

#[test]
fn d6_memory_follows_bytes() {
    memory::d6_memory_follows_bytes();
}

#[test]
fn d9_log_flood() {
    soak::d9_log_flood(secs(5));
}
