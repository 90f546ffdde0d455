//! Messages that are stored: accepted once they are, and there for whoever was away.

use privmsgd::accounts::{Desk, Done, Job};
use privmsgd::mailbox::Ask;
use privmsgd::net::inquiries::Inquiries;
use privmsgd::ops::exit::Exit;

use crate::house::{transcript, transcript_with};
use crate::stage::Stage;

#[test]
fn a_message_waits_for_who_is_away() {
    transcript(|at| {
        let mut alice = at.register("Alice", "phone");
        for id in 1..=3 {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"bob","message":"{id}","id":{id}}}"#
            ));
            alice.expect(&format!(
                r#"{{"type":"accepted","id":{id},"toUsername":"Bob","seq":{id},"time":"…"}}"#
            ));
        }
        let mut bob = at.register_with("Bob", "phone", "");
        for pos in 1..=3 {
            bob.expect(&format!(
                r#"{{"type":"privateMessage","from":"Alice","message":"{pos}","time":"…","seq":{pos},"pos":{pos}}}"#
            ));
        }
        bob.expect(r#"{"type":"synced","pos":3}"#);
        // From here on they come as they are accepted.
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":[1, 2],"messageId":"m","kind":"k","replyTo":2,"expiresIn":60}"#);
        alice
            .expect(r#"{"type":"accepted","messageId":"m","toUsername":"Bob","seq":4,"time":"…"}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":[1, 2],"time":"…","seq":4,"pos":4,"messageId":"m","kind":"k","replyTo":2,"expiresAt":"…"}"#);
        bob.expect_nothing();
    });
}

/// > **Replies.** `accepted`, if there is an `id` or a `messageId`.
#[test]
fn what_is_not_asked_for_is_not_said() {
    transcript(|at| {
        let mut alice = at.send_only("Alice");
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
        alice.expect_nothing();
        for duplicate in ["", r#","duplicate":true"#] {
            alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","messageId":"m","id":"x"}"#);
            alice.expect(&format!(
                r#"{{"type":"accepted","id":"x","messageId":"m","toUsername":"Bob","seq":2,"time":"…"{duplicate}}}"#
            ));
        }
    });
}

