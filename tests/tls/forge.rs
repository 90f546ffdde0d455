//! Records that no TLS library would send: sealed with the keys of a real handshake.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

use crate::files::Pair;
use crate::memory::{Client, Stage, shake_hands};

pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// What the client's side of a connection is sealed with from here on.
pub struct Forge {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

/// A connection after its handshake whose client is nothing but a forge.
pub fn forged(files: &Pair) -> (Stage, Client, Forge) {
    let mut config = (*files.client()).clone();
    config.enable_secret_extraction = true;
    let mut stage = Stage::with_client(files, Arc::new(config));
    let mut client = stage.connect(1024 * 1024);
    shake_hands(&mut stage, &mut client);
    let spare = stage.spare_client();
    let tls = std::mem::replace(&mut client.tls, spare);
    let secrets = tls.dangerous_extract_secrets().expect("secrets");
    let (sequence, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
        panic!("another cipher");
    };
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("a key");
    let forge = Forge {
        key: LessSafeKey::new(key),
        iv: iv.as_ref().try_into().expect("12 bytes"),
        sequence,
    };
    (stage, client, forge)
}

impl Forge {
    /// One record of this type.
    pub fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, counter) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= counter;
        }
        self.sequence += 1;
        let length = payload.len() + 1 + 16;
        let header = [23, 3, 3, (length >> 8) as u8, length as u8];
        let mut body = [payload, &[kind]].concat();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(header), &mut body)
            .expect("sealed");
        [&header[..], &body].concat()
    }
}

const PING: &[u8] = b"{\"type\":\"ping\"}\n";

/// What the server did with `records`, sent whole and byte by byte: whether it still has the connection.
fn survives(records: impl Fn(&mut Forge) -> Vec<u8>) -> bool {
    let outcomes = [usize::MAX, 1].map(|step| {
        let files = Pair::new();
        let (mut stage, client, mut forge) = forged(&files);
        for chunk in records(&mut forge).chunks(step) {
            client.far.send(chunk);
            stage.settle(&[&client]);
        }
        let gone = client.far.seen().gone || client.far.seen().shut;
        assert!(!stage.engine.is_broken());
        stage.settle(&[&client]);
        !gone
    });
    assert_eq!(outcomes[0], outcomes[1], "it depends on the chunks");
    outcomes[0]
}

/// A message from the daemon while a handshake message is half there: rustls must be shown that half again.
#[test]
fn e9_the_daemon_writes_while_a_key_update_is_half_there() {
    let files = Pair::new();
    let (mut stage, client, mut forge) = forged(&files);
    client.far.send(&forge.record(DATA, PING));
    stage.settle(&[&client]);
    let before = client.far.seen().written;
    client.far.send(&forge.record(HANDSHAKE, &[24, 0]));
    stage.settle(&[&client]);
    // A server's own line, whatever the client does.
    stage.engine.drain();
    stage.settle(&[&client]);
    assert!(client.far.seen().written > before, "no goodbye");
    assert!(client.far.seen().shut);
}

/// What is sent, whether that keeps the connection, and its records.
type Case = (&'static str, bool, fn(&mut Forge) -> Vec<u8>);

#[test]
fn e9_records_that_break_the_rules_end_only_their_connection() {
    let cases: [Case; 9] = [
        ("lines", true, |forge| forge.record(DATA, PING)),
        ("an empty record", true, |forge| {
            [forge.record(DATA, b""), forge.record(DATA, PING)].concat()
        }),
        ("empty records without end", false, |forge| {
            (0..100).flat_map(|_| forge.record(DATA, b"")).collect()
        }),
        ("more than a record may hold", false, |forge| {
            forge.record(DATA, &[b' '; 16_385])
        }),
        ("far more", false, |forge| {
            forge.record(DATA, &[b' '; 60_000])
        }),
        ("data within a handshake message", false, |forge| {
            [forge.record(HANDSHAKE, &[24, 0]), forge.record(DATA, PING)].concat()
        }),
        ("a second hello", false, |forge| {
            forge.record(HANDSHAKE, &[1, 0, 0, 2, 3, 3])
        }),
        ("a fatal alert", false, |forge| {
            forge.record(ALERT, &[2, 40])
        }),
        ("a record of no type", false, |forge| {
            forge.record(0, &[0; 32])
        }),
    ];
    for (what, kept, records) in cases {
        assert_eq!(survives(records), kept, "{what}");
    }
}

/// Handshake records without contents must not exist: nothing but the connection they come on ends.
#[test]
fn e9_empty_handshake_records_end_only_their_connection() {
    let files = Pair::new();
    for (index, tail) in [&[][..], PING, &[b' '; 5_000]].into_iter().enumerate() {
        let (mut stage, client, mut forge) = forged(&files);
        client.far.send(&forge.record(HANDSHAKE, b""));
        stage.settle(&[&client]);
        client.far.send(&forge.record(DATA, tail));
        stage.settle(&[&client]);
        stage.engine.drain();
        stage.settle(&[&client]);
        stage.pass(200);
        stage.settle(&[&client]);
        assert!(!stage.engine.is_broken(), "case {index}");
        assert_eq!(stage.engine.population().0, 0, "case {index}");
    }
}

/// A handshake message that is begun and never ended keeps a bounded part of it.
#[test]
fn e9_a_handshake_message_without_end_is_bounded() {
    assert!(!survives(|forge| {
        let mut records = forge.record(HANDSHAKE, &[24, 0, 0xff, 0xff]);
        for _ in 0..40 {
            records.extend(forge.record(HANDSHAKE, &[0; 1_000]));
        }
        records
    }));
}

/// 10,000 requests for new keys: cut by an alert after a few, and not one turn more than there were events.
#[test]
fn e9_ten_thousand_key_updates_do_not_spin() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = stage.connect(1024 * 1024);
    shake_hands(&mut stage, &mut client);
    let mut turns = 0;
    for _ in 0..10_000 {
        client.tls.refresh_traffic_keys().expect("new keys");
        let bytes = client.outgoing();
        client.far.send(&bytes);
        turns += u64::from(!client.far.seen().gone);
        stage.settle(&[&client]);
    }
    assert!(client.far.seen().gone && turns < 100, "{turns}");
    assert!(
        stage.busy_turns <= 2 * turns,
        "{} for {turns}",
        stage.busy_turns
    );
}

/// The same between lines is a right of the peer: each is followed, and every line answered.
#[test]
fn e9_key_updates_between_lines_are_followed() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = stage.connect(1024 * 1024);
    shake_hands(&mut stage, &mut client);
    for _ in 0..1_000 {
        client.tls.refresh_traffic_keys().expect("new keys");
        let bytes = client.seal(&[PING]);
        client.far.send(&bytes);
        stage.settle(&[&client]);
        client.take();
    }
    assert_eq!(client.lines().len(), 1_001);
}
