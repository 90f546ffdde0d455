//! protocol.md and README.md say what the daemon does: every example is played, every word and limit is there.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Block, Chunking, Step, blocks, play};
use privmsgd::config::{AccountsConfig, Limits, MailboxConfig};
use privmsgd::wire::code::{Code, Goodbye, Mode, Status, Verb};
use privmsgd::wire::frame::{FRAME_OVERHEAD, examples};

const PROTOCOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/protocol.md");

fn protocol() -> String {
    fs::read_to_string(PROTOCOL).expect("protocol.md")
}

/// The blocks of both documents; README.md need not exist.
fn all_blocks() -> Vec<Block> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let mut all = blocks("protocol.md", &protocol());
    all.extend(blocks(
        "README.md",
        &fs::read_to_string(readme).unwrap_or_default(),
    ));
    all
}

/// The text from the heading that begins with `heading` to the next one of its level.
fn section(heading: &str) -> String {
    let text = protocol();
    let level = heading.split(' ').next().expect("a heading").to_owned() + " ";
    let lines = text.lines().skip_while(|line| !line.starts_with(heading));
    let mut lines = lines.peekable();
    assert!(lines.peek().is_some(), "no section {heading}");
    let first = lines.next().map(str::to_owned);
    let rest = lines
        .take_while(|line| !line.starts_with(&level))
        .map(str::to_owned);
    first.into_iter().chain(rest).collect::<Vec<_>>().join("\n")
}

/// The rows of a section's tables as cells.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| {
        line.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    });
    cells.collect()
}

fn has_row(section: &str, first_cell: &str) -> bool {
    rows(section).iter().any(|row| row[0] == first_cell)
}

#[test]
fn every_example_is_played_whole() {
    all_blocks()
        .iter()
        .for_each(|block| play(block, Chunking::Whole));
}

#[test]
fn every_example_is_played_line_by_line() {
    all_blocks()
        .iter()
        .for_each(|block| play(block, Chunking::Line));
}

#[test]
fn every_example_is_played_byte_by_byte() {
    all_blocks()
        .iter()
        .for_each(|block| play(block, Chunking::Byte));
}

