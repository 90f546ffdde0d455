//! B8, B9, B10, B11, B12, B14, B15, B17: too many, too much, too slow; D9 in each flood. A13, A15, B12 and B18 with mailboxes.

mod bench;
mod common;
#[path = "rows/crowd.rs"]
mod crowd;
#[cfg(feature = "mailbox")]
#[path = "rows/mail.rs"]
mod mail;
#[path = "rows/slow.rs"]
mod slow;

use bench::secs;
use bench::socket::Via;

#[test]
fn b8_slowloris_is_cut_before_register() {
    crowd::b8_slowloris(Via::V4, 100, secs(4));
}

#[test]
fn b8_slowloris_is_cut_within_a_line() {
    crowd::b8_slowloris_registered(Via::V4, 100, secs(4));
}

#[test]
fn b8_a_crowd_has_less_time_and_makes_room() {
    crowd::b8_a_crowd_has_less_time(Via::V4, 64, secs(2));
}

#[test]
fn b9_a_connect_flood_harms_nobody() {
    crowd::b9_connect_flood(Via::V4, 20_000, 2_000);
}

#[test]
fn b10_garbage_is_told_and_cut() {
    crowd::b10_garbage(Via::V4, 100, secs(5));
}

#[test]
fn b11_few_descriptors() {
    crowd::b11_few_descriptors(Via::V4, 400);
}

#[test]
fn b11_no_descriptor_at_all() {
    crowd::b11_no_descriptor_at_all(Via::V4, 400);
}

#[test]
fn b11_the_reserve_is_kept() {
    crowd::b11_the_reserve(Via::V4, 400);
}

#[test]
fn b12_a_slow_reader_costs_little_and_loses_nothing() {
    slow::b12_slow_reader(Via::V4, 16);
}

#[test]
fn b14_a_flood_leaves_room_for_others() {
    slow::b14_flood(Via::V4, secs(3));
}

#[test]
fn b15_who_never_reads_itself_is_closed() {
    slow::b15_never_reads_itself(Via::V4, secs(2));
}

#[test]
fn b17_b8_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        crowd::b8_slowloris(via, 20, secs(2));
        crowd::b8_slowloris_registered(via, 20, secs(2));
        crowd::b8_a_crowd_has_less_time(via, 16, secs(1));
    }
}

#[test]
fn b17_b9_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        crowd::b9_connect_flood(via, 3_000, 200);
    }
}

#[test]
fn b17_b10_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        crowd::b10_garbage(via, 20, secs(1));
    }
}

#[test]
fn b17_b11_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        crowd::b11_few_descriptors(via, 400);
        crowd::b11_no_descriptor_at_all(via, 100);
        crowd::b11_the_reserve(via, 100);
    }
}

#[test]
fn b17_b12_b14_b15_on_ipv6_and_unix() {
    for via in Via::OTHERS {
        slow::b12_slow_reader(via, 4);
        slow::b14_flood(via, secs(1));
        slow::b15_never_reads_itself(via, secs(1));
    }
}

#[cfg(feature = "mailbox")]
#[test]
fn b12_a_frozen_reader_costs_room_on_the_disk_only() {
    mail::b12_frozen_reader(16);
}

#[cfg(feature = "mailbox")]
#[test]
fn a13_a_reader_who_acknowledges_nothing_costs_no_more() {
    mail::a13_mute_reader(20_000);
}

#[cfg(feature = "mailbox")]
#[test]
fn a15_a_store_with_messages_is_opened_at_once() {
    mail::a15_restart(20_000, bench::millis(100));
}

#[cfg(feature = "mailbox")]
#[test]
fn b18_recipients_who_leave_lose_nothing() {
    mail::b18_leaving_recipients(20_000);
}
