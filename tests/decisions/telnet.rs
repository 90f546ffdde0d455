//! What telnet sends by itself, and what comes to the wrong port.

use crate::common::{Chunking, Client, transcript};

use std::io::Read;

fn next_bytes(client: &Client, count: usize) -> Vec<u8> {
    client
        .socket()
        .set_read_timeout(Some(client.patience))
        .expect("a read limit");
    let mut bytes = vec![0; count];
    (&mut client.socket())
        .read_exact(&mut bytes)
        .expect("an answer");
    bytes
}

/// C6
///
/// > the bytes of telnet's commands (they begin with the byte 255, which is in no UTF-8 text) are taken out wherever they stand.
#[test]
fn telnet_s_commands_are_taken_out() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        alice.send_bytes(b"\xff\xf4{\"type\"\xff\xf1:\"pi\xff\xfc\x01ng\"}\r\n\xff\xfa\x1f\0\x50\0\x18\xff\xf0{\"type\":\"ping\"}\r\n");
        alice.expect(r#"{"type":"pong","time":"…"}"#);
        alice.expect(r#"{"type":"pong","time":"…"}"#);
        alice.expect_nothing();
    });
}

/// > `DO x` is answered `WONT x` and `WILL x` is answered `DONT x`; other commands have no answer.
#[test]
fn telnet_s_wishes_are_declined() {
    transcript(|at| {
        let mut alice = at.connect("alice");
        alice.send_bytes(b"\xff\xfd\x06\xff\xfb\x18\xff\xfe\x01\xff\xfc\x01\xff\xf6");
        assert_eq!(next_bytes(&alice, 6), b"\xff\xfc\x06\xff\xfe\x18");
        alice.send(r#"{"type":"ping"}"#);
        alice.expect(r#"{"type":"pong","time":"…"}"#);
    });
}

/// > What begins like HTTP is answered with `goodbye notHttp`, a TLS handshake with `goodbye
/// > tlsOnPlainPort`; nothing else of what was sent is looked at.
#[test]
fn nothing_in_an_http_request_is_executed() {
    transcript(|at| {
        let mut bob = at.register("Bob");
        let evil = "{\"type\":\"register\",\"username\":\"Evil\"}\r\n{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":\"x\"}\r\n";
        for head in [
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "Host: localhost\r\n",
            "PUT /x HTTP/1.0\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\n\r\n",
        ] {
            let mut browser = at.connect("browser");
            browser.send_bytes(format!("{head}{evil}").as_bytes());
            let line = browser.expect_goodbye("notHttp");
            assert!(
                line.contains(r#"\"type\":\"help\""#),
                "it says what to send: {line}"
            );
        }
        bob.expect_nothing();
        at.register("Evil");
    });
}

/// C9: from a real client's first bytes on.
#[test]
fn a_tls_hello_is_told_so_at_once() {
    transcript(|at| {
        let mut client = at.connect("client");
        let hello = [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            &[7; 501],
        ]
        .concat();
        client.send_bytes(&hello);
        client.expect_goodbye("tlsOnPlainPort");
        if at.chunking == Chunking::Whole {
            let mut short = at.connect("short");
            short.send_bytes(b"\x16\x03");
            short.expect_goodbye("tlsOnPlainPort");
        }
    });
}
