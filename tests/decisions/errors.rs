//! Bad lines: each has its code, costs its sender one error, and ten are too many.

use crate::common::{Setup, transcript, transcript_with};

/// A daemon that bears with many bad lines.
fn patient() -> Setup {
    Setup::new().limit("max_errors", 100_000)
}

#[track_caller]
fn refuses(lines: &[(&[u8], &str)]) {
    transcript_with(&patient(), |at| {
        let mut alice = at.register("Alice");
        for (line, code) in lines {
            alice.send_bytes(&[line, &b"\n"[..]].concat());
            alice.expect_error(code);
            alice.expect_nothing();
        }
    });
}

/// > Control bytes are `invalidJson`: outside strings all but TAB, within strings all of U+0000–U+001F, U+007F and U+0080–U+009F when they stand there raw.
#[test]
fn raw_control_bytes_are_refused() {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for byte in (0u8..0x20).chain([0x7f]).filter(|byte| *byte != b'\n') {
        lines.push([b"{\"type\":\"ping\",\"data\":\"a", &[byte][..], b"b\"}"].concat());
        if byte != b'\t' {
            lines.push([b"{\"type\":", &[byte][..], b"\"ping\"}"].concat());
        }
    }
    for byte in 0x80..=0x9f {
        lines.push([b"{\"type\":\"ping\",\"data\":\"a\xc2", &[byte][..], b"\"}"].concat());
    }
    let cases: Vec<(&[u8], &str)> = lines
        .iter()
        .map(|line| (line.as_slice(), "invalidJson"))
        .collect();
    refuses(&cases);
}

