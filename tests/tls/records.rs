//! E9b: however lines, records and segments lie to each other, everything is handled at once.

use crate::files::Pair;
use crate::memory::{Client, Stage, shake_hands};

const REGISTER: &[u8] = b"{\"type\":\"register\",\"username\":\"Alice\"}\n";
const PING: &[u8] = b"{\"type\":\"ping\",\"id\":1}\n";

/// One name at a time: 128 KiB of room on the way to the client.
fn greeted(stage: &mut Stage) -> Client {
    let mut client = stage.connect(128 * 1024);
    shake_hands(stage, &mut client);
    let hello = client.lines();
    assert!(
        hello.len() == 1 && hello[0].contains("\"tls\":true"),
        "{hello:?}"
    );
    client
}

/// `hello` comes with the end of the handshake, without a byte from the client.
#[test]
fn e9b_the_daemon_speaks_first() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    greeted(&mut stage);
}

#[test]
fn e9b_three_lines_in_one_record_and_one_line_over_three_records() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = greeted(&mut stage);
    let bytes = client.seal(&[&[REGISTER, PING, PING].concat()]);
    client.far.send(&bytes);
    stage.settle(&[&client]);
    assert_eq!(client.lines().len(), 3);
    let (a, b, c) = (&PING[..5], &PING[5..9], &PING[9..]);
    let bytes = client.seal(&[a, b, c]);
    client.far.send(&bytes);
    stage.settle(&[&client]);
    assert_eq!(client.lines().len(), 1);
}

/// A record of 16 KiB is more than a stranger's lines may take in one turn: what did not fit must not wait for an event.
#[test]
fn e9b_a_full_record_before_register_is_read_to_its_end() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = greeted(&mut stage);
    let pings = PING.len() * 600;
    let plain = PING.repeat(600);
    assert!(pings > 12_000 && pings < 16_384);
    let bytes = client.seal(&[&plain, REGISTER]);
    client.far.send(&bytes);
    stage.settle(&[&client]);
    assert_eq!(client.lines().len(), 601);
}

/// Every place where the client's stream can be cut in two, from the first byte of its hello to the last of its lines.
#[test]
fn e9b_every_split_of_a_short_session() {
    let files = Pair::new();
    let (mut at, mut sessions) = (1, 0);
    loop {
        let mut stage = Stage::new(&files);
        let mut client = stage.connect(128 * 1024);
        let (mut sent, mut split) = (0, false);
        for flight in 0..3 {
            let mut bytes = client.outgoing();
            if flight == 1 {
                bytes.extend(client.seal(&[REGISTER, &PING[..7], &PING[7..]]));
            }
            if (sent + 1..sent + bytes.len()).contains(&at) {
                client.far.send(&bytes[..at - sent]);
                stage.settle(&[&client]);
                client.far.send(&bytes[at - sent..]);
                split = true;
            } else {
                client.far.send(&bytes);
            }
            sent += bytes.len();
            stage.settle(&[&client]);
            client.take();
        }
        assert_eq!(client.lines().len(), 3, "cut after {at} bytes");
        sessions += 1;
        at += 1;
        if at >= sent {
            break;
        }
        assert!(split || at < sent, "{at}");
    }
    assert!(sessions > 300, "{sessions}");
}

#[test]
fn e9b_byte_by_byte() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = stage.connect(128 * 1024);
    for flight in 0..3 {
        let mut bytes = client.outgoing();
        if flight == 1 {
            bytes.extend(client.seal(&[REGISTER, PING]));
        }
        for byte in bytes {
            client.far.send(&[byte]);
            stage.settle(&[&client]);
        }
        client.take();
    }
    assert_eq!(client.lines().len(), 3);
}

