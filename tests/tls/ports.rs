//! C9 and the command line: which port speaks what, and what is said to who comes to the wrong one.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{Address, Daemon, bare};
use crate::files::Pair;
#[cfg(feature = "systemd")]
use crate::ops::{Running, listener};
use crate::peer::Peer;

/// Everything that comes back.
fn answer(to: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(to).expect("connect");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a limit");
    socket.write_all(bytes).expect("send");
    let mut text = Vec::new();
    socket
        .read_to_end(&mut text)
        .expect("an end without a reset");
    String::from_utf8_lossy(&text).into_owned()
}

/// C9: plain text on the TLS port gets one plain line, and nothing of it is carried out.
#[test]
fn c9_plain_text_on_the_tls_port_is_told_so_and_not_executed() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let register = "{\"type\":\"register\",\"username\":\"Mallory\"}\n";
    for bytes in [
        register.to_string(),
        register.repeat(500),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(),
        "\n".into(),
        "\u{feff}".into(),
    ] {
        let line = answer(daemon.tls(), bytes.as_bytes());
        assert_eq!(
            line,
            "{\"type\":\"goodbye\",\"code\":\"plainOnTlsPort\",\"message\":\"this port speaks TLS, not plain text; \
             connect with TLS\",\"reconnect\":false}\n"
        );
    }
    let log = daemon.log();
    assert!(log.contains("ended, plainOnTlsPort"), "{log}");
    assert!(!log.contains("Mallory"), "{log}");
}

/// C9: and TLS on the plain port is told where TLS is.
#[test]
fn c9_tls_on_the_plain_port_is_told_the_right_port() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let text = answer(daemon.tcp(), &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    let wanted = format!(
        "this port speaks plain text, not TLS; connect without TLS, or with it to port {}",
        daemon.tls().port()
    );
    assert!(text.contains("\"code\":\"tlsOnPlainPort\""), "{text}");
    assert!(text.contains(&wanted), "{text}");
}

/// A peer with the right protocol and nothing to say: bytes that only begin like TLS end with an alert.
#[test]
fn e9_bytes_that_only_look_like_tls_get_an_alert() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let cases: [&[u8]; 6] = [
        b"\x16{\"type\":\"help\"}\n",
        &[0x16, 3, 1, 0, 0],
        &[0x16, 3, 1, 0xff, 0xff, 1],
        &[0x16, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9],
        &[0x16, 3, 1, 0, 4, 2, 0, 0, 0],
        &[&[0x16, 3, 1, 0x40, 0][..], &[b'A'; 16_384]].concat(),
    ];
    for bytes in cases {
        let text = answer(daemon.tls(), bytes);
        assert!(text.starts_with('\u{15}'), "{bytes:?}: {text:?}");
    }
    daemon.await_log("TLS handshake failed: ");
    assert!(
        daemon.log().contains("told by the alert "),
        "{}",
        daemon.log()
    );
}

