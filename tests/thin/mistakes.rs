//! What people do wrong, or have on their machine, before anything is sent.

use std::process::Command;

use crate::common::{Daemon, PASSWORD, Setup};
use crate::languages::Language::{self, Go, Node, Python};
use crate::rounds::mailboxes;
use crate::running::Running;

/// Nothing listens there, and nothing is to be tried.
const WHERE: [&str; 3] = ["127.0.0.1", "1", "Alice"];

pub fn command_lines(language: Language) {
    let daemon = Daemon::start(&Setup::new());
    let mut wrong: Vec<Vec<&str>> = vec![vec![], WHERE[..2].to_vec()];
    let mut after: Vec<&[&str]> = vec![
        &["--state"],
        &["--state", ""],
        &["--tsl", "tls.crt"],
        &["state"],
        &["--state", "a", "b"],
    ];
    if [Python, Node, Go].contains(&language) {
        after.extend([&["--tls"][..], &["--tls", ""], &["--state", "a", "--tls"]]);
    } else {
        after.push(&["--tls", "tls.crt"]);
    }
    wrong.extend(after.iter().map(|more| [&WHERE[..], more].concat()));
    for args in wrong {
        let mut command = language.command();
        command.args(&args);
        let mut client = Running::of(command, daemon.dir().join("err"));
        let (status, errors) = (client.wait(), client.errors());
        assert_eq!(status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains("usage"), "{args:?}: {errors}");
        assert_eq!(client.rest(), [""; 0], "{args:?}");
    }
}

pub fn blank_lines(language: Language) {
    for (setup, password) in [(Setup::new(), None), (mailboxes(), Some(PASSWORD))] {
        let daemon = Daemon::start(&setup);
        let (at, dir) = (daemon.tcp(), daemon.dir());
        let mut alice = Running::with(language, at, "Alice", dir, &[], password);
        for line in ["", "  ", "Alice one", "", "\t", "Alice two"] {
            alice.say(line);
        }
        alice.expect("Alice: one");
        alice.expect("Alice: two");
        alice.say(" \t ");
        alice.end_input();
        assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
        assert_eq!(alice.errors(), "");
    }
}

/// On a machine with a name of 64 characters, which is what Linux allows.
pub fn long_host_name(language: Language) {
    let daemon = Daemon::start(&mailboxes());
    let client = language.command();
    let address = daemon.tcp();
    let script = r#"echo "$0" > /proc/sys/kernel/hostname && exec "$@""#;
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--uts", "sh", "-c", script])
        .arg("h".repeat(64))
        .arg(client.get_program())
        .args(client.get_args())
        .args([&address.ip().to_string(), &address.port().to_string()])
        .arg("Alice")
        .env("PRIVMSG_PASSWORD", PASSWORD)
        .env_remove("PRIVMSG_TOKEN");
    let mut alice = Running::of(command, daemon.dir().join("err"));
    alice.end_input();
    assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
    assert_eq!(alice.errors(), "");
}

#[test]
fn python_ends_by_ctrl_c_without_a_traceback() {
    let daemon = Daemon::start(&mailboxes());
    let mut alice = Running::start(Python, daemon.tcp(), "Alice", daemon.dir());
    daemon.await_log("registered as Alice");
    alice.interrupt();
    let status = alice.wait();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(2)
    );
    assert_eq!(alice.errors(), "");
}
