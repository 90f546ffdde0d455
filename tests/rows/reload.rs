//! F3, F4: SIGHUP with clients connected, with good configurations and bad ones.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::bench::process::limit_descriptors;
use crate::bench::socket::{Via, crowd, message, relayed, socket};
use crate::bench::{alone, record, scratch, secs, wait_until};
use crate::common::{Address, Chunking, Client, Daemon, Setup};

fn file(daemon: &Daemon) -> PathBuf {
    daemon.dir().join("privmsgd.toml")
}

/// Replaces the file as an editor does, so that no half of it is read.
fn write(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).expect("write the configuration");
    fs::rename(&new, path).expect("replace the configuration");
}

/// `maxLineBytes` as a new client is told it.
fn max_line_bytes(address: &Address) -> u64 {
    let hello = Client::over(socket(address), "asks", Chunking::Whole).line();
    let json: serde_json::Value = serde_json::from_str(&hello).expect("a frame is JSON");
    json["limits"]["maxLineBytes"].as_u64().expect("a number")
}

fn config(max_line_bytes: u64) -> String {
    format!("[limits]\nmax_line_bytes = {max_line_bytes}\n")
}

/// Sends SIGHUP and waits until the log says `what` once more than before.
fn reload(daemon: &Daemon, what: &str) {
    let count = || daemon.log().matches(what).count();
    let before = count();
    daemon.signal(Signal::HUP);
    wait_until(what, secs(10), || count() > before);
}

