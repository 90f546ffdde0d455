//! B2, B3, B4, B6, B7, B17: faults of the network, on real sockets.

mod bench;
mod common;
#[path = "rows/faults.rs"]
mod faults;
#[path = "rows/half_open.rs"]
mod half_open;

use bench::secs;
use bench::socket::Via;
use half_open::Timing;

#[test]
fn b2_lines_arrive_whole_through_a_tiny_receive_window() {
    faults::b2_a_tiny_receive_window(Via::V4, 5_000);
}

#[test]
fn b3_ten_thousand_resets_leave_nothing_behind() {
    faults::b3_resets_within_a_line(Via::V4, 10_000);
}

#[test]
fn b4_a_half_close_is_answered_completely() {
    faults::b4_half_close(Via::V4, 1_000);
}

#[test]
fn b6_a_half_open_peer_is_found() {
    half_open::b6_a_half_open_peer(&Timing {
        config: "[limits]\nuser_timeout_ms = 2000\nkeepalive = [3, 1, 2]\n",
        pending: secs(9),
        idle: secs(15),
    });
}

#[test]
fn b7_a_token_takes_the_name_over() {
    faults::b7_takeover(Via::V4, 200);
}

#[test]
fn b17_b2_on_ipv6_and_unix() {
    Via::OTHERS
        .into_iter()
        .for_each(|via| faults::b2_a_tiny_receive_window(via, 2_000));
}

#[test]
fn b17_b3_on_ipv6_and_unix() {
    Via::OTHERS
        .into_iter()
        .for_each(|via| faults::b3_resets_within_a_line(via, 2_000));
}

#[test]
fn b17_b4_on_ipv6_and_unix() {
    Via::OTHERS
        .into_iter()
        .for_each(|via| faults::b4_half_close(via, 200));
}

#[test]
fn b17_b7_on_ipv6_and_unix() {
    Via::OTHERS
        .into_iter()
        .for_each(|via| faults::b7_takeover(via, 50));
}

#[test]
fn b17_any_address_of_both_families() {
    half_open::b17_any_address_of_both_families();
}

#[test]
fn b17_ipv6_counts_by_network() {
    half_open::b17_ipv6_counts_by_network();
}
