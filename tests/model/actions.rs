//! Random schedules: what clients send, when they read, how they leave, and when the clock moves.
//! Knows the driver only; nothing here judges.

use privmsgd::config::{Config, Limits};

use super::choice::Choice;
use super::driver::Driver;

const NAMES: [&str; 8] = [
    "Alice", "alice", "ALICE", "Bob", "bOB", "Carol", "Zoë", "no name",
];
const CLIENTS: usize = 7;

/// Small bounds, so that a short schedule meets each of them.
pub fn config() -> Config {
    let limits = Limits {
        max_line_bytes: 2_048,
        max_unregistered_line_bytes: 512,
        max_skipped_bytes: 2_048,
        queue_soft_bytes: 4_096,
        queue_hard_bytes: 12_288,
        unregistered_queue_bytes: 1_500,
        read_budget_bytes: 1_024,
        max_errors: 5,
        max_watched: 3,
        max_watchers: 2,
        register_tries: 3,
        linger_bytes: 512,
        ..Limits::default()
    };
    Config {
        limits,
        ..Config::default()
    }
}

/// One schedule from connecting to an empty engine.
pub fn schedule(choice: &mut Choice<'_>, steps: usize) -> Driver {
    let mut driver = Driver::new(&config(), CLIENTS);
    continue_schedule(&mut driver, choice, steps);
    driver.leave();
    driver
}

pub fn continue_schedule(driver: &mut Driver, choice: &mut Choice<'_>, steps: usize) {
    for _ in 0..steps {
        if choice.is_over() {
            break;
        }
        step(driver, choice);
    }
}

fn step(driver: &mut Driver, choice: &mut Choice<'_>) {
    let ids: Vec<u64> = driver.ends.keys().copied().collect();
    if ids.is_empty() || choice.once_in(12) {
        let window = choice.of(&[usize::MAX, 65_536, 3_000, 700]);
        driver.connect(window);
        return;
    }
    let id = choice.of(&ids);
    match choice.below(20) {
        0..=4 => {
            let count = choice.below(4) + 1;
            for _ in 0..count {
                let line = line(driver, choice);
                driver.send(id, &line);
            }
            if choice.below(3) > 0 {
                driver.readable(id, false);
            }
        }
        5..=6 => driver.readable(id, false),
        7 => driver.readable_key(choice.below(CLIENTS + 1) as u32, true),
        8 => drop(driver.events()),
        9 => drop(driver.take(id, choice.below(600))),
        10 => drop(driver.take_all()),
        11 => fragment(driver, choice, id),
        12 => flood(driver, choice, id),
        13 => leave(driver, choice, id),
        14 => wait(driver, choice),
        15 => driver.ends[&id]
            .far
            .set_step(choice.of(&[1, 7, 300, usize::MAX, usize::MAX])),
        _ => drop(driver.end_turn()),
    }
}

/// Part of a line, or bytes that are none.
fn fragment(driver: &mut Driver, choice: &mut Choice<'_>, id: u64) {
    let mut bytes = line(driver, choice);
    bytes.truncate(choice.below(bytes.len()) + 1);
    driver.send(id, &bytes);
    driver.readable(id, false);
}

/// Much to one recipient, so that its queue fills.
fn flood(driver: &mut Driver, choice: &mut Choice<'_>, id: u64) {
    let to = choice.of(&NAMES[..7]);
    let text = "x".repeat(choice.below(800));
    for at in 0..choice.below(24) {
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"{to}\",\"message\":\"{text}\",\"id\":{at}}}\n"
        );
        driver.send(id, line.as_bytes());
    }
    driver.readable(id, false);
}

fn leave(driver: &mut Driver, choice: &mut Choice<'_>, id: u64) {
    match choice.below(4) {
        0 => driver.reset(id),
        1 => driver.end(id),
        2 => driver.send(id, b"{\"type\":\"bye\"}\n"),
        _ => {
            // What has no line end before the end of input.
            let mut bytes = line(driver, choice);
            bytes.pop();
            driver.send(id, &bytes);
            driver.end(id);
        }
    }
    if choice.below(2) == 0 {
        driver.readable(id, false);
    }
}

