//! Plays one check: a script, line by line, against the server.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::book::{Check, How, Step, What};
use crate::conn::{Conn, NoLine};
use crate::identity::{Cast, Proof, cast};
use crate::pattern::{self, Bindings};
use crate::proxy::{self, Fault};
use crate::server::{Server, greeted};

/// Why a check was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    OtherMode,
    OtherLimit,
    NoAccounts,
}

pub enum Outcome {
    Holds,
    Fails(String),
    Skipped(Why),
}

/// `number`: no other check of this run has the same.
pub fn play(server: &Server, check: &Check, number: usize) -> Outcome {
    if !server.is_of(check.mode) {
        return Outcome::Skipped(Why::OtherMode);
    }
    if !check.needs.iter().all(|need| server.meets(need)) {
        return Outcome::Skipped(Why::OtherLimit);
    }
    let seed = server.seed.wrapping_mul(10_000).wrapping_add(number as u64);
    let played = match &check.how {
        How::Code(code) => code(server, seed),
        How::Script(steps) => {
            let suffix = format!("{:03}{number:03}", server.seed % 1_000);
            match cast(server, &suffix, seed) {
                Ok(Some(cast)) => Player::new(server, cast, suffix, seed).play(steps),
                Ok(None) => return Outcome::Skipped(Why::NoAccounts),
                Err(why) => Err(why),
            }
        }
    };
    match played {
        Ok(()) => Outcome::Holds,
        Err(why) => Outcome::Fails(why),
    }
}

