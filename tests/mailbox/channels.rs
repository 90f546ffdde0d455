//! What may be sent depends on who can read it on the way: an engine without sockets, so that peers can be anywhere.

use std::net::{Ipv4Addr, SocketAddr};

use privmsgd::accounts::{Ask, Origin};
use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Far, Memory, pair};
use serde_json::Value;

struct Line {
    engine: Engine<Memory>,
    far: Far,
    id: ConnId,
}

impl Line {
    fn new(config: &Config, peer: Peer) -> Line {
        let mut engine = Engine::new(config, 10, Box::new(|| Some(7)));
        engine.advance(1, 1_795_344_000_000);
        let (near, far) = pair(usize::MAX);
        let id = engine.connect(near, peer);
        Line { engine, far, id }
    }

    fn send(&mut self, line: &str) {
        self.far.send(format!("{line}\n").as_bytes());
        self.engine.readable(self.id.key, false);
    }

    /// The next lines that the peer gets.
    fn got(&mut self) -> Vec<Value> {
        self.engine.flush();
        let bytes = self.far.take(usize::MAX);
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect()
    }
}

fn config() -> Config {
    let mut config = Config {
        data: Some("in memory".into()),
        ..Config::default()
    };
    config.accounts.token_keys = vec!["hs256:/secret".into()];
    config
}

fn far_away() -> Peer {
    Peer::tcp(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 40_000)))
}

const WITH_PASSWORD: &str = r#"{"type":"register","username":"Alice","password":"pw","id":1}"#;
const WITH_TOKEN: &str = r#"{"type":"register","username":"Alice","token":"a.b.c","id":2}"#;

/// > `auth` lists the ways to prove a name that this connection may use
#[test]
fn hello_lists_what_this_connection_may_send() {
    let all = serde_json::json!(["password", "publicKey", "token", "resumeToken"]);
    let here = Peer::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
    for (peer, auth, tls) in [
        (Peer::unix(), &all, false),
        (here, &all, false),
        (here.over_tls(), &all, true),
        (far_away().over_tls(), &all, true),
        (
            far_away(),
            &serde_json::json!(["publicKey", "resumeToken"]),
            false,
        ),
    ] {
        let hello = &Line::new(&config(), peer).got()[0];
        assert_eq!(
            (&hello["auth"], &hello["tls"]),
            (auth, &Value::Bool(tls)),
            "{peer}"
        );
        assert_eq!(hello["nonce"], "AAAAAAAAAAAAAAAAAAAABw");
        let open = &Line::new(&Config::default(), peer).got()[0];
        assert_eq!(
            (&open["tls"], &open["auth"]),
            (&Value::Bool(tls), &serde_json::json!([]))
        );
        assert_eq!(open.get("nonce"), None);
    }
    let mut without = config();
    without.accounts.token_keys.clear();
    let hello = &Line::new(&without, Peer::unix()).got()[0];
    assert_eq!(
        hello["auth"],
        serde_json::json!(["password", "publicKey", "resumeToken"])
    );
}

/// > `notAllowed`: a password or a token on a connection from another machine that is not encrypted, unless `plaintext_credentials` is set
#[test]
fn secrets_are_not_taken_where_others_read_them() {
    let mut config = config();
    config.accounts.signup_open = true;
    let mut line = Line::new(&config, far_away());
    line.got();
    let create = r#"{"type":"account","action":"create","username":"Dora","password":"pw","id":3}"#;
    for (sent, field) in [
        (WITH_PASSWORD, "password"),
        (WITH_TOKEN, "token"),
        (create, "password"),
    ] {
        line.send(sent);
        assert!(line.engine.take_jobs().is_empty());
        let got = line.got();
        assert_eq!(got.len(), 1);
        assert_eq!(
            (&got[0]["code"], &got[0]["field"]),
            (&"notAllowed".into(), &field.into())
        );
    }
    line.send(r#"{"type":"register","username":"Alice","id":4}"#);
    let hint = line.got()[0]["hint"].to_string();
    assert!(
        !hint.contains("password") && hint.contains("publicKey"),
        "{hint}"
    );
    // The reloaded configuration holds from the next command on.
    config.accounts.plaintext_credentials = true;
    line.engine.reload(&config);
    line.send(WITH_PASSWORD);
    let jobs = line.engine.take_jobs();
    let origin = |ask: &Ask| match ask {
        Ask::Register { origin, .. } => *origin,
        other => panic!("{other:?}"),
    };
    assert_eq!(jobs.len(), 1);
    assert_eq!(origin(&jobs[0].ask), Origin::V4(0xc000_0201));
    assert!(!format!("{jobs:?}").contains("\"pw\""));
}

#[test]
fn encrypted_they_are_taken() {
    for peer in [far_away().over_tls(), Peer::unix()] {
        for sent in [WITH_PASSWORD, WITH_TOKEN] {
            let mut line = Line::new(&config(), peer);
            line.send(sent);
            assert_eq!(line.engine.take_jobs().len(), 1);
        }
    }
}

/// Without randomness there is no nonce: nothing can be signed, and nothing signed is looked at.
#[test]
fn without_a_nonce_nothing_signed_is_taken() {
    let mut engine = Engine::new(&config(), 10, Box::new(|| None));
    let (near, far) = pair(usize::MAX);
    let id = engine.connect(near, Peer::unix());
    let mut line = Line { engine, far, id };
    assert_eq!(line.got()[0].get("nonce"), None);
    let (key, signature) = ("A".repeat(43), "A".repeat(86));
    line.send(&format!(
        r#"{{"type":"register","username":"Alice","publicKey":"{key}","signature":"{signature}"}}"#
    ));
    assert_eq!(line.got()[0]["code"], "overloaded");
    line.send(WITH_PASSWORD);
    assert_eq!(line.engine.take_jobs().len(), 1);
}

/// Nobody waits for ever: the time to register goes on while an answer is awaited.
#[test]
fn a_question_does_not_stop_the_clock() {
    let mut line = Line::new(&config(), Peer::unix());
    line.got();
    line.send(WITH_PASSWORD);
    line.send(r#"{"type":"ping"}"#);
    line.engine.advance(60_001, 1_795_344_060_000);
    line.engine.tick();
    let got = line.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["code"], "registrationTimeout");
}
