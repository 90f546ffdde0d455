//! A connection whose question is with others: its next line waits, and so does its end.

use crate::house::transcript;

/// > While the answer to a `register` or an `account` is awaited, no further line of that connection is handled.
#[test]
fn lines_after_register_wait_for_its_answer() {
    transcript(|at| {
        at.hold();
        let mut a = at.connect("A");
        a.send("{\"type\":\"register\",\"username\":\"Alice\",\"password\":\"pw\"}\n{\"type\":\"ping\",\"id\":1}\n{\"type\":\"privateMessage\",\"toUsername\":\"alice\",\"message\":\"to myself\"}");
        let mut b = at.connect("B");
        b.expect_nothing();
        at.release(&[0]);
        a.expect(
            r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#,
        );
        a.expect(r#"{"type":"synced","pos":…}"#);
        a.expect(r#"{"type":"pong","id":1,"time":"…"}"#);
        a.expect(r#"{"type":"privateMessage","from":"Alice","message":"to myself","time":"…","seq":…,"pos":…}"#);
    });
}

/// `printf 'register…\nbye\n' | nc`, and without the `bye`, and without the last line end.
#[test]
fn a_script_that_has_ended_its_input_gets_every_outcome() {
    transcript(|at| {
        let register = r#"{"type":"register","username":"Alice","password":"pw"}"#;
        for (sent, pong, end) in [
            (format!("{register}\n{{\"type\":\"bye\"}}\n"), false, "bye"),
            (
                format!("{register}\n{{\"type\":\"ping\"}}\n"),
                true,
                "drained",
            ),
            (register.to_owned(), false, "drained"),
        ] {
            at.hold();
            let mut a = at.connect("A");
            a.send_bytes(sent.as_bytes());
            a.half_close();
            at.release(&[0]);
            a.expect(
                r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}"#,
            );
            a.expect(r#"{"type":"synced","pos":…}"#);
            if pong {
                a.expect(r#"{"type":"pong","time":"…"}"#);
            }
            a.expect_goodbye(end);
        }
    });
}

#[test]
fn answers_find_their_connections_in_whatever_order_they_come() {
    transcript(|at| {
        at.hold();
        let mut clients: Vec<_> = ["Alice", "Bob", "Carol"]
            .map(|name| {
                let mut client = at.connect(name);
                client.send(&format!(
                    r#"{{"type":"register","username":"{name}","password":"pw","id":"{name}"}}"#
                ));
                (name, client)
            })
            .into();
        at.release(&[2, 0, 1]);
        for (name, client) in &mut clients {
            client.expect(&format!(
                r#"{{"type":"registered","id":"{name}","username":"{name}","resumeToken":"…","device":"default","epoch":1,"pos":…,"ackedPos":…}}"#
            ));
        }
    });
}

/// The answer is for nobody; what else it leads to happens.
#[test]
fn a_connection_may_be_gone_before_its_answer() {
    transcript(|at| {
        let mut a = at.register("Alice", "phone");
        at.hold();
        let mut b = at.connect("B");
        b.send(r#"{"type":"register","username":"Alice","password":"pw","device":"new"}"#);
        at.await_held(1);
        b.reset();
        at.release(&[0]);
        a.expect(
            r#"{"type":"sessionNotice","kind":"newDevice","device":"new","time":"…","pos":…}"#,
        );
        let mut c = at.register("Bob", "phone");
        c.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":1}"#);
        c.expect(r#"{"type":"accepted","id":1,"toUsername":"Alice","seq":…,"time":"…"}"#);
        a.expect(
            r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":…,"pos":…}"#,
        );
        a.expect_nothing();
    });
}

#[test]
fn a_full_desk_says_when_to_try_again() {
    transcript(|at| {
        let mut b = at.register("Bob", "phone");
        at.set_full(true);
        let mut a = at.connect("A");
        a.send(r#"{"type":"register","username":"Alice","password":"pw","id":1}"#);
        a.expect(r#"{"type":"errorMessage","id":1,"command":"register","code":"rateLimited","message":"…","retryable":true,"retryAfterMs":1000}"#);
        b.send(r#"{"type":"account","action":"devices","id":2}"#);
        b.expect(r#"{"type":"errorMessage","id":2,"command":"account","code":"overloaded","message":"…","retryable":true,"retryAfterMs":1000}"#);
        at.set_full(false);
        a.send(r#"{"type":"register","username":"Alice","password":"pw","id":3}"#);
        a.expect(r#"{"type":"registered","id":3,…}"#);
    });
}

/// What a session that is over leaves behind is not lost because there is no room for it now.
#[test]
fn a_full_desk_is_told_later_of_those_who_left() {
    transcript(|at| {
        let mut sender = at.send_only("Bob");
        let mut alice = at.register_with("Alice", "phone", r#","deliver":"auto""#);
        alice.until_synced();
        let mut carol = at.register_with("Carol", "phone", r#","deliver":"ack""#);
        carol.until_synced();
        for to in ["Alice", "Carol"] {
            sender.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"{to}","message":"hi","id":1}}"#
            ));
            sender.expect(r#"{"type":"accepted",…}"#);
        }
        alice.expect(r#"{"type":"privateMessage",…}"#);
        carol.expect(r#"{"type":"privateMessage",…}"#);
        at.set_full(true);
        carol.send(r#"{"type":"bye"}"#);
        carol.expect_goodbye("bye");
        alice.half_close();
        alice.expect_goodbye("drained");
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(at.cursor("Carol", "phone").sent, 0);
        at.set_full(false);
        at.await_cursor("Alice", "phone", 1);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
        while at.cursor("Carol", "phone").sent != 1 || at.cursor("Alice", "phone").sent != 1 {
            assert!(std::time::Instant::now() < deadline, "nobody was told");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
}
