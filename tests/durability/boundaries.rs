//! A3: the power fails between any two writes of the store, or within one. Each state in which that may leave the disk
//! opens, and holds what anybody had been told of, once and in order.

use std::path::{Path, PathBuf};

use privmsgd::accounts::AccountId;
use privmsgd::store::{Failed, MessageState, Store};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::disk::Disk;
use crate::house::{Client, Daemon, Place};
use crate::replay::{Outcome, Replay, patiently};
use crate::tape::{self, Op};

const MESSAGES: u64 = 200;
/// States that CI looks at; the long run looks at all.
const STATES: usize = if cfg!(feature = "long-tests") {
    0
} else {
    8_000
};
/// The row's bar for 5,000 states, in processor time: others use the machine too.
const SECONDS: f64 = 60.0;

#[test]
fn a3_power_may_fail_between_any_two_writes() {
    let run = Run::record();
    let began = cpu_seconds();
    let outcome = run.replay(false, STATES);
    let seconds = cpu_seconds() - began;
    println!(
        "{} of {} states after {} of {} calls, in {seconds:.0} s of processor time: {} do not recover",
        outcome.states,
        outcome.possible,
        outcome.points,
        run.tape.len(),
        outcome.failed
    );
    assert_eq!(outcome.failed, 0, "{:#?}", outcome.told);
    assert!(outcome.states >= 5_000, "{outcome:?}");
    let bar = SECONDS * outcome.states as f64 / 5_000.0;
    assert!(seconds < bar, "{seconds} s");
    // The test of the test: on a disk that does not do what it is asked, messages that were accepted are gone.
    let deaf = run.replay(true, 500);
    println!("without syncs: {} of {}", deaf.failed, deaf.states);
    assert!(deaf.failed > deaf.states / 10, "{deaf:?}");
}

/// Of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// One run of a daemon from its start to its end: what it did to the disk and what it told.
struct Run {
    disk: Disk,
    tape: Vec<Op>,
    root: PathBuf,
    /// By how much was played: the last `seq` that anybody was told of.
    told: Vec<u64>,
}

impl Run {
    fn record() -> Run {
        let place = Place::new("boundaries").with_accounts(&["alice", "bob"]);
        let (root, record) = (place.data(), place.0.join("record"));
        let disk = Disk::of(&root);
        let under = tape::recorder(&record);
        let under: Vec<&str> = under.iter().map(String::as_str).collect();
        let mut daemon = Daemon::start(&place, &under, &[]);
        let port = daemon.port().expect("it starts");
        converse(port);
        let pid = Pid::from_raw(daemon.pid() as i32).expect("a process");
        kill_process(pid, Signal::TERM).expect("it is told to end");
        assert_eq!(daemon.wait(), 0, "{}", daemon.log());
        let tape = tape::read(&record, &root);
        let mut last = 0;
        let mut told = vec![0];
        for op in &tape {
            if let Op::Told { bytes, .. } = op {
                last = last_seq(bytes).max(last);
            }
            told.push(last);
        }
        assert_eq!(last, MESSAGES);
        Run {
            disk,
            tape,
            root,
            told,
        }
    }

    fn replay(&self, deaf: bool, at_most: usize) -> Outcome {
        let mut disk = self.disk.clone();
        disk.deaf = deaf;
        let replay = Replay {
            disk,
            tape: &self.tape,
            root: &self.root,
            at_most,
        };
        replay.run(&mut |dir, played| holds(dir, self.told[played]))
    }
}

/// Alice sends in bursts, so that some are committed together; Bob acknowledges.
fn converse(port: u16) {
    let mut bob = Client::session(port, "bob", r#","deliver":"ack""#).expect("registered");
    bob.until(&["synced"]).expect("synced");
    let mut alice = Client::session(port, "alice", "").expect("registered");
    let (mut sent, mut burst) = (0, 0);
    while sent < MESSAGES {
        burst = (burst * 5 + 3) % 11;
        let until = (sent + 1 + burst).min(MESSAGES);
        let lines: Vec<String> = (sent + 1..=until).map(message).collect();
        alice.send(&lines.join("\n"));
        for number in sent + 1..=until {
            let line = alice.until(&["accepted"]).expect("accepted");
            assert_eq!(line["seq"], number, "{line}");
            let line = bob.until(&["privateMessage"]).expect("delivered");
            bob.send(&format!(r#"{{"type":"ack","pos":{}}}"#, line["pos"]));
        }
        sent = until;
    }
}

fn message(number: u64) -> String {
    let text = text(number);
    format!(
        r#"{{"type":"privateMessage","toUsername":"bob","message":{text},"messageId":"m{number}"}}"#
    )
}

/// Of many lengths: some fill a page, some need two.
fn text(number: u64) -> String {
    let filling = "x".repeat((number * 37 % 600 + number % 50 / 49 * 9_000) as usize);
    format!("\"{number} {filling}\"")
}

/// Of whatever is told of a message, to whomever.
fn last_seq(told: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(told);
    let of = |line: &str| -> Option<u64> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let named = ["seq", "upToSeq"].map(|key| line[key].as_u64());
        named.into_iter().flatten().max()
    };
    text.lines().filter_map(of).max().unwrap_or(0)
}

/// Whether the store opens, takes a commit, is as it should be and holds all up to `told`, once and in order.
fn holds(dir: &Path, told: u64) -> Result<(), String> {
    let store =
        patiently(|| Store::open(dir)).map_err(|error| format!("does not open: {error}"))?;
    let rows = store.batch(|t| match t.conversation(AccountId(1), AccountId(2))? {
        Some(conversation) => t.messages_after(conversation.id, 0, 10_000),
        None => Ok::<_, Failed>(Vec::new()),
    });
    let rows = rows
        .and_then(|rows| rows)
        .map_err(|error| error.to_string())?;
    for (row, number) in rows.iter().zip(1..) {
        let id = row.known_by.as_ref().map(|known| known.message_id.to_vec());
        let is_it = row.seq == number
            && row.state == MessageState::There
            && id == Some(format!("m{number}").into_bytes())
            && *row.body == *text(number).as_bytes();
        if !is_it {
            return Err(format!("{number} is {row:?}"));
        }
    }
    if (rows.len() as u64) < told || rows.len() as u64 > MESSAGES {
        return Err(format!("{} messages, {told} were told of", rows.len()));
    }
    drop(store);
    let mut found = Vec::new();
    let checked = patiently(|| {
        found.clear();
        privmsgd::store::check(dir, None, &mut |finding| found.push(finding))
    });
    match (checked, found.first()) {
        (Ok(_), None) => Ok(()),
        (Ok(_), Some(finding)) => Err(format!("{finding:?}")),
        (Err(error), _) => Err(error.to_string()),
    }
}
