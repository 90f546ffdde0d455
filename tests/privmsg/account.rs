//! `privmsg account`: what a client may change of its account.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bench::place::Place;
use crate::home::{Home, json, written};

#[test]
fn an_account_is_seen_changed_taken_along_and_ended() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let (server, password) = (written(&place.address()), home.password());
    let other = home.put("other", "battery staple\n", 0o600);
    let by = |file: &str, name: &str, input: &str, args: &[&str]| {
        let who = ["-s", &server, "-u", name, "--password-file", file];
        home.run_with(input, &[&who[..], args].concat())
    };
    let alice = |args: &[&str]| by(&password, "Alice", "", args);
    assert_eq!(alice(&["listen", "-t", "0.2"]).0, 0);
    assert_eq!(alice(&["send", "Bob", "hello"]).0, 0);
    let (_, devices, _) = alice(&["account", "devices", "--json"]);
    assert_eq!(json(&devices)["device"], "privmsg", "{devices}");
    let (_, table, _) = alice(&["account", "devices"]);
    assert!(
        table.starts_with("privmsg ") && table.contains(" since 2"),
        "{table}"
    );

    let (code, settings, _) = alice(&[
        "account",
        "settings",
        "--accept-from",
        "allowed",
        "--read-receipts",
        "on",
        "--json",
    ]);
    assert_eq!(code, 0);
    assert_eq!(
        json(&settings),
        serde_json::json!({"acceptFrom": "allowed", "deliveryReceipts": true, "readReceipts": true})
    );
    assert_eq!(by(&password, "Bob", "", &["send", "Alice", "hi"]).0, 1);
    assert_eq!(alice(&["account", "allow", "Bob"]).0, 0);
    assert_eq!(by(&password, "Bob", "", &["send", "Alice", "hi"]).0, 0);
    for verb in ["block", "unblock", "disallow"] {
        assert_eq!(alice(&["account", verb, "Bob"]).0, 0, "{verb}");
    }

    let export = home.path("me.jsonl").display().to_string();
    let (code, out, err) = alice(&["account", "export", &export]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let lines: Vec<_> = home.read("me.jsonl").lines().map(json).collect();
    assert_eq!(lines[0]["username"], "Alice");
    assert!(
        lines
            .iter()
            .any(|line| line["what"] == "message" && line["message"] == "hello")
    );
    assert_eq!(
        fs::metadata(&export).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (_, piped, _) = alice(&["account", "export"]);
    assert_eq!(piped.lines().count(), lines.len());
    assert!(
        err.contains(&format!("{} lines in {export}", lines.len())),
        "{err}"
    );
    assert_eq!(
        alice(&["account", "export", &export]).0,
        64,
        "nothing is overwritten"
    );

    assert_eq!(alice(&["account", "revoke-device", "privmsg"]).0, 0);
    let (code, _, err) = alice(&["account", "revoke-device", "nowhere"]);
    assert!(code == 1 && err.contains("notFound"), "{err}");
    assert_eq!(
        by(
            &password,
            "Alice",
            "battery staple\n",
            &["account", "password"]
        )
        .0,
        0
    );
    assert_eq!(alice(&["who"]).0, 1);
    let new = |args: &[&str]| by(&other, "Alice", "", args);
    assert_eq!(new(&["who"]).0, 0);
    let (code, _, err) = new(&["account", "delete"]);
    assert!(code == 64 && err.contains("--yes"), "{err}");
    assert_eq!(
        new(&["account", "delete", "--yes"]),
        (0, String::new(), String::new())
    );
    assert_eq!(new(&["who"]).0, 1);
}
