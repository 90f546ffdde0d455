//! Sessions that end because what proved them is no longer good.

use privmsgd::accounts::Which;

use crate::desk::by_operator;
use crate::house::transcript;

/// > When an account is disabled or removed, all its sessions end: `goodbye revoked`.
#[test]
fn the_operator_ends_sessions() {
    transcript(|at| {
        let mut bob = at.send_only("Bob");
        let (mut phone, mut laptop) = (
            at.register("Alice", "phone"),
            at.register("Alice", "laptop"),
        );
        phone.expect(r#"{"type":"sessionNotice",…}"#);
        at.give(by_operator("Alice", Which::Device("phone".into())));
        phone.expect_goodbye("revoked");
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
        laptop.expect(
            r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…","seq":…,"pos":…}"#,
        );
        at.give(by_operator("ALICE", Which::All));
        laptop.expect_goodbye("revoked");
        bob.send(r#"{"type":"typing","toUsername":"Alice","id":1}"#);
        bob.expect(r#"{"type":"ok","id":1,"command":"typing"}"#);
        at.give(by_operator("Zoe", Which::All));
        bob.expect_nothing();
    });
}

/// What was sent before is not handled after the end.
#[test]
fn nothing_of_a_revoked_session_is_handled() {
    transcript(|at| {
        let mut bob = at.register("Bob", "phone");
        let mut alice = at.register("Alice", "phone");
        at.hold();
        alice.send("{\"type\":\"account\",\"action\":\"revokeDevice\",\"device\":\"phone\"}\n{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":\"late\"}");
        at.release(&[0]);
        alice.expect_goodbye("revoked");
        bob.expect_nothing();
    });
}
