//! The real daemon under strace, and a hundred pairs of clients that write and read in step.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

const PAIRS: usize = 100;
/// Batches of a short and of a long run.
const SHORT: usize = 2;
const LONG: usize = 22;
const PATIENCE: Duration = Duration::from_secs(30);

/// System calls of the daemon per message, when each pair has `flight` messages on their way.
pub fn system_calls(flight: usize, message: &str) -> Outcome<f64> {
    let calls = |batches| session(batches, flight, message);
    let calls = calls(LONG)? - calls(SHORT)?;
    Ok(calls / (PAIRS * flight * (LONG - SHORT)) as f64)
}

fn session(batches: usize, flight: usize, message: &str) -> Outcome<f64> {
    let name = format!("privmsgd-guard-{}-{batches}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).map_err(text)?;
    let outcome = traced(&dir, batches, flight, message);
    // What cannot be removed is in a directory for temporary files.
    let _ = fs::remove_dir_all(&dir);
    outcome
}

fn traced(dir: &Path, batches: usize, flight: usize, message: &str) -> Outcome<f64> {
    let (counts, port) = (dir.join("counts"), dir.join("port"));
    // -D: the daemon is our child, strace its grandchild.
    let mut daemon = Command::new("strace")
        .args(["-D", "-f", "-c", "-o"])
        .arg(&counts)
        .arg(env!("CARGO_BIN_EXE_privmsgd"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--log-level",
            "warn",
            "--port-file",
        ])
        .arg(&port)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("strace, which the guard needs: {error}"))?;
    let talked = talk(&port, batches, flight, message);
    let ended = end(&mut daemon);
    talked.and(ended)?;
    let total = within(|| total(&counts)).ok_or("strace wrote no counts")?;
    Ok(total)
}

fn talk(port: &PathBuf, batches: usize, flight: usize, message: &str) -> Outcome<()> {
    let address = within(|| fs::read_to_string(port).ok()).ok_or("the daemon does not start")?;
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let sender = enter(address.trim(), &format!("from{pair}"))?;
        let receiver = enter(address.trim(), &format!("to{pair}"))?;
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"to{pair}\",\"message\":\"{message}\"}}\n"
        );
        pairs.push((sender, receiver, line.repeat(flight)));
    }
    let mut line = Vec::new();
    for _ in 0..batches {
        for (sender, _, lines) in &mut pairs {
            sender.get_mut().write_all(lines.as_bytes()).map_err(text)?;
        }
        for (_, receiver, _) in &mut pairs {
            for _ in 0..flight {
                line.clear();
                receiver.read_until(b'\n', &mut line).map_err(text)?;
                if !line.starts_with(b"{\"type\":\"privateMessage\"") {
                    return Err(format!("got {}", line.escape_ascii()));
                }
            }
        }
    }
    Ok(())
}

fn enter(address: &str, name: &str) -> Outcome<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).map_err(text)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    let mut stream = BufReader::new(stream);
    let register = format!("{{\"type\":\"register\",\"username\":\"{name}\"}}\n");
    stream
        .get_mut()
        .write_all(register.as_bytes())
        .map_err(text)?;
    let mut lines = String::new();
    while !lines.contains("\"registered\"") {
        match stream.read_line(&mut lines).map_err(text)? {
            0 => return Err(format!("refused: {lines}")),
            _ => continue,
        }
    }
    Ok(stream)
}

fn end(daemon: &mut Child) -> Outcome<()> {
    kill_process(Pid::from_child(daemon), Signal::TERM).map_err(text)?;
    daemon.wait().map(drop).map_err(text)
}

/// The sum at the end of strace's table.
fn total(path: &Path) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.ends_with(" total"))?;
    // Share, seconds, microseconds per call, calls, and errors if there were any.
    line.split_whitespace().nth(3)?.parse().ok()
}

fn within<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(done) = attempt() {
            return Some(done);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
