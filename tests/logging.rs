//! Log lines as they leave the process: F11, F13, D9 and acceptance §4, logs.
//!
//! A logger is one per process, so each test starts this program again as `child`, with a script.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use log::{LevelFilter, error, info, warn};
use rustix::fs::OFlags;
use socket2::{Domain, Socket, Type};

use privmsgd::config::{LogConfig, LogFormat};
use privmsgd::ops::log as ops_log;

const SCRIPT: &str = "LOGGING_SCRIPT";
const FORMAT: &str = "LOGGING_FORMAT";
/// More than any pipe holds.
const FLOOD: usize = 20_000;

/// Not a test of its own: what the started program does.
#[test]
fn child() {
    let Ok(script) = std::env::var(SCRIPT) else {
        return;
    };
    let format = match std::env::var(FORMAT).as_deref() {
        Ok("json") => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let mut config = LogConfig {
        level: LevelFilter::Info,
        format,
    };
    ops_log::init(&config);
    match script.as_str() {
        "hostile" => hostile().iter().for_each(|text| info!("{text}")),
        "levels" => {
            error!("one");
            warn!("two \"quoted\"");
            info!("three");
            log::debug!("not this");
            config.level = LevelFilter::Error;
            config.format = LogFormat::Json;
            ops_log::reconfigure(&config);
            warn!("nor this");
            error!("four");
        }
        "long" => info!("{}", "é\u{1b}".repeat(10_000)),
        "panics" => {
            let text = String::from("the text of a message");
            let _ = std::panic::catch_unwind(|| panic!("literal"));
            let _ = std::panic::catch_unwind(|| panic!("{text}"));
        }
        "flood" => {
            (0..FLOOD).for_each(|n| info!("line {n}"));
            println!("\ndone");
            let _ = std::io::stdin().read_line(&mut String::new());
            info!("after");
        }
        other => panic!("no script {other}"),
    }
}

#[test]
fn f11_one_event_is_one_line_and_one_write_in_every_format() {
    for (format, journal) in [("text", false), ("text", true), ("json", false)] {
        let records = datagrams("hostile", format, journal);
        assert_eq!(records.len(), hostile().len());
        for (record, text) in records.iter().zip(hostile()) {
            let (last, line) = record.as_bytes().split_last().unwrap();
            assert_eq!(*last, b'\n');
            assert!(line.iter().all(|&b| b >= 0x20 && b != 0x7f), "{record:?}");
            let mut raw = text.chars().filter(|c| !c.is_ascii_graphic());
            assert!(raw.all(|c| !record.trim_end().contains(c)), "{record:?}");
            if format == "json" {
                assert_eq!(json(record)["message"], text);
            }
        }
    }
}

#[test]
fn text_lines_carry_utc_time_and_level() {
    let records = datagrams("levels", "text", false);
    let (stamp, rest) = records[1].split_at(24);
    assert!(
        stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T',
        "{stamp}"
    );
    assert_eq!(rest, " [WARN] two \"quoted\"\n");
    assert_eq!(records.len(), 4, "{records:?}");
}

#[test]
fn level_and_format_change_while_running() {
    let records = datagrams("levels", "text", false);
    assert_eq!(json(&records[3])["message"], "four");
    assert_eq!(json(&records[3])["level"], "error");
}

#[test]
fn json_lines_are_objects_with_time_level_target_and_message() {
    let records = datagrams("levels", "json", false);
    let line = json(&records[1]);
    assert_eq!(line["level"], "warn");
    assert_eq!(line["target"], "logging");
    assert_eq!(line["message"], "two \"quoted\"");
    assert_eq!(line["time"].as_str().map(str::len), Some(24));
}

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let records = datagrams("levels", "text", true);
    assert_eq!(
        records[..3],
        ["<3>one\n", "<4>two \"quoted\"\n", "<6>three\n"]
    );
}

#[test]
fn a_long_record_is_cut_to_what_a_pipe_takes_at_once() {
    for format in ["text", "json"] {
        let records = datagrams("long", format, false);
        assert!(records[0].len() <= 4_096, "{}", records[0].len());
        assert!(records[0].contains('…'));
    }
}

