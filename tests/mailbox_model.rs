//! Accounts and devices against a reference: random schedules, every short session, races for one device.

#[path = "model/choice.rs"]
#[allow(dead_code)]
mod choice;
mod desk;
#[path = "mailbox_model/driver.rs"]
mod driver;
#[path = "mailbox_model/mail.rs"]
mod mail;
#[path = "mailbox_model/names.rs"]
mod names;
#[path = "mailbox_model/reference.rs"]
mod reference;

use choice::{Choice, Repeat, first_seed, number, rounds};
use driver::{Driver, PASSWORD};
use privmsgd::accounts::Which;

const NAMES: [&str; 5] = ["Alice", "aLICE", "Bob", "Carol", "Dora"];
const DEVICES: [&str; 4] = ["phone", "laptop", "default", "é"];
const CLIENTS: usize = 9;

#[test]
fn random_schedules_agree_with_the_reference() {
    let first = first_seed();
    let mut lines = 0;
    for seed in first..first + rounds(400) {
        let _repeat = Repeat(seed);
        let mut choice = Choice::Seed(seed);
        let mut driver = Driver::new(seed % 2 == 0);
        for step_number in 0..300 {
            step(&mut driver, &mut choice, step_number);
        }
        leave(&mut driver);
        lines += driver.lines;
    }
    println!("{lines} lines as expected");
}

fn step(driver: &mut Driver, choice: &mut Choice<'_>, number: usize) {
    let ids: Vec<u64> = driver.ends.keys().copied().collect();
    if ids.is_empty() || (ids.len() < CLIENTS && choice.once_in(8)) {
        driver.connect();
        return;
    }
    let id = choice.of(&ids);
    match choice.below(16) {
        0..=4 => {
            for at in 0..choice.below(4) + 1 {
                let line = line(choice, &format!("{number}.{at}"));
                driver.send(id, &(line + "\n"));
            }
            driver.readable(id);
        }
        5 => driver.readable(id),
        6..=7 => driver.answer_one(),
        8..=9 => driver.tell(),
        10 => driver.advance(choice.below(2_000) as u64),
        11 if choice.once_in(3) => driver.reset(id),
        11 if choice.once_in(3) => {
            let line = line(choice, &format!("{number}.last"));
            driver.send(id, &line);
            driver.ends[&id].far.end();
        }
        12 if choice.once_in(6) => {
            let which = match choice.below(3) {
                0 => Which::All,
                1 => Which::Device(choice.of(&DEVICES).into()),
                _ => Which::AllBut(choice.of(&DEVICES).into()),
            };
            driver.give(&desk::by_operator(choice.of(&NAMES), which));
        }
        _ => driver.end_turn(),
    }
}

/// One command, most often of somebody with a name.
fn line(choice: &mut Choice<'_>, id: &str) -> String {
    let id = choice
        .of(&["", ",\"id\":\"ID\"", ",\"id\":\"ID\""])
        .replace("ID", id);
    let (name, device) = (choice.of(&NAMES), choice.of(&DEVICES));
    match choice.below(20) {
        0..=6 => {
            let proof = match choice.below(8) {
                0 => String::new(),
                1 => ",\"password\":\"wrong\"".into(),
                2 => format!(",\"resumeToken\":\"{:032x}\"", choice.below(30)),
                _ => format!(",\"password\":\"{PASSWORD}\""),
            };
            let device = match device {
                "default" => String::new(),
                other => format!(",\"device\":\"{other}\""),
            };
            let status = choice.of(&[
                "",
                "",
                ",\"status\":\"away\"",
                ",\"status\":\"invisible\"",
                ",\"deliver\":\"none\"",
            ]);
            format!("{{\"type\":\"register\",\"username\":\"{name}\"{proof}{device}{status}{id}}}")
        }
        7..=9 => {
            let how = choice.of(&["", "", ",\"ephemeral\":true"]);
            format!(
                "{{\"type\":\"privateMessage\",\"toUsername\":\"{name}\",\"message\":\"m\"{how}{id}}}"
            )
        }
        10 => format!("{{\"type\":\"typing\",\"toUsername\":\"{name}\"{id}}}"),
        11..=12 => {
            let status = choice.of(&["online", "away", "invisible"]);
            format!("{{\"type\":\"setStatus\",\"status\":\"{status}\"{id}}}")
        }
        13 => format!("{{\"type\":\"watch\",\"usernames\":[\"{name}\"]{id}}}"),
        14 => format!("{{\"type\":\"ping\"{id}}}"),
        15..=18 => account(choice, name, device, &id),
        _ if choice.once_in(3) => format!("{{\"type\":\"bye\"{id}}}"),
        _ if choice.once_in(2) => {
            format!("{{\"type\":\"markRead\",\"withUsername\":\"{name}\",\"seq\":1{id}}}")
        }
        _ => format!("{{\"type\":\"history\",\"withUsername\":\"{name}\"{id}}}"),
    }
}