#[test]
fn the_address_is_shown_as_it_is_asked_for() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    assert!(matches!(daemon.addresses()[1], Address::Tls(_)));
    daemon.await_log(&format!("listening on tls:{}", daemon.tls()));
    let mut alice = Peer::connect(daemon.tls(), &files.client());
    alice.register("Alice");
    alice.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
    alice.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    alice.send(r#"{"type":"bye"}"#);
    alice.expect(r#"{"type":"goodbye","code":"bye",…}"#);
    assert_eq!(alice.line(), None);
}

/// Exit code and standard error of a daemon that does not start.
pub fn refused(set: &[(&str, &Path)], args: &[&str]) -> (i32, String) {
    let mut command = Command::new("timeout");
    bare(&mut command)
        .args(["10", env!("CARGO_BIN_EXE_privmsgd")])
        .args(args);
    for (key, value) in set {
        command.env(key, value);
    }
    let output = command.output().expect("start the daemon");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

const LISTEN: [&str; 2] = ["--listen", "tls:127.0.0.1:0"];

#[test]
fn without_a_certificate_it_says_how_to_get_one() {
    for args in [
        &LISTEN[..],
        &["--check-config", "--listen", "tls:[::1]:7749"],
    ] {
        let (code, said) = refused(&[], args);
        assert_eq!(code, 78, "{said}");
        assert!(
            said.contains("privmsgd tls self-signed --name HOST"),
            "{said}"
        );
        assert!(said.lines().count() <= 2, "{said}");
    }
    let (code, said) = refused(&[], &["--listen", "tls:localhost"]);
    assert_eq!(code, 64, "{said}");
    let (_, said) = refused(&[], &["--listen", "tls:127.0.0.1"]);
    assert!(said.contains("did you mean tls:127.0.0.1:7749?"), "{said}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let files = Pair::new();
    let (certificate, key) = (files.certificate(), files.key());
    let set = [
        ("PRIVMSGD_TLS__CERTIFICATE", certificate.as_path()),
        ("PRIVMSGD_TLS__KEY", key.as_path()),
    ];
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("chmod");
        let (code, said) = refused(&set, &LISTEN);
        assert_eq!(code, 77, "{mode:o}: {said}");
        assert!(
            said.contains("chmod 600") && said.contains("tls.key"),
            "{said}"
        );
    }
    // Where the service manager keeps it, nobody else comes.
    let set = [("CREDENTIALS_DIRECTORY", files.dir())];
    let (code, said) = refused(&set, &["--check-config", "--listen", LISTEN[1]]);
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn a_pair_is_made_once_and_never_overwritten() {
    let files = Pair::new();
    let dir = files.dir().join("new");
    fs::create_dir(&dir).expect("a directory");
    let make = || {
        Command::new(env!("CARGO_BIN_EXE_privmsgd"))
            .args([
                "tls",
                "self-signed",
                "--name",
                "chat.example",
                "--name",
                "::1",
                "--out",
            ])
            .arg(&dir)
            .output()
            .expect("make a pair")
    };
    let output = make();
    assert!(output.status.success(), "{output:?}");
    let mode = |name: &str| {
        fs::metadata(dir.join(name))
            .expect("it")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("tls.crt"), mode("tls.key")), (0o644, 0o600));
    let said = String::from_utf8(output.stdout).expect("text");
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-text", "-in"])
        .arg(dir.join("tls.crt"))
        .output()
        .expect("openssl");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let (_, print) = shown.split_once("Fingerprint=").expect("a fingerprint");
    let print = print.lines().next().expect("a line");
    assert!(said.contains(print), "{said}\n{print}");
    assert!(said.contains("privmsgd --listen tls:"), "{said}");
    let address = shown.replace("0:0:0:0:0:0:0:1", "::1");
    assert!(
        address.contains("DNS:chat.example, IP Address:::1"),
        "{shown}"
    );
    let key = fs::read(dir.join("tls.key")).expect("a key");
    let again = make();
    assert_eq!(again.status.code(), Some(73), "{again:?}");
    assert_eq!(fs::read(dir.join("tls.key")).expect("a key"), key);
}

/// F6: sockets that a service manager calls `tls` speak it without being asked for, with its credentials.
#[test]
#[cfg(feature = "systemd")]
fn f6_an_inherited_socket_called_tls_speaks_tls() {
    let files = Pair::new();
    let (listener, address) = listener();
    // Readable for a group, as a service manager may leave it: where it is nobody else comes.
    fs::set_permissions(files.key(), fs::Permissions::from_mode(0o440)).expect("chmod");
    for args in [&[][..], &["--listen", "systemd:tls"]] {
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=tls LISTEN_PID=$$ exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_privmsgd"),
            ])
            .args(args)
            .env("CREDENTIALS_DIRECTORY", files.dir());
        let _daemon = Running::with_socket(&mut shell, &listener);
        Peer::connect(address, &files.client()).register("Alice");
    }
}

/// > A connection for which there is no place gets the TLS alert internal error instead of `goodbye serverFull`.
#[test]
fn who_finds_no_place_gets_an_alert() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup().limit("max_connections", 1));
    let mut alice = Peer::connect(daemon.tls(), &files.client());
    alice.register("Alice");
    let mut socket = TcpStream::connect(daemon.tls()).expect("connect");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a limit");
    let mut alert = Vec::new();
    socket.read_to_end(&mut alert).expect("an end");
    assert_eq!(alert, [0x15, 3, 3, 0, 2, 2, 80]);
    alice.send(r#"{"type":"ping","id":1}"#);
    alice.expect(r#"{"type":"pong","id":1,…}"#);
}
