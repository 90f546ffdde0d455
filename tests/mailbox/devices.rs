//! Several devices of one account, side by side.

use crate::house::{limits, transcript, transcript_with};

/// > A message reaches every device of the recipient, and each other device of the sender gets a copy with `to`.
#[test]
fn a_message_reaches_every_device_and_a_copy_the_sender_s_others() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…"}"#);
        let (mut one, mut two) = (at.register("Bob", "1"), at.register("Bob", "2"));
        one.expect(r#"{"type":"sessionNotice","kind":"newDevice","device":"2","time":"…"}"#);
        phone.send(r#"{"type":"privateMessage","toUsername":"bob","message":{"a": 1},"messageId":"m","kind":"k","replyTo":3,"id":1}"#);
        phone.expect(r#"{"type":"accepted","id":1,"messageId":"m","toUsername":"Bob","time":"…"}"#);
        for bob in [&mut one, &mut two] {
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":{"a": 1},"time":"…","messageId":"m","kind":"k","replyTo":3}"#);
        }
        laptop.expect(r#"{"type":"privateMessage","from":"Alice","message":{"a": 1},"time":"…","to":"Bob","messageId":"m","kind":"k","replyTo":3}"#);
        phone.expect_nothing();
        two.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"back"}"#);
        for alice in [&mut phone, &mut laptop] {
            alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"back","time":"…"}"#);
        }
        one.expect(
            r#"{"type":"privateMessage","from":"Bob","message":"back","time":"…","to":"Alice"}"#,
        );
        two.expect_nothing();
    });
}

/// > A message to oneself reaches every device once, the sending one included, without `to`.
#[test]
fn a_message_to_oneself_comes_once_to_each_device() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        phone.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"note"}"#);
        for alice in [&mut phone, &mut laptop] {
            alice.expect(r#"{"type":"privateMessage","from":"Alice","message":"note","time":"…"}"#);
            alice.expect_nothing();
        }
    });
}

/// > The same device again, duly proved, replaces its older session: `goodbye replaced`.
#[test]
fn the_same_device_again_replaces_the_older_one_only() {
    transcript(|at| {
        let mut old = at.register("Alice", "phone");
        let mut laptop = at.register("Alice", "laptop");
        old.expect(r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…"}"#);
        let mut new = at.register("Alice", "phone");
        let goodbye = old.expect_goodbye("replaced");
        assert!(goodbye.contains(r#""reconnect":false"#), "{goodbye}");
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
        for alice in [&mut laptop, &mut new] {
            alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…"}"#);
            alice.expect_nothing();
        }
    });
}

/// A device's name is written back as it was sent.
#[test]
fn a_device_is_echoed_as_it_was_written() {
    transcript(|at| {
        let mut a = at.connect("A");
        a.send(
            r#"{"type":"register","username":"Alice","password":"pw","device":"my \"\u00e9\""}"#,
        );
        a.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"my \"\u00e9\""}"#);
        a.send(r#"{"type":"account","action":"devices","id":1}"#);
        a.expect(r#"{"type":"device","id":1,"device":"my \"\u00e9\"","createdAt":"1970-01-01T00:00:00.000Z","seenAt":"1970-01-01T00:00:00.000Z","current":true}"#);
        a.expect(r#"{"type":"done","id":1,"command":"account","count":1,"complete":true}"#);
    });
}

/// Whichever device leaves first, in whichever order they came, the others go on.
#[test]
fn any_device_may_leave_first() {
    transcript(|at| {
        for leaves in 0..3 {
            let mut devices: Vec<_> = ["a", "b", "c"]
                .map(|device| at.register("Alice", device))
                .into();
            if leaves == 0 {
                devices[0].expect(
                    r#"{"type":"sessionNotice","kind":"newDevice","device":"b","time":"…"}"#,
                );
                devices[0].expect(
                    r#"{"type":"sessionNotice","kind":"newDevice","device":"c","time":"…"}"#,
                );
                devices[1].expect(
                    r#"{"type":"sessionNotice","kind":"newDevice","device":"c","time":"…"}"#,
                );
            }
            let mut gone = devices.remove(leaves);
            gone.send(r#"{"type":"bye"}"#);
            gone.expect_goodbye("bye");
            let mut bob = at.register("Bob", "phone");
            bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":1}"#);
            bob.expect(r#"{"type":"accepted","id":1,"toUsername":"Alice","time":"…"}"#);
            for mut alice in devices {
                alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…"}"#);
                alice.send(r#"{"type":"bye"}"#);
                alice.expect_goodbye("bye");
            }
            bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":2}"#);
            bob.expect(r#"{"type":"errorMessage","id":2,"command":"privateMessage","code":"unknownUser","message":"User \"Alice\" not found","toUsername":"Alice","retryable":false}"#);
        }
    });
}

/// > If one of them has no room, nobody gets it: `recipientBusy`, and a retry sends nothing twice.
#[test]
fn a_message_reaches_all_devices_or_none() {
    let config = limits(|limits| {
        limits.queue_soft_bytes = 20_000;
        limits.notsent_lowat_bytes = 4_096;
    });
    transcript_with(&config, |at| {
        let (mut phone, slow) = (at.register("Alice", "phone"), at.register("Alice", "slow"));
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        slow.socket()
            .set_recv_buffer_size(4_096)
            .expect("a small buffer");
        let mut bob = at.register("Bob", "phone");
        let text = "x".repeat(30_000);
        let mut accepted = 0;
        loop {
            bob.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Alice","message":"{text}","id":{accepted}}}"#
            ));
            let line = bob.line();
            if line.contains("recipientBusy") {
                break;
            }
            assert!(line.contains("accepted"), "{line}");
            accepted += 1;
            phone.expect(r#"{"type":"privateMessage","from":"Bob","message":"…","time":"…"}"#);
            assert!(accepted < 2_000, "never busy");
        }
        phone.expect_nothing();
        // One's own slow device, too, is waited for: its copy is not dropped.
        phone.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
        phone.expect_error("recipientBusy");
        bob.expect_nothing();
        slow.reset();
        // Its end is noticed in a turn of the server's own.
        loop {
            bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":2}"#);
            if bob.line().contains("accepted") {
                break;
            }
        }
        phone.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…"}"#);
    });
}

/// > `typing` reaches every device.
#[test]
fn typing_reaches_every_device() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"typing","toUsername":"Alice","id":1}"#);
        bob.expect(r#"{"type":"ok","id":1,"command":"typing"}"#);
        for alice in [&mut phone, &mut laptop] {
            alice.expect(r#"{"type":"typing","from":"Bob"}"#);
        }
        bob.send(r#"{"type":"typing","toUsername":"Carol","id":2}"#);
        bob.expect_error("unknownUser");
    });
}

#[test]
fn there_may_be_so_many_devices_and_no_more() {
    transcript(|at| {
        let devices = ["a", "b", "c"].map(|device| at.register("Bob", device));
        let mut d = at.connect("D");
        d.send(r#"{"type":"register","username":"Bob","password":"pw","device":"d"}"#);
        d.expect_error("tooManySessions");
        drop(devices);
    });
}
