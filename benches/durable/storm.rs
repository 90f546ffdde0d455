//! Work 5: the server starts anew, and everybody comes back at once, each with messages waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use memchr::memchr;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Socket, Type};

use crate::dialect::privmsgd::{message, position, register};
use crate::dialect::{not_understood, recipient, sender};
use crate::ledger::text;
use crate::line::Line;
use crate::server::{Kind, Places, Server, Setup};
use crate::{Figures, Outcome, quantile};

const WAITING: u64 = 20;
/// Messages under way while they are made.
const WINDOW: u32 = 200;
/// Descriptors that are not connections.
const RESERVED: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: usize = 1_024;

pub fn measure(wanted: u32, places: &Places) -> Outcome<Figures> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let devices = wanted.min(u32::try_from(limit.saturating_sub(RESERVED)).unwrap_or(wanted));
    if devices < wanted {
        eprintln!("the descriptor limit allows {devices} devices of {wanted}");
    }
    let server = Server::start(Kind::Privmsgd, Setup::default(), places)?;
    prepare(&server, devices)?;
    server.quit()?;
    let keep = Setup {
        keep: true,
        ..Setup::default()
    };
    let server = Server::start(Kind::Privmsgd, keep, places)?;
    // Registering costs a token each: not part of what is timed.
    let lines: Vec<String> = (0..devices)
        .map(|device| register(&recipient(device), "ack"))
        .collect();
    let (before, _) = server.resident_bytes();
    let used = server.used();
    let mut storm = Storm::begin(server.address, lines)?;
    let took = storm.run()?;
    let cpu_ns = server.used().cpu_ns - used.cpu_ns;
    let (after, peak) = server.resident_bytes();
    let mut synced_ns: Vec<u32> = storm
        .devices
        .iter()
        .map(|device| device.synced_ns)
        .collect();
    synced_ns.sort_unstable();
    let all = quantile(&synced_ns, 1.0);
    Ok(vec![
        ("devices", f64::from(devices)),
        ("devices_per_s", f64::from(devices) / all * 1e9),
        ("all_synced_ns", all),
        ("all_acknowledged_ns", took.as_nanos() as f64),
        ("synced_p50_ns", quantile(&synced_ns, 0.5)),
        ("synced_p99_ns", quantile(&synced_ns, 0.99)),
        ("cpu_ns_per_device", cpu_ns as f64 / f64::from(devices)),
        ("rss_before_bytes", before as f64),
        ("rss_after_bytes", after as f64),
        ("rss_growth_bytes", peak.saturating_sub(before) as f64),
    ])
}

/// Everybody has been there once, and is then written to.
fn prepare(server: &Server, devices: u32) -> Outcome<()> {
    for device in 0..devices {
        let mut line = Line::enter(server.address, device, &recipient(device), "ack")?;
        line.expect("synced")?;
    }
    let mut line = Line::enter(server.address, 0, &sender(0), "none")?;
    let all: Vec<u32> = (0..devices).collect();
    for number in 0..WAITING {
        for group in all.chunks(WINDOW as usize) {
            let mut bytes = Vec::new();
            for device in group {
                let text = text(*device, number);
                let _ = writeln!(
                    bytes,
                    "{{\"type\":\"privateMessage\",\"toUsername\":\"{}\",\"message\":\"{}\",\"id\":1}}",
                    recipient(*device),
                    String::from_utf8_lossy(&text)
                );
            }
            line.send(&bytes)?;
            for _ in group {
                line.expect("accepted")?;
            }
        }
    }
    Ok(())
}

struct Device {
    stream: TcpStream,
    carry: Vec<u8>,
    out: Vec<u8>,
    began: Instant,
    got: u64,
    position: u64,
    /// 0: not yet.
    synced_ns: u32,
    done: bool,
}

struct Storm {
    poll: Poll,
    devices: Vec<Device>,
    lines: Vec<String>,
    began: Instant,
    done: usize,
}

impl Storm {
    fn begin(address: SocketAddr, lines: Vec<String>) -> Outcome<Storm> {
        let mut storm = Storm {
            poll: Poll::new().map_err(told)?,
            devices: Vec::with_capacity(lines.len()),
            lines,
            began: Instant::now(),
            done: 0,
        };
        for number in 0..storm.lines.len() {
            let mut stream = set_out(address, number).map_err(told)?;
            storm
                .poll
                .registry()
                .register(
                    &mut stream,
                    Token(number),
                    Interest::READABLE | Interest::WRITABLE,
                )
                .map_err(told)?;
            storm.devices.push(Device {
                stream,
                carry: Vec::new(),
                out: Vec::new(),
                began: Instant::now(),
                got: 0,
                position: 0,
                synced_ns: 0,
                done: false,
            });
        }
        Ok(storm)
    }

    /// Until all have their messages, and have acknowledged them.
    fn run(&mut self) -> Outcome<Duration> {
        let mut events = Events::with_capacity(EVENTS);
        let mut scratch = vec![0; 64 * 1024];
        while self.done < self.devices.len() {
            match self
                .poll
                .poll(&mut events, Some(Duration::from_millis(100)))
            {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(told(error)),
                _ => {}
            }
            for event in events.iter() {
                let number = event.token().0;
                let device = &mut self.devices[number];
                let was_done = device.done;
                device.read(number as u32, &self.lines[number], &mut scratch)?;
                device.flush()?;
                self.done += usize::from(device.done && !was_done);
            }
            if self.began.elapsed() > PATIENCE {
                let missing = self.devices.len() - self.done;
                return Err(format!("{missing} devices are not done after {PATIENCE:?}"));
            }
        }
        Ok(self.began.elapsed())
    }
}

impl Device {
    fn read(&mut self, number: u32, register: &str, scratch: &mut [u8]) -> Outcome<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(format!("device {number} was hung up on")),
                Ok(count) => self.carry.extend_from_slice(&scratch[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It is not connected yet.
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(told(error)),
            }
            let bytes = std::mem::take(&mut self.carry);
            let mut used = 0;
            while let Some(end) = memchr(b'\n', &bytes[used..]) {
                self.take(number, register, &bytes[used..used + end])?;
                used += end + 1;
            }
            self.carry.extend_from_slice(&bytes[used..]);
        }
    }

    fn take(&mut self, number: u32, register: &str, line: &[u8]) -> Outcome<()> {
        if let Some((arrived, rest)) = message(line, 0) {
            let position = position(rest, self.got + 1).filter(|at| *at > self.position);
            let Some(position) = position.filter(|_| arrived == text(number, self.got)) else {
                return not_understood(line);
            };
            self.position = position;
            self.got += 1;
            return Ok(());
        }
        let is = |kind: &str| {
            let rest = line.strip_prefix(b"{\"type\":\"");
            rest.is_some_and(|rest| rest.starts_with(kind.as_bytes()))
        };
        if is("hello\"") {
            self.out.extend_from_slice(register.as_bytes());
        } else if is("synced\"") && self.got == WAITING && self.synced_ns == 0 {
            let took = self.began.elapsed().as_nanos();
            self.synced_ns = u32::try_from(took).unwrap_or(u32::MAX);
            let position = self.position;
            let _ = writeln!(self.out, "{{\"type\":\"ack\",\"pos\":{position},\"id\":1}}");
        } else if is("ok\"") {
            self.done = true;
        } else if !is("registered\"") {
            return not_understood(line);
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(told(error)),
            }
        }
        Ok(())
    }
}

/// On its way to being connected.
fn set_out(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let host = Ipv4Addr::new(127, 0, 1, (number % 200) as u8 + 1);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((host, 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// What the kernel says of a connection that is being made.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
