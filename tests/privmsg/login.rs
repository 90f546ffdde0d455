//! `privmsg login`: from a password to a profile that needs none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::bench::place::{PATIENT, Place, tool};
use crate::common::PASSWORD;
use crate::home::{Home, written};

#[test]
fn a_password_is_asked_for_once_and_kept_nowhere() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let server = written(&place.address());
    let login = ["login", "--server", &server, "--name", "Alice"];
    let (code, out, err) = home.run_with(format!("{PASSWORD}\n"), &login);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let config = home.read(".config/privmsg/config.toml");
    assert!(
        config.starts_with("default = \"default\"\n\n[profile.default]\n"),
        "{config}"
    );
    let found = Command::new("grep")
        .args(["-r", PASSWORD, "."])
        .current_dir(home.dir())
        .status();
    assert_eq!(
        found.expect("grep").code(),
        Some(1),
        "the password stands in a file"
    );
    let modes = tool(home.dir(), "find", &[".config/privmsg", "-perm", "/077"]);
    assert_eq!(String::from_utf8_lossy(&modes), "");
    // From now on there is nothing to say.
    assert_eq!(home.ok(&["send", "Bob", "hi"]), "");
    assert!(home.ok(&["history", "Bob"]).ends_with("Alice: hi\n"));
    assert!(home.ok(&["who"]).starts_with("Bob"));
    // What proves Alice is not used for others.
    let (code, _, err) = home.run(&["--name", "Bob", "who"]);
    assert!(code == 1 && err.contains("must be proved"), "{err}");
    let (code, _, err) = home.run_with(PASSWORD, &login);
    assert!(code == 78 && err.contains("there is a profile"), "{err}");
    // A second profile stands beside the first; a password is kept if that is asked for.
    let bob = [
        "login",
        "-p",
        "work",
        "-s",
        &server,
        "-u",
        "Bob",
        "--keep-password",
    ];
    assert_eq!(home.run_with(format!("{PASSWORD}\n"), &bob).0, 0);
    assert_eq!(home.ok(&["-p", "work", "listen", "-n", "1"]), "Alice: hi\n");
    let kept = home.path(".config/privmsg/secrets/work.password");
    assert_eq!(
        fs::metadata(kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (code, _, err) =
        home.run_with("wrong\n", &["login", "-p", "x", "-s", &server, "-u", "Bob"]);
    assert!(code == 1 && err.contains("authFailed"), "{err}");
    assert!(
        !home
            .read(".config/privmsg/config.toml")
            .contains("[profile.x]")
    );
}

#[test]
fn a_key_of_ssh_keygen_takes_the_place_of_the_password() {
    let (place, home) = (Place::new(&["Carol"]), Home::new());
    let server = written(&place.address());
    tool(
        home.dir(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "id"],
    );
    let key = home.path("id").display().to_string();
    let login = ["login", "-s", &server, "-u", "Carol", "--key", &key];
    let (code, _, err) = home.run_with(format!("{PASSWORD}\n"), &login);
    assert_eq!(code, 0, "{err}");
    assert_eq!(home.ok(&["who"]), "");
}

#[test]
fn an_account_is_made_where_clients_may() {
    let place = Place::with(&format!("{PATIENT}signup = \"open\"\n"), &["Alice"]);
    let (server, home) = (written(&place.address()), Home::new());
    let register = ["login", "--register", "-s", &server, "-u", "Dora"];
    let (code, _, err) = home.run_with("battery staple\n", &register);
    assert_eq!(code, 0, "{err}");
    assert_eq!(home.ok(&["send", "Alice", "hi"]), "");
    tool(
        home.dir(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "id"],
    );
    let key = home.path("id").display().to_string();
    let register = [
        "login",
        "-p",
        "e",
        "--register",
        "-s",
        &server,
        "-u",
        "Erik",
        "--key",
        &key,
    ];
    let (code, _, err) = home.run(&register);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = home.run_with(
        "x\n",
        &[
            "login",
            "-p",
            "f",
            "--register",
            "-s",
            &server,
            "-u",
            "alice",
        ],
    );
    assert!(code == 1 && err.contains("nameTaken"), "{err}");
    let closed = Place::new(&["Alice"]);
    let server = written(&closed.address());
    let (code, _, err) = home.run_with(
        "x\n",
        &["login", "-p", "g", "--register", "-s", &server, "-u", "Fay"],
    );
    assert!(code == 1 && err.contains("notAllowed"), "{err}");
}
