//! A clock that leaps by ten years, and is set right or not.

use super::*;
use crate::mailbox::sweep::{PASS_MS, SLICE_ROWS};

const YEARS: i64 = 3_652;

fn brief(text: &str, seconds: u32) -> Letter {
    Letter {
        expires_in_s: Some(seconds),
        ..letter("Bob", text)
    }
}

/// Alice and Bob, two days of retention, and a message that expires in a day beside one that does not.
fn house() -> House {
    let mut house = House::new(&["Alice", "Bob"]);
    house.config.retention_days = 2;
    house.send("Alice", "Bob", "kept");
    house.send_letter("Alice", brief("brief", 86_400));
    house.sweep();
    house
}

/// Of the last messages.
fn texts(house: &mut House) -> Vec<String> {
    all_say(&house.page("Bob", "Alice", Page::Before(None), 500).0)
}

#[test]
fn nothing_goes_at_once_when_the_clock_leaps_ahead() {
    let mut house = house();
    house.leap(YEARS);
    house.wait(PASS_MS);
    assert_eq!(told(&house.sweep()), [""; 0]);
    house.wait(10 * PASS_MS);
    house.sweep();
    assert_eq!(texts(&mut house), ["\"kept\"", "expired"], "it is hidden");
    house.leap(-YEARS);
    house.wait(1);
    house.sweep();
    assert_eq!(texts(&mut house), ["\"kept\"", "\"brief\""]);
    house.wait(DAY_MS);
    house.sweep();
    assert_eq!(texts(&mut house), ["\"kept\"", "expired"]);
    assert!(!house.stands_in_rows("brief"));
    house.wait(DAY_MS + PASS_MS);
    house.sweep();
    assert_eq!(texts(&mut house), ["trimmed", "expired"]);
}

/// It may be right: the daemon's machine may have slept.
#[test]
fn a_day_later_the_clock_is_believed() {
    let mut house = house();
    house.leap(YEARS);
    house.wait(1_000);
    house.sweep();
    house.wait(DAY_MS - 1_000);
    house.sweep();
    assert!(house.stands_in_rows("kept"));
    house.wait(1_000);
    house.sweep();
    assert_eq!(texts(&mut house), ["trimmed", "expired"]);
}

#[test]
fn nothing_goes_at_once_when_the_daemon_starts_years_later() {
    let mut house = house();
    house.leap(YEARS);
    house.sweep = Sweep::default();
    house.sweep();
    assert!(house.stands_in_rows("kept") && house.stands_in_rows("brief"));
    house.wait(DAY_MS);
    house.sweep();
    assert_eq!(texts(&mut house), ["trimmed", "expired"]);
}

#[test]
fn what_was_accepted_while_the_clock_was_ahead_is_not_kept_for_years() {
    let mut house = house();
    house.config.max_waiting = 10_000;
    house.leap(YEARS);
    for n in 0..SLICE_ROWS + 10 {
        house.send("Alice", "Bob", &format!("ahead {n}"));
    }
    house.take("Bob");
    house.leap(-YEARS);
    house.wait(1_000);
    house.send_letter("Alice", brief("later", 86_400));
    house.send("Bob", "Alice", "answer");
    house.take("Alice");
    house.take("Bob");
    let (last, _) = house.page("Bob", "Alice", Page::Before(None), 2);
    let times: Vec<u64> = last.iter().map(|message| message.time_unix_ms).collect();
    let now = house.now.unix_ms;
    assert_eq!(times, [now, now]);
    house.sweep();
    assert!(house.stands_in_rows("ahead"));
    house.wait(DAY_MS);
    house.sweep();
    assert!(!house.stands_in_rows("later"), "it expires in its time");
    house.send("Alice", "Bob", "young");
    house.wait(DAY_MS + PASS_MS);
    house.sweep();
    let texts = texts(&mut house);
    assert_eq!(texts.last().unwrap(), "\"young\"");
    assert!(!house.stands_in_rows("ahead") && !house.stands_in_rows("answer"));
    house.take("Alice");
    house.wait(PASS_MS);
    house.sweep();
    // Two expiries of a day ago, and the young one.
    assert_eq!(house.log_length("Bob"), 3);
}

/// Nor is a message lost that was accepted while the clock was late, before others of its time are.
#[test]
fn a_clock_that_is_late_takes_nothing_away() {
    let mut house = house();
    house.leap(-YEARS);
    house.wait(PASS_MS);
    house.send("Alice", "Bob", "late");
    house.sweep();
    house.wait(PASS_MS);
    house.sweep();
    house.leap(YEARS);
    house.wait(PASS_MS);
    house.sweep();
    let all = ["\"kept\"", "\"brief\"", "\"late\""];
    assert_eq!(texts(&mut house), all);
    house.wait(DAY_MS);
    house.sweep();
    assert!(house.stands_in_rows("kept") && house.stands_in_rows("late"));
}
