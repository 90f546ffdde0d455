//! Presence of an account with several devices, and of one that is invisible.

use crate::house::{House, limits, transcript_with};

fn played(script: impl Fn(&House)) {
    transcript_with(&limits(|limits| limits.presence_interval_ms = 0), script);
}

fn is(status: &str) -> String {
    format!(r#"{{"type":"presence","username":"Alice","status":"{status}","since":"…"}}"#)
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
        carol.expect(r#"{"type":"presence","username":"ALICE","status":"offline","since":"…"}"#);
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
