//! Checks that a script cannot tell: what lost connections may do and what they may not, and what a pattern cannot say.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::book::{Check, How, Mode};
use crate::conn::{Conn, PATIENCE};
use crate::identity::{Cast, cast};
use crate::proxy::{self, Fault, Random};
use crate::server::{Server, greeted};

type Code = fn(&Server, u64) -> Result<(), String>;

const CHECKS: &[(Mode, &str, Code)] = &[
    (
        Mode::Any,
        "| `resumeToken` | 32 hexadecimal digits |",
        token,
    ),
    (
        Mode::Any,
        "**Times** are RFC 3339 in UTC with milliseconds and `Z`: `2026-11-22T10:40:07.412Z`.",
        times,
    ),
    (
        Mode::Mailbox,
        "| `publicKey`, `signature`, `nonce` | base64url of 32, 64 and 16 bytes |",
        nonces,
    ),
    (
        Mode::Any,
        "both mean the same, because a line that was cut off is never taken for a command.",
        half_lines,
    ),
    (
        Mode::Mailbox,
        "Then the message is there once.",
        repeated_until_accepted,
    ),
    (
        Mode::Mailbox,
        "- To keep the order of several messages after a lost connection, send all that have no answer again, in their order.",
        order_after_cuts,
    ),
    (
        Mode::Mailbox,
        "- Every device of the recipient gets it **at least once**, and each device's cursor passes it **exactly once**.",
        received_through_cuts,
    ),
    (
        Mode::Mailbox,
        "A client that must not show a message twice remembers the last `pos` it has dealt with, and passes over entries that are not above it.",
        shown_once,
    ),
];

pub fn all() -> Vec<Check> {
    let check = |(number, (mode, quote, code)): (usize, &(Mode, &str, Code))| Check {
        place: format!("faults.rs:{}", number + 1),
        mode: *mode,
        quote: (*quote).into(),
        needs: Vec::new(),
        how: How::Code(*code),
    };
    CHECKS.iter().enumerate().map(check).collect()
}

fn token(server: &Server, seed: u64) -> Result<(), String> {
    let cast = people(server, seed)?;
    let (mut conn, hello) = server.connect()?;
    let registered = register(&mut conn, &hello, &cast, "Alice", "")?;
    let token = registered["resumeToken"].as_str().unwrap_or_default();
    match token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(()),
        false => Err(format!("got {registered}")),
    }
}

fn times(server: &Server, _: u64) -> Result<(), String> {
    let (mut conn, _) = server.connect()?;
    conn.send(b"{\"type\":\"ping\"}\n")?;
    let pong = json(&mut conn)?;
    let time = pong["time"].as_str().unwrap_or_default();
    let shape: String = time
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    match shape == "0000-00-00T00:00:00.000Z" {
        true => Ok(()),
        false => Err(format!("got {time}")),
    }
}

fn nonces(server: &Server, _: u64) -> Result<(), String> {
    let nonce = || Ok::<_, String>(server.connect()?.1["nonce"].to_string());
    let (one, other) = (nonce()?, nonce()?);
    match one.len() == 24 && one != other {
        true => Ok(()),
        false => Err(format!("got {one} and {other}")),
    }
}

/// Every beginning of a message, and then a reset or an end: nobody gets it.
fn half_lines(server: &Server, seed: u64) -> Result<(), String> {
    let cast = people(server, seed)?;
    let (mut bob, hello) = server.connect()?;
    register(&mut bob, &hello, &cast, "Bob", "")?;
    let to = &cast["Bob"].0;
    let line =
        format!("{{\"type\":\"privateMessage\",\"toUsername\":\"{to}\",\"message\":\"half\"}}");
    let mut random = Random(seed);
    for resets in [true, false, true, false] {
        let (mut alice, hello) = server.connect()?;
        register(&mut alice, &hello, &cast, "Alice", "")?;
        alice.send(&line.as_bytes()[..random.below(line.len())])?;
        match resets {
            true => alice.reset(),
            false => {
                alice.end_input();
                until_end(&mut alice);
            }
        }
    }
    bob.send(b"{\"type\":\"ping\",\"id\":\"fence\"}\n")?;
    let next = json(&mut bob)?;
    match next["id"] == "fence" {
        true => Ok(()),
        false => Err(format!("got {next}")),
    }
}