#[test]
fn every_command_has_a_section_an_example_and_a_row() {
    let (commands, not_in_open_mode) = (section("## 6. "), section("### 6.11 "));
    let sent = all_blocks()
        .into_iter()
        .flat_map(|block| block.steps)
        .filter_map(|step| match step {
            Step::Sends(_, bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        });
    let sent: Vec<String> = sent.collect();
    for verb in Verb::ALL {
        let word = verb.as_str();
        let is_open = examples(Mode::Open).any(|(known, _)| known == *verb);
        assert_eq!(
            not_in_open_mode.contains(&format!("`{word}`")),
            !is_open,
            "{word} in 6.11"
        );
        assert!(
            commands.contains(&format!(" `{word}`\n\n**Purpose.**")),
            "{word} has no section"
        );
        let mut first_cells = rows(&commands).into_iter().map(|row| row[0].clone());
        assert!(
            first_cells.any(|cell| cell.contains(&format!("`{word}`"))),
            "{word} has no row"
        );
        let start = format!("{{\"type\":\"{word}\"");
        assert!(
            sent.iter().any(|line| line.starts_with(&start)),
            "{word} has no example"
        );
    }
}

#[test]
fn every_command_s_section_has_the_same_parts_in_the_same_order() {
    let commands = section("## 6. ");
    for part in commands
        .split("\n### ")
        .skip(1)
        .filter(|part| part.contains("**Purpose.**"))
    {
        let places = ["Purpose", "Sent by", "Form", "Fields", "Replies", "Errors"].map(|name| {
            part.find(&format!("**{name}.**"))
                .unwrap_or_else(|| panic!("no {name} in {part}"))
        });
        assert!(places.is_sorted(), "{part}");
        let form = part
            .lines()
            .find_map(|line| line.strip_prefix("**Form.** `")?.strip_suffix('`'));
        let form: serde_json::Value =
            serde_json::from_str(form.expect("a form")).expect("a form is JSON");
        let word = form["type"]
            .as_str()
            .and_then(Verb::parse)
            .expect("a form is a command");
        let example = examples(Mode::Mailbox)
            .find(|(verb, _)| *verb == word)
            .expect("an example");
        assert!(part.contains(word.as_str()), "{}", example.1);
    }
}

#[test]
fn every_frame_has_a_row_and_an_example() {
    let answered: BTreeSet<String> = all_blocks()
        .into_iter()
        .flat_map(|block| block.steps)
        .filter_map(|step| match step {
            Step::Answers(_, line) => Some(line.split('"').nth(3)?.to_owned()),
            _ => None,
        })
        .collect();
    let table: BTreeSet<String> = rows(&section("## 7. "))
        .into_iter()
        .filter_map(|row| Some(row[0].strip_prefix('`')?.strip_suffix('`')?.to_owned()))
        .filter(|word| word != "type")
        .collect();
    let frames = [
        "accepted",
        "conversation",
        "device",
        "done",
        "errorMessage",
        "exported",
        "goodbye",
        "hello",
        "help",
        "messageChanged",
        "ok",
        "ping",
        "pong",
        "presence",
        "privateMessage",
        "readElsewhere",
        "receipt",
        "registered",
        "sessionNotice",
        "synced",
        "typing",
    ];
    assert_eq!(table, frames.map(str::to_owned).into());
    // A heartbeat takes too long for an example.
    let unseen: Vec<_> = table.difference(&answered).collect();
    assert_eq!(unseen, ["ping"]);
}

#[test]
fn every_code_has_a_row() {
    let (errors, endings, frames) = (section("## 8. "), section("## 12. "), section("## 7. "));
    for code in Code::ALL {
        let row = rows(&errors)
            .into_iter()
            .find(|row| row[0] == format!("`{}`", code.as_str()));
        let row = row.unwrap_or_else(|| panic!("no row for {}", code.as_str()));
        assert_eq!(row[2] == "client*", code.bad_line(), "{row:?}");
        assert_eq!(row[4] == "yes, later", code.retryable(), "{row:?}");
    }
    for code in Goodbye::ALL {
        let row = rows(&endings)
            .into_iter()
            .find(|row| row[0] == format!("`{}`", code.as_str()));
        let row = row.unwrap_or_else(|| panic!("no row for {}", code.as_str()));
        assert_eq!(row[2], code.reconnect().to_string(), "{row:?}");
    }
    for status in Status::ALL {
        assert!(
            frames.contains(&format!("`{}`", status.as_str())),
            "{}",
            status.as_str()
        );
    }
    assert_eq!(rows(&errors).len(), Code::ALL.len() + 2, "a row too many");
    assert_eq!(
        rows(&endings).len(),
        Goodbye::ALL.len() + 2,
        "a row too many"
    );
}

/// `65536` as `65,536`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Key and default of every limit that a client can meet. A new limit does not compile here until somebody decided.
fn limits_a_client_meets() -> Vec<(&'static str, String)> {
    macro_rules! met {
        ($($key:ident),+; unseen: $($unseen:ident),+) => {{
            let Limits { $($key,)+ $($unseen: _,)+ } = Limits::default();
            vec![$((stringify!($key), shown(&format!("{:?}", $key)))),+]
        }};
    }
    met! {
        max_connections, max_connections_per_address, new_connections_per_address, max_line_bytes,
        max_unregistered_line_bytes, max_skipped_bytes, line_timeout_ms, register_timeout_ms,
        crowded_register_timeout_ms, register_tries, queue_soft_bytes, queue_hard_bytes,
        unregistered_queue_bytes, total_queue_bytes, stall_timeout_ms, commands_per_second, command_burst,
        limit_local_peers, max_errors, max_pending_commands, delivery_queue_bytes, last_delivery_ms, max_send_only, max_watched, max_watchers, presence_interval_ms,
        claim_notice_interval_ms, linger_ms, linger_bytes, drain_timeout_ms, keepalive, user_timeout_ms,
            notsent_lowat_bytes;
            unseen: accepts_per_turn, read_budget_bytes, max_fetches
    }
}

/// The same of `[accounts]`.
fn account_keys_a_client_meets() -> Vec<(&'static str, String)> {
    let AccountsConfig {
        signup_open,
        reserved_names: _,
        max_devices,
        plaintext_credentials,
        tries_per_minute,
        max_penalty_ms,
        password_memory_kib: _,
        password_passes: _,
        password_queue,
        token_keys: _,
        token_audience: _,
        token_creates: _,
    } = AccountsConfig::default();
    let signup = if signup_open { "open" } else { "closed" };
    vec![
        ("signup", signup.into()),
        ("max_devices", shown(&max_devices.to_string())),
        ("plaintext_credentials", plaintext_credentials.to_string()),
        ("tries_per_minute", shown(&tries_per_minute.to_string())),
        ("max_penalty_ms", shown(&max_penalty_ms.to_string())),
        ("password_queue", shown(&password_queue.to_string())),
    ]
}

/// The same of `[mailbox]`.
fn mailbox_keys_a_client_meets() -> Vec<(&'static str, String)> {
    let mailbox = MailboxConfig::default();
    let durability = if mailbox.fsync { "fsync" } else { "os" };
    let number = |number: u64| shown(&number.to_string());
    vec![
        ("durability", durability.into()),
        ("max_waiting", number(mailbox.max_waiting.into())),
        ("max_waiting_bytes", number(mailbox.max_waiting_bytes)),
        ("retention_days", number(mailbox.retention_days.into())),
        ("max_relations", number(mailbox.max_relations.into())),
        ("max_jobs", number(mailbox.max_jobs.into())),
        ("max_job_bytes", number(mailbox.max_job_bytes)),
    ]
}

/// A default as the table shows it: `65536` as `65,536`, lists without brackets.
fn shown(value: &str) -> String {
    value
        .parse()
        .map_or_else(|_| value.trim_matches(['[', ']']).to_owned(), grouped)
}

#[test]
fn every_limit_stands_in_limits_with_its_default() {
    let limits = section("## 10. ");
    let met = [
        limits_a_client_meets(),
        account_keys_a_client_meets(),
        mailbox_keys_a_client_meets(),
    ]
    .concat();
    for (key, default) in &met {
        let row = rows(&limits)
            .into_iter()
            .find(|row| row.get(1) == Some(&format!("`{key}`")));
        let row = row.unwrap_or_else(|| panic!("no row for {key}"));
        assert_eq!(&row[2], default, "{key}");
    }
    let keys = rows(&limits)
        .into_iter()
        .filter(|row| row.len() == 3 && row[1].starts_with('`'));
    assert_eq!(keys.count(), met.len(), "a key too many");
    assert!(limits.contains(&format!(
        "`limits.maxLineBytes` + {}",
        grouped(FRAME_OVERHEAD as u64)
    )));
    assert!(has_row(&limits, "default port"));
}

#[test]
fn every_limit_named_anywhere_is_a_row_of_limits() {
    let (text, limits) = (protocol(), section("## 10. "));
    let words = text.split('`').skip(1).step_by(2).filter(|word| {
        word.contains('_') && word.chars().all(|c| c == '_' || c.is_ascii_lowercase())
    });
    for word in words {
        let known = rows(&limits)
            .iter()
            .any(|row| row.get(1) == Some(&format!("`{word}`")));
        assert!(known, "`{word}` is not a limit");
    }
}

#[test]
fn the_schema_is_json_and_names_every_word() {
    let appendix = section("## B. ");
    let json = appendix
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a schema");
    let schema: serde_json::Value = serde_json::from_str(json).expect("the schema is JSON");
    let words = |name: &str| -> Vec<String> {
        let list = schema["$defs"][name]["enum"]
            .as_array()
            .unwrap_or_else(|| panic!("no {name}"));
        list.iter()
            .filter_map(|word| Some(word.as_str()?.to_owned()))
            .collect()
    };
    let expected = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words("verb"),
        expected(Verb::ALL.iter().map(|verb| verb.as_str()).collect())
    );
    assert_eq!(
        words("errorCode"),
        expected(Code::ALL.iter().map(|code| code.as_str()).collect())
    );
    assert_eq!(
        words("goodbyeCode"),
        expected(Goodbye::ALL.iter().map(|code| code.as_str()).collect())
    );
    for part in json.split("\"$ref\": \"#/$defs/").skip(1) {
        let name = part.split('"').next().expect("a reference");
        assert!(
            schema["$defs"].get(name).is_some(),
            "the schema refers to {name}"
        );
    }
}

