//! E8: files that are empty, broken or unreadable end the start with a code that says which, and a reload with what was
//! there before. None of them lets anybody in. tests/store.rs has the fifty ways a store can be broken.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::bench::place::{PATIENT, Place, outcome, password, token};
use crate::common::{PASSWORD, Setup};
use crate::proofs::{Signer, hs256, tokens, with_tokens};

const DATABASE: &str = "privmsgd.db";

/// The exit code and what is said.
fn start(place: &Place) -> (i32, String) {
    let mut command = Command::new("timeout");
    command.args([
        "20",
        env!("CARGO_BIN_EXE_privmsgd"),
        "--listen",
        "127.0.0.1:0",
    ]);
    command.arg("--data").arg(place.data());
    command.arg("--config").arg(place.file("privmsgd.toml"));
    let (code, _, err) = outcome(&mut command, "");
    (code, err)
}

type Break = fn(&Path);

#[test]
fn e8_no_start_with_a_broken_store() {
    let breaks: [(&str, i32, Break); 9] = [
        ("empty", 65, |data| {
            fs::write(data.join(DATABASE), "").unwrap()
        }),
        ("text", 65, |data| {
            fs::write(data.join(DATABASE), "{}\n").unwrap()
        }),
        ("half", 65, |data| {
            let bytes = fs::read(data.join(DATABASE)).unwrap();
            fs::write(data.join(DATABASE), &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("zeros", 65, |data| {
            let mut bytes = fs::read(data.join(DATABASE)).unwrap();
            bytes[4096..].fill(0);
            fs::write(data.join(DATABASE), &bytes).unwrap();
        }),
        ("newer", 78, |data| {
            let mut bytes = fs::read(data.join(DATABASE)).unwrap();
            bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
            fs::write(data.join(DATABASE), &bytes).unwrap();
        }),
        ("a directory", 65, |data| {
            fs::remove_file(data.join(DATABASE)).unwrap();
            fs::create_dir(data.join(DATABASE)).unwrap();
        }),
        ("a link", 65, |data| {
            fs::rename(data.join(DATABASE), data.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", data.join(DATABASE)).unwrap();
        }),
        ("others may write", 77, |data| {
            fs::set_permissions(data, fs::Permissions::from_mode(0o777)).unwrap();
        }),
        ("no directory", 65, |data| {
            fs::remove_dir_all(data).unwrap();
            fs::write(data, "").unwrap();
        }),
    ];
    for (what, wanted, make) in breaks {
        let mut place = Place::stopped(Setup::new(), PATIENT);
        place.account("add Alice", PASSWORD);
        place.start();
        place.session("Alice", "d");
        place.kill();
        for rest in ["privmsgd.db-wal", "privmsgd.db-shm"] {
            let _ = fs::remove_file(place.data().join(rest));
        }
        make(&place.data());
        let (code, said) = start(&place);
        assert_eq!(code, wanted, "{what}: {said}");
        assert!(said.contains("data"), "{what}: {said}");
        // Nor does the operator's command make a new store of it.
        let (code, _, said) = place.ask("account list", "");
        assert_eq!(code, wanted, "{what}: {said}");
    }
}

/// A store of a machine that crashed is whole: what is in the log alone is there.
#[test]
fn e8_a_killed_daemon_leaves_a_store_that_opens() {
    let mut place = Place::new(&["Alice"]);
    place.account("add Bob", PASSWORD);
    for _ in 0..5 {
        place.session("Bob", "d");
        place.kill();
        place.start();
    }
}

#[test]
fn e8_no_start_and_no_reload_with_broken_keys() {
    let (place, _) = with_tokens(&["Alice"]);
    let made = || hs256(&place, "Alice", "secret", 60);
    let (mut alice, _) = place.session_by("Alice", "d", &token(&made()));
    let private = Signer::openssl(&place.file(""), "private.pem");
    let pem = fs::read(place.file("private.pem")).unwrap();
    let files: [(&str, &[u8], u32, i32); 10] = [
        ("hs256", b"", 0o600, 78),
        ("hs256", b"\n", 0o600, 78),
        ("hs256", b"0123456789abcdef0123456789abcde\n", 0o600, 78),
        ("hs256", &[b'x'; 64], 0o644, 77),
        ("hs256", &[b'x'; 70_000], 0o600, 78),
        ("eddsa", b"", 0o600, 78),
        ("eddsa", b"-----BEGIN PUBLIC KEY-----\n", 0o600, 78),
        ("eddsa", &private.public(), 0o600, 78),
        ("eddsa", &pem, 0o600, 78),
        (
            "eddsa",
            b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
            0o622,
            77,
        ),
    ];
    let other = Place::stopped(Setup::new(), "");
    let refuse = |what: &str, config: &str, wanted: i32| {
        other.configure(config);
        let (code, said) = start(&other);
        assert_eq!(code, wanted, "{what}: {said}");
        place.configure(config);
        place.reload("reload failed, everything stays as it is");
        assert!(!said.contains("xxxx"), "{said}");
    };
    for (n, (kind, bytes, mode, wanted)) in files.iter().enumerate() {
        let path = place.put("broken", bytes);
        fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
        let config = tokens(&place, &["hs256:secret", &format!("{kind}:broken")]);
        refuse(&format!("row {n}"), &config, *wanted);
    }
    for (key, wanted) in [("hs256:none", 66), ("eddsa:none", 66), ("hs256:", 78)] {
        refuse(key, &tokens(&place, &[key]), wanted);
    }
    refuse("no kind", "[accounts]\ntoken_keys = [\"secret\"]\n", 78);
    refuse("no text", "[accounts]\ntoken_keys = [7]\n", 78);
    refuse("no list", "[accounts]\ntoken_keys = true\n", 78);
    refuse("signup", "[accounts]\nsignup = \"yes\"\n", 78);
    // The old ones are in use, and no others.
    place.session_by("Alice", "d", &token(&made()));
    alice.expect_goodbye("replaced");
    place.put("broken", b"\n");
    place.refused(
        "Alice",
        &token(&hs256(&place, "Alice", "broken", 60)),
        "authFailed",
    );
    place.session_by("Alice", "d", &password(PASSWORD));
}
