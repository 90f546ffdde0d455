//! Faults that the reference found, each as the shortest schedule that shows it.

use crate::model::actions::config;
use crate::model::driver::Driver;
use privmsgd::config::{Config, Limits};

fn turn(driver: &mut Driver, id: u64, lines: &[&str]) {
    for line in lines {
        driver.send(id, format!("{line}\n").as_bytes());
    }
    driver.readable(id, false);
    driver.end_turn();
    driver.take_all();
}

fn connect(driver: &mut Driver) -> u64 {
    driver.connect(usize::MAX).expect("a place")
}

#[test]
fn one_eviction_makes_room_for_one_connection() {
    let mut driver = Driver::new(&Config::default(), 3);
    for _ in 0..5 {
        driver.connect(usize::MAX);
    }
    let open = |driver: &Driver| {
        let conns = driver.model.clients.values();
        conns.filter(|client| client.is_open()).count()
    };
    assert_eq!(open(&driver), 3);
    // Who was evicted says goodbye in this turn and is gone in the next.
    driver.end_turn();
    driver.end_turn();
    assert_eq!(driver.engine.population().0, 3);
    driver.leave();
}

#[test]
fn a_status_is_as_old_as_before_when_its_name_is_taken_over_in_other_letters() {
    let mut driver = Driver::new(&config(), 9);
    let [watcher, old, new] = [(); 3].map(|()| connect(&mut driver));
    turn(
        &mut driver,
        watcher,
        &[r#"{"type":"register","username":"Bob"}"#],
    );
    turn(
        &mut driver,
        old,
        &[r#"{"type":"register","username":"Alice"}"#],
    );
    turn(
        &mut driver,
        watcher,
        &[r#"{"type":"watch","usernames":["Alice"]}"#],
    );
    driver.advance(5_000);
    let token = driver.model.session(old).expect("a session").token;
    let line = format!(r#"{{"type":"register","username":"ALICE","resumeToken":"{token:032x}"}}"#);
    turn(&mut driver, new, &[&line]);
    driver.leave();
}

#[test]
fn a_watch_given_up_leaves_no_date_behind() {
    let mut driver = Driver::new(&config(), 9);
    let [watcher, bob] = [(); 2].map(|()| connect(&mut driver));
    let (away, online) = (
        r#"{"type":"setStatus","status":"away"}"#,
        r#"{"type":"setStatus","status":"online"}"#,
    );
    turn(
        &mut driver,
        bob,
        &[r#"{"type":"register","username":"Bob"}"#],
    );
    turn(
        &mut driver,
        watcher,
        &[
            r#"{"type":"register","username":"Alice"}"#,
            r#"{"type":"watch","usernames":["Bob"]}"#,
        ],
    );
    turn(&mut driver, bob, &[away, online]);
    driver.advance(500);
    turn(
        &mut driver,
        watcher,
        &[
            r#"{"type":"unwatch","usernames":["Bob"]}"#,
            r#"{"type":"watch","usernames":["Bob"]}"#,
        ],
    );
    turn(&mut driver, bob, &[away, online]);
    driver.advance(500);
    driver.end_turn();
    driver.leave();
}

#[test]
fn what_waits_behind_a_hold_is_read_without_an_event() {
    let mut driver = Driver::new(&config(), 9);
    let alice = connect(&mut driver);
    let ping = format!(r#"{{"type":"ping","data":"{}"}}"#, "x".repeat(300));
    driver.ends[&alice].far.set_window(0);
    turn(
        &mut driver,
        alice,
        &[r#"{"type":"register","username":"Alice"}"#],
    );
    for _ in 0..12 {
        turn(&mut driver, alice, &[&ping]);
    }
    driver.send(alice, b"{\"type\":\"pong\"}\n");
    driver.end(alice);
    driver.settle_until_blocked();
    // Enough leaves for reading to be allowed, not enough for it to be resumed.
    driver.ends[&alice].far.set_window(900);
    driver.events();
    driver.end_turn();
    driver.readable(alice, false);
    driver.leave();
}

#[test]
fn a_line_kept_for_later_survives_smaller_limits() {
    let mut driver = Driver::new(&config(), 9);
    let alice = connect(&mut driver);
    turn(
        &mut driver,
        alice,
        &[r#"{"type":"register","username":"Alice"}"#],
    );
    let begun = format!(r#"{{"type":"ping","data":"{}"#, "x".repeat(1_900));
    driver.send(alice, begun.as_bytes());
    driver.settle();
    let mut smaller = config();
    smaller.limits = Limits {
        max_line_bytes: 600,
        read_budget_bytes: 100,
        ..smaller.limits
    };
    driver.reload(&smaller);
    turn(&mut driver, alice, &[r#""}"#, r#"{"type":"ping"}"#]);
    driver.leave();
}

#[test]
fn saying_goodbye_to_everybody_takes_no_buffer_for_each() {
    use privmsgd::engine::Engine;
    use privmsgd::net::admit::Peer;
    use privmsgd::net::memory::Sink;

    const CLIENTS: usize = 900;
    let mut engine = Engine::new(&Config::default(), CLIENTS, Box::new(|| Some(1)));
    for _ in 0..CLIENTS {
        engine.connect(Sink::default(), Peer::unix());
        engine.flush();
    }
    engine.drain();
    let queued = engine.conns.queue_bytes();
    assert!(queued <= 512 * 1024, "{queued} bytes of buffers");
    engine.flush();
    assert_eq!(engine.conns.queue_bytes(), 0);
}

#[test]
fn the_operator_sees_since_when_somebody_is_connected() {
    let mut driver = Driver::new(&config(), 9);
    driver.advance(7_000);
    let alice = connect(&mut driver);
    let since = driver.model.unix;
    turn(
        &mut driver,
        alice,
        &[r#"{"type":"register","username":"Alice"}"#],
    );
    for _ in 0..3 {
        driver.advance(5_300);
        let seen = driver.engine.seen(0).expect("a connection");
        assert_eq!(
            (seen.name, seen.connected_unix_ms),
            (Some("Alice"), since / 1_000 * 1_000)
        );
    }
    driver.leave();
}

#[test]
fn claims_that_were_told_are_not_told_again() {
    let mut driver = Driver::new(&config(), 9);
    let [alice, other] = [(); 2].map(|()| connect(&mut driver));
    let register = r#"{"type":"register","username":"Alice"}"#;
    turn(&mut driver, alice, &[register]);
    // The first is told at once, the two others after the interval, once.
    turn(&mut driver, other, &[register; 3]);
    for _ in 0..4 {
        driver.advance(config().limits.claim_notice_interval_ms);
        driver.end_turn();
        driver.take_all();
    }
    driver.leave();
}
