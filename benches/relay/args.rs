//! The benchmark's own arguments.

use std::path::PathBuf;
use std::time::Duration;

use crate::rows::{WORKS, Work};
use crate::server::{KINDS, Kind};
use crate::words::{list, one};

pub struct Args {
    /// Numbers of works, 1 to 8.
    pub works: Vec<u8>,
    /// Only the rows whose label holds this.
    pub only: String,
    pub servers: Vec<Kind>,
    pub rounds: usize,
    /// For how long each figure is taken.
    pub time: Duration,
    /// Another build than the one that Cargo just made.
    pub privmsgd: Option<PathBuf>,
    /// Measures Redis with its own tool too.
    pub tool: bool,
    /// Only draws the picture from the figures of the last run.
    pub draw: bool,
}

impl Args {
    pub fn rows(&self) -> Vec<Work> {
        let wanted = |work: &&Work| {
            self.works.contains(&work.number) && work.label.contains(self.only.as_str())
        };
        WORKS.iter().filter(wanted).copied().collect()
    }
}

const USAGE: &str = "\
cargo bench --bench relay -- [--works 1,3] [--only '100 B'] [--servers privmsgd,floor,nats] [--rounds 5] [--seconds 2] [--privmsgd PATH] [--tool] [--draw]
works 1 to 9 are explained in benches/README.md";

/// `Err`: what to print instead.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        works: (1..=9).collect(),
        only: String::new(),
        servers: KINDS.to_vec(),
        rounds: 5,
        time: Duration::from_secs(2),
        privmsgd: None,
        tool: false,
        draw: false,
    };
    // Cargo says what it runs.
    let mut words = words.filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value\n{USAGE}"));
        let wrong = |value: &str| format!("{word} {value} is not understood\n{USAGE}");
        match word.as_str() {
            "--works" => args.works = list(&value()?, wrong, |text| text.parse().ok())?,
            "--only" => args.only = value()?,
            "--servers" => {
                args.servers = list(&value()?, wrong, |text| {
                    KINDS.into_iter().find(|kind| kind.name() == text)
                })?
            }
            "--rounds" => args.rounds = one(&value()?, wrong)?,
            "--seconds" => args.time = Duration::from_secs_f64(one(&value()?, wrong)?),
            "--privmsgd" => args.privmsgd = Some(value()?.into()),
            "--tool" => args.tool = true,
            "--draw" => args.draw = true,
            _ => return Err(wrong("")),
        }
    }
    Ok(args)
}
