//! Presence of an account with several devices, and of one that is invisible.

use crate::common::{Client, text_of};
use crate::house::{House, limits, transcript_with};

fn played(script: impl Fn(&House)) {
    transcript_with(&limits(|limits| limits.presence_interval_ms = 0), script);
}

fn is(status: &str) -> String {
    format!(r#"{{"type":"presence","username":"Alice","status":"{status}","since":"…"}}"#)
}

fn ask(client: &mut Client, line: &str) -> String {
    client.send(line);
    client.line()
}

/// > With several devices a name is `online` if any of them is, else `away` if any is, else `offline`.
#[test]
fn an_account_is_online_as_long_as_a_device_is() {
    played(|at| {
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"watch","usernames":["alice"]}"#);
        bob.expect(r#"{"type":"presence","username":"alice","status":"offline","since":"…"}"#);
        let mut phone = at.register("Alice", "phone");
        bob.expect(&is("online"));
        let mut laptop = at.register("Alice", "laptop");
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        phone.send(r#"{"type":"setStatus","status":"away","id":1}"#);
        phone.expect(r#"{"type":"ok","id":1,"command":"setStatus"}"#);
        bob.expect_nothing();
        laptop.send(r#"{"type":"setStatus","status":"away"}"#);
        bob.expect(&is("away"));
        phone.send(r#"{"type":"setStatus","status":"online"}"#);
        bob.expect(&is("online"));
        phone.send(r#"{"type":"bye"}"#);
        bob.expect(&is("away"));
        laptop.send(r#"{"type":"bye"}"#);
        bob.expect(&is("offline"));
        phone.expect_goodbye("bye");
    });
}

/// > While it is `invisible`, others see it `offline`, and neither `presence` nor `typing` leaves it.
#[test]
fn invisible_looks_like_offline() {
    played(|at| {
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"watch","usernames":["ALICE"]}"#);
        bob.expect(r#"{"type":"presence","username":"ALICE","status":"offline","since":"…"}"#);
        let mut alice = at.connect("A");
        alice
            .send(r#"{"type":"register","username":"Alice","password":"pw","status":"invisible"}"#);
        alice.expect(r#"{"type":"registered",…}"#);
        alice.expect(r#"{"type":"synced","pos":…}"#);
        bob.expect_nothing();
        let mut carol = at.register("Carol", "phone");
        // Not even how the account writes its name.
        carol.send(r#"{"type":"watch","usernames":["aLiCe"]}"#);
        carol.expect(r#"{"type":"presence","username":"aLiCe","status":"offline","since":"…"}"#);
        alice.send(r#"{"type":"typing","toUsername":"Bob","id":1}"#);
        alice.expect(r#"{"type":"ok","id":1,"command":"typing"}"#);
        bob.expect_nothing();
        alice.send(r#"{"type":"setStatus","status":"online"}"#);
        bob.expect(&is("online"));
        carol.expect(&is("online"));
        alice.send(r#"{"type":"setStatus","status":"invisible"}"#);
        bob.expect(&is("offline"));
        carol.expect(&is("offline"));
        alice.send(r#"{"type":"bye"}"#);
        alice.expect_goodbye("bye");
        bob.expect_nothing();
    });
}

/// > To all others it is `offline`: away, unknown and not allowed look the same.
#[test]
fn who_may_not_see_sees_nobody() {
    played(|at| {
        let (mut alice, mut bob) = (at.register("Alice", "phone"), at.register("Bob", "phone"));
        alice.send(r#"{"type":"block","username":"Bob","id":1}"#);
        alice.expect(r#"{"type":"ok","id":1,"command":"block"}"#);
        bob.send(r#"{"type":"watch","usernames":["aLICE","zOE"],"id":2}"#);
        bob.expect(r#"{"type":"ok","id":2,"command":"watch"}"#);
        // As it was asked for, not as the account writes it.
        bob.expect(r#"{"type":"presence","username":"aLICE","status":"offline","since":"…"}"#);
        bob.expect(r#"{"type":"presence","username":"zOE","status":"offline","since":"…"}"#);
        alice.send(r#"{"type":"setStatus","status":"away","id":3}"#);
        alice.expect(r#"{"type":"ok","id":3,"command":"setStatus"}"#);
        bob.expect_nothing();
        alice.send(r#"{"type":"unblock","username":"Bob"}"#);
        bob.expect(&is("away"));
        alice.send(r#"{"type":"setStatus","status":"online"}"#);
        bob.expect(&is("online"));
        alice.send(r#"{"type":"block","username":"Bob"}"#);
        bob.expect(r#"{"type":"presence","username":"…","status":"offline","since":"…"}"#);
        alice.send(r#"{"type":"setStatus","status":"away","id":4}"#);
        alice.expect(r#"{"type":"ok","id":4,"command":"setStatus"}"#);
        bob.expect_nothing();
        // In the other direction nothing was said.
        alice.send(r#"{"type":"watch","usernames":["Bob"]}"#);
        alice.expect(r#"{"type":"presence","username":"Bob","status":"online","since":"…"}"#);
        // Watching again, and no more, is as ever.
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        bob.expect(r#"{"type":"presence","username":"…","status":"offline","since":"…"}"#);
        bob.send(r#"{"type":"unwatch","usernames":["Alice"]}"#);
        alice.send(r#"{"type":"unblock","username":"Bob","id":5}"#);
        alice.expect(r#"{"type":"ok","id":5,"command":"unblock"}"#);
        bob.expect_nothing();
    });
}

/// > In mailbox mode a name that is offline when a watch begins is answered with the moment of that watch and as the
/// > watcher wrote it, whoever else watches it and since when.
#[test]
fn what_was_before_its_watch_is_hidden_from_a_watcher() {
    played(|at| {
        let mut alice = at.register("Alice", "phone");
        let (mut bob, mut carol) = (at.register("Bob", "phone"), at.register("Carol", "phone"));
        for is_blocked in [true, false] {
            if is_blocked {
                for name in ["Bob", "Carol"] {
                    ask(
                        &mut alice,
                        &format!(r#"{{"type":"block","username":"{name}","id":1}}"#),
                    );
                }
            } else {
                for name in ["Bob", "Carol"] {
                    ask(
                        &mut alice,
                        &format!(r#"{{"type":"unblock","username":"{name}","id":1}}"#),
                    );
                }
                ask(
                    &mut alice,
                    r#"{"type":"setStatus","status":"invisible","id":1}"#,
                );
            }
            let first = ask(&mut bob, r#"{"type":"watch","usernames":["ALICE"]}"#);
            std::thread::sleep(std::time::Duration::from_millis(3));
            let between = text_of(&ask(&mut carol, r#"{"type":"ping"}"#), "time");
            let second = ask(&mut carol, r#"{"type":"watch","usernames":["alice"]}"#);
            assert_eq!(text_of(&second, "username"), "alice");
            assert!(text_of(&first, "since") < between, "{first}");
            assert!(text_of(&second, "since") >= between, "{second}");
            // Asked again, the answer is the same.
            std::thread::sleep(std::time::Duration::from_millis(3));
            assert_eq!(
                ask(&mut carol, r#"{"type":"watch","usernames":["alice"]}"#),
                second
            );
            for watcher in [&mut bob, &mut carol] {
                let ok = ask(
                    watcher,
                    r#"{"type":"unwatch","usernames":["Alice"],"id":2}"#,
                );
                assert!(ok.contains(r#""type":"ok""#), "{ok}");
            }
        }
    });
}

/// To each who is blocked it looks as if the other one had left at that moment, whoever else was blocked before.
#[test]
fn who_is_blocked_later_sees_a_later_leave() {
    played(|at| {
        let mut alice = at.register("Alice", "phone");
        let (mut bob, mut carol) = (at.register("Bob", "phone"), at.register("Carol", "phone"));
        for watcher in [&mut bob, &mut carol] {
            watcher.send(r#"{"type":"watch","usernames":["Alice"]}"#);
            watcher.expect(&is("online"));
        }
        ask(&mut alice, r#"{"type":"block","username":"Bob","id":1}"#);
        let first = bob.expect(&is("offline"));
        std::thread::sleep(std::time::Duration::from_millis(3));
        let between = text_of(&ask(&mut carol, r#"{"type":"ping"}"#), "time");
        ask(&mut alice, r#"{"type":"block","username":"Carol","id":2}"#);
        let second = carol.expect(&is("offline"));
        assert!(text_of(&first, "since") < between, "{first}");
        assert!(text_of(&second, "since") >= between, "{second}");
        bob.expect_nothing();
    });
}

/// To whoever is blocked while it watches, that is as if the other one had left, or had stayed away.
#[test]
fn to_be_blocked_looks_like_a_leave() {
    played(|at| {
        let mut alice = at.register("Alice", "phone");
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"watch","usernames":["ALICE"]}"#);
        bob.expect(&is("online"));
        ask(
            &mut alice,
            r#"{"type":"setStatus","status":"invisible","id":1}"#,
        );
        let left = bob.expect(&is("offline"));
        std::thread::sleep(std::time::Duration::from_millis(3));
        ask(&mut alice, r#"{"type":"block","username":"Bob","id":1}"#);
        assert_eq!(
            ask(&mut bob, r#"{"type":"watch","usernames":["ALICE"]}"#),
            left
        );
        ask(
            &mut alice,
            r#"{"type":"setStatus","status":"online","id":1}"#,
        );
        assert_eq!(
            ask(&mut bob, r#"{"type":"watch","usernames":["ALICE"]}"#),
            left
        );
        ask(&mut alice, r#"{"type":"unblock","username":"Bob","id":1}"#);
        bob.expect(&is("online"));
        ask(&mut alice, r#"{"type":"block","username":"Bob","id":1}"#);
        let blocked = bob.expect(&is("offline"));
        assert_eq!(
            ask(&mut bob, r#"{"type":"watch","usernames":["ALICE"]}"#),
            blocked
        );
    });
}

/// > at most one per name within `presence_interval_ms`
///
/// Nor is a block told sooner than a leave would be, or never if it comes while a leave is still to be told.
#[test]
fn a_block_is_told_when_a_leave_would_be() {
    let every = 300;
    let setup = limits(|limits| limits.presence_interval_ms = every);
    transcript_with(&setup, |at| {
        let mut bob = at.register("Bob", "phone");
        // At the beginning of its clock a server tells nobody for so long.
        std::thread::sleep(std::time::Duration::from_millis(every + 50));
        let mut alice = at.register("Alice", "phone");
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        bob.expect(&is("online"));
        ask(&mut alice, r#"{"type":"setStatus","status":"away","id":1}"#);
        bob.expect(&is("away"));
        let told = std::time::Instant::now();
        ask(&mut alice, r#"{"type":"block","username":"Bob","id":1}"#);
        bob.expect(&is("offline"));
        let took = told.elapsed().as_millis() as u64;
        assert!(took >= every - 50, "told after {took} ms");
        ask(&mut alice, r#"{"type":"unblock","username":"Bob","id":1}"#);
        bob.expect(&is("away"));
        ask(
            &mut alice,
            r#"{"type":"setStatus","status":"invisible","id":1}"#,
        );
        ask(&mut alice, r#"{"type":"block","username":"Bob","id":1}"#);
        bob.expect(&is("offline"));
    });
}

/// A replaced device is not seen to leave.
#[test]
fn a_replaced_device_does_not_blink() {
    played(|at| {
        let mut bob = at.register("Bob", "phone");
        let mut old = at.register("Alice", "phone");
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        let before = bob.expect(&is("online"));
        let _new = at.register("Alice", "phone");
        old.expect_goodbye("replaced");
        bob.expect_nothing();
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        assert_eq!(bob.line(), before, "since when");
    });
}