/// Words only: how a sentence is broken into lines or marked as an item does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The quotes of a test file: its comment lines that begin with `>`, each run of them one quote.
fn quotes(text: &str) -> Vec<String> {
    let mut quotes: Vec<String> = Vec::new();
    let mut going_on = false;
    for line in text.lines() {
        let quoted = line.trim_start().strip_prefix("/// > ");
        match (quoted, going_on) {
            (Some(more), true) => *quotes.last_mut().expect("one was begun") += &format!(" {more}"),
            (Some(first), false) => quotes.push(first.into()),
            (None, _) => {}
        }
        going_on = quoted.is_some();
    }
    quotes
}

#[test]
fn every_sentence_that_a_test_quotes_stands_in_protocol() {
    let protocol = flat(&protocol());
    let mut count = 0;
    for dir in ["tests", "tests/decisions", "tests/mailbox"] {
        let dir =
            fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + dir).expect("tests");
        for path in dir
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
        {
            for quote in quotes(&fs::read_to_string(&path).unwrap_or_default()) {
                count += 1;
                let place = path.display();
                assert!(
                    protocol.contains(&flat(&quote)),
                    "{place} quotes what protocol.md does not say: {quote}"
                );
            }
        }
    }
    assert!(count > 40, "only {count} quotes");
}
