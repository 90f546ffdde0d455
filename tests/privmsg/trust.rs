//! TLS: trust on first use, by an authority, by a fingerprint; and a certificate that changes.

use rustix::process::Signal;

use crate::bench::{secs, wait_until};
use crate::common::{Daemon, Setup};
use crate::files::Pair;
use crate::home::{Home, json, servers};

fn fingerprint(pair: &Pair) -> String {
    let certificate = pair.certificate();
    let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
    let output = std::process::Command::new("openssl")
        .args(args)
        .arg(certificate)
        .output();
    let text = String::from_utf8(output.expect("openssl").stdout).unwrap();
    text.trim()
        .rsplit_once('=')
        .expect("a fingerprint")
        .1
        .to_owned()
}

fn reload(daemon: &Daemon) {
    let count = || daemon.log().matches("reloaded; changed: ").count();
    let before = count();
    daemon.signal(Signal::HUP);
    wait_until("a reload", secs(10), || count() > before);
}

#[test]
fn who_was_trusted_the_first_time_is_trusted_until_the_certificate_changes() {
    let (pair, home) = (Pair::new(), Home::new());
    let daemon = Daemon::start(&pair.setup());
    let server = format!("tls:{}", daemon.tls());
    let send = ["-s", &server, "-u", "Alice", "send", "Nobody1", "hi"];
    let tried = |what: &str| {
        let (code, _, err) = home.run(&send);
        assert!(code == 1 && err.contains("unknownUser"), "{what}: {err}");
    };
    let (_, out, err) = home.run(&["-s", &server, "ping", "--json"]);
    assert_eq!(json(&out)["tls"], true, "{err}");
    let known = home.read(".config/privmsg/known_servers");
    let wanted = fingerprint(&pair).replace(':', "").to_lowercase();
    assert_eq!(known, format!("{server} {wanted}\n"));
    tried("the second time");
    let other = Pair::new();
    pair.replace(&other);
    reload(&daemon);
    assert!(
        daemon
            .log()
            .contains("reloaded; changed: tls.certificate\n")
    );
    reload(&daemon);
    assert!(daemon.log().contains("reloaded; changed: nothing\n"));
    let log = daemon.log();
    for command in [
        &send[..],
        &["-s", &server, "ping"],
        &["-s", &server, "-u", "Alice", "listen"],
    ] {
        let (code, out, err) = home.run(command);
        assert_eq!((code, out.as_str()), (77, ""), "{err}");
        for word in [
            "has changed: nothing was sent",
            &fingerprint(&pair),
            &fingerprint(&other),
            "known_servers",
            "openssl x509",
        ] {
            assert!(err.contains(word), "{word} is not in {err}");
        }
    }
    assert!(
        !daemon.log()[log.len()..].contains("Alice"),
        "{}",
        daemon.log()
    );
    // As the message says: the line is taken out, and the new one is trusted.
    home.put(".config/privmsg/known_servers", "", 0o600);
    tried("after the line was taken out");
}

#[test]
fn whoever_is_trusted_from_now_on_is_said_once() {
    let pair = Pair::new();
    let daemon = Daemon::start(&pair.setup());
    let server = format!("tls:{}", daemon.tls());
    let news = format!(
        "privmsg: {server} is trusted from now on by its certificate, SHA-256 {}\n",
        fingerprint(&pair)
    );
    for command in [
        &["ping"][..],
        &["send", "Nobody1", "hi"],
        &["listen", "-t", "0.5"],
        &["who", "Bob"],
        &["history", "Bob"],
        &["account", "block", "Bob"],
        &["login"],
    ] {
        let home = Home::new();
        let args = [&["-s", &server, "-u", "Alice"], command].concat();
        let (_, out, err) = home.run(&args);
        assert_eq!(err.matches(&news).count(), 1, "{command:?}: {err}");
        assert!(!out.contains("SHA-256"), "{command:?}: {out}");
        let (_, _, err) = home.run(&args);
        assert!(!err.contains("trusted"), "{command:?}: {err}");
    }
}

#[test]
fn an_authority_vouches_for_the_name_of_the_host_or_of_the_server() {
    let (pair, home) = (Pair::new(), Home::new());
    let daemon = Daemon::start(&pair.setup().arg("--listen").arg("tls:127.0.0.2:0"));
    let servers = servers(&daemon);
    let server = servers.iter().find(|server| server.contains("127.0.0.2"));
    let server = server.expect("it listens there");
    let ca = pair.certificate().display().to_string();
    let by = |more: &[&str]| home.run(&[&["-s", server, "--ca", &ca, "ping"], more].concat());
    let begin = format!("privmsg: the certificate of {server} is not vouched for by {ca}: ");
    let names = "it is for localhost, 127.0.0.1, and";
    let (code, _, err) = by(&[]);
    assert_eq!(
        (code, err),
        (77, format!("{begin}{names} not for 127.0.0.2\n"))
    );
    assert_eq!(by(&["--server-name", "localhost"]).0, 0);
    // Where it is no name that a certificate could have, it is one for signatures only.
    let (code, _, err) = by(&["--server-name", "our server"]);
    assert_eq!(
        (code, err),
        (77, format!("{begin}{names} not for 127.0.0.2\n"))
    );
    let (code, _, err) = by(&["--server-name", "chat.example"]);
    let neither = "neither for 127.0.0.2 nor for chat.example";
    assert_eq!((code, err), (77, format!("{begin}{names} {neither}\n")));
}

#[test]
fn a_server_is_trusted_by_authority_or_by_fingerprint_too() {
    let (pair, other, home) = (Pair::new(), Pair::new(), Home::new());
    let daemon = Daemon::start(&pair.setup());
    let server = format!("tls:localhost:{}", daemon.tls().port());
    let by = |option: &str, value: &str| home.run(&["-s", &server, option, value, "ping"]);
    let path = |pair: &Pair| pair.certificate().display().to_string();
    assert_eq!(by("--ca", &path(&pair)).0, 0);
    assert_eq!(by("--fingerprint", &fingerprint(&pair)).0, 0);
    let (code, _, err) = by("--ca", &path(&other));
    assert!(
        code == 77 && err.ends_with(": none of the certificates there has signed it\n"),
        "{code} {err}"
    );
    let (code, _, err) = by("--fingerprint", &fingerprint(&other));
    assert!(code == 77 && err.contains("not the one"), "{code} {err}");
    assert_eq!(by("--fingerprint", "abc").0, 64);
    assert!(!home.path(".config/privmsg/known_servers").exists());
}

#[test]
fn a_plain_port_and_one_for_tls_are_told_apart() {
    let (pair, home) = (Pair::new(), Home::new());
    let daemon = Daemon::start(&pair.setup());
    let (tls, tcp) = (daemon.tls().to_string(), daemon.tcp().to_string());
    let (code, _, err) = home.run(&["-s", &tls, "ping"]);
    assert!(
        code == 69 && err.contains("write tls:HOST:PORT"),
        "{code} {err}"
    );
    let (code, _, err) = home.run(&["-s", &format!("tls:{tcp}"), "ping"]);
    assert!(
        code == 77 && err.contains("does not speak it"),
        "{code} {err}"
    );
    let plain = Daemon::start(&Setup::new());
    let (code, _, err) = home.run(&[
        "-s",
        &format!("tls:{}", plain.tcp()),
        "-u",
        "Alice",
        "listen",
    ]);
    assert!(code == 77 || code == 69, "{code} {err}");
}
