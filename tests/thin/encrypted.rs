//! TLS, in the languages whose standard library has it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Daemon, PASSWORD, Setup};
use crate::cutter::Cutter;
use crate::languages::Language::{self, Go, Node, Python};
use crate::rounds::{mailboxes, survive};
use crate::running::Running;

const CUTS: usize = 100;
/// A handshake is some 2,500 bytes.
const AT_MOST: usize = 8_000;

#[test]
fn python_by_tls_loses_nothing_by_100_cuts() {
    cut_100_times(Python);
}

#[test]
fn node_by_tls_loses_nothing_by_100_cuts() {
    cut_100_times(Node);
}

#[test]
fn go_by_tls_loses_nothing_by_100_cuts() {
    cut_100_times(Go);
}

fn cut_100_times(language: Language) {
    let (daemon, certificate) = encrypted(mailboxes(), "127.0.0.1");
    let cutter = Cutter::open(daemon.tls(), CUTS, AT_MOST, 7_749);
    let more = ["--tls", &certificate];
    let password = Some(PASSWORD);
    let alice = Running::with(
        language,
        cutter.address,
        "Alice",
        daemon.dir(),
        &more,
        password,
    );
    survive(&daemon, &cutter, alice);
}

/// Neither one that nobody vouches for, nor one for another name; and nothing is sent to such a server.
#[test]
fn a_certificate_that_is_not_trusted_gets_no_password() {
    let (daemon, other) = encrypted(mailboxes(), "127.0.0.1");
    let (elsewhere, for_another) = encrypted(mailboxes(), "elsewhere.example");
    for language in [Python, Node, Go] {
        for (at, certificate) in [(&daemon, &for_another), (&elsewhere, &for_another)] {
            let more = ["--tls", certificate.as_str()];
            let mut alice = Running::with(
                language,
                at.tls(),
                "Alice",
                daemon.dir(),
                &more,
                Some(PASSWORD),
            );
            alice.await_error("certificate");
            std::thread::sleep(Duration::from_millis(200));
            alice.kill();
            assert!(!at.log().contains("registered as Alice"), "{}", at.log());
        }
    }
    for language in [Python, Node, Go] {
        let more = ["--tls", other.as_str()];
        let mut alice = Running::with(
            language,
            daemon.tls(),
            "Alice",
            elsewhere.dir(),
            &more,
            Some(PASSWORD),
        );
        alice.end_input();
        assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
    }
}

/// A file of certificates that is missing, or that holds none, is told at the start: nothing would ever be trusted.
#[test]
fn without_a_certificate_to_trust_it_does_not_even_begin() {
    let (daemon, certificate) = encrypted(Setup::new(), "127.0.0.1");
    let file = |name: &str| directory().join(name).display().to_string();
    let (missing, empty) = (file("missing.crt"), file("empty.crt"));
    std::fs::write(&empty, "").expect("a file");
    let key = certificate.replace("tls.crt", "tls.key");
    for language in [Python, Node, Go] {
        for file in [&missing, &empty, &key] {
            let more = ["--tls", file.as_str()];
            let (at, dir) = (daemon.tls(), daemon.dir());
            let errors = Running::with(language, at, "Alice", dir, &more, None).complains(1);
            assert!(errors.contains(file), "{language:?}: {errors}");
        }
    }
}

/// A daemon with a certificate of its own for `name`, and the path of that.
fn encrypted(setup: Setup, name: &str) -> (Daemon, String) {
    let dir = directory();
    let made = Command::new(env!("CARGO_BIN_EXE_privmsgd"))
        .args(["tls", "self-signed", "--name", name, "--out"])
        .arg(&dir)
        .stdout(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let file = |name: &str| dir.join(name).display().to_string();
    let setup = setup
        .arg("--listen")
        .arg("tls:127.0.0.1:0")
        .key("tls.certificate", file("tls.crt"))
        .key("tls.key", file("tls.key"));
    (Daemon::start(&setup), file("tls.crt"))
}

fn directory() -> PathBuf {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("thin-tls-{}-{number}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}
