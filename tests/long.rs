//! The long run: rows A13, A15, B, C, D, E and F at their full counts, with the limits a daemon has by default.
//! `cargo test --release --features long-tests --test long -- --nocapture`; figures also go to `target/tmp/figures`.

#[cfg(feature = "mailbox")]
#[path = "rows/accounts.rs"]
mod accounts;
mod bench;
mod common;
#[path = "rows/crowd.rs"]
mod crowd;
#[path = "rows/faults.rs"]
mod faults;
#[path = "rows/half_open.rs"]
mod half_open;
#[cfg(feature = "mailbox")]
#[path = "rows/logins.rs"]
mod logins;
#[cfg(feature = "mailbox")]
#[path = "rows/mail.rs"]
mod mail;
#[path = "rows/memory.rs"]
mod memory;
#[path = "rows/queues.rs"]
mod queues;
#[path = "rows/reload.rs"]
mod reload;
#[path = "rows/signals.rs"]
mod signals;
#[path = "rows/slow.rs"]
mod slow;
#[path = "rows/soak.rs"]
mod soak;
#[path = "rows/system.rs"]
mod system;

use bench::secs;
use bench::socket::Via;

const EVERY: [Via; 3] = [Via::V4, Via::V6, Via::Unix];

#[cfg(feature = "mailbox")]
#[test]
fn a13() {
    mail::a13_mute_reader(1_000_000);
}

#[cfg(feature = "mailbox")]
#[test]
fn a15() {
    mail::a15_restart(100_000, bench::millis(100));
    mail::a15_restart(1_000_000, bench::millis(500));
}

#[test]
fn b2() {
    EVERY
        .into_iter()
        .for_each(|via| faults::b2_a_tiny_receive_window(via, 100_000));
}

#[test]
fn b3() {
    EVERY
        .into_iter()
        .for_each(|via| faults::b3_resets_within_a_line(via, 10_000));
}

#[test]
fn b4() {
    EVERY
        .into_iter()
        .for_each(|via| faults::b4_half_close(via, 1_000));
}

#[test]
fn b6() {
    half_open::b6_a_half_open_peer(&half_open::Timing {
        config: "",
        pending: secs(31),
        idle: secs(121),
    });
}

#[test]
fn b7() {
    EVERY
        .into_iter()
        .for_each(|via| faults::b7_takeover(via, 10_000));
}

#[test]
fn b8() {
    for via in EVERY {
        crowd::b8_slowloris(via, 100, secs(60));
        crowd::b8_slowloris_registered(via, 100, secs(30));
        crowd::b8_a_crowd_has_less_time(via, 1_000, secs(10));
    }
}

#[test]
fn b9() {
    EVERY
        .into_iter()
        .for_each(|via| crowd::b9_connect_flood(via, 20_000, 5_000));
}

#[test]
fn b10() {
    EVERY
        .into_iter()
        .for_each(|via| crowd::b10_garbage(via, 100, secs(60)));
}

#[test]
fn b11() {
    for via in EVERY {
        crowd::b11_few_descriptors(via, 400);
        crowd::b11_no_descriptor_at_all(via, 400);
        crowd::b11_the_reserve(via, 400);
    }
}

#[test]
fn b12() {
    EVERY
        .into_iter()
        .for_each(|via| slow::b12_slow_reader(via, 160));
}

#[cfg(feature = "mailbox")]
#[test]
fn b12_with_mailboxes() {
    mail::b12_frozen_reader(160);
}

#[test]
fn b14() {
    EVERY
        .into_iter()
        .for_each(|via| slow::b14_flood(via, secs(20)));
}

#[test]
fn b15() {
    EVERY
        .into_iter()
        .for_each(|via| slow::b15_never_reads_itself(via, secs(30)));
}

#[test]
fn b17() {
    half_open::b17_any_address_of_both_families();
    half_open::b17_ipv6_counts_by_network();
}

#[cfg(feature = "mailbox")]
#[test]
fn b18() {
    mail::b18_leaving_recipients(100_000);
}

#[test]
fn b19() {
    memory::b19_idle_clients(10_000, secs(60));
}

#[test]
fn c2() {
    for via in EVERY {
        memory::c2_exact_limits(via);
        memory::c2_no_line_end(via, 64);
        memory::c2_no_line_end_is_told(via);
        memory::c2_told_before_register(via);
    }
}

#[test]
fn c10() {
    memory::c10_deep_nesting(10_000);
}

#[test]
fn d1() {
    memory::d1_unfinished_lines(1_000);
}

#[test]
fn d2() {
    queues::d2_unregistered_output(200, secs(20));
}

#[test]
fn d3() {
    queues::d3_all_queues_full(100, 64);
}

#[test]
fn d4() {
    soak::d4_little_memory(48, secs(600));
}

#[test]
fn d5() {
    soak::d5_churn(secs(1_800), secs(300), 500);
}

#[test]
fn d6() {
    memory::d6_memory_follows_bytes();
}

#[test]
fn d9() {
    soak::d9_log_flood(secs(60));
}

#[cfg(feature = "mailbox")]
#[test]
fn e10() {
    logins::e10_login_times(10_000);
}

#[cfg(feature = "mailbox")]
#[test]
fn e6() {
    accounts::e6_a_name_that_left(1_000);
}

#[cfg(feature = "mailbox")]
#[test]
fn e11() {
    accounts::e11_brute_force(secs(10));
}

#[cfg(feature = "mailbox")]
#[test]
fn e13() {
    accounts::e13_replays(10_000);
}

#[test]
fn f1_f2() {
    use rustix::process::Signal;
    for via in EVERY {
        signals::f1_sigterm(via, 1_000, 5, secs(10));
        signals::f1_sigterm(via, 1_000, 0, secs(10));
    }
    signals::f2_second_signal([Signal::TERM, Signal::INT], 20);
}

#[test]
fn f3_f4() {
    reload::f3_reloads(1_000, 100);
    reload::f4_broken_files();
}

#[test]
fn f12() {
    system::f12_unix_socket_mode(1_000);
}

#[test]
fn f18() {
    system::f18_system_calls();
    system::f18_runs_without_setting_limits();
}
