//! Figures and health over HTTP: what is told, to whom, and what hostile scrapers may cost. Acceptance §4, D10, F4.

mod common;
mod ops;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use common::{Answer, Chunking, Client, Daemon, Setup, Stage, get};

const PATIENCE: Duration = Duration::from_secs(20);
/// Figures are put together at most ten times a second.
const FRESH: Duration = Duration::from_millis(110);

fn setup() -> Setup {
    Setup::new().arg("--metrics").arg("127.0.0.1:0")
}

fn fresh(address: SocketAddr) -> Answer {
    thread::sleep(FRESH);
    get(address, "/metrics")
}

/// Until `met`; the last answer.
fn until(address: SocketAddr, path: &str, met: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, path);
        if met(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path}: {answer:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What `promtool check metrics` says, and whether it is content.
fn promtool(text: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: apt-get install prometheus");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

/// Acceptance §4, metrics: the names that it lists.
const PROMISED: &[&str] = &[
    "privmsgd_connections",
    "privmsgd_connections_accepted_total",
    "privmsgd_connections_closed_total",
    "privmsgd_messages_accepted_total",
    "privmsgd_delivery_seconds_bucket",
    "privmsgd_outbound_queue_bytes",
    "privmsgd_protocol_errors_total",
    "privmsgd_config_last_reload_successful",
    "privmsgd_build_info",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
];

fn assert_promised(answer: &Answer, more: &[&str]) {
    let series = answer.series();
    for name in PROMISED.iter().chain(more) {
        let is_it = |line: &&str| line.split('{').next() == Some(name);
        assert!(series.iter().any(is_it), "{name}\n{}", answer.body);
    }
    assert!(series.len() <= 150, "{} series", series.len());
    let (content, told) = promtool(&answer.body);
    assert!(content && told.is_empty(), "{told}\n{}", answer.body);
}

#[test]
fn the_figures_are_those_promised_and_promtool_is_content() {
    let daemon = Daemon::start(&setup());
    let answer = get(daemon.metrics(), "/metrics");
    assert_eq!(answer.status, 200);
    let kind = "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
    assert!(answer.head.contains(kind), "{}", answer.head);
    assert_promised(&answer, &[]);
    assert_eq!(answer.value("privmsgd_ready"), 1.0);
    // What is not said here is not there: the check above can fail.
    let broken = answer
        .body
        .replace("# HELP privmsgd_names ", "# privmsgd_names ");
    assert!(!promtool(&broken).0);
}

/// Everything at once: accounts, a store and a certificate.
#[test]
#[cfg(all(feature = "mailbox", feature = "tls"))]
fn the_figures_of_a_store_and_a_certificate_come_on_top() {
    let dir = std::env::temp_dir().join(format!("privmsgd-metrics-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_privmsgd"))
        .args([
            "tls",
            "self-signed",
            "--name",
            "localhost",
            "--days",
            "100",
            "--out",
        ])
        .arg(&dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let setup = setup()
        .accounts(&["alice", "bob"])
        .arg("--listen")
        .arg("tls:127.0.0.1:0")
        .key("tls.certificate", dir.join("tls.crt").display())
        .key("tls.key", dir.join("tls.key").display());
    let stage = Stage::new(&setup, Chunking::Whole);
    let address = stage.daemon.metrics();
    let mut alice = stage.connect("alice");
    alice.prove("alice", None);
    for number in 1..=3 {
        alice.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"bob","message":"x","messageId":"m{number}"}}"#
        ));
        alice.expect(r#"{"type":"accepted",…}"#);
    }
    // The same again is no other message.
    alice.send(r#"{"type":"privateMessage","toUsername":"bob","message":"x","messageId":"m3"}"#);
    alice.expect(r#"{"type":"accepted",…}"#);
    let answer = until(address, "/metrics", |answer| {
        answer.value("privmsgd_messages_accepted_total") == 3.0
            && answer.value("privmsgd_accounts_created_total") == 2.0
    });
    assert_promised(
        &answer,
        &[
            "privmsgd_message_commit_seconds_bucket",
            "privmsgd_store_bytes",
            "privmsgd_tls_cert_expiry_timestamp_seconds",
        ],
    );
    assert!(answer.value("privmsgd_message_commit_seconds_count") >= 4.0);
    assert!(answer.value("privmsgd_store_bytes") > 10_000.0);
    assert_eq!(answer.value("privmsgd_store_writable"), 1.0);
    assert_eq!(answer.value("privmsgd_passwords_hashed_total"), 1.0);
    let end = answer.value("privmsgd_tls_cert_expiry_timestamp_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let days = (end - now.unwrap().as_secs_f64()) / 86_400.0;
    assert!((98.0..=101.0).contains(&days), "{days} days");
    let ready = get(address, "/readyz");
    assert_eq!(ready.status, 200);
    for check in ["store", "certificate"] {
        assert!(
            ready
                .body
                .contains(&format!("{{\"check\":\"{check}\",\"level\":\"ok\""))
        );
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn each_thing_that_happens_is_counted_once() {
    let stage = Stage::new(&setup(), Chunking::Whole);
    let address = stage.daemon.metrics();
    let before = get(address, "/metrics");
    let mut alice = stage.register("Alice");
    let mut bob = stage.register("Bob");
    for _ in 0..20 {
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
        bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    }
    alice.send(r#"{"type":"privateMessage","toUsername":"Carol","message":"hi"}"#);
    alice.expect_error("unknownUser");
    alice.send("{");
    alice.expect_error("invalidJson");
    bob.send(r#"{"type":"bye"}"#);
    bob.expect_goodbye("bye");
    bob.expect_closed();
    let after = until(address, "/metrics", |answer| {
        answer.value("privmsgd_connections") == 1.0
    });
    let grown = |series: &str| after.value(series) - before.value(series);
    for (series, by) in [
        ("privmsgd_connections_accepted_total", 2.0),
        ("privmsgd_connections_closed_total{reason=\"bye\"}", 1.0),
        ("privmsgd_connections_closed_total{reason=\"lost\"}", 0.0),
        ("privmsgd_messages_accepted_total", 20.0),
        ("privmsgd_protocol_errors_total{code=\"unknownUser\"}", 1.0),
        ("privmsgd_protocol_errors_total{code=\"invalidJson\"}", 1.0),
        ("privmsgd_protocol_errors_total{code=\"badValue\"}", 0.0),
        // One in 16 of the turns that accepted messages, the first of them.
        ("privmsgd_delivery_seconds_count", 2.0),
    ] {
        assert_eq!(grown(series), by, "{series}");
    }
    assert_eq!(after.value("privmsgd_names"), 1.0);
    assert!(grown("privmsgd_received_bytes_total") > 20.0 * 60.0);
    assert!(grown("privmsgd_sent_bytes_total") > 20.0 * 80.0);
    assert!(after.value("privmsgd_delivery_seconds_sum") > 0.0);
}

/// F10: "that connection gets internalError, close; metric; others unaffected".
#[test]
#[cfg(debug_assertions)]
fn f10_a_panic_is_counted() {
    let stage = Stage::new(
        &setup().key("debug.hooks", "true").panics(),
        Chunking::Whole,
    );
    let address = stage.daemon.metrics();
    let mut alice = stage.register("Alice");
    for _ in 0..3 {
        let mut mallory = stage.connect("Mallory");
        mallory.send(r#"{"type":"debugPanic"}"#);
        mallory.expect_goodbye("internalError");
    }
    until(address, "/metrics", |answer| {
        answer.value("privmsgd_panics_total") == 3.0
            && answer.value("privmsgd_connections_closed_total{reason=\"internalError\"}") == 3.0
    });
    alice.send(r#"{"type":"ping","id":1}"#);
    alice.expect(r#"{"type":"pong","id":1,"time":"…"}"#);
    assert_eq!(get(address, "/readyz").status, 200);
}

/// D10: "10,000 users: series count constant, ≤ 150."
#[test]
fn d10_ten_thousand_users_are_no_more_series() {
    const USERS: usize = 10_000;
    let stage = Stage::new(&setup(), Chunking::Whole);
    let address = stage.daemon.metrics();
    let before = get(address, "/metrics");
    for crowd in (0..USERS).collect::<Vec<_>>().chunks(200) {
        let clients: Vec<Client> = crowd
            .iter()
            .map(|n| {
                let mut client = stage.register(&format!("Unmistakable{n}"));
                client.send(&format!(
                    r#"{{"type":"privateMessage","toUsername":"Absent{n}","message":"canary","id":"x{n}"}}"#
                ));
                client
            })
            .collect();
        for mut client in clients {
            client.expect_error("unknownUser");
        }
    }
    let after = fresh(address);
    assert_eq!(after.series(), before.series());
    assert!(after.series().len() <= 150, "{}", after.series().len());
    assert_eq!(
        after.value("privmsgd_connections_accepted_total"),
        USERS as f64
    );
    for word in ["Unmistakable", "Absent", "canary", "127.0.0.1", "x1"] {
        assert!(!after.body.contains(word), "{word}");
    }
}

/// F4: "metric config_last_reload_successful 0, process keeps running"; and 1 again after the next good one (F3).
#[test]
fn f4_the_last_reload_is_told() {
    let daemon = Daemon::start(&setup().config("[limits]\nmax_connections = 100\n"));
    let address = daemon.metrics();
    let series = "privmsgd_config_last_reload_successful";
    let when = "privmsgd_config_last_reload_success_timestamp_seconds";
    let start = get(address, "/metrics");
    assert_eq!(start.value(series), 1.0);
    let file = daemon.dir().join("privmsgd.toml");
    fs::write(&file, "[limits]\nmax_connectoins = 100\n").unwrap();
    daemon.signal(Signal::HUP);
    let failed = until(address, "/metrics", |answer| answer.value(series) == 0.0);
    assert_eq!(failed.value(when), start.value(when));
    let ready = get(address, "/readyz");
    assert_eq!(ready.status, 200);
    assert!(
        ready.body.starts_with(r#"{"status":"warning","failed":[]"#),
        "{}",
        ready.body
    );
    fs::write(&file, "[limits]\nline_timeout_ms = 29000\n").unwrap();
    daemon.signal(Signal::HUP);
    let good = until(address, "/metrics", |answer| answer.value(series) == 1.0);
    assert!(good.value(when) > start.value(when));
}

#[test]
fn health_is_one_line_that_names_what_failed() {
    let stage = Stage::new(&setup().limit("max_connections", 2), Chunking::Whole);
    let address = stage.daemon.metrics();
    let live = get(address, "/livez");
    assert_eq!((live.status, live.body.lines().count()), (200, 1));
    let ready = get(address, "/readyz");
    assert_eq!(ready.status, 200);
    assert!(
        ready
            .head
            .contains("\r\nContent-Type: application/json\r\n")
    );
    assert!(
        ready.body.starts_with(
            r#"{"status":"ok","failed":[],"checks":[{"check":"accepting","level":"ok","#
        )
    );
    let _alice = stage.register("Alice");
    let bob = stage.register("Bob");
    let full = until(address, "/readyz", |answer| answer.status == 503);
    assert!(
        full.body
            .starts_with(r#"{"status":"failed","failed":["connections"],"#),
        "{}",
        full.body
    );
    assert!(
        full.body
            .contains(r#""what":"2 of 2 connections","fix":"raise "#),
        "{}",
        full.body
    );
    assert_eq!(full.body.lines().count(), 1);
    assert_eq!(get(address, "/livez").status, 200);
    drop(bob);
    until(address, "/readyz", |answer| answer.status == 200);
}

/// The end takes as long as somebody does not read: that long it says that it is not ready, and that it lives.
#[test]
fn a_daemon_that_drains_is_not_ready() {
    let stage = Stage::new(&setup(), Chunking::Whole);
    let address = stage.daemon.metrics();
    let mut alice = stage.register("Alice");
    let _bob = stage.register("Bob");
    let text = "x".repeat(60_000);
    loop {
        alice.send(&format!(
            r#"{{"type":"privateMessage","toUsername":"Bob","message":"{text}","id":1}}"#
        ));
        if alice.line().contains("recipientBusy") {
            break;
        }
    }
    let busy = fresh(address);
    assert!(busy.value("privmsgd_outbound_queue_bytes") > 200_000.0);
    let mut daemon = stage.daemon;
    daemon.signal(Signal::TERM);
    let ready = until(address, "/readyz", |answer| answer.status == 503);
    assert!(
        ready
            .body
            .starts_with(r#"{"status":"failed","failed":["draining"#),
        "{}",
        ready.body
    );
    assert_eq!(get(address, "/livez").status, 200);
    assert_eq!(fresh(address).value("privmsgd_ready"), 0.0);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

/// What comes back for these bytes, sent and then waited for.
fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut whole = String::new();
    stream.read_to_string(&mut whole).unwrap();
    Answer::parse(&whole)
}

#[test]
fn what_is_no_request_for_a_page_is_told_so() {
    let daemon = Daemon::start(&setup());
    let address = daemon.metrics();
    for (bytes, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 404),
        (b"GET /metricsx HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics?a=b HTTP/1.0\r\nAccept: */*\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\n\n", 200),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 200),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"{\"type\":\"help\"}\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n\n", 400),
        (&[b'a'; 8_192], 431),
    ] {
        let answer = raw(address, bytes);
        assert_eq!(answer.status, status, "{bytes:?}: {answer:?}");
    }
    assert_eq!(raw(address, b"HEAD /metrics HTTP/1.1\r\n\r\n").body, "");
    // In single bytes too.
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /livez HTTP/1.1\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut whole = String::new();
    stream.read_to_string(&mut whole).unwrap();
    assert_eq!(Answer::parse(&whole).status, 200);
}

/// 500 scrapers that begin and do not go on, and 200 that ask and do not read: sixteen are kept, a good one is served at
/// once, and so are clients.
#[test]
fn hostile_scrapers_have_sixteen_places_and_five_seconds() {
    let stage = Stage::new(&setup(), Chunking::Whole);
    let address = stage.daemon.metrics();
    let (mut alice, mut bob) = (stage.register("Alice"), stage.register("Bob"));
    let before = stage.daemon.open_files();
    let connect = || TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    let mut hostile: Vec<TcpStream> = (0..500).map(|_| connect()).collect();
    for (number, stream) in hostile.iter_mut().enumerate() {
        let bytes = match number % 5 {
            0 => &b"GET /metrics HTTP/1.1\r\n\r\n"[..],
            1 => b"",
            _ => b"GET /metrics HTTP/1.1\r\nX: ",
        };
        // Those whose place was taken are reset.
        let _ = stream.write_all(bytes);
        if number % 50 == 0 {
            alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
            bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
            assert_eq!(get(address, "/livez").status, 200);
        }
    }
    assert_eq!(get(address, "/metrics").status, 200);
    let open = stage.daemon.open_files();
    assert!(open <= before + 16, "{before} → {open}");
    let deadline = Instant::now() + PATIENCE;
    while stage.daemon.open_files() > before {
        assert!(
            Instant::now() < deadline,
            "{before} → {}",
            stage.daemon.open_files()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// One page a tenth of a second, however often it is asked for.
#[test]
fn figures_are_put_together_ten_times_a_second_at_most() {
    let daemon = Daemon::start(&setup());
    let address = daemon.metrics();
    let began = Instant::now();
    let pages: Vec<String> = (0..300).map(|_| get(address, "/metrics").body).collect();
    let most = began.elapsed().as_millis() / 100 + 2;
    let mut different = pages;
    different.dedup();
    assert!(
        different.len() as u128 <= most,
        "{} pages, {most}",
        different.len()
    );
}

#[test]
fn off_until_somebody_says_where() {
    let daemon = Daemon::start(&Setup::new());
    assert!(!daemon.log().contains("metrics"), "{}", daemon.log());
    let refused = Command::new(env!("CARGO_BIN_EXE_privmsgd"))
        .args(["--check-config", "--metrics", "tls:127.0.0.1:9100"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(64));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        told.contains("metrics.listen must not be a place for TLS"),
        "{told}"
    );
}

/// A socket unit with `FileDescriptorName=metrics` is enough, and is not taken for clients' own.
#[test]
#[cfg(feature = "systemd")]
fn a_socket_of_the_service_manager_named_metrics_is_for_metrics() {
    use common::Address;
    use ops::{Running, listener};

    let (socket, address) = listener();
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=metrics LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", script, env!("CARGO_BIN_EXE_privmsgd")]);
    let mut daemon = Running::with_socket(shell.args(["--listen", "127.0.0.1:0"]), &socket);
    let ready = get(address, "/readyz");
    assert_eq!(ready.status, 200, "{ready:?}");
    let (_, rest) = ready
        .body
        .split_once(r#""what":"at "#)
        .expect("where it listens");
    let place = rest.split('"').next().unwrap_or_default().parse().unwrap();
    assert_ne!(place, address);
    let hello = r#"{"type":"hello","server":"privmsgd",…}"#;
    Client::dial(Address::Tcp(place), "Alice", Chunking::Whole).expect(hello);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait(), Some(0));
}
