//! Several devices of one account, side by side.

use crate::house::transcript;

/// > A message reaches every device of the recipient, and each other device of the sender gets a copy with `to`.
#[test]
fn a_message_reaches_every_device_and_a_copy_the_sender_s_others() {
    transcript(|at| {
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(
            r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…","pos":…}"#,
        );
        let (mut one, mut two) = (at.register("Bob", "1"), at.register("Bob", "2"));
        one.expect(
            r#"{"type":"sessionNotice","kind":"newDevice","device":"2","time":"…","pos":…}"#,
        );
        phone.send(r#"{"type":"privateMessage","toUsername":"bob","message":{"a": 1},"messageId":"m","kind":"k","replyTo":3,"id":1}"#);
        phone.expect(
            r#"{"type":"accepted","id":1,"messageId":"m","toUsername":"Bob","seq":…,"time":"…"}"#,
        );
        for bob in [&mut one, &mut two] {
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":{"a": 1},"time":"…","seq":…,"pos":…,"messageId":"m","kind":"k","replyTo":3}"#);
        }
        laptop.expect(r#"{"type":"privateMessage","from":"Alice","message":{"a": 1},"time":"…","to":"Bob","seq":…,"pos":…,"messageId":"m","kind":"k","replyTo":3}"#);
        phone.expect_nothing();
        two.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"back"}"#);
        for alice in [&mut phone, &mut laptop] {
            alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"back","time":"…","seq":…,"pos":…}"#);
        }
        one.expect(
            r#"{"type":"privateMessage","from":"Bob","message":"back","time":"…","to":"Alice","seq":…,"pos":…}"#,
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
            alice.expect(r#"{"type":"privateMessage","from":"Alice","message":"note","time":"…","seq":…,"pos":…}"#);
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
        old.expect(
            r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…","pos":…}"#,
        );
        let mut new = at.register_with("Alice", "phone", "");
        // Nobody has said that it arrived at the old one.
        new.expect(
            r#"{"type":"sessionNotice","kind":"newDevice","device":"laptop","time":"…","pos":1}"#,
        );
        new.expect(r#"{"type":"synced","pos":1}"#);
        let goodbye = old.expect_goodbye("replaced");
        assert!(goodbye.contains(r#""reconnect":false"#), "{goodbye}");
        let mut bob = at.register("Bob", "phone");
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
        for alice in [&mut laptop, &mut new] {
            alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":…,"pos":…}"#);
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
        a.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"my \"\u00e9\"","epoch":1,"pos":…,"ackedPos":…}"#);
        a.expect(r#"{"type":"synced","pos":…}"#);
        a.send(r#"{"type":"account","action":"devices","id":1}"#);
        a.expect(r#"{"type":"device","id":1,"device":"my \"\u00e9\"","createdAt":"1970-01-01T00:00:00.000Z","seenAt":"1970-01-01T00:00:00.000Z","current":true}"#);
        a.expect(r#"{"type":"done","id":1,"command":"account","count":1,"complete":true}"#);
    });
}

/// Whichever device leaves first, in whichever order they came, the others go on.
#[test]
fn any_device_may_leave_first() {
    for leaves in 0..3 {
        transcript(|at| {
            let mut devices: Vec<_> = ["a", "b", "c"]
                .map(|device| at.register("Alice", device))
                .into();
            let notice = |device: &str| {
                format!(
                    r#"{{"type":"sessionNotice","kind":"newDevice","device":"{device}","time":"…","pos":…}}"#
                )
            };
            devices[0].expect(&notice("b"));
            devices[0].expect(&notice("c"));
            devices[1].expect(&notice("c"));
            let mut gone = devices.remove(leaves);
            gone.send(r#"{"type":"bye"}"#);
            gone.expect_goodbye("bye");
            let mut bob = at.send_only("Bob");
            for id in 1..=3 {
                bob.send(&format!(
                    r#"{{"type":"privateMessage","toUsername":"Alice","message":"hi","id":{id}}}"#
                ));
                bob.expect(&format!(
                    r#"{{"type":"accepted","id":{id},"toUsername":"Alice","seq":{id},"time":"…"}}"#
                ));
                for alice in &mut devices {
                    alice.expect(&format!(
                        r#"{{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":{id},"pos":…}}"#
                    ));
                }
                // The last one is stored for whoever comes back.
                if let Some(mut alice) = devices.pop() {
                    alice.send(r#"{"type":"bye"}"#);
                    alice.expect_goodbye("bye");
                }
            }
        });
    }
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
        // Away looks like there.
        bob.send(r#"{"type":"typing","toUsername":"Carol","id":2}"#);
        bob.expect(r#"{"type":"ok","id":2,"command":"typing"}"#);
        bob.send(r#"{"type":"typing","toUsername":"Zoe","id":3}"#);
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
