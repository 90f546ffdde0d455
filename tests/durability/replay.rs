//! Every state in which a power cut may leave the disk while a tape is played: after each thing that was done, with
//! nothing, all or some of what was not synced, and with the last write cut after each of its sectors.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use privmsgd::ops::exit::{Exit, StartError};

use crate::disk::{Disk, Fate, put};
use crate::house::Place;
use crate::random::Random;
use crate::tape::Op;

/// What a power cut spares of what was not synced.
#[derive(Clone, Copy, Debug)]
pub enum Spared {
    Nothing,
    All,
    /// Each by lot.
    Some(u64),
    /// All before the last, and so many bytes of that.
    Torn(usize),
    /// The same, and of those before it each by lot.
    SomeTorn(usize, u64),
}

/// Lots drawn for each point.
const LOTS: u64 = 3;
/// Failures that are told of at most.
const TOLD: usize = 5;

#[derive(Debug, Default)]
pub struct Outcome {
    pub points: usize,
    pub possible: usize,
    pub states: usize,
    pub failed: usize,
    pub told: Vec<String>,
}

pub struct Replay<'a> {
    pub disk: Disk,
    pub tape: &'a [Op],
    /// Where the tape was recorded.
    pub root: &'a Path,
    /// About how many states are looked at, evenly spread; 0: all.
    pub at_most: usize,
}

impl Replay<'_> {
    /// `judge` is given where the disk lies now and how much of the tape had been played.
    pub fn run(&self, judge: &mut dyn FnMut(&Path, usize) -> Result<(), String>) -> Outcome {
        let mut outcome = Outcome::default();
        self.each(&mut |_, _, _| outcome.possible += 1);
        let apart = match self.at_most {
            0 => 1,
            most => outcome.possible.div_ceil(most).max(1),
        };
        let place = in_memory();
        let (mut number, mut point) = (0_usize, usize::MAX);
        self.each(&mut |disk, played, spared| {
            number += 1;
            outcome.points += usize::from(point != played);
            point = played;
            if !number.is_multiple_of(apart) {
                return;
            }
            outcome.states += 1;
            put(&disk.after(|at| spared.fate(disk, at)), self.root, &place.0);
            if let Err(why) = judge(&place.0, played) {
                outcome.failed += 1;
                if outcome.told.len() < TOLD {
                    let after = played.checked_sub(1).map(|last| told(&self.tape[last]));
                    outcome
                        .told
                        .push(format!("after {played}, {after:?}, {spared:?}: {why}"));
                }
            }
        });
        outcome
    }

    fn each(&self, visit: &mut dyn FnMut(&Disk, usize, Spared)) {
        let mut disk = self.disk.clone();
        for played in 0..=self.tape.len() {
            if let Some(last) = played.checked_sub(1) {
                disk.apply(&self.tape[last]);
            }
            let is_write = played > 0 && matches!(self.tape[played - 1], Op::Write { .. });
            for spared in choices(&disk, is_write, played as u64) {
                visit(&disk, played, spared);
            }
        }
    }
}

fn choices(disk: &Disk, is_write: bool, salt: u64) -> Vec<Spared> {
    let mut choices = vec![Spared::All];
    if disk.pending() > 0 {
        choices.push(Spared::Nothing);
    }
    if disk.pending() > 1 {
        choices.extend((0..LOTS).map(|lot| Spared::Some(salt * LOTS + lot)));
    }
    if is_write {
        for bytes in disk.tears() {
            choices.push(Spared::Torn(bytes));
            if disk.pending() > 1 {
                choices.push(Spared::SomeTorn(bytes, salt ^ bytes as u64));
            }
        }
    }
    choices
}

impl Spared {
    fn fate(self, disk: &Disk, at: usize) -> Fate {
        let is_last = at + 1 == disk.pending();
        let by_lot = |seed: u64| match Random(seed.rotate_left(32) ^ at as u64).next() % 2 {
            0 => Fate::Kept,
            _ => Fate::Lost,
        };
        match self {
            Spared::Nothing => Fate::Lost,
            Spared::All => Fate::Kept,
            Spared::Torn(bytes) | Spared::SomeTorn(bytes, _) if is_last => Fate::Torn(bytes),
            Spared::Torn(_) => Fate::Kept,
            Spared::Some(seed) | Spared::SomeTorn(_, seed) => by_lot(seed),
        }
    }
}

/// Without the bytes.
fn told(op: &Op) -> String {
    match op {
        Op::Write { path, at, bytes } => {
            format!("{} bytes at {at} of {}", bytes.len(), path.display())
        }
        Op::Told { bytes, .. } => format!("told {} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// Between its fork and its exec, the child of another test may still hold the lock of a store that was just closed.
pub fn patiently<T>(mut open: impl FnMut() -> Result<T, StartError>) -> Result<T, StartError> {
    for _ in 0..1_000 {
        match open() {
            Err(error) if error.code == Exit::Unavailable => {
                thread::sleep(Duration::from_millis(1))
            }
            done => return done,
        }
    }
    open()
}

/// A directory where opening a store costs no disk.
fn in_memory() -> Place {
    let place = Place::new("states");
    let shm: PathBuf = Path::new("/dev/shm").join(place.0.file_name().expect("a name"));
    match fs::create_dir(&shm) {
        Ok(()) => Place(shm),
        Err(_) => place,
    }
}
