//! The subcommands on stores that no daemon uses: what they say, to people and to programs, and their exit codes.

use std::process::Command;

use privmsgd::store::How;
use rusqlite::Connection;
use serde_json::Value;

use crate::bare::bare;
use crate::house::{Place, filled};

type Outcome = (i32, String, String);

fn privmsgd(place: &Place, line: &str) -> Outcome {
    let line = line.replace("DIR", &place.0.display().to_string());
    let output = bare(&mut Command::new("timeout"))
        .args(["30", env!("CARGO_BIN_EXE_privmsgd")])
        .args(line.split_whitespace())
        .current_dir(&place.0)
        .output()
        .expect("timeout runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    text.lines().map(line).collect()
}

#[test]
fn check_store_lists_what_is_wrong_for_people_and_for_programs() {
    let place = Place::new("listed");
    drop(filled(&place.0, How::default(), 5));
    let (code, out, err) = privmsgd(&place, "check-store --data DIR");
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("5 messages"), "{err}");
    let db = Connection::open(place.database()).unwrap();
    db.execute_batch(
        "UPDATE messages SET body = x'22' WHERE seq = 3; UPDATE mailboxes SET waiting = 7",
    )
    .unwrap();
    drop(db);
    let (code, out, err) = privmsgd(&place, "check-store --data DIR");
    let wanted = "message: conversation 1, seq 3: is not as it was written; clients see damaged\n\
                  count: account 2: waiting: 5 messages, 85 bytes; it says 7 and 85\n";
    assert_eq!((code, out.as_str()), (65, wanted), "{err}");
    assert!(err.contains("privmsgd restore"), "{err}");
    let (code, out, _) = privmsgd(&place, "check-store --json --data DIR");
    let lines = json(&out);
    assert_eq!((code, lines.len()), (65, 3), "{out}");
    assert_eq!(lines[0]["kind"], "message");
    assert_eq!(lines[2]["findings"], 2);
}

#[test]
fn a_stopped_store_is_copied_counted_and_brought_back() {
    let (place, other) = (Place::new("stopped"), Place::new("other"));
    drop(filled(&place.0, How::default(), 5));
    let (code, out, err) = privmsgd(&place, "backup --to copy.db --data DIR");
    assert_eq!(code, 0, "{err}");
    assert!(
        out.ends_with(" bytes\n") && out.contains("/copy.db: "),
        "{out}"
    );
    let again = privmsgd(&place, "backup --to copy.db --json --data DIR");
    assert_eq!((again.0, again.1.as_str()), (73, ""));
    let (code, out, _) = privmsgd(&place, "stats --data DIR --json");
    let stats = &json(&out)[0];
    assert_eq!(
        (code, &stats["messages"], &stats["waiting"]),
        (0, &5.into(), &5.into())
    );
    assert_eq!(
        (&stats["storeVersion"], &stats["sealed"]),
        (&privmsgd::store::VERSION.into(), &false.into())
    );
    let from = place.path("copy.db").display().to_string();
    let restore =
        |more: &str| privmsgd(&other, &format!("restore --from {from} --data DIR {more}"));
    let (code, out, err) = restore("");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.contains("2 accounts, 1 conversations, 5 messages"),
        "{out}"
    );
    let (code, _, err) = restore("");
    assert!(code == 73 && err.contains("--replace"), "{err}");
    let (code, out, _) = restore("--replace --json");
    assert_eq!(code, 0);
    assert!(
        json(&out)[0]["movedAside"]
            .as_str()
            .is_some_and(|path| path.contains("privmsgd.db.2"))
    );
}

#[test]
fn what_is_missing_is_said_with_its_code() {
    let place = Place::new("missing");
    for (line, code, word) in [
        ("check-store", 64, "--data"),
        ("restore --from x.db", 64, "--data"),
        ("restore --data DIR", 64, "--from"),
        ("backup --data DIR", 64, "--to"),
        ("check-store --data DIR", 66, "no store"),
        ("check-store --data DIR/none", 66, "no store"),
        ("restore --from none.db --data DIR", 66, "none.db"),
        ("stats", 78, "--data"),
        ("backup --to x.db", 78, "--data"),
    ] {
        let (found, out, err) = privmsgd(&place, line);
        assert_eq!((found, out.as_str()), (code, ""), "{line}: {err}");
        assert!(
            err.contains(word) && err.lines().count() <= 2,
            "{line}: {err}"
        );
    }
    assert!(place.files().is_empty());
}

/// Acceptance §4, CLI: at most 40 lines, with examples.
#[test]
fn help_fits_on_a_page_and_has_examples() {
    let place = Place::new("help");
    for name in ["stats", "backup", "restore", "check-store"] {
        let (code, out, _) = privmsgd(&place, &format!("{name} --help"));
        assert_eq!(code, 0);
        assert!(
            out.lines().count() <= 40 && out.contains(&format!("Examples:\n  privmsgd {name}")),
            "{out}"
        );
    }
    let (_, out, _) = privmsgd(&place, "--help");
    assert!(
        out.contains("check-store") && out.lines().count() <= 60,
        "{}",
        out.lines().count()
    );
}
