//! Redis under its own tool, redis-benchmark, for comparison with what our generator makes of it. The other packages
//! bring no tool that measures this; README.md says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;

use crate::load::Outcome;
use crate::machine;
use crate::server::{Kind, Places, Server};

const CHANNELS: usize = 100;
const MESSAGES: u64 = 2_000_000;

/// 100 publishers with 64 commands on their way each, to 100 channels with one subscriber each, 100 bytes. Messages per
/// CPU-second of the server.
pub fn redis(places: &Places) -> Outcome<f64> {
    let server = Server::start(Kind::Redis, places, 0)?;
    let mut subscribers = Vec::new();
    for channel in 0..CHANNELS {
        // As redis-benchmark writes its random numbers.
        let subscribe = format!("*2\r\n$9\r\nSUBSCRIBE\r\n$14\r\nc:{channel:012}\r\n");
        let mut stream = TcpStream::connect(server.address).map_err(text)?;
        stream.write_all(subscribe.as_bytes()).map_err(text)?;
        subscribers.push(stream);
    }
    // What a subscriber gets is thrown away: one thread takes turns with all of them.
    thread::spawn(move || {
        let mut scratch = vec![0; 1 << 18];
        for stream in &subscribers {
            let _ = stream.set_nonblocking(true);
        }
        loop {
            for stream in &mut subscribers {
                if matches!(stream.read(&mut scratch), Ok(0)) {
                    return;
                }
            }
        }
    });
    let before = machine::cpu_ns(server.pid());
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.address.port().to_string()])
        .args(["-c", "100", "-P", "64", "-n", &MESSAGES.to_string()])
        .args(["-r", &CHANNELS.to_string(), "--csv"])
        .args(["PUBLISH", "c:__rand_int__", &"x".repeat(100)])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("redis-benchmark: {error}"))?;
    let spent = machine::cpu_ns(server.pid()) - before;
    if !output.status.success() || spent == 0 {
        return Err("redis-benchmark failed".into());
    }
    Ok(MESSAGES as f64 / spent as f64 * 1e9)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
