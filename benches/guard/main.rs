//! What one relayed message costs, counted, not timed: instructions under callgrind, allocations, system calls under
//! strace. Fails where a count is more than a tenth above figures.toml; `-- --write` writes that file anew.

#[path = "../support/counting.rs"]
mod counting;
mod daemon;
#[path = "../support/sessions.rs"]
mod sessions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::counting::{Counting, allocations, live_bytes};
use crate::sessions::Sessions;

#[global_allocator]
static COUNTING: Counting = Counting;

type Outcome<T> = Result<T, String>;
type Figures = BTreeMap<String, f64>;

/// As people's libraries write a message, its bytes, and what a line of theirs looks like; each has a figure of its own, so that
/// none falls off the fast path unnoticed.
const STYLES: [(&str, usize, &str); 5] = [
    (
        "plain",
        100,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"MESSAGE"}"#,
    ),
    (
        "spaces",
        100,
        r#"{"type": "privateMessage", "toUsername": "Bob", "message": "MESSAGE"}"#,
    ),
    (
        "id",
        100,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"MESSAGE","id":100042}"#,
    ),
    (
        "kilobyte",
        1_000,
        r#"{"type":"privateMessage","toUsername":"Bob","message":"MESSAGE"}"#,
    ),
    // In mailbox mode: relayed like the others, once it is known that it may be.
    (
        EPHEMERAL,
        100,
        r#"{"type":"privateMessage","toUsername":"Bob","ephemeral":true,"message":"MESSAGE"}"#,
    ),
];
const EPHEMERAL: &str = "ephemeral";
/// Lines that are read at once.
const TURN: usize = 64;
/// Turns of a short and of a long run: what they differ in is the relay alone.
const SHORT: usize = 10;
const LONG: usize = 110;
const TOLERANCE: f64 = 1.10;
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/guard/figures.toml");

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        Some("relay") => relay(&words[1], words[2].parse().unwrap_or(SHORT)),
        _ => guard(words.iter().any(|word| word == "--write")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn guard(write: bool) -> Outcome<()> {
    let measured = measure()?;
    if write {
        return fs::write(FIGURES, show(&measured)).map_err(|error| error.to_string());
    }
    let text = fs::read_to_string(FIGURES).map_err(|error| format!("{FIGURES}: {error}"))?;
    let committed: Figures = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut worse = Vec::new();
    for (name, now) in &measured {
        let then = committed
            .get(name)
            .ok_or(format!("{FIGURES} lacks {name}"))?;
        println!("{name}: {now:.3}, committed {then:.3}");
        if *now > then * TOLERANCE {
            worse.push(format!("{name} has grown from {then:.3} to {now:.3}"));
        }
    }
    worse
        .is_empty()
        .then_some(())
        .ok_or_else(|| worse.join("\n"))
}

fn show(figures: &Figures) -> String {
    let lines: String = figures
        .iter()
        .map(|(name, figure)| format!("{name} = {figure:.3}\n"))
        .collect();
    format!(
        "# Per relayed message, of 100 bytes unless it says otherwise; written by  cargo bench --bench guard -- --write\n{lines}"
    )
}

fn measure() -> Outcome<Figures> {
    let mut figures = Figures::new();
    let messages = (TURN * (LONG - SHORT)) as f64;
    for (style, _, _) in STYLES {
        let allocated = run(Command::new(this()?), style, LONG)?.0;
        let instructions = |turns| Ok::<_, String>(run(callgrind()?, style, turns)?.1);
        let instructions = instructions(LONG)? - instructions(SHORT)?;
        figures.insert(format!("allocations_{style}"), allocated / messages);
        figures.insert(format!("instructions_{style}"), instructions / messages);
    }
    let system_calls = daemon::system_calls(TURN, &message(100))?;
    figures.insert("system_calls".into(), system_calls);
    Ok(figures)
}

fn this() -> Outcome<std::path::PathBuf> {
    std::env::current_exe().map_err(|error| error.to_string())
}

fn callgrind() -> Outcome<Command> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this()?);
    Ok(command)
}

/// Allocations after the warm-up, and instructions of the whole run where they are counted.
fn run(mut command: Command, style: &str, turns: usize) -> Outcome<(f64, f64)> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command
        .args(["relay", style, &turns.to_string()])
        .output()
        .map_err(|error| format!("{program}, which the guard needs: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{program}: {told}"));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let allocated = said
        .trim()
        .parse()
        .map_err(|_| format!("{program}: {said}"))?;
    let counted = told
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    Ok((allocated, counted.unwrap_or(0.0)))
}

/// What is counted: two sessions, and turns of lines from one to the other. Prints the allocations after the first
/// turns, which may fill pools.
fn relay(style: &str, turns: usize) -> Outcome<()> {
    let (_, bytes, line) = STYLES
        .iter()
        .find(|(name, _, _)| *name == style)
        .ok_or("no such style")?;
    let lines = (line.replace("MESSAGE", &message(*bytes)) + "\n").repeat(TURN);
    let mut sessions = match style {
        EPHEMERAL => Sessions::of_accounts(2),
        _ => Sessions::new(2),
    };
    for name in ["Alice", "Bob"] {
        let line =
            format!("{{\"type\":\"register\",\"username\":\"{name}\",\"password\":\"pw\"}}\n");
        let line = match style {
            EPHEMERAL => line,
            _ => line.replace(",\"password\":\"pw\"", ""),
        };
        sessions.register(line.leak().as_bytes());
        sessions.answer();
    }
    sessions.end_turn();
    let [alice, bob] = [sessions.ids[0], sessions.ids[1]];
    let before = sessions.written(bob);
    let mut warm = 0;
    for turn in 0..turns {
        if turn == SHORT {
            warm = allocations();
        }
        sessions.send(alice, lines.as_bytes());
        if turn == 0 {
            sessions.answer();
        }
        sessions.end_turn();
    }
    let (allocated, arrived) = (allocations() - warm, sessions.written(bob) - before);
    let least = (turns * TURN * bytes) as u64;
    if arrived < least {
        return Err(format!(
            "{arrived} of {least} bytes arrived; {} live",
            live_bytes()
        ));
    }
    println!("{allocated}");
    Ok(())
}

fn message(bytes: usize) -> String {
    "a word or two of it".chars().cycle().take(bytes).collect()
}