fn account(choice: &mut Choice<'_>, name: &str, device: &str, id: &str) -> String {
    let more = match choice.below(6) {
        0 => format!("\"create\",\"username\":\"{name}\",\"password\":\"{PASSWORD}\""),
        1 => format!("\"setPassword\",\"password\":\"{PASSWORD}\""),
        2..=3 => "\"devices\"".into(),
        4 => format!("\"revokeDevice\",\"device\":\"{device}\""),
        _ => "\"export\"".into(),
    };
    format!("{{\"type\":\"account\",\"action\":{more}{id}}}")
}

/// Everything is answered, everybody leaves, and nothing remains.
fn leave(driver: &mut Driver) {
    driver.settle();
    while driver.is_asked() {
        driver.answer_all();
        driver.settle();
    }
    for id in driver.ends.keys().copied().collect::<Vec<_>>() {
        driver.ends[&id].far.end();
    }
    driver.settle();
    for _ in 0..5 {
        driver.advance(10_000);
        driver.settle();
        driver.answer_all();
    }
    assert_eq!(driver.engine.population(), (0, 0));
}

/// One line of each sort. Bob listens, on two devices.
const SORTS: [&str; 15] = [
    r#"{"type":"register","username":"Alice","password":"pw","device":"phone","id":1}"#,
    r#"{"type":"register","username":"alice","password":"pw","id":2}"#,
    r#"{"type":"register","username":"Alice","password":"wrong","id":3}"#,
    r#"{"type":"register","username":"Bob","password":"pw","device":"1","id":4}"#,
    r#"{"type":"register","username":"Alice","id":5}"#,
    r#"{"type":"account","action":"create","username":"Emil","password":"pw","id":6}"#,
    r#"{"type":"account","action":"devices","id":7}"#,
    r#"{"type":"account","action":"revokeDevice","device":"phone","id":8}"#,
    r#"{"type":"account","action":"setPassword","password":"pw","id":9}"#,
    r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":10}"#,
    r#"{"type":"typing","toUsername":"Bob","id":11}"#,
    r#"{"type":"watch","usernames":["Bob"],"id":12}"#,
    r#"{"type":"setStatus","status":"invisible","id":13}"#,
    r#"{"type":"bye","id":14}"#,
    "",
];

/// C20, E7. Sessions of up to four lines: sending, asking and leaving before, between and after proving a name.
#[test]
fn e7_every_short_session_agrees_with_the_reference() {
    let mut driver = Driver::new(true);
    let mut count = 0;
    for length in 1..=number("TEST_LENGTH").unwrap_or(4) {
        for mut index in 0..(SORTS.len() as u64).pow(length as u32) {
            if count % 500 == 0 {
                leave(&mut driver);
                driver = Driver::new(count % 1_000 == 0);
                for device in ["1", "2"] {
                    let bob = driver.connect();
                    driver.send(bob, &format!("{{\"type\":\"register\",\"username\":\"Bob\",\"password\":\"pw\",\"device\":\"{device}\"}}\n{{\"type\":\"watch\",\"usernames\":[\"Alice\"]}}\n"));
                    driver.settle();
                    driver.answer_all();
                    driver.settle();
                }
            }
            let alice = driver.connect();
            for _ in 0..length {
                let line = SORTS[(index % SORTS.len() as u64) as usize];
                index /= SORTS.len() as u64;
                match line {
                    "" => driver.ends[&alice].far.end(),
                    line => driver.send(alice, &format!("{line}\n")),
                }
            }
            for _ in 0..length {
                driver.readable(alice);
                driver.answer_all();
                driver.end_turn();
            }
            if driver.ends.contains_key(&alice) {
                driver.reset(alice);
                driver.readable(alice);
                driver.end_turn();
            }
            driver.advance(1_000);
            count += 1;
        }
    }
    println!("{count} sessions, {} lines as expected", driver.lines);
}

/// E1. Two connections prove the same device in one turn; whichever answer comes last has it, and nobody else.
#[test]
fn e1_races_for_one_device_have_one_winner() {
    for race in 0..1_000u64 {
        let mut driver = Driver::new(false);
        let ids = [driver.connect(), driver.connect(), driver.connect()];
        for id in ids {
            driver.send(
                id,
                "{\"type\":\"register\",\"username\":\"Alice\",\"password\":\"pw\",\"device\":\"phone\"}\n",
            );
            driver.readable(id);
        }
        for _ in ids {
            driver.answer_one();
        }
        let mut choice = Choice::Seed(race);
        while !driver.dones.is_empty() {
            driver.tell();
            if choice.once_in(2) {
                driver.end_turn();
            }
        }
        driver.settle();
        assert_eq!(driver.reference.sessions("alice").len(), 1);
        assert_eq!(driver.engine.population().1, 1);
        leave(&mut driver);
    }
}
