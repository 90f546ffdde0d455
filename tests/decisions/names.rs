//! Names: what is one, which two are the same, how they are shown.

use crate::common::{Stage, text_of, transcript};

/// > the form that others see
fn shown_as(at: &Stage, name: &str) -> String {
    let mut client = at.connect("client");
    client.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
    let shown = text_of(&client.expect(r#"{"type":"registered",…}"#), "username");
    client.send(r#"{"type":"bye"}"#);
    client.expect_goodbye("bye");
    shown
}

/// > A name consists of ASCII letters, digits and `. _ - +`, and begins with a letter or a digit.
/// > Beyond ASCII, what RFC 8265 (PRECIS, IdentifierClass) allows may stand in it.
#[test]
fn what_is_a_name_is_shown_as_written() {
    transcript(|at| {
        let longest = "x".repeat(32);
        let names = [
            "a",
            "7",
            "A.b_c-d+",
            "Zoë",
            "Ольга",
            "李",
            "אבג",
            longest.as_str(),
            "fußball",
            "ΣΊΣΥΦΟΣ",
        ];
        for name in names {
            assert_eq!(shown_as(at, name), name);
        }
        // Decomposed and fullwidth forms are shown composed and narrow.
        assert_eq!(shown_as(at, "Zoe\u{308}"), "Zoë");
        assert_eq!(shown_as(at, "Ａlice"), "Alice");
        assert_eq!(shown_as(at, r"Zo\u00eb"), "Zoë");
    });
}

/// > What is not a name is `invalidName`; the message says why.
#[test]
fn what_is_no_name_is_refused_with_a_reason() {
    transcript(|at| {
        let (long, wide) = ("x".repeat(33), "李".repeat(22));
        let names = [
            "",
            " ",
            "a b",
            ".a",
            "_a",
            "-a",
            "+a",
            "a*",
            "a>",
            "a/b",
            "a@b",
            "a'b",
            r#"a\"b"#,
            r"a\\b",
            r"a\nb",
            r"a\u0000",
            "\u{1F600}",
            "a\u{200d}b",
            r"\u202ea",
            "♚",
            "𝔞\u{200b}",
            long.as_str(),
            wide.as_str(),
            "server",
            "Admin",
            "ROOT",
            "all",
            "system",
        ];
        for name in names {
            let mut client = at.connect("client");
            client.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
            let line = client.expect(
                r#"{"type":"errorMessage","command":"register","code":"invalidName","message":"…","field":"username",…}"#,
            );
            assert!(
                text_of(&line, "message").starts_with("the name "),
                "{name}: {line}"
            );
        }
    });
}

/// > two names are the same if *UsernameCaseMapped* maps them to the same text: `Alice` and
/// > `alice` are one name, shown as its holder wrote it.
#[test]
fn names_that_differ_in_case_are_one_name() {
    transcript(|at| {
        let pairs = [
            ("Alice", "aLICE"),
            ("Zoë", "ZOË"),
            ("Ольга", "ольГА"),
            ("Bob", "Ｂob"),
        ];
        let mut sender = at.register("Sender");
        for (holder, other) in pairs {
            let mut client = at.register(holder);
            let mut second = at.connect("second");
            second.send(&format!(r#"{{"type":"register","username":"{other}"}}"#));
            second.expect_error("nameTaken");
            client.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
            sender.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"{other}","message":1,"id":1}}"#
            ));
            sender.expect(&format!(
                r#"{{"type":"accepted","id":1,"toUsername":"{holder}","time":"…"}}"#
            ));
            client.expect(r#"{"type":"privateMessage","from":"Sender","message":1,"time":"…"}"#);
        }
    });
}

/// > Errors echo `toUsername` exactly as it was sent.
#[test]
fn errors_echo_what_was_sent() {
    transcript(|at| {
        let mut alice = at.register("Alice");
        for (sent, code) in [
            (r#""\u0043arol""#, "unknownUser"),
            (r#""CAROL""#, "unknownUser"),
            (r#""\u0000""#, "invalidName"),
            (r#""\ud83d\ude00""#, "invalidName"),
        ] {
            for verb in ["typing", "privateMessage"] {
                alice.send(&format!(
                    r#"{{"type":"{verb}","toUsername":{sent},"message":0}}"#
                ));
                let line = alice.expect_error(code);
                assert!(
                    line.contains(&format!(r#","toUsername":{sent},"#)),
                    "{line}"
                );
            }
        }
    });
}

/// > One connection has at most one name, and one name at most one connection.
///
/// E1: two connections register one name at once, a thousand times.
#[test]
fn two_at_once_never_both_own_a_name() {
    transcript(|at| {
        for _ in 0..100 {
            let mut pair = [at.connect("first"), at.connect("second")];
            for client in &mut pair {
                client.send(r#"{"type":"register","username":"Prize"}"#);
            }
            let mut owners = 0;
            for client in &mut pair {
                let mut line = client.line();
                while line.contains("claimRefused") {
                    line = client.line();
                }
                owners += usize::from(line.starts_with(r#"{"type":"registered","#));
            }
            assert_eq!(owners, 1);
            for mut client in pair {
                client.send(r#"{"type":"bye"}"#);
                while !client.line().starts_with(r#"{"type":"goodbye""#) {}
                client.expect_closed();
            }
        }
    });
}

/// > A name is free at the moment its connection ends, or ends its input.
///
/// E5: one peer registers and drops many names; none stays behind.
#[test]
fn dropped_names_are_free() {
    transcript(|at| {
        for number in 0..200 {
            let name = format!("squat{number}");
            let mut client = at.register(&name);
            client.half_close();
            client.expect_goodbye("drained");
            at.register(&name).reset();
        }
    });
}