fn wait(driver: &mut Driver, choice: &mut Choice<'_>) {
    let due = driver.model.next_deadline();
    let ms = match choice.below(6) {
        0 => 1,
        1 => 999,
        2 => 1_000,
        3 => choice.below(40_000) as u64,
        4 if due < u64::MAX => due.saturating_sub(driver.model.now),
        _ => 10,
    };
    driver.advance(ms);
    if choice.below(2) == 0 {
        driver.tick();
    }
}

/// A token that was given, with the name it was given for, or one of nobody.
fn token(driver: &Driver, choice: &mut Choice<'_>) -> (String, String) {
    let ids: Vec<u64> = driver.model.clients.keys().copied().collect();
    let id = choice.of(&ids);
    match driver.model.session(id) {
        Some(session) => {
            let previous = session.previous.filter(|_| choice.once_in(3));
            let token = previous.unwrap_or(session.token);
            (session.shown.clone(), format!("{token:032x}"))
        }
        None => (
            choice.of(&NAMES).into(),
            choice.of(&["0", "00112233445566778899aabbccddeeff"]).into(),
        ),
    }
}

fn register(driver: &Driver, choice: &mut Choice<'_>, id: &str) -> String {
    let (mut name, mut more) = (choice.of(&NAMES).to_owned(), String::new());
    if choice.once_in(3) {
        let (holder, token) = token(driver, choice);
        if choice.below(4) > 0 {
            name = holder;
        }
        more = format!(",\"resumeToken\":\"{token}\"");
    }
    more += choice.of(&[
        "",
        "",
        "",
        ",\"status\":\"away\"",
        ",\"heartbeatMs\":5000",
        ",\"status\":\"invisible\"",
    ]);
    format!("{{\"type\":\"register\",\"username\":\"{name}\"{more}{id}}}")
}

/// One line with its end, most often a command.
pub fn line(driver: &Driver, choice: &mut Choice<'_>) -> Vec<u8> {
    let id = choice.of(&["", "", ",\"id\":1", ",\"id\":\"a\\\"b\""]);
    let name = choice.of(&NAMES);
    let two = format!("[\"{name}\",\"{}\"]", choice.of(&NAMES[..7]));
    let text = match choice.below(24) {
        0..=4 => register(driver, choice, id),
        5..=8 => {
            let more = choice.of(&[
                "",
                ",\"messageId\":\"m\"",
                ",\"kind\":\"k\",\"replyTo\":7",
                ",\"expiresIn\":9",
                ",\"from\":\"Bob\"",
            ]);
            let message = choice.of(&["\"hi\"", "{\"a\": [1e3]}", "null", "\"\\u0000é\""]);
            format!(
                "{{\"type\":\"privateMessage\",\"toUsername\":\"{name}\",\"message\":{message}{more}{id}}}"
            )
        }
        9 => format!("{{\"type\":\"typing\",\"toUsername\":\"{name}\"{id}}}"),
        10..=12 => format!("{{\"type\":\"watch\",\"usernames\":{two}{id}}}"),
        13 => format!("{{\"type\":\"unwatch\",\"usernames\":{two}{id}}}"),
        14..=15 => {
            let status = choice.of(&["online", "away", "invisible", "gone"]);
            format!("{{\"type\":\"setStatus\",\"status\":\"{status}\"{id}}}")
        }
        16 => format!("{{\"type\":\"ping\",\"data\":[1, 2]{id}}}"),
        17 => format!("{{\"type\":\"pong\"{id}}}"),
        18 => format!("{{\"type\":\"help\"{id}}}"),
        19 => format!(
            "{{\"type\":\"help\",\"command\":\"{}\"{id}}}",
            choice.of(&["ping", "ack", "x"])
        ),
        20 => format!(
            "{{\"type\":\"{}\"{id}}}",
            choice.of(&["history", "ack", "nothing", "watch", "bye"])
        ),
        21 => choice
            .of(&[
                "",
                " \t",
                "\r",
                "GET / HTTP/1.1",
                "[]",
                "{\"id\":2,\"type\":3}",
                "\u{16}\u{3}",
            ])
            .into(),
        22 => "y".repeat(choice.of(&[510, 513, 517, 2_048, 2_049, 2_053])),
        _ => "z".repeat(choice.below(5_000)),
    };
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(choice.of(&[&b"\n"[..], b"\n", b"\r\n", b"\r\0"]));
    bytes
}