/// F3: `times` reloads, each with other limits, and every one of `clients` is there afterwards.
pub fn f3_reloads(clients: usize, times: u64) {
    let _alone = alone();
    let path = scratch(&format!("notify-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let manager = UnixDatagram::bind(&path).expect("a manager's socket");
    let (daemon, address) = Via::V4.start(
        Setup::new()
            .config(&config(10_000))
            .env("NOTIFY_SOCKET", path.to_str().expect("text")),
    );
    let mut crowd = crowd(&address, "Client", clients);
    let mut states = String::new();
    for n in 1..=times {
        write(&file(&daemon), config(10_000 + n).as_bytes());
        reload(&daemon, "reloaded; changed: limits.max_line_bytes");
        // A manager reads: its socket holds ten datagrams.
        states += &notifications(&manager);
        assert_eq!(max_line_bytes(&address), 10_000 + n);
    }
    write(
        &file(&daemon),
        b"[server]\nname = \"other\"\n[limits]\nmax_connections = 77\nmax_errors = 7\n",
    );
    reload(&daemon, "reloaded; changed: ");
    daemon.await_log("not taken over before a restart: ");
    assert_last_reload_named(&daemon);
    for n in 0..clients {
        let to = format!("Client{}", (n + 1) % clients);
        crowd[n].send(&message(&to, "still here"));
        crowd[(n + 1) % clients].expect(&relayed(&format!("Client{n}"), "still here"));
    }
    states += &notifications(&manager);
    let _ = fs::remove_file(&path);
    let count = |word: &str| states.matches(word).count() as u64;
    assert_eq!(count("RELOADING=1"), times + 1, "{states}");
    assert_eq!(count("READY=1"), times + 2, "{states}");
    record(
        "F3",
        format_args!("{times} reloads, {clients} clients, 0 dropped"),
    );
}

fn assert_last_reload_named(daemon: &Daemon) {
    let log = daemon.log();
    let changed = log
        .lines()
        .rfind(|line| line.contains("reloaded; changed: "))
        .unwrap_or_default();
    assert!(changed.contains("limits.max_line_bytes"), "{changed}");
    assert!(changed.contains("limits.max_errors"), "{changed}");
    let restart = log.lines().find(|line| line.contains("before a restart"));
    let restart = restart.unwrap_or_default();
    assert!(restart.contains("server.name"), "{restart}");
    assert!(restart.contains("limits.max_connections"), "{restart}");
}

fn notifications(manager: &UnixDatagram) -> String {
    manager.set_nonblocking(true).expect("nonblocking");
    let (mut all, mut buffer) = (String::new(), [0; 4_096]);
    while let Ok(count) = manager.recv(&mut buffer) {
        all += &String::from_utf8_lossy(&buffer[..count]);
        all.push('\n');
    }
    all
}

/// F4: files that cannot be used. A good limit stands in each, so that taking a part of one over would show.
fn broken(number: usize) -> Vec<u8> {
    let good = "[limits]\nmax_line_bytes = 20000\n";
    let bad = [
        "max_errors = 0",
        "max_errors = -1",
        "max_errors = 1.5",
        "max_errors = \"ten\"",
        "max_errors = true",
        "max_errors = 99999999999999999999",
        "max_errors = [1]",
        "max_errors = {}",
        "max_errors = 1979-05-27",
        "max_errors =",
        "max_errors",
        "= 3",
        "max_errors = 3\nmax_errors = 4",
        "max_erors = 3",
        "unknown = 1",
        "keepalive = [1, 2]",
        "keepalive = [1, 2, 3, 4]",
        "keepalive = \"often\"",
        "line_timeout_ms = 0",
        "line_timeout_ms = 999999999999",
        "limit_local_peers = 1",
        "queue_soft_bytes = 1",
        "[limits",
        "[limits]",
        "[[limits]]",
        "[nothing]\na = 1",
        "[log]\nlevel = \"loud\"",
        "[log]\nformat = \"xml\"",
        "[log]\nlevel = 3",
        "[server]\nlisten = \"nowhere\"",
        "[server]\nlisten = [\"127.0.0.1:99999\"]",
        "[server]\nlisten = []",
        "[server]\nlisten = 7748",
        "[server]\nname = \"\"",
        "[server]\nname = 5",
        "[server]\nunix_mode = \"0999\"",
        "[server]\nunix_mode = 600",
        "\"unterminated",
        "a = \"\\q\"",
        "a.b.c = 1",
    ];
    match bad.get(number) {
        Some(line) => format!("{good}{line}\n").into_bytes(),
        None => broken_bytes(good, number - bad.len()),
    }
}

fn broken_bytes(good: &str, number: usize) -> Vec<u8> {
    let tails: [&[u8]; 10] = [
        b"\xff\xfe",
        b"\0",
        b"\x1b[2J",
        b"{\"type\":\"register\"}",
        b"<limits/>",
        b"max_errors: 3",
        b"\xc3",
        b"[limits]\r\x0b",
        b"a = '''",
        b"'",
    ];
    [good.as_bytes(), tails[number]].concat()
}

const BROKEN: usize = 50;

/// F4: after each broken, missing or unreadable file, and without descriptors, everything is as it was.
pub fn f4_broken_files() {
    let _alone = alone();
    let (daemon, address) = Via::V4.start(Setup::new().config(&config(10_000)));
    let path = file(&daemon);
    let mut crowd = crowd(&address, "Client", 10);
    for number in 0..BROKEN {
        let bytes = broken(number);
        write(&path, &bytes);
        let log_before = daemon.log().len();
        reload(&daemon, "reload failed");
        let told = daemon.log()[log_before..].to_owned();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(told.contains("privmsgd.toml"), "{text}\n{told}");
        assert!(told.contains("everything stays as it is"), "{text}\n{told}");
        assert_eq!(max_line_bytes(&address), 10_000, "{text}");
    }
    fs::remove_file(&path).expect("remove the configuration");
    reload(&daemon, "reload failed");
    fs::create_dir(&path).expect("a directory in its place");
    reload(&daemon, "reload failed");
    fs::remove_dir(&path).expect("remove the directory");
    // At EMFILE even a good file cannot be read.
    write(&path, config(30_000).as_bytes());
    let before = limit_descriptors(&daemon, 3);
    (0..20).for_each(|_| reload(&daemon, "reload failed"));
    limit_descriptors(&daemon, before);
    assert_eq!(max_line_bytes(&address), 10_000);
    assert!(!daemon.log().contains("reloaded;"), "{}", daemon.log());
    reload(&daemon, "reloaded; changed: limits.max_line_bytes");
    assert_eq!(max_line_bytes(&address), 30_000);
    crowd.iter_mut().for_each(Client::expect_nothing);
    record(
        "F4",
        format_args!("{BROKEN} broken files, none, a directory, 20 × EMFILE: 0 partial"),
    );
}