/// > Escaped (`\u0007`) they pass. Half of a surrogate pair is `invalidJson` too.
#[test]
fn escaped_control_characters_pass_and_half_surrogates_do_not() {
    transcript_with(&patient(), |at| {
        let mut alice = at.register("Alice");
        for data in [
            r#""\u0000\u001b\u007f\u009b""#,
            r#""\ud83d\ude00""#,
            "\"\u{a0}\u{2028}\"",
        ] {
            alice.send(&format!(r#"{{"type":"ping","data":{data}}}"#));
            alice.expect(&format!(r#"{{"type":"pong","data":{data},"time":"…"}}"#));
        }
        for data in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ude00\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\u0041""#,
        ] {
            alice.send(&format!(r#"{{"type":"ping","data":{data}}}"#));
            alice.expect_error("invalidJson");
        }
    });
}

/// C3
///
/// > It is UTF-8 (`invalidUtf8`; the message says at which byte it is not).
#[test]
fn what_is_not_utf8_is_refused() {
    refuses(&[
        (b"\x80", "invalidUtf8"),
        (b"{\"type\":\"ping\",\"data\":\"\xc0\xaf\"}", "invalidUtf8"),
        (b"\"\xe0\x80\xaf\"", "invalidUtf8"),
        (b"\"\xed\xa0\x80\"", "invalidUtf8"),
        (b"\"\xf4\x90\x80\x80\"", "invalidUtf8"),
        (b"\"\xc3\"", "invalidUtf8"),
        (b"\"\xfe\"", "invalidUtf8"),
    ]);
}

/// > It is JSON, one value and nothing after it, and that value is an object (`badType` if it is another value).
#[test]
fn what_is_not_one_object_is_refused() {
    refuses(&[
        (b"hello", "invalidJson"),
        (b"{'type':'ping'}", "invalidJson"),
        (b"{\"type\":\"ping\"}}", "invalidJson"),
        (b"{\"type\":\"ping\"} {}", "invalidJson"),
        (b"{\"type\":\"ping\",}", "invalidJson"),
        (b"{\"type\":\"ping\",\"data\":01}", "invalidJson"),
        (b"{\"type\":\"ping\",\"data\":NaN}", "invalidJson"),
        (b"{\"type\":\"ping\",\"data\":+1}", "invalidJson"),
        (b"{\"type\":\"ping\" \"data\":1}", "invalidJson"),
        (b"{\"type\":\"ping\" /* */}", "invalidJson"),
        (b"[{\"type\":\"ping\"}]", "badType"),
        (b"\"ping\"", "badType"),
        (b"7", "badType"),
        (b"null", "badType"),
    ]);
}

/// > It is not nested deeper than *depth* of §10; the line's own object counts as one level (`tooDeep`).
#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        format!(
            "{{\"type\":\"ping\",\"data\":{}{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    transcript_with(&patient(), |at| {
        let mut alice = at.register("Alice");
        alice.send(&nested(15));
        alice.expect(r#"{"type":"pong","data":…,"time":"…"}"#);
        for line in [
            nested(16),
            nested(1_000),
            "[".repeat(32_768),
            r#"{"a":"#.repeat(10_000),
        ] {
            alice.send(&line);
            alice.expect_error("tooDeep");
        }
        alice.send(&format!(
            r#"{{"type":"ping","data":"{}"}}"#,
            "[".repeat(100)
        ));
        alice.expect(r#"{"type":"pong","data":"…","time":"…"}"#);
    });
}

/// C11
///
/// > No key stands twice in the line's own object, however it is escaped (`duplicateKey`). What stands inside `message` or `data` is the
/// > clients' own affair.
#[test]
fn duplicate_keys_are_refused() {
    refuses(&[
        (br#"{"type":"ping","type":"ping"}"#, "duplicateKey"),
        (br#"{"type":"ping","id":1,"\u0069d":2}"#, "duplicateKey"),
        (br#"{"type":"privateMessage","toUsername":"Alice","t\u006fUsername":"Bob","message":1}"#, "duplicateKey"),
        (br#"{"type":"ping","unknown":1,"unknown":2}"#, "duplicateKey"),
        (br#"{"type":"pong","a\/b":1,"a/b":2}"#, "duplicateKey"),
    ]);
    transcript(|at| {
        let mut alice = at.register("Alice");
        alice.send(r#"{"type":"ping","data":{"a":1,"a":2},"unknown":{"b":1,"b":2}}"#);
        alice.expect(r#"{"type":"pong","data":{"a":1,"a":2},"time":"…"}"#);
    });
}

/// C12
///
/// > **`null`** is a value like any other: for a field that wants a string or
/// > an integer it is `badType`, also if the field may be left out.
#[test]
fn wrong_fields_are_named() {
    let cases = [
        (r#"{}"#, "missingField", "type"),
        (r#"{"type":7}"#, "badType", "type"),
        (r#"{"type":"Ping"}"#, "unknownType", "type"),
        (r#"{"type":""}"#, "unknownType", "type"),
        (
            r#"{"type":"privateMessage","message":1}"#,
            "missingField",
            "toUsername",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob"}"#,
            "missingField",
            "message",
        ),
        (
            r#"{"type":"privateMessage","toUsername":null,"message":1}"#,
            "badType",
            "toUsername",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"kind":null}"#,
            "badType",
            "kind",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"messageId":""}"#,
            "badValue",
            "messageId",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"messageId":null}"#,
            "badType",
            "messageId",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"replyTo":0}"#,
            "badValue",
            "replyTo",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"replyTo":1.0}"#,
            "badType",
            "replyTo",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"replyTo":9007199254740992}"#,
            "badValue",
            "replyTo",
        ),
        (
            r#"{"type":"privateMessage","toUsername":"Bob","message":1,"ephemeral":1}"#,
            "badType",
            "ephemeral",
        ),
        (r#"{"type":"ping","id":null}"#, "badType", "id"),
        (r#"{"type":"ping","id":1.5}"#, "badType", "id"),
        (r#"{"type":"ping","id":1e3}"#, "badType", "id"),
        (r#"{"type":"ping","id":9007199254740992}"#, "badValue", "id"),
        (
            r#"{"type":"ping","id":-9007199254740992}"#,
            "badValue",
            "id",
        ),
        (r#"{"type":"ping","id":true}"#, "badType", "id"),
        (r#"{"type":"typing"}"#, "missingField", "toUsername"),
        (r#"{"type":"watch"}"#, "missingField", "usernames"),
        (
            r#"{"type":"watch","usernames":"Bob"}"#,
            "badType",
            "usernames",
        ),
        (
            r#"{"type":"watch","usernames":[]}"#,
            "badValue",
            "usernames",
        ),
        (
            r#"{"type":"watch","usernames":["Bob",1]}"#,
            "badType",
            "usernames",
        ),
        (
            r#"{"type":"unwatch","usernames":["no name"]}"#,
            "invalidName",
            "usernames",
        ),
        (r#"{"type":"setStatus"}"#, "missingField", "status"),
        (
            r#"{"type":"setStatus","status":"offline"}"#,
            "badValue",
            "status",
        ),
        (r#"{"type":"setStatus","status":1}"#, "badType", "status"),
        (
            r#"{"type":"setStatus","status":"invisible"}"#,
            "notAvailable",
            "status",
        ),
        (
            r#"{"type":"help","command":"nonsense"}"#,
            "badValue",
            "command",
        ),
        (r#"{"type":"help","command":1}"#, "badType", "command"),
        (
            r#"{"type":"register","username":"A","heartbeatMs":4999}"#,
            "badValue",
            "heartbeatMs",
        ),
        (
            r#"{"type":"register","username":"A","heartbeatMs":600001}"#,
            "badValue",
            "heartbeatMs",
        ),
        (
            r#"{"type":"register","username":"A","heartbeatMs":"5000"}"#,
            "badType",
            "heartbeatMs",
        ),
        (
            r#"{"type":"register","username":"A","status":"busy"}"#,
            "badValue",
            "status",
        ),
        (
            r#"{"type":"register","username":"A","protocol":"1"}"#,
            "badType",
            "protocol",
        ),
        (
            r#"{"type":"register","username":"A","resumeToken":1}"#,
            "badType",
            "resumeToken",
        ),
        (
            r#"{"type":"register","username":"A","window":0}"#,
            "badValue",
            "window",
        ),
        (
            r#"{"type":"register","username":"A","deliver":"now"}"#,
            "badValue",
            "deliver",
        ),
    ];
    transcript_with(&patient(), |at| {
        let mut alice = at.register("Alice");
        for (line, code, field) in cases {
            alice.send(line);
            let answer = alice.expect_error(code);
            assert!(
                answer.contains(&format!(r#","field":"{field}","#)),
                "{line}: {answer}"
            );
        }
        let long = "x".repeat(65);
        for (field, id) in [("messageId", 1), ("kind", 2)] {
            alice.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"Bob","message":1,"{field}":"{long}","id":{id}}}"#
            ));
            alice.expect(&format!(
                r#"{{"type":"errorMessage","id":{id},"command":"privateMessage","code":"badValue","message":"…","field":"{field}",…}}"#
            ));
        }
        alice.send(&format!(r#"{{"type":"ping","id":"{long}"}}"#));
        alice.expect(r#"{"type":"errorMessage","command":"ping","code":"badValue","message":"…","field":"id",…}"#);
    });
}

/// > it ends with `goodbye tooManyErrors`; each line still gets its own error first
#[test]
fn the_tenth_bad_line_is_one_too_many() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for _ in 0..9 {
            alice.send("{");
            alice.expect_error("invalidJson");
        }
        // What is no fault of the line does not count.
        alice.send(r#"{"type":"typing","toUsername":"Bob"}"#);
        alice.expect_error("unknownUser");
        alice.send(r#"{"type":"history"}"#);
        alice.expect_error("notAvailable");
        alice.expect_nothing();
        alice.send("{\"type\":\"nonsense\",\"id\":1}\n{\"type\":\"ping\"}");
        alice.expect(r#"{"type":"errorMessage","id":1,"code":"unknownType",…}"#);
        alice.expect_goodbye("tooManyErrors");
    });
}

/// > A command or line that is refused costs its sender one `errorMessage` and nobody else anything.
///
/// B10: garbage at full speed.
#[test]
fn garbage_ends_its_sender_and_nobody_else() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for _ in 0..20 {
            let mut noise = at.dial("noise");
            noise.send(&"garbage\n".repeat(1_000));
            let lines = noise.lines();
            assert_eq!(lines.len(), 12, "{lines:#?}");
            assert!(lines[11].contains("tooManyErrors"), "{lines:#?}");
        }
        alice.expect_nothing();
    });
}
