//! Where passwords may be sent, and the handshakes of others beside a pair of sessions.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use crate::bench::namespace::Namespace;
use crate::bench::pair::Pair as Probe;
use crate::bench::place::{PATIENT, Place, password, register, resume, token};
use crate::bench::{alone, secs};
use crate::common::{Address, Chunking, Client, PASSWORD, Setup, text_of};
use crate::files::Pair;
use crate::peer::Peer;
use crate::proofs::{Signer, hs256, tokens};

fn tls(files: &Pair) -> String {
    let (certificate, key) = (files.certificate(), files.key());
    let path = |path: &std::path::Path| path.display().to_string();
    format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\n",
        path(&certificate),
        path(&key)
    )
}

/// A connection from the other machine that has read `hello`, and what it read.
fn greeted(there: &Namespace, address: SocketAddr) -> (Client, String) {
    let client = there.inside(|| Client::dial(Address::Tcp(address), "far", Chunking::Whole));
    let mut client = client;
    let hello = client.expect(r#"{"type":"hello",…}"#);
    (client, hello)
}

#[test]
fn passwords_and_tokens_cross_a_cable_only_encrypted() {
    let files = Pair::new();
    let (here, there) = Namespace::cable();
    let under = here.under();
    let under: Vec<&str> = under.iter().map(String::as_str).collect();
    let mut setup = Setup::new().under(&under);
    for listen in ["10.7.0.1:0", "tls:10.7.0.1:0"] {
        setup = setup.arg("--listen").arg(listen);
    }
    let mut place = Place::stopped(setup, "");
    place.put("secret", b"correct horse battery staple and more\n");
    let config = format!("{}{}", tokens(&place, &["hs256:secret"]), tls(&files));
    place.configure(&config);
    let signer = Signer::openssl(&place.file(""), "alice.pem");
    signer.public_pem("alice.pub");
    place.account("add Alice", PASSWORD);
    let public = place.file("alice.pub").display().to_string();
    place.account(&format!("add-key Alice {public}"), "");
    place.start();
    let plain = place
        .daemon()
        .addresses()
        .iter()
        .find_map(|address| match address {
            Address::Tcp(address) if !address.ip().is_loopback() => Some(*address),
            _ => None,
        });
    let (plain, tls) = (plain.expect("it listens"), place.daemon().tls());
    for warned in [
        "other machines can read and change every line",
        "passwords and tokens are refused there",
    ] {
        place.daemon().await_log(warned);
    }

    let (mut client, hello) = greeted(&there, plain);
    assert!(
        hello.contains(r#""auth":["publicKey","resumeToken"]"#),
        "{hello}"
    );
    let made = hs256(&place, "Alice", "secret", 60);
    for credential in [password(PASSWORD), password("wrong horse"), token(&made)] {
        client.send(&register("Alice", &credential));
        client.expect_error("notAllowed");
    }
    client.send(&format!(
        r#"{{"type":"account","action":"create","username":"Eve",{}}}"#,
        password("mine mine")
    ));
    client.expect_error("notAllowed");
    // A signature gives nothing away.
    let proof = signer.proof(&text_of(&hello, "nonce"), "localhost", "Alice");
    client.send(&register("Alice", &proof));
    let line = client.expect(r#"{"type":"registered","username":"Alice",…}"#);
    client.until_synced();
    client.send(r#"{"type":"account","action":"setPassword","password":"another horse"}"#);
    client.expect_error("notAllowed");
    let resumed = text_of(&line, "resumeToken");

    let peer = || {
        let address = SocketAddr::new(plain.ip(), tls.port());
        let mut peer = there
            .inside(|| Peer::try_connect(address, files.client()))
            .expect("a handshake");
        peer.expect(r#"{"type":"hello",…}"#);
        peer
    };
    for credential in [resume(&resumed), password(PASSWORD), token(&made)] {
        let mut peer = peer();
        peer.send(&register("Alice", &credential));
        peer.expect(r#"{"type":"registered","username":"Alice",…}"#);
    }
    // Unless the operator says otherwise; and no longer.
    place.configure(&config.replace("[accounts]\n", "[accounts]\nplaintext_credentials = true\n"));
    place.reload("reloaded; changed: accounts.plaintext_credentials");
    let (mut client, hello) = greeted(&there, plain);
    assert!(
        hello.contains(r#""auth":["password","publicKey","token","resumeToken"]"#),
        "{hello}"
    );
    client.send(&register("Alice", &password(PASSWORD)));
    client.expect(r#"{"type":"registered","username":"Alice",…}"#);
    place.configure(&config);
    place.reload("reloaded; changed: accounts.plaintext_credentials");
    let (mut client, _) = greeted(&there, plain);
    client.send(&register("Alice", &password(PASSWORD)));
    client.expect_error("notAllowed");
}

/// E11 from another machine: its address has five failed tries a minute, whatever the names.
#[test]
fn e11_one_address_has_five_tries_for_all_names() {
    let (here, there) = Namespace::cable();
    let under = here.under();
    let under: Vec<&str> = under.iter().map(String::as_str).collect();
    let setup = Setup::new().under(&under).arg("--listen").arg("10.7.0.1:0");
    let config = "[limits]\nregister_tries = 1000\n[accounts]\nplaintext_credentials = true\n";
    let place = Place::set_up(setup, config, &["Alice", "Bob"]);
    let far = place
        .daemon()
        .addresses()
        .iter()
        .find_map(|address| match address {
            Address::Tcp(address) if !address.ip().is_loopback() => Some(*address),
            _ => None,
        });
    let (mut client, _) = greeted(&there, far.expect("it listens"));
    for n in 0..40 {
        client.send(&register(&format!("stranger{n}"), &password("wrong horse")));
        client.expect_error(if n < 5 { "authFailed" } else { "rateLimited" });
    }
    // Shut is shut, for the right one too, and for what costs no hash; from here it is not.
    client.send(&register("Alice", &password(PASSWORD)));
    client.expect_error("rateLimited");
    client.send(&register("Alice", &resume(&"1".repeat(32))));
    let line = client.expect_error("rateLimited");
    let json: serde_json::Value = serde_json::from_str(&line).expect("a frame is JSON");
    assert!(
        (1..=24_000).contains(&json["retryAfterMs"].as_u64().expect("a number")),
        "{line}"
    );
    let mut near = here.inside(|| place.connect("near"));
    near.send(&register("Alice", &password(PASSWORD)));
    near.expect(r#"{"type":"registered","username":"Alice",…}"#);
}

/// E9, for accounts: 500 handshakes that do not go on, and one byte a second, beside two sessions over TLS and over TCP.
#[test]
fn e9_stalled_handshakes_beside_a_pair() {
    let _alone = alone();
    let files = Pair::new();
    let setup = Setup::new().arg("--listen").arg("tls:127.0.0.1:0");
    let config = format!("{PATIENT}{}", tls(&files));
    let place = Place::set_up(setup, &config, &["Alice", "ProbeA", "ProbeB"]);
    let tls = place.daemon().tls();
    let pair = Probe::between(place.session("ProbeA", "d"), place.session("ProbeB", "d"));
    let crowd: Vec<TcpStream> = (0..500)
        .map(|n| {
            let mut socket = TcpStream::connect(tls).expect("connect");
            // The beginning of a hello.
            socket
                .write_all(&[22, 3, 1, 2, 0, 1][..n % 6])
                .expect("send");
            socket
        })
        .collect();
    for _ in 0..5 {
        let mut alice = Peer::connect(tls, &files.client());
        alice.send(&register("Alice", &password(PASSWORD)));
        alice.expect(r#"{"type":"registered","username":"Alice",…}"#);
    }
    std::thread::sleep(secs(2));
    pair.finish("E9 accounts");
    drop(crowd);
}