/// > Errors echo `toUsername` exactly as it was sent.
#[test]
fn an_unknown_recipient_is_echoed_as_sent() {
    transcript(|at| {
        let mut alice = at.register("Alice", "phone");
        alice.send(r#"{"type":"privateMessage","toUsername":"Zoe","message":"hi","id":1}"#);
        alice.expect(r#"{"type":"errorMessage","id":1,"command":"privateMessage","code":"unknownUser","message":"User \"Zoe\" not found","toUsername":"Zoe","retryable":false}"#);
        alice.send(r#"{"type":"privateMessage","toUsername":"Z\u006fe","message":"hi"}"#);
        alice.expect(r#"{"type":"errorMessage","command":"privateMessage","code":"unknownUser","message":"…","toUsername":"Z\u006fe","retryable":false}"#);
    });
}

/// Nothing is accepted, and nothing delivered, before it is stored; then both are, in order.
#[test]
fn nothing_is_said_before_it_is_stored() {
    let mut stage = Stage::new();
    let mut bob = stage.register("Bob", "phone", "");
    let mut alice = stage.register("Alice", "phone", "");
    assert_eq!(
        (bob.seen(), alice.seen()),
        (vec!["synced 0".into()], vec!["synced 0".into()])
    );
    stage.is_held = true;
    for id in 0..3 {
        alice.say(&format!(
            r#"{{"type":"privateMessage","toUsername":"Bob","message":"{id}","id":{id}}}"#
        ));
    }
    alice.say(r#"{"type":"ping","id":"p"}"#);
    stage.turn();
    // What needs no store is not held up by it.
    assert_eq!(alice.seen(), ["pong"]);
    for id in 0..3 {
        stage.answer_one();
        stage.turn();
        assert_eq!(bob.seen(), [""; 0]);
        stage.tell_one();
        stage.turn();
        assert_eq!(bob.seen(), [format!("privateMessage {}", id + 1)]);
        let line = alice.line();
        assert_eq!(
            (&line["type"], &line["id"]),
            (&"accepted".into(), &id.into())
        );
    }
}

/// > when `max_pending_commands` of them wait for the server's disk, the connection is not read until one is done.
#[test]
fn with_too_many_commands_pending_a_connection_is_not_read() {
    let mut stage = Stage::with(|limits| limits.max_pending_commands = 4);
    let mut alice = stage.register("Alice", "phone", "");
    alice.seen();
    stage.is_held = true;
    for id in 0..10 {
        alice.say(&format!(
            r#"{{"type":"privateMessage","toUsername":"Bob","message":"hi","id":{id}}}"#
        ));
    }
    alice.say(r#"{"type":"ping"}"#);
    stage.turn();
    assert_eq!(stage.jobs.len(), 4);
    for left in (0..10).rev() {
        stage.answer_one();
        stage.tell_one();
        stage.turn();
        assert_eq!(stage.jobs.len(), left.min(4));
    }
    let seen = alice.seen();
    assert_eq!(seen.iter().filter(|line| *line == "accepted").count(), 10);
    assert_eq!(seen.iter().filter(|line| *line == "pong").count(), 1);
}

/// Long answers are waited for: the next line comes after them.
#[test]
fn the_next_line_waits_for_a_list() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 3, "hi");
    let mut alice = stage.register("Alice", "phone", "");
    alice.seen();
    stage.is_held = true;
    alice.say(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
    alice.say(r#"{"type":"history","withUsername":"Bob","id":2}"#);
    alice.say(r#"{"type":"ping","id":3}"#);
    stage.turn();
    assert_eq!(stage.asked().len(), 2);
    // The answer to what was sent before is none to what is waited for.
    stage.answer_one();
    stage.tell_one();
    stage.turn();
    assert_eq!(alice.seen(), ["accepted"]);
    stage.answer_one();
    stage.tell_one();
    stage.turn();
    let lines = alice.lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(
        lines[..4]
            .iter()
            .all(|line| line["replay"] == true && line["id"] == 2)
    );
    assert_eq!(
        (&lines[4]["type"], &lines[4]["count"]),
        (&"done".into(), &4.into())
    );
    assert_eq!(lines[5]["type"], "pong");
}

#[test]
fn a_full_desk_takes_no_message() {
    transcript(|at| {
        let mut alice = at.register("Alice", "phone");
        at.set_full(true);
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
        alice.expect(r#"{"type":"errorMessage","id":1,"command":"privateMessage","code":"overloaded","message":"…","retryable":true,"retryAfterMs":1000}"#);
        alice.send(r#"{"type":"history","withUsername":"Bob","id":2}"#);
        alice.expect(r#"{"type":"errorMessage","id":2,"command":"history","code":"overloaded","message":"…","retryable":true,"retryAfterMs":1000}"#);
        at.set_full(false);
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":3}"#);
        alice.expect(r#"{"type":"accepted","id":3,"toUsername":"Bob","seq":1,"time":"…"}"#);
    });
}

/// A desk whose store has failed, before the loop has heard of it.
struct Failed;

impl Desk for Failed {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        Err(job)
    }

    fn done(&mut self) -> Option<Done> {
        None
    }

    fn failed(&self) -> Option<Exit> {
        Some(Exit::Io)
    }
}

#[test]
fn a_failed_desk_is_not_said_to_be_full() {
    let mut stage = Stage::new();
    let mut alice = stage.register("alice", "phone", "");
    assert_eq!(alice.line()["type"], "synced");
    alice.say(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
    alice.say(r#"{"type":"history","withUsername":"Bob","id":2}"#);
    stage.engine.readable(alice.id.key, true);
    Inquiries::new(Some(Box::new(Failed))).turn(&mut stage.engine, |_, _| {});
    stage.engine.flush();
    for line in [alice.line(), alice.line()] {
        assert_eq!(line["code"], "storageFailed", "{line}");
        assert_eq!(line.get("retryAfterMs"), None, "{line}");
    }
}

/// > A session with `"deliver":"none"` has no device and no `resumeToken`, replaces nobody, moves no cursor, is not online,
#[test]
fn who_only_sends_gets_nothing_and_replaces_nobody() {
    transcript(|at| {
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"watch","usernames":["Alice"]}"#);
        bob.expect(r#"{"type":"presence","username":"Alice","status":"offline","since":"…"}"#);
        let (mut one, mut two) = (at.send_only("Alice"), at.send_only("Alice"));
        one.send(r#"{"type":"setStatus","status":"online","id":1}"#);
        one.expect(r#"{"type":"ok","id":1,"command":"setStatus"}"#);
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":1}"#);
        bob.expect(r#"{"type":"accepted","id":1,"toUsername":"Alice","seq":1,"time":"…"}"#);
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","ephemeral":true,"id":2}"#);
        bob.expect(r#"{"type":"accepted","id":2,"toUsername":"Alice","time":"…"}"#);
        for alice in [&mut one, &mut two] {
            alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"back"}"#);
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"back","time":"…","seq":…,"pos":…}"#);
            alice.send(r#"{"type":"typing","toUsername":"Bob"}"#);
            bob.expect(r#"{"type":"typing","from":"Alice"}"#);
            alice.send(r#"{"type":"ack","pos":1}"#);
            alice.expect_error("badValue");
            alice.send(r#"{"type":"account","action":"devices"}"#);
            alice.expect_error("notAllowed");
        }
        one.send(r#"{"type":"bye"}"#);
        one.expect_goodbye("bye");
        two.half_close();
        two.expect_goodbye("drained");
        bob.expect_nothing();
        assert_eq!(
            at.book(|book| book
                .post
                .boxes
                .values()
                .map(|one| one.devices.len())
                .sum::<usize>()),
            1
        );
    });
}

#[test]
fn so_many_may_only_send_and_no_more() {
    let config = crate::house::limits(|limits| limits.max_send_only = 2);
    transcript_with(&config, |at| {
        let _two = (at.send_only("Alice"), at.send_only("Alice"));
        let mut third = at.connect("third");
        third.send(
            r#"{"type":"register","username":"Alice","password":"pw","deliver":"none","id":1}"#,
        );
        third.expect(r#"{"type":"errorMessage","id":1,"command":"register","code":"tooManySessions","message":"…","field":"deliver","retryable":false}"#);
        let _device = at.register("Alice", "phone");
    });
}

/// Who is no more does not wait for answers; what it sent is delivered all the same.
#[test]
fn a_sender_may_leave_before_it_is_stored() {
    let mut stage = Stage::new();
    let mut bob = stage.register("Bob", "phone", "");
    let alice = stage.register("Alice", "phone", "");
    bob.seen();
    stage.is_held = true;
    alice.say(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
    stage.turn();
    alice.far.reset();
    stage.turn();
    assert!(alice.far.seen().gone);
    stage.is_held = false;
    stage.turn();
    assert_eq!(bob.seen(), ["privateMessage 1"]);
}

/// What is answered by what is stored.
#[test]
fn commands_about_messages_are_answered() {
    transcript(|at| {
        let (mut alice, mut bob) = (at.register("Alice", "phone"), at.register("Bob", "phone"));
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
        alice.expect(r#"{"type":"accepted","id":1,…}"#);
        bob.expect(r#"{"type":"privateMessage",…}"#);
        for id in ["", r#","id":2"#] {
            alice.send(&format!(
                r#"{{"type":"editMessage","withUsername":"Bob","seq":1,"message":"ho"{id}}}"#
            ));
            bob.expect(r#"{"type":"messageChanged","withUsername":"Alice","seq":1,"message":"ho","time":"…","pos":…}"#);
        }
        alice.expect(r#"{"type":"accepted","id":2,"toUsername":"Bob","seq":1,"time":"…"}"#);
        bob.send(r#"{"type":"markRead","withUsername":"Alice","seq":1,"id":3}"#);
        bob.expect(r#"{"type":"ok","id":3,"command":"markRead"}"#);
        bob.send(r#"{"type":"markRead","withUsername":"Alice","seq":1}"#);
        bob.send(r#"{"type":"settings","readReceipts":true}"#);
        bob.expect(r#"{"type":"ok","command":"settings","acceptFrom":"anyone","deliveryReceipts":true,"readReceipts":true}"#);
        bob.send(r#"{"type":"settings","acceptFrom":"known","id":4}"#);
        bob.expect(r#"{"type":"ok","id":4,"command":"settings","acceptFrom":"known","deliveryReceipts":true,"readReceipts":true}"#);
        bob.send(r#"{"type":"conversations","id":5}"#);
        bob.expect(r#"{"type":"conversation","id":5,"withUsername":"Alice","lastSeq":1,"lastTime":"…","readSeq":1,"theirDeliveredSeq":0,"theirReadSeq":0,"unread":0}"#);
        bob.expect(r#"{"type":"done","id":5,"command":"conversations","count":1,"complete":true}"#);
        bob.send(r#"{"type":"history","withUsername":"alice","limit":1}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…","seq":1,"replay":true}"#);
        bob.expect(r#"{"type":"done","command":"history","count":1,"complete":true}"#);
        bob.send(r#"{"type":"history","withUsername":"Zoe","id":6}"#);
        bob.expect(r#"{"type":"errorMessage","id":6,"command":"history","code":"unknownUser",…}"#);
        bob.send(r#"{"type":"deleteMessage","withUsername":"Alice","seq":9,"id":7}"#);
        bob.expect(
            r#"{"type":"errorMessage","id":7,"command":"deleteMessage","code":"notFound",…}"#,
        );
        bob.send(r#"{"type":"deleteMessage","withUsername":"Alice","seq":1,"id":8}"#);
        bob.expect(r#"{"type":"ok","id":8,"command":"deleteMessage"}"#);
        for verb in ["block", "unblock", "allow", "disallow"] {
            bob.send(&format!(r#"{{"type":"{verb}","username":"Alice","id":9}}"#));
            bob.expect(&format!(r#"{{"type":"ok","id":9,"command":"{verb}"}}"#));
        }
    });
}

/// > everything that is kept of the account, one `exported` line for each thing, then `done`
#[test]
fn an_account_is_exported_and_deleted() {
    transcript(|at| {
        let (mut alice, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        alice.expect(r#"{"type":"sessionNotice",…}"#);
        alice.send(
            "{\"type\":\"account\",\"action\":\"export\",\"id\":1}\n{\"type\":\"ping\",\"id\":2}",
        );
        for part in 0..3 {
            alice.expect(&format!(r#"{{"part":{part}}}"#));
        }
        alice.expect(r#"{"type":"done","id":1,"command":"account","count":3,"complete":true}"#);
        alice.expect(r#"{"type":"pong","id":2,"time":"…"}"#);
        alice.send(r#"{"type":"account","action":"delete","id":3}"#);
        alice.expect(r#"{"type":"ok","id":3,"command":"account"}"#);
        alice.expect_goodbye("revoked");
        laptop.expect_goodbye("revoked");
    });
}

/// The next part of an export is asked for when there is room for it.
#[test]
fn an_export_waits_for_its_reader() {
    let mut stage = Stage::with(|limits| limits.delivery_queue_bytes = 1_024);
    let mut alice = stage.register("Alice", "phone", "");
    alice.seen();
    stage.is_held = true;
    alice.far.set_window(0);
    alice.say(&format!(
        r#"{{"type":"ping","data":"{}"}}"#,
        "x".repeat(2_000)
    ));
    alice.say(r#"{"type":"account","action":"export"}"#);
    stage.turn();
    stage.answer_one();
    stage.tell_one();
    stage.turn();
    assert_eq!(stage.asked().len(), 0);
    alice.far.set_window(usize::MAX);
    stage.engine.writable(alice.id.key);
    stage.turn();
    assert!(matches!(stage.asked()[..], [Ask::Export { .. }]));
    stage.is_held = false;
    stage.turn();
    assert_eq!(alice.lines().last().expect("a line")["count"], 3);
}