/// I11: a formatted panic message may quote what a peer sent.
#[test]
fn a_panic_is_one_line_that_quotes_nobody() {
    let records = datagrams("panics", "text", false);
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records[0].contains("[ERROR] panic at tests/logging.rs:"));
    assert!(records[0].ends_with(": literal\n"), "{records:?}");
    assert!(!records[1].contains("the text"), "{records:?}");
}

#[test]
fn a_reader_that_stops_loses_lines_and_is_told_how_many() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (mut child, stdin) = start("flood", "text", writer.into());
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    // The child gets here although nobody has read its standard error.
    assert!(out.any(|line| line.unwrap() == "done"));
    let mut log = String::new();
    set_blocking(&reader, false);
    let read = reader.read_to_string(&mut log).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::WouldBlock);
    let kept = log.lines().count();
    set_blocking(&reader, true);
    drop(stdin);
    reader.read_to_string(&mut log).unwrap();
    let mut rest = log.lines().skip(kept);
    let notice = rest.next().unwrap();
    let lost = notice.split_whitespace().nth(2).map(str::parse::<usize>);
    let Some(Ok(lost)) = lost else {
        panic!("{notice}");
    };
    assert!(
        notice.contains("[WARN]") && notice.contains("log lines lost"),
        "{notice}"
    );
    assert_eq!(kept + lost, FLOOD);
    assert!(rest.next().unwrap().ends_with(" [INFO] after"));
    assert!(child.wait().unwrap().success());
}

/// F13.
#[test]
fn standard_error_may_be_closed_or_unread() {
    let exe = std::env::current_exe().unwrap();
    let closed = Command::new("sh")
        .args(["-c", "exec \"$0\" --exact child --nocapture 2>&-"])
        .arg(&exe)
        .env(SCRIPT, "levels")
        .stdout(Stdio::null())
        .status();
    assert!(closed.unwrap().success());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (mut child, _stdin) = start("levels", "text", writer.into());
    drop(child.stdout.take());
    assert!(child.wait().unwrap().code().is_some(), "ended by a signal");
}

/// What F11 names: C0, DEL, C1 and bidirectional controls. In few messages, so that all of them wait in
/// the socket of [`datagrams`] without loss.
fn hostile() -> Vec<String> {
    let ranges = [0..=0x1f, 0x7f..=0x9f, 0x202a..=0x202e, 0x2066..=0x2069];
    let all: Vec<char> = ranges
        .into_iter()
        .flatten()
        .filter_map(char::from_u32)
        .collect();
    let text = |part: &[char]| format!("a{}b", part.iter().collect::<String>());
    all.chunks(8).map(text).collect()
}

/// Every write of `script` to standard error, which is a socket that keeps them apart.
fn datagrams(script: &str, format: &str, journal: bool) -> Vec<String> {
    let (mut ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let theirs = File::from(OwnedFd::from(theirs));
    let about = theirs.metadata().unwrap();
    let stream = match journal {
        true => format!("{}:{}", about.dev(), about.ino()),
        false => "1:2".into(),
    };
    let mut child = command(script, format)
        .env("JOURNAL_STREAM", stream)
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .unwrap();
    let mut records = Vec::new();
    loop {
        let mut buffer = [0; 8192];
        match ours.read(&mut buffer).unwrap() {
            0 => break,
            n => records.push(String::from_utf8(buffer[..n].to_vec()).unwrap()),
        }
    }
    assert!(child.wait().unwrap().success());
    records
}

fn set_blocking(pipe: &PipeReader, blocking: bool) {
    let flags = match blocking {
        true => OFlags::empty(),
        false => OFlags::NONBLOCK,
    };
    rustix::fs::fcntl_setfl(pipe, flags).unwrap();
}

fn start(script: &str, format: &str, stderr: OwnedFd) -> (Child, ChildStdin) {
    let mut command = command(script, format);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::from(stderr)).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

fn command(script: &str, format: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env(SCRIPT, script)
        .env(FORMAT, format)
        .stdin(Stdio::null());
    command
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}
