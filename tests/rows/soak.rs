//! D4, D5, D9: for a long time, with little memory.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::process::{LogMeter, anon_kib};
use crate::bench::socket::{Via, connected, message, named, socket};
use crate::bench::tools::need_root;
use crate::bench::{alone, millis, record, secs, wait_until};
use crate::common::{Address, Client, Setup};

/// A control group of version 1 with a limit of memory, removed with its owner.
struct Group {
    path: PathBuf,
}

impl Group {
    fn new(bytes: u64) -> Group {
        need_root();
        let path = PathBuf::from(format!(
            "/sys/fs/cgroup/memory/privmsgd-{}",
            std::process::id()
        ));
        fs::create_dir(&path).expect("a control group of version 1 for memory: mount cgroup");
        fs::write(path.join("memory.limit_in_bytes"), bytes.to_string()).expect("a limit");
        Group { path }
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).expect("a file of the control group")
    }

    fn kills(&self) -> String {
        let control = self.read("memory.oom_control");
        let line = control.lines().find(|line| line.starts_with("oom_kill "));
        line.expect("oom_kill").to_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Empty only once its last process is gone.
        for _ in 0..200 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            thread::sleep(millis(10));
        }
    }
}

/// D4: `span` of slow readers, floods and crowds within `mebibytes` for the whole daemon, kernel buffers included.
pub fn d4_little_memory(mebibytes: u64, span: Duration) {
    let _alone = alone();
    let group = Group::new(mebibytes << 20);
    let enter = format!(
        "echo $$ > {}/cgroup.procs; exec \"$0\" \"$@\"",
        group.path.display()
    );
    let setup = Setup::new().under(&["/bin/sh", "-c", &enter]);
    let (daemon, address) = Via::V4.start(setup.limit("stall_timeout_ms", 5_000));
    daemon.await_log("a quarter of the");
    let (over, busy) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for n in 0..3 {
            let (address, over, busy) = (&address, &over, &busy);
            scope.spawn(move || flood_the_slow(address, n, over, busy));
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                unfinished(&address)
            }
        });
        let end = Instant::now() + span;
        while Instant::now() < end {
            thread::sleep(millis(500));
            assert_eq!(group.kills(), "oom_kill 0");
        }
        over.store(true, Ordering::Relaxed);
    });
    named(&address, "Afterwards").expect_nothing();
    let (peak, busy) = (group.read("memory.max_usage_in_bytes"), busy.into_inner());
    record(
        "D4",
        format_args!(
            "{mebibytes} MiB for {span:?}: {}, peak {} bytes, {busy} × busy or overloaded, {} KiB of the daemon's own",
            group.kills(),
            peak.trim(),
            anon_kib(daemon.pid())
        ),
    );
    assert!(busy > 0, "no sender was told");
    drop(daemon);
}

/// Readers that read nothing, and one that writes to them, for one round after the other.
fn flood_the_slow(address: &Address, number: usize, over: &AtomicBool, busy: &AtomicUsize) {
    let text = "f".repeat(30_000);
    for round in 0.. {
        let name = |n: usize| format!("Slow{number}.{round}.{n}");
        let Some(slow) = (0..60)
            .map(|n| try_named(address, &name(n)))
            .collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let Some(mut sender) = try_named(address, &format!("Sender{number}.{round}")) else {
            continue;
        };
        for turn in 0..slow.len() * 20 {
            if over.load(Ordering::Relaxed) {
                return;
            }
            sender.send(&format!(
                r#"{{"type":"privateMessage","id":1,"toUsername":"{}","message":"{text}"}}"#,
                name(turn % slow.len())
            ));
            match sender.try_line() {
                Ok(line)
                    if line.contains(r#""code":"recipientBusy""#)
                        || line.contains(r#""code":"overloaded""#) =>
                {
                    busy.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}

/// Under pressure a newcomer may be told to go: that is no failure here.
fn try_named(address: &Address, name: &str) -> Option<Client> {
    let mut client = Client::over(socket(address), name, crate::common::Chunking::Whole);
    client
        .try_line()
        .ok()
        .filter(|line| line.contains(r#""hello""#))?;
    client.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
    let line = client.try_line().ok()?;
    line.contains(r#""registered""#).then_some(client)
}

fn unfinished(address: &Address) {
    let sockets: Vec<_> = (0..500).map(|_| socket(address)).collect();
    for mut socket in &sockets {
        let _ = socket.write_all(&[b'u'; 4_000]);
    }
    thread::sleep(millis(100));
}

/// D5: `rate` times a second connect, register, 20 messages, reset. Memory and descriptors come to rest.
pub fn d5_churn(span: Duration, warm_up: Duration, rate: u32) {
    let _alone = alone();
    let (daemon, address) = Via::V4.start(Setup::new());
    let log = LogMeter::start(&daemon);
    let files = daemon.open_files();
    let (start, mut count, mut looks) = (Instant::now(), 0u32, Vec::new());
    let mut look_at = warm_up;
    while start.elapsed() < span {
        churn(&address, count % 7);
        count += 1;
        if start.elapsed() >= look_at {
            looks.push((
                start.elapsed().as_secs_f64() / 60.0,
                anon_kib(daemon.pid()) as f64,
            ));
            look_at += millis(500);
        }
        let due = secs(1) * count / rate;
        thread::sleep(due.saturating_sub(start.elapsed()));
    }
    wait_until("no descriptor is left open", secs(5), || {
        daemon.open_files() == files
    });
    let slope = slope(&looks);
    let grown = looks[looks.len() - 1].1 - looks[0].1;
    log.finish("D5", &daemon);
    record(
        "D5",
        format_args!(
            "{count} × 20 messages in {span:?}: {slope:.2} KiB/min, {grown} KiB after the first {warm_up:?}"
        ),
    );
    // A page is 4 KiB: over a short run one of them is a steep slope.
    let minutes = looks[looks.len() - 1].0 - looks[0].0;
    assert!(
        slope * minutes <= minutes + 16.0,
        "{slope:.2} KiB/min: {looks:?}"
    );
}

fn churn(address: &Address, number: u32) {
    let name = format!("Churn{number}");
    let mut client = named(address, &name);
    let lines: Vec<String> = (0..20).map(|n| message(&name, &format!("{n}"))).collect();
    client.send(&lines.join("\n"));
    for _ in 0..20 {
        client.line();
    }
    client.reset();
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    over / points
        .iter()
        .map(|point| (point.0 - x).powi(2))
        .sum::<f64>()
}

/// D9: whatever a stranger does at full speed, all at once.
pub fn d9_log_flood(span: Duration) {
    let _alone = alone();
    let (daemon, address) = Via::V4.start(Setup::new().limit("max_connections", 50));
    let log = LogMeter::start(&daemon);
    let end = Instant::now() + span;
    let mut count = 0;
    let attacks: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02",
        b"nonsense\n",
        b"{\"type\":\"register\",\"username\":\"Log\"}\n{\"type\":\"bye\"}\n",
        b"{\"type\":\"register\",\"username\":\"\\u001b[2J\\n\"}\n",
        b"{",
    ];
    while Instant::now() < end {
        let mut sockets = Vec::new();
        for attack in attacks.iter().cycle().take(120) {
            let mut socket = socket(&address);
            let _ = socket.write_all(attack);
            sockets.push(socket);
            count += 1;
        }
    }
    log.finish("D9", &daemon);
    assert!(daemon.log().contains("suppressed"), "{}", daemon.log());
    record("D9", format_args!("{count} connections in {span:?}"));
    connected(&address, "afterwards");
}