/// One message, sent again through connections that are cut after ever more bytes: there once.
fn repeated_until_accepted(server: &Server, seed: u64) -> Result<(), String> {
    let cast = people(server, seed)?;
    send_through_cuts(server, &cast, 1, seed)?;
    match history(server, &cast)? == ["m1"] {
        true => Ok(()),
        false => Err("it is not there once".into()),
    }
}

fn order_after_cuts(server: &Server, seed: u64) -> Result<(), String> {
    let cast = people(server, seed)?;
    send_through_cuts(server, &cast, 12, seed)?;
    let got = history(server, &cast)?;
    let sent: Vec<String> = (1..=12).map(|number| format!("m{number}")).collect();
    match got == sent {
        true => Ok(()),
        false => Err(format!("got {got:?}")),
    }
}

fn received_through_cuts(server: &Server, seed: u64) -> Result<(), String> {
    let got = receive(server, seed)?;
    let mut seen: Vec<u64> = got.iter().map(|(seq, _)| *seq).collect();
    seen.sort_unstable();
    seen.dedup();
    match seen == (1..=20).collect::<Vec<_>>() {
        true => Ok(()),
        false => Err(format!("got {got:?}")),
    }
}

fn shown_once(server: &Server, seed: u64) -> Result<(), String> {
    let (mut last, mut shown) = (0, Vec::new());
    for (seq, pos) in receive(server, seed)? {
        if pos > last {
            last = pos;
            shown.push(seq);
        }
    }
    match shown == (1..=20).collect::<Vec<_>>() {
        true => Ok(()),
        false => Err(format!("shown {shown:?}")),
    }
}

/// `seq` and `pos` of all that Bob gets while his connections are cut at random.
fn receive(server: &Server, seed: u64) -> Result<Vec<(u64, u64)>, String> {
    let cast = people(server, seed)?;
    let (mut alice, hello) = server.connect()?;
    register(&mut alice, &hello, &cast, "Alice", ",\"deliver\":\"none\"")?;
    let to = &cast["Bob"].0;
    for number in 1..=20 {
        alice.send(format!("{{\"type\":\"privateMessage\",\"toUsername\":\"{to}\",\"message\":{number},\"id\":{number}}}\n").as_bytes())?;
        json(&mut alice)?;
    }
    let (mut got, mut random) = (Vec::new(), Random(seed));
    let until = Instant::now() + PATIENCE;
    loop {
        let bytes = 900 + random.below(2_500) as i64;
        if session_of_bob(server, &cast, Fault::Cut(bytes), &mut got).is_ok() {
            return Ok(got);
        }
        if Instant::now() > until {
            return Err("it does not get through".into());
        }
    }
}

/// Acknowledges what comes, up to `synced`; fails when the connection is cut.
fn session_of_bob(
    server: &Server,
    cast: &Cast,
    fault: Fault,
    got: &mut Vec<(u64, u64)>,
) -> Result<(), String> {
    let address = proxy::open(server.address, fault, 0).map_err(|error| error.to_string())?;
    let (mut conn, hello) = greeted(address)?;
    send_register(
        &mut conn,
        &hello,
        cast,
        "Bob",
        ",\"deliver\":\"ack\",\"window\":3",
    )?;
    loop {
        let line = json(&mut conn)?;
        match (
            line["type"].as_str(),
            line["seq"].as_u64(),
            line["pos"].as_u64(),
        ) {
            (Some("synced"), ..) => return Ok(()),
            (Some("privateMessage"), Some(seq), Some(pos)) => {
                got.push((seq, pos));
                conn.send(format!("{{\"type\":\"ack\",\"pos\":{pos}}}\n").as_bytes())?;
            }
            _ => {}
        }
    }
}

