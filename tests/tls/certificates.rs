//! F3, F4 and E16: other certificates while clients are connected, broken ones, old ones, old protocols.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::{ClientConfig, RootCertStore};

use crate::bench::{alone, record, secs, wait_until};
use crate::common::Daemon;
use crate::files::{DAY_MS, Pair, now_ms, put};
use crate::peer::Peer;
use crate::ports::refused;

/// SIGHUP, and how long it took until the log said `what` once more than before.
fn reload(daemon: &Daemon, what: &str) -> Duration {
    let count = || daemon.log().matches(what).count();
    let before = count();
    daemon.signal(Signal::HUP);
    wait_until(what, secs(10), || count() > before)
}

fn trusts(pairs: &[&Pair]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for pair in pairs {
        roots.add(pair.der()).expect("a certificate");
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

/// F3: 100 reloads with another certificate each time: new handshakes see it, and no client is dropped.
#[test]
fn f3_a_new_certificate_is_used_from_the_next_handshake_on_and_nobody_is_dropped() {
    let _alone = alone();
    let (files, others) = (Pair::new(), [Pair::new(), Pair::new()]);
    let client = trusts(&[&files, &others[0], &others[1]]);
    let daemon = Daemon::start(&files.setup());
    let mut crowd: Vec<Peer> = (0..100)
        .map(|n| {
            let mut peer = Peer::connect(daemon.tls(), &client);
            peer.register(&format!("Client{n}"));
            peer
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for n in 0..100 {
        let next = &others[n % 2];
        files.replace(next);
        let took = reload(&daemon, "reloaded; changed: ");
        slowest = slowest.max(took);
        assert_eq!(
            Peer::connect(daemon.tls(), &client).certificate(),
            next.der()
        );
    }
    record(
        "F3",
        format_args!("100 certificates, slowest in use after {slowest:?}"),
    );
    // The bar is 100 ms; a shared machine may be away for longer than that.
    assert!(slowest < secs(1), "{slowest:?}");
    for n in 0..crowd.len() {
        let next = (n + 1) % crowd.len();
        crowd[n].send(&format!(
            r#"{{"type":"privateMessage","toUsername":"Client{next}","message":"still here"}}"#
        ));
        crowd[next].expect(r#"{"type":"privateMessage","from":"…","message":"still here",…}"#);
    }
}

/// What is wrong with a pair, and what is in its two files; `None`: as it was.
type Broken = (&'static str, Option<Vec<u8>>, Option<Vec<u8>>);

fn broken(other: &Pair, dir: &Path) -> Vec<Broken> {
    let read = |path: &Path| fs::read(path).expect("a file");
    let (crt, key) = (read(&dir.join("tls.crt")), read(&dir.join("tls.key")));
    let (other_crt, other_key) = (read(&other.certificate()), read(&other.key()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let changed =
        |bytes: &[u8], from: &str, to: &str| Some(text(bytes).replacen(from, to, 1).into_bytes());
    let half = |bytes: &[u8]| Some(bytes[..bytes.len() / 2].to_vec());
    let lines = |bytes: &[u8], drop: usize| {
        let text = text(bytes);
        let kept = text.lines().enumerate().filter(|(n, _)| *n != drop);
        Some(
            kept.map(|(_, line)| format!("{line}\n"))
                .collect::<String>()
                .into_bytes(),
        )
    };
    let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let sealed =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    vec![
        ("an empty certificate", Some(vec![]), None),
        ("an empty key", None, Some(vec![])),
        ("both empty", Some(vec![]), Some(vec![])),
        ("half a certificate", half(&crt), None),
        ("half a key", None, half(&key)),
        ("a certificate without its first line", lines(&crt, 1), None),
        ("a key without its first line", None, lines(&key, 1)),
        ("another's key", None, Some(other_key.clone())),
        ("another's certificate", Some(other_crt.clone()), None),
        ("the files swapped", Some(key.clone()), Some(crt.clone())),
        ("the certificate twice", None, Some(crt.clone())),
        ("the key twice", Some(key.clone()), None),
        (
            "a chain whose second part is junk",
            Some([&crt[..], junk].concat()),
            None,
        ),
        ("junk in PEM", Some(junk.to_vec()), None),
        ("a key of junk in PEM", None, Some(bad_key.to_vec())),
        ("an encrypted key", None, Some(sealed.to_vec())),
        ("text", Some(b"hello\n".to_vec()), None),
        ("a key of text", None, Some(b"hello\n".to_vec())),
        ("zeros", Some(vec![0; 4_096]), None),
        ("a key of zeros", None, Some(vec![0; 4_096])),
        ("not base64", changed(&crt, "M", "!"), None),
        ("a key not base64", None, changed(&key, "M", "!")),
        ("no end", changed(&crt, "-----END", "-----ENDE"), None),
        (
            "a key without an end",
            None,
            changed(&key, "-----END", "-----ENDE"),
        ),
        ("2 MiB", Some(vec![b'\n'; 2 << 20]), None),
        ("a key of 2 MiB", None, Some(vec![b'\n'; 2 << 20])),
    ]
}

/// F4: 26 broken pairs: none starts a daemon, none replaces a good pair in a running one, and each names its file.
#[test]
fn f4_a_broken_pair_is_refused_at_the_start_and_by_a_reload() {
    let (files, other) = (Pair::new(), Pair::new());
    let client = files.client();
    let (crt, key) = (files.certificate(), files.key());
    let good = (fs::read(&crt).expect("it"), fs::read(&key).expect("it"));
    let cases = broken(&other, files.dir());
    let daemon = Daemon::start(&files.setup());
    let mut kept = Peer::connect(daemon.tls(), &client);
    kept.register("Alice");
    let certificate = kept.certificate();
    for (what, bad_crt, bad_key) in &cases {
        put(&crt, bad_crt.as_ref().unwrap_or(&good.0));
        put(&key, bad_key.as_ref().unwrap_or(&good.1));
        let set = [
            ("PRIVMSGD_TLS__CERTIFICATE", crt.as_path()),
            ("PRIVMSGD_TLS__KEY", key.as_path()),
        ];
        let (code, said) = refused(&set, &["--listen", "tls:127.0.0.1:0"]);
        assert_eq!(code, 78, "{what}: {said}");
        assert!(said.contains("/tls."), "{what}: {said}");
        assert!(
            said.lines().count() <= 2 && !said.contains('\0'),
            "{what}: {said}"
        );
        reload(&daemon, "reload failed, everything stays as it is: ");
        let seen = Peer::connect(daemon.tls(), &client).certificate();
        assert_eq!(seen, certificate, "{what}");
    }
    let failed = daemon.log().matches("reload failed").count();
    assert_eq!(failed, cases.len(), "{}", daemon.log());
    fs::remove_file(&key).expect("remove");
    reload(&daemon, "reload failed, everything stays as it is: ");
    put(&crt, &good.0);
    put(&key, &good.1);
    reload(&daemon, "reloaded; changed: ");
    kept.send(r#"{"type":"ping","id":1}"#);
    kept.expect(r#"{"type":"pong","id":1,…}"#);
}

/// E16: the end is logged at the start and after a reload; in the last two weeks it is a warning.
#[test]
fn e16_the_end_of_the_certificate_is_logged_and_warned_of() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    daemon.await_log("tls.crt: good until ");
    files.replace(&Pair::made(now_ms(), 10));
    reload(&daemon, "[WARN] ");
    let log = daemon.log();
    assert!(log.contains("tls.crt: the certificate ends at "), "{log}");
    assert!(
        log.contains("in 10 days; put a new one there and reload"),
        "{log}"
    );
    files.replace(&Pair::made(now_ms() - 40 * DAY_MS, 30));
    reload(&daemon, "tls.crt: the certificate ended at ");
    // It goes on as it can: who trusts no clock still comes in.
    let refused = Peer::try_connect(daemon.tls(), files.client());
    assert!(refused.is_err_and(|error| error.to_string().contains("xpired")));
    daemon.await_log("the peer sent the alert CertificateExpired");
}

/// E16: TLS 1.2 is refused, and spoken when the configuration says so; older ones never.
#[test]
fn e16_old_protocols_are_refused_by_an_alert() {
    let files = Pair::new();
    let mut roots = RootCertStore::empty();
    roots.add(files.der()).expect("a certificate");
    let old = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_root_certificates(roots)
        .with_no_client_auth();
    let old = Arc::new(old);
    let daemon = Daemon::start(&files.setup());
    let error = Peer::try_connect(daemon.tls(), old.clone())
        .err()
        .expect("a refusal");
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    daemon.await_log("told by the alert ProtocolVersion");
    drop(daemon);
    let daemon = Daemon::start(&files.setup().env("PRIVMSGD_TLS__MIN_VERSION", "1.2"));
    for config in [&old, &files.client()] {
        let mut peer = Peer::connect(daemon.tls(), config);
        peer.register("Alice");
        peer.send(r#"{"type":"bye"}"#);
        peer.expect(r#"{"type":"goodbye","code":"bye",…}"#);
    }
}

/// E16: there is one certificate; whatever name a client asks for, it is the client that checks the name.
#[test]
fn e16_a_wrong_name_is_the_clients_to_refuse() {
    let files = Pair::new();
    let daemon = Daemon::start(&files.setup());
    let mut socket = std::net::TcpStream::connect(daemon.tls()).expect("connect");
    let name = "elsewhere.example".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(files.client(), name).expect("a client");
    let start = Instant::now();
    let error = loop {
        if let Err(error) = tls.complete_io(&mut socket) {
            break error;
        }
        assert!(start.elapsed() < secs(10) && tls.is_handshaking());
    };
    assert!(error.to_string().contains("not valid for name"), "{error}");
    daemon.await_log("the peer sent the alert ");
    Peer::connect(daemon.tls(), &files.client());
}
