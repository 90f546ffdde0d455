//! `privmsg --token-file`: a token that somebody else's sign-on made, and may renew in its file at any time.

use crate::bench::place::{PATIENT, Place, outcome};
use crate::common::Setup;
use crate::home::{Home, written};

use std::process::Command;

const MINT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/mint.py");

/// Without an account: tokens make them.
fn place() -> Place {
    let mut place = Place::stopped(Setup::new(), "");
    let secret = place.put("secret", b"correct horse battery staple and more\n");
    let key = format!("hs256:{}", secret.display());
    place.configure(&format!("{PATIENT}token_keys = [{key:?}]\n"));
    place.start();
    place
}

/// A file `name` with a token that proves `who` for so many seconds from now; its path.
fn token(place: &Place, home: &Home, name: &str, who: &str, seconds: i64) -> String {
    let mut command = Command::new("python3");
    command.arg(MINT).arg(who).arg(place.file("secret"));
    let (code, token, err) = outcome(command.arg(seconds.to_string()), "");
    assert_eq!((code, err.as_str()), (0, ""));
    home.put(name, &token, 0o600)
}

#[test]
fn a_token_from_a_file_proves_the_name() {
    let (place, home) = (place(), Home::new());
    let server = written(&place.address());
    let (alice, bob) = (
        token(&place, &home, "alice.token", "Alice", 60),
        token(&place, &home, "bob.token", "Bob", 60),
    );
    let as_alice = ["-s", &server, "-u", "Alice", "--token-file", &alice];
    let as_bob = ["-s", &server, "-u", "Bob", "--token-file", &bob];
    // Bob's first use of his makes his account.
    assert_eq!(home.ok(&[&as_bob[..], &["who"]].concat()), "");
    assert_eq!(
        home.ok(&[&as_alice[..], &["send", "Bob", "hi"]].concat()),
        ""
    );
    let heard = home.ok(&[&as_bob[..], &["listen", "-n", "1"]].concat());
    assert_eq!(heard, "Alice: hi\n");
    // Nothing but the token does it: neither nothing nor another's.
    let (code, _, err) = home.run(&["-s", &server, "-u", "Alice", "who"]);
    assert!(code == 1 && err.contains("must be proved"), "{err}");
    let (code, _, err) = home.run(&["-s", &server, "-u", "Alice", "--token-file", &bob, "who"]);
    assert!(code == 1 && err.contains("authFailed"), "{err}");
}

#[test]
fn a_profile_names_the_file_and_a_renewed_token_is_read_from_it() {
    let (place, home) = (place(), Home::new());
    let server = written(&place.address());
    let path = token(&place, &home, "alice.token", "Alice", 60);
    let login = ["login", "-s", &server, "-u", "Alice", "--token-file", &path];
    let (code, _, err) = home.run(&login);
    assert_eq!(code, 0, "{err}");
    let config = home.read(".config/privmsg/config.toml");
    assert!(
        config.contains(&format!("token_file = {path:?}")),
        "{config}"
    );
    assert_eq!(home.ok(&["who"]), "");
    token(&place, &home, "alice.token", "Alice", -3_600);
    let (code, _, err) = home.run(&["who"]);
    assert!(code == 1 && err.contains("tokenExpired"), "{err}");
    token(&place, &home, "alice.token", "Alice", 60);
    assert_eq!(home.ok(&["who"]), "");
}
