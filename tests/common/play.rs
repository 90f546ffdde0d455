//! The fenced `wire` blocks of a document, read and played. protocol.md says what each line means.

use std::collections::HashMap;

use super::pattern::{self, Bindings};
use super::{Chunking, Client, Setup, Stage};

/// One fenced block.
#[derive(Debug)]
pub struct Block {
    /// File and line, for messages to people.
    pub place: String,
    /// `key=value` pairs after the word `wire`: keys of the configuration of the daemon that plays.
    pub keys: Vec<(String, String)>,
    /// In mailbox mode, with the accounts of [`ACCOUNTS`].
    pub mailbox: bool,
    pub steps: Vec<Step>,
}

/// One line of a block. The first string is the connection.
#[derive(Debug, PartialEq)]
pub enum Step {
    Connects(String),
    Registers(String, String, Option<String>),
    Sends(String, Vec<u8>),
    EndsInput(String),
    Resets(String),
    Answers(String, String),
    Closes(String),
}

/// Who has an account in blocks of mailbox mode.
pub const ACCOUNTS: [&str; 3] = ["Alice", "Bob", "Carol"];

impl Block {
    /// The daemon that plays this block.
    pub fn setup(&self) -> Setup {
        let setup = match self.mailbox {
            true => Setup::new().accounts(&ACCOUNTS),
            false => Setup::new(),
        };
        self.keys
            .iter()
            .fold(setup, |setup, (path, value)| setup.key(path, value))
    }
}

/// All `wire` blocks of a document.
pub fn blocks(file: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) if info.split_whitespace().next() == Some("wire") => {
                let words = || info.split_whitespace().skip(1);
                let keys = words().filter_map(|pair| pair.split_once('='));
                let path = |key: &str| match key.contains('.') {
                    true => key.to_owned(),
                    false => format!("limits.{key}"),
                };
                let keys = keys.map(|(key, value)| (path(key), value.into())).collect();
                open = Some(Block {
                    place,
                    keys,
                    mailbox: words().any(|word| word == "mailbox"),
                    steps: Vec::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block
                .steps
                .extend(step(line).unwrap_or_else(|why| panic!("{place}: {why}: {line}"))),
            _ => {}
        }
    }
    assert!(open.is_none(), "{file}: a wire block has no end");
    blocks
}

fn step(line: &str) -> Result<Option<Step>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = if line.len() == 2 {
        format!("{line} ")
    } else {
        line.to_owned()
    };
    let (who, what) = line.split_once(": ").ok_or("neither `A: …` nor `S→A: …`")?;
    let from_server = who.strip_prefix("S→");
    let who = from_server.unwrap_or(who).to_owned();
    if who.len() != 1 || !who.as_bytes()[0].is_ascii_uppercase() || who == "S" {
        return Err("a connection is one capital letter other than S");
    }
    let action = what
        .strip_prefix('(')
        .and_then(|what| what.strip_suffix(')'));
    let step = match (from_server, action) {
        (Some(_), Some("closes")) => Step::Closes(who),
        (Some(_), Some(_)) => return Err("the server only (closes)"),
        (Some(_), None) => Step::Answers(who, what.into()),
        (None, Some("connects")) => Step::Connects(who),
        (None, Some("ends input")) => Step::EndsInput(who),
        (None, Some("resets")) => Step::Resets(who),
        (None, Some(action)) => other_action(who, action)?,
        (None, None) => Step::Sends(who, format!("{what}\n").into_bytes()),
    };
    Ok(Some(step))
}

fn other_action(who: String, action: &str) -> Result<Step, &'static str> {
    if let Some(name) = action.strip_prefix("registers as ") {
        let (name, device) = match name.split_once(" on ") {
            Some((name, device)) => (name, Some(device.into())),
            None => (name, None),
        };
        return Ok(Step::Registers(who, name.into(), device));
    }
    if let Some((count, letter)) = action.split_once(" times ") {
        let count = count.parse().map_err(|_| "how many times?")?;
        return Ok(Step::Sends(who, letter.repeat(count).into_bytes()));
    }
    let octets = action.strip_prefix("bytes ").ok_or("unknown action")?;
    let octets = octets
        .split(' ')
        .map(|octet| u8::from_str_radix(octet, 16))
        .collect::<Result<Vec<u8>, _>>();
    Ok(Step::Sends(
        who,
        octets.map_err(|_| "bytes are written in hexadecimal")?,
    ))
}

/// Plays one block against a fresh daemon. When the steps are through, nothing more may come on any connection.
pub fn play(block: &Block, chunking: Chunking) {
    let stage = Stage::new(&block.setup(), chunking);
    play_with(block, chunking, &|who| stage.dial(who));
}

/// The same against a server that `dial` connects to.
pub fn play_with(block: &Block, chunking: Chunking, dial: &dyn Fn(&str) -> Client) {
    eprintln!("--- {} ({chunking:?})", block.place);
    let mut player = Player {
        dial,
        mailbox: block.mailbox,
        clients: HashMap::new(),
        bindings: Bindings::new(),
        held: None,
    };
    for step in &block.steps {
        player.step(step);
    }
    player.flush();
    let mut clients: Vec<_> = player.clients.into_iter().collect();
    clients.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, mut client) in clients {
        client.expect_nothing();
    }
}

struct Player<'a> {
    dial: &'a dyn Fn(&str) -> Client,
    mailbox: bool,
    clients: HashMap<String, Client>,
    bindings: Bindings,
    /// Lines of one connection that are sent together: all until something else happens.
    held: Option<(String, Vec<u8>)>,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) {
        if let Step::Sends(who, bytes) = step {
            return self.hold(who, bytes);
        }
        self.flush();
        match step {
            Step::Connects(who) => drop(self.clients.insert(who.clone(), (self.dial)(who))),
            Step::Registers(who, name, device) => {
                let mut client = (self.dial)(who);
                client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
                match self.mailbox {
                    true => client.prove(name, device.as_deref()),
                    false => drop(client.register(name)),
                }
                self.clients.insert(who.clone(), client);
            }
            Step::Sends(..) => {}
            Step::EndsInput(who) => self.client(who).half_close(),
            Step::Resets(who) => self.clients.remove(who).expect("connected").reset(),
            Step::Answers(who, pattern) => {
                let client = self
                    .clients
                    .get_mut(who)
                    .unwrap_or_else(|| panic!("{who} is not connected"));
                client.expect_with(pattern, &mut self.bindings);
            }
            Step::Closes(who) => {
                self.client(who).expect_closed();
                self.clients.remove(who);
            }
        }
    }

    fn hold(&mut self, who: &str, bytes: &[u8]) {
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => pattern::fill(text, &self.bindings).into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        if self.held.as_ref().is_some_and(|(holder, _)| holder != who) {
            self.flush();
        }
        self.held
            .get_or_insert_with(|| (who.into(), Vec::new()))
            .1
            .extend(bytes);
    }

    fn flush(&mut self) {
        if let Some((who, bytes)) = self.held.take() {
            self.client(&who).send_bytes(&bytes);
        }
    }

    fn client(&mut self, who: &str) -> &mut Client {
        self.clients
            .get_mut(who)
            .unwrap_or_else(|| panic!("{who} is not connected"))
    }
}