/// 10,000 rounds of one to four lines in one to five records, cut into one to four segments: after each, all answers
/// are there.
#[test]
fn e9b_ten_thousand_rounds_without_a_stall() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = greeted(&mut stage);
    let bytes = client.seal(&[REGISTER]);
    client.far.send(&bytes);
    stage.settle(&[&client]);
    client.lines();
    let mut seed = 7u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % bound
    };
    for round in 0..10_000 {
        let count = 1 + below(4);
        let plain = PING.repeat(count);
        let mut cuts: Vec<usize> = (0..below(5)).map(|_| below(plain.len())).collect();
        cuts.extend([0, plain.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts
            .windows(2)
            .map(|pair| &plain[pair[0]..pair[1]])
            .collect();
        let bytes = client.seal(&parts);
        let mut rest = &bytes[..];
        for _ in 0..below(4) {
            let (segment, after) = rest.split_at(below(rest.len() + 1));
            client.far.send(segment);
            stage.settle(&[&client]);
            rest = after;
        }
        client.far.send(rest);
        stage.settle(&[&client]);
        assert_eq!(client.lines().len(), count, "round {round}");
    }
}

/// The way to the client takes a few bytes at a time: every line arrives whole and once.
#[test]
fn e9b_a_narrow_way_back_loses_nothing() {
    let files = Pair::new();
    for window in [1, 7, 300, 5_000] {
        let mut stage = Stage::new(&files);
        let mut client = stage.connect(128 * 1024);
        shake_hands(&mut stage, &mut client);
        let bytes = client.seal(&[REGISTER]);
        client.far.send(&bytes);
        stage.settle(&[&client]);
        assert_eq!(client.lines().len(), 2);
        client.far.set_window(window);
        let message = "x".repeat(3_000);
        let line = format!("{{\"type\":\"ping\",\"data\":\"{message}\"}}\n");
        for _ in 0..20 {
            let bytes = client.seal(&[line.as_bytes()]);
            client.far.send(&bytes);
            stage.settle(&[&client]);
        }
        let mut lines = Vec::new();
        while lines.len() < 20 {
            let before = client.far.seen().written;
            lines.extend(client.lines());
            stage.settle(&[&client]);
            let moved = client.far.seen().written > before;
            assert!(
                moved || lines.len() == 20,
                "stuck after {} lines",
                lines.len()
            );
        }
        assert!(lines.iter().all(|line| line.contains(&message)));
        assert!(client.lines().is_empty());
    }
}

/// The peer's close_notify, and an end without one, are ends of input: what came before is answered, then goodbye.
#[test]
fn e9_both_kinds_of_end_are_a_drain() {
    let files = Pair::new();
    for notify in [true, false] {
        let mut stage = Stage::new(&files);
        let mut client = greeted(&mut stage);
        let mut bytes = client.seal(&[REGISTER, PING]);
        if notify {
            client.tls.send_close_notify();
            bytes.extend(client.outgoing());
        }
        client.far.send(&bytes);
        if !notify {
            client.far.end();
        }
        stage.settle(&[&client]);
        let lines = client.lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].contains("\"code\":\"drained\""), "{lines:?}");
        let state = client.tls.process_new_packets().expect("good TLS");
        assert!(state.peer_has_closed(), "no close_notify");
        assert!(client.far.seen().shut);
    }
}

/// Ends in the middle of a handshake leave nothing behind.
#[test]
fn e9_an_end_within_the_handshake_is_the_end() {
    let files = Pair::new();
    for flight in 0..2 {
        for notify in [true, false] {
            let mut stage = Stage::new(&files);
            let mut client = stage.connect(128 * 1024);
            if flight == 1 {
                let bytes = client.outgoing();
                client.far.send(&bytes);
                stage.settle(&[&client]);
            }
            if notify {
                client.far.send(&[0x15, 3, 3, 0, 2, 1, 0]);
            }
            client.far.end();
            stage.settle(&[&client]);
            assert!(client.far.seen().gone, "flight {flight}, notify {notify}");
            assert_eq!(stage.engine.population(), (0, 0));
        }
    }
}

/// A handshake that stalls is cut when its time is over, and asks for no turn before.
#[test]
fn e9_a_stalled_handshake_sleeps_until_its_deadline() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut client = stage.connect(128 * 1024);
    let bytes = client.outgoing();
    client.far.send(&bytes);
    stage.settle(&[&client]);
    stage.busy_turns = 0;
    stage.pass(4_999);
    stage.settle(&[&client]);
    assert!(!client.far.seen().gone);
    assert_eq!((stage.engine.tick(), stage.busy_turns), (5_000, 0));
    stage.pass(1);
    stage.settle(&[&client]);
    assert!(client.far.seen().gone);
}

/// Handshakes that come at once are taken a few a turn, in the order they came, so that no turn is long.
#[test]
fn e9_one_turn_takes_only_its_share_of_handshakes() {
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut clients: Vec<Client> = (0..50).map(|_| stage.connect(128 * 1024)).collect();
    for client in &mut clients {
        let hello = client.outgoing();
        client.far.send(&hello);
    }
    let answered = |clients: &[Client]| {
        let is_answered = |client: &&Client| client.far.seen().written > 0;
        clients.iter().filter(is_answered).count()
    };
    for turn in 1..=7 {
        let all: Vec<&Client> = clients.iter().collect();
        stage.turn(&all);
        let count = answered(&clients);
        assert!(count <= 8 * turn, "{count} in {turn} turns");
        assert!(turn > 3 || count >= 4 * turn, "{count} in {turn} turns");
    }
    let all: Vec<&Client> = clients.iter().collect();
    stage.settle(&all);
    assert_eq!(answered(&clients), 50);
}

/// C1: the saved corpus of the fuzz target, and some bytes around real hellos.
#[test]
fn c1_any_bytes_end() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/tls");
    let saved = std::fs::read_dir(corpus).expect("the corpus");
    let saved = saved.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"));
    let files = Pair::new();
    let mut stage = Stage::new(&files);
    let mut hello = stage.connect(1).outgoing();
    let mut inputs: Vec<Vec<u8>> = saved.collect();
    assert!(!inputs.is_empty());
    for at in (0..hello.len()).step_by(3) {
        hello[at] ^= 0x55;
        inputs.push([&[255][..], &hello].concat());
        hello[at] ^= 0x55;
    }
    for input in inputs {
        crate::bytes::check(&input);
    }
}