struct Player<'a> {
    server: &'a Server,
    cast: Cast,
    suffix: String,
    seed: u64,
    conns: BTreeMap<char, (Conn, Value)>,
    bindings: Bindings,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, cast: Cast, suffix: String, seed: u64) -> Self {
        Player {
            server,
            cast,
            suffix,
            seed,
            conns: BTreeMap::new(),
            bindings: Bindings::new(),
        }
    }

    fn play(mut self, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            self.step(step)
                .map_err(|why| format!("at {}: {}: {why}", step.who, step.text))?;
        }
        let left: Vec<char> = self.conns.keys().copied().collect();
        for who in left {
            self.nothing(who)
                .map_err(|why| format!("at the end, {who}: {why}"))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let who = step.who;
        match &step.what {
            What::Connects { greeted, through } => self.connect(who, *greeted, through),
            What::Proves {
                name,
                fields,
                through,
                reads,
            } => self.prove(who, name, fields, through, *reads),
            What::Sends { times, line } => self.send_lines(who, times, line),
            What::Bytes(bytes) => self.conn(who)?.send(bytes),
            What::Letters { times, letter } => {
                let times = self.number(times)?;
                self.conn(who)?
                    .send(letter.repeat(times as usize).as_bytes())
            }
            What::EndsInput => {
                self.conn(who)?.end_input();
                Ok(())
            }
            What::Resets => {
                if let Some((conn, _)) = self.conns.remove(&who) {
                    conn.reset();
                }
                Ok(())
            }
            What::Forgotten => {
                let forgotten = self.conns.remove(&who);
                // It stays open as long as the process.
                std::mem::forget(forgotten);
                Ok(())
            }
            What::Waits(ms) => {
                thread::sleep(Duration::from_millis(self.number(ms)?));
                Ok(())
            }
            What::Gets {
                times,
                later,
                pattern,
            } => self.gets(who, times, *later, pattern),
            What::Closes => self.closes(who),
            What::Nothing => self.nothing(who),
        }
    }

    fn connect(&mut self, who: char, reads: bool, through: &str) -> Result<(), String> {
        let address = match Fault::parse(through) {
            None => self.server.address,
            Some(fault) => proxy::open(self.server.address, fault, self.seed)
                .map_err(|error| error.to_string())?,
        };
        let opened = match reads {
            true => greeted(address)?,
            false => {
                let conn = Conn::dial(address).map_err(|error| error.to_string())?;
                (conn, Value::Null)
            }
        };
        self.conns.insert(who, opened);
        Ok(())
    }

    fn prove(
        &mut self,
        who: char,
        name: &str,
        fields: &str,
        through: &str,
        reads: bool,
    ) -> Result<(), String> {
        if !self.conns.contains_key(&who) {
            self.connect(who, true, through)?;
        }
        let (real, proof) = match self.cast.get(name) {
            Some((real, proof)) => (real.clone(), proof.clone()),
            None => (format!("{name}{}", self.suffix), Proof::None),
        };
        let fields = self.filled(&format!("{fields}}}"));
        let (conn, hello) = self.conns.get_mut(&who).ok_or("is not connected")?;
        let proof = match fields.contains("\"resumeToken\"") {
            true => String::new(),
            false => proof.fields(&real, hello),
        };
        conn.send(
            format!("{{\"type\":\"register\",\"username\":\"{real}\"{proof}{fields}\n").as_bytes(),
        )?;
        if !reads {
            return Ok(());
        }
        self.gets(who, "1", false, r#"{"type":"registered","username":"…",…}"#)?;
        match self.server.has_mailboxes() && !fields.contains("\"none\"") {
            true => self.gets(who, "1", false, r#"{"type":"synced","pos":…}"#),
            false => Ok(()),
        }
    }

    fn send_lines(&mut self, who: char, times: &str, line: &str) -> Result<(), String> {
        let times = self.number(times)?;
        let line = self.repeated(&self.filled(line))?;
        let mut bytes = Vec::new();
        for number in 1..=times {
            let line = match times {
                1 => line.clone(),
                _ => line.replace('#', &number.to_string()),
            };
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        self.conn(who)?.send(&bytes)
    }

    fn gets(&mut self, who: char, times: &str, later: bool, pattern: &str) -> Result<(), String> {
        let times = self.number(times)?;
        let pattern = self.repeated(&self.renamed(pattern))?;
        for number in 1..=times {
            let pattern = match times {
                1 => pattern.clone(),
                _ => pattern.replace('#', &number.to_string()),
            };
            loop {
                let line = self
                    .conn(who)?
                    .line()
                    .map_err(|why| why.as_str().to_owned())?;
                match pattern::check(&pattern, &line, &mut self.bindings) {
                    Ok(()) => break,
                    Err(_) if later => {}
                    Err(_) => return Err(format!("got {line}")),
                }
            }
        }
        Ok(())
    }

    fn closes(&mut self, who: char) -> Result<(), String> {
        let ended = self.conn(who)?.line();
        self.conns.remove(&who);
        match ended {
            Err(NoLine::Closed) => Ok(()),
            Ok(line) => Err(format!("got {line}")),
            Err(why) => Err(why.as_str().into()),
        }
    }

    fn nothing(&mut self, who: char) -> Result<(), String> {
        let conn = self.conn(who)?;
        conn.send(b"{\"type\":\"ping\",\"id\":\"fence\"}\n")?;
        match conn.line() {
            Ok(line) if line.starts_with("{\"type\":\"pong\",\"id\":\"fence\"") => Ok(()),
            Ok(line) => Err(format!("nothing should come, but {line}")),
            Err(why) => Err(format!("no answer to a ping: {}", why.as_str())),
        }
    }

    fn conn(&mut self, who: char) -> Result<&mut Conn, String> {
        let conn = self.conns.get_mut(&who);
        conn.map(|(conn, _)| conn)
            .ok_or_else(|| "is not connected".into())
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        self.server
            .number(text)
            .ok_or_else(|| format!("how much is {text}?"))
    }

    fn filled(&self, text: &str) -> String {
        pattern::fill(&self.renamed(text), &self.bindings)
    }

    /// `%(3*ab)` is `ababab`.
    fn repeated(&self, text: &str) -> Result<String, String> {
        let Some((before, rest)) = text.split_once("%(") else {
            return Ok(text.to_owned());
        };
        let parts = rest.split_once('*').and_then(|(times, rest)| {
            let (letters, after) = rest.split_once(')')?;
            Some((times, letters, after))
        });
        let (times, letters, after) = parts.ok_or("what is repeated?")?;
        let letters = letters.repeat(self.number(times)? as usize);
        Ok(format!("{before}{letters}{}", self.repeated(after)?))
    }

    /// With the names of this check's people; `¤` stands for what follows any name.
    fn renamed(&self, text: &str) -> String {
        let mut text = text.replace('¤', &self.suffix);
        for (role, (real, _)) in &self.cast {
            let lower = (role.to_lowercase(), real.to_lowercase());
            let upper = (role.to_uppercase(), real.to_uppercase());
            text = text.replace(role, real);
            text = text.replace(&lower.0, &lower.1).replace(&upper.0, &upper.1);
        }
        text
    }
}
