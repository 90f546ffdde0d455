//! Work 6: a store of many messages, written through the protocol. How long until a server on it accepts the first one,
//! after it was ended and after it was killed; how long the end of a conversation takes; what it holds.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dialect::privmsgd::Privmsgd;
use crate::dialect::{recipient, sender};
use crate::ledger::text;
use crate::line::Line;
use crate::load::{Load, Until};
use crate::server::{Kind, Places, Server, Setup, disk_bytes};
use crate::{Figures, Outcome, quantile};

/// Conversations, each of two people, unless there are too few messages for them.
const CONVERSATIONS: u64 = 1_000;
const WINDOW: u64 = 32;
/// Conversations whose end is asked for, each once, and how much of it.
const ASKED: u32 = 200;
const PAGE: u64 = 50;

pub fn measure(stored: u64, places: &Places) -> Outcome<Figures> {
    let pairs = (stored / 100).clamp(2, CONVERSATIONS) as u32;
    let each = stored / u64::from(pairs);
    if each < PAGE {
        return Err("too few messages for a page of history".into());
    }
    let server = Server::start(Kind::Privmsgd, Setup::default(), places)?;
    let (rss_empty, _) = server.resident_bytes();
    let mut load = Load::new(&Privmsgd::Stored, server.address, pairs)?;
    let filled = load.run(WINDOW, Until::Count(each))?;
    let total = load.totals.arrived as f64;
    let (rss_filled, _) = server.resident_bytes();
    // Killed first, so that the store has something to recover.
    drop(server);
    drop(load);
    let (server, killed) = restart(places, each + 1)?;
    server.quit()?;
    let disk = disk_bytes(&places.run().join("data")) as f64;
    let (server, first) = restart(places, each + 2)?;
    let mut history_ns = ask(&server, pairs, each)?;
    history_ns.sort_unstable();
    let (rss, peak) = server.resident_bytes();
    Ok(vec![
        ("stored", total),
        ("stored_per_s", total / filled.as_secs_f64()),
        ("conversations", f64::from(pairs)),
        ("first_accept_ns", first.as_nanos() as f64),
        ("first_accept_killed_ns", killed.as_nanos() as f64),
        ("history_p50_ns", quantile(&history_ns, 0.5)),
        ("history_p99_ns", quantile(&history_ns, 0.99)),
        ("history_max_ns", quantile(&history_ns, 1.0)),
        ("rss_empty_bytes", rss_empty as f64),
        ("rss_filled_bytes", rss_filled as f64),
        ("rss_bytes", rss as f64),
        ("rss_peak_bytes", peak as f64),
        ("disk_bytes_per_message", disk / total),
    ])
}

/// A server on what is stored, and the time from its start to the first acceptance, which gives this number.
fn restart(places: &Places, seq: u64) -> Outcome<(Server, Duration)> {
    let keep = Setup {
        keep: true,
        ..Setup::default()
    };
    let server = Server::start(Kind::Privmsgd, keep, places)?;
    let mut line = Line::enter(server.address, 0, &sender(0), "none")?;
    let message = format!(
        "{{\"type\":\"privateMessage\",\"toUsername\":\"{}\",\"message\":\"first\",\"id\":1}}\n",
        recipient(0)
    );
    line.send(message.as_bytes())?;
    let accepted = line.expect("accepted")?;
    let took = server.started.elapsed();
    match accepted.get("seq").and_then(Value::as_u64) == Some(seq) {
        true => Ok((server, took)),
        false => Err(format!("{accepted} instead of seq {seq}")),
    }
}

/// The last page of random conversations: ns from the question to the last line of the answer.
fn ask(server: &Server, pairs: u32, each: u64) -> Outcome<Vec<u32>> {
    let mut state = 0x9e37_79b9_u32;
    let mut took = Vec::new();
    for number in 0..ASKED {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // The first one has had more messages since.
        let pair = 1 + state % (pairs - 1);
        let mut line = Line::enter(server.address, number, &sender(pair), "none")?;
        let question = format!(
            "{{\"type\":\"history\",\"withUsername\":\"{}\",\"limit\":{PAGE},\"id\":1}}\n",
            recipient(pair)
        );
        let start = Instant::now();
        line.send(question.as_bytes())?;
        let lines = line.until("{\"type\":\"done\"")?;
        took.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
        check(&lines, pair, each)?;
    }
    Ok(took)
}

fn check(lines: &[String], pair: u32, each: u64) -> Outcome<()> {
    if lines.len() as u64 != PAGE + 1 {
        return Err(format!("{} lines of history", lines.len()));
    }
    for (line, seq) in lines.iter().zip(each - PAGE + 1..=each) {
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let wanted = text(pair, seq - 1);
        let message = line.get("message").and_then(Value::as_str);
        if message.map(str::as_bytes) != Some(&wanted)
            || line.get("seq").and_then(Value::as_u64) != Some(seq)
        {
            return Err(format!("wrong in history: {line}"));
        }
    }
    Ok(())
}
