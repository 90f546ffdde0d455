//! Programs written by others: openssl, socat and Python's ssl, as the README has them.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::{Daemon, Program};
use crate::files::Pair;

/// The commands below are those of the README.
#[test]
fn the_readme_has_these_commands() {
    let readme = include_str!("../../README.md");
    for command in [
        "\nopenssl s_client -quiet -verify_return_error -CAfile tls.crt -connect localhost:7749\n",
        "\nsocat - OPENSSL:localhost:7749,cafile=tls.crt\n",
        "\nprivmsgd tls self-signed --name localhost ",
    ] {
        assert!(readme.contains(command), "{command}");
    }
}

trait Converse {
    fn converse(&mut self, name: &str);
}

impl Converse for Program {
    /// The session of the README's first minute.
    fn converse(&mut self, name: &str) {
        self.expect(r#"{"type":"hello",…}"#);
        self.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
        self.expect(r#"{"type":"registered",…}"#);
        self.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"{name}","message":"Salut !"}}"#
        ));
        self.expect(r#"{"type":"privateMessage","from":"…","message":"Salut !","time":"…"}"#);
    }
}

fn openssl(daemon: &Daemon, files: &Pair, more: &[&str]) -> Program {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-quiet", "-verify_return_error", "-CAfile"])
        .arg(files.certificate())
        .arg("-connect")
        .arg(format!("localhost:{}", daemon.tls().port()))
        .args(more)
        .stderr(Stdio::null());
    Program::start(&mut command)
}

#[test]
fn openssl_s_client_converses() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let mut alice = openssl(&daemon, &files, &["-verify_hostname", "localhost"]);
    alice.converse("Alice");
    let mut bob = openssl(&daemon, &files, &[]);
    bob.converse("Bob");
    bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi","id":7}"#);
    bob.expect(r#"{"type":"accepted","id":7,"toUsername":"Alice","time":"…"}"#);
    alice.expect(r#"{"type":"privateMessage","from":"Bob","message":"hi","time":"…"}"#);
    alice.send(r#"{"type":"bye"}"#);
    alice.expect(r#"{"type":"goodbye","code":"bye",…}"#);
}

/// E9: openssl's interactive commands: `K` asks for new keys, `R` for a renegotiation, which TLS 1.3 has not, and which
/// TLS 1.2 is refused.
#[test]
fn e9_openssl_updates_keys_and_may_not_renegotiate() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup().env("PRIVMSGD_TLS__MIN_VERSION", "1.2"));
    let start = |version: &str| {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-brief", version, "-connect"])
            .arg(daemon.tls().to_string())
            .arg("-CAfile")
            .arg(files.certificate())
            .stderr(Stdio::null());
        Program::start(&mut command)
    };
    let mut alice = start("-tls1_3");
    alice.expect(r#"{"type":"hello",…}"#);
    for n in 0..20 {
        alice.send("K");
        thread::sleep(Duration::from_millis(20));
        alice.send(&format!(r#"{{"type":"ping","id":{n}}}"#));
        alice.expect(&format!(r#"{{"type":"pong","id":{n},…}}"#));
    }
    let mut old = start("-tls1_2");
    old.expect(r#"{"type":"hello",…}"#);
    old.send("R");
    thread::sleep(Duration::from_millis(200));
    // Whether openssl goes on after the refusal or not, the others do.
    alice.send(r#"{"type":"ping","id":99}"#);
    alice.expect(r#"{"type":"pong","id":99,…}"#);
}

#[test]
fn socat_converses_and_half_closes() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let mut command = Command::new("socat");
    command.arg("-").arg(format!(
        "OPENSSL:localhost:{},cafile={}",
        daemon.tls().port(),
        files.certificate().display()
    ));
    let mut alice = Program::start(&mut command);
    alice.converse("Alice");
    alice.send(r#"{"type":"ping","id":1}"#);
    alice.end_input();
    alice.expect(r#"{"type":"pong","id":1,…}"#);
    alice.expect(r#"{"type":"goodbye","code":"drained",…}"#);
}

const PYTHON: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
raw = socket.create_connection(("localhost", int(sys.argv[1])))
with context.wrap_socket(raw, server_hostname="localhost") as tls:
    print(tls.version(), flush=True)
    lines = tls.makefile("rw", encoding="utf-8", newline="\n")
    print(lines.readline(), end="", flush=True)
    for line in sys.stdin:
        lines.write(line)
        lines.flush()
        print(lines.readline(), end="", flush=True)
"#;

#[test]
fn python_converses() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let mut command = Command::new("python3");
    command
        .args(["-c", PYTHON])
        .arg(daemon.tls().port().to_string())
        .arg(files.certificate());
    let mut alice = Program::start(&mut command);
    assert_eq!(alice.line(), "TLSv1.3");
    alice.converse("Alice");
}
