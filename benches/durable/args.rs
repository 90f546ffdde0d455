//! The benchmark's own arguments.

use std::path::PathBuf;
use std::time::Duration;

use crate::rows::{ROWS, Row};
use crate::server::{KINDS, Kind};
use crate::words::{list, one};

pub struct Args {
    /// Numbers of works, 1 to 6.
    pub works: Vec<u8>,
    /// Only the rows whose label holds this.
    pub only: String,
    pub servers: Vec<Kind>,
    pub rounds: usize,
    /// For how long each figure is taken.
    pub time: Duration,
    /// Messages of work 6.
    pub stored: u64,
    /// Devices of work 5.
    pub devices: u32,
    /// Another build than the one that Cargo just made.
    pub privmsgd: Option<PathBuf>,
}

impl Args {
    pub fn rows(&self) -> Vec<Row> {
        let wanted =
            |row: &&Row| self.works.contains(&row.number) && row.label.contains(self.only.as_str());
        ROWS.iter().filter(wanted).copied().collect()
    }
}

const USAGE: &str = "\
cargo bench --bench durable -- [--works 1,3] [--only '+1 ms'] [--servers privmsgd,redis,nats] [--rounds 5] [--seconds 3] [--devices 5000] [--stored 1000000] [--privmsgd PATH]
works 1 to 6 are explained in benches/README.md";

/// `Err`: what to print instead.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        works: (1..=6).collect(),
        only: String::new(),
        servers: KINDS.to_vec(),
        rounds: 5,
        time: Duration::from_secs(3),
        stored: 1_000_000,
        devices: 5_000,
        privmsgd: None,
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
            "--stored" => args.stored = one(&value()?, wrong)?,
            "--devices" => args.devices = one(&value()?, wrong)?,
            "--privmsgd" => args.privmsgd = Some(value()?.into()),
            _ => return Err(wrong("")),
        }
    }
    Ok(args)
}