/// Alice sends `count` messages to Bob and repeats what has no answer, in its order, until all are accepted.
fn send_through_cuts(server: &Server, cast: &Cast, count: usize, seed: u64) -> Result<(), String> {
    let (mut accepted, mut random) = (0, Random(seed));
    let until = Instant::now() + PATIENCE;
    while accepted < count {
        let fault = Fault::Cut(700 + random.below(1_500) as i64);
        let address = proxy::open(server.address, fault, 0).map_err(|error| error.to_string())?;
        // Whatever cuts it off: the next connection goes on.
        let _ = send_rest(address, cast, count, &mut accepted);
        if Instant::now() > until {
            return Err(format!("only {accepted} were accepted"));
        }
    }
    Ok(())
}

fn send_rest(
    address: std::net::SocketAddr,
    cast: &Cast,
    count: usize,
    accepted: &mut usize,
) -> Result<(), String> {
    let (mut conn, hello) = greeted(address)?;
    send_register(&mut conn, &hello, cast, "Alice", ",\"deliver\":\"none\"")?;
    let to = &cast["Bob"].0;
    for number in *accepted + 1..=count {
        conn.send(format!("{{\"type\":\"privateMessage\",\"toUsername\":\"{to}\",\"message\":\"m{number}\",\"messageId\":\"{number}\"}}\n").as_bytes())?;
    }
    while *accepted < count {
        let line = json_within(&mut conn, Duration::from_secs(2))?;
        if line["type"] == "accepted" {
            *accepted += 1;
        }
    }
    Ok(())
}

/// The texts of Alice's conversation with Bob.
fn history(server: &Server, cast: &Cast) -> Result<Vec<String>, String> {
    let (mut conn, hello) = server.connect()?;
    register(&mut conn, &hello, cast, "Alice", ",\"deliver\":\"none\"")?;
    let with = &cast["Bob"].0;
    conn.send(
        format!("{{\"type\":\"history\",\"withUsername\":\"{with}\",\"id\":1}}\n").as_bytes(),
    )?;
    let mut texts = Vec::new();
    loop {
        let line = json(&mut conn)?;
        match line["type"].as_str() {
            Some("privateMessage") => {
                texts.push(line["message"].as_str().unwrap_or_default().into())
            }
            Some("done") => return Ok(texts),
            _ => return Err(format!("got {line}")),
        }
    }
}

/// The suffix is of letters: no script's has that.
fn people(server: &Server, seed: u64) -> Result<Cast, String> {
    let suffix = format!("x{}", seed % 1_000_000_007);
    cast(server, &suffix, seed)?.ok_or_else(|| "no accounts are left".into())
}

fn send_register(
    conn: &mut Conn,
    hello: &Value,
    cast: &Cast,
    role: &str,
    fields: &str,
) -> Result<(), String> {
    let (name, proof) = cast.get(role).ok_or("nobody of that name")?;
    let proof = proof.fields(name, hello);
    conn.send(
        format!("{{\"type\":\"register\",\"username\":\"{name}\"{proof}{fields}}}\n").as_bytes(),
    )
}

fn register(
    conn: &mut Conn,
    hello: &Value,
    cast: &Cast,
    role: &str,
    fields: &str,
) -> Result<Value, String> {
    send_register(conn, hello, cast, role, fields)?;
    let registered = json(conn)?;
    if registered["type"] != "registered" {
        return Err(format!("got {registered}"));
    }
    if hello["mode"] == "mailbox" && !fields.contains("none") {
        let synced = json(conn)?;
        if synced["type"] != "synced" {
            return Err(format!("got {synced}"));
        }
    }
    Ok(registered)
}

fn json(conn: &mut Conn) -> Result<Value, String> {
    json_within(conn, PATIENCE)
}

fn json_within(conn: &mut Conn, patience: Duration) -> Result<Value, String> {
    let line = conn
        .line_within(patience)
        .map_err(|why| why.as_str().to_owned())?;
    serde_json::from_str(&line).map_err(|_| format!("no JSON: {line}"))
}

fn until_end(conn: &mut Conn) {
    while conn.line().is_ok() {}
}
