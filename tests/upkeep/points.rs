//! A4: the power fails while a store is made, brought to another version, written back, copied or brought back. What is
//! found is what was before or what is to be; only a restore may have to be done again, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use privmsgd::ops::exit::Exit;
use privmsgd::store::{DATABASE, How, Store, Summary, check, restore};
use privmsgd::upkeep::Restore;

use crate::disk::{Disk, Fate, put};
use crate::house::{Place, T, filled, served, text};
use crate::power;
use crate::replay::{Outcome, Replay, patiently};
use crate::tape::{self, Op};

/// States of each point that CI looks at; the long run looks at all.
const STATES: usize = if cfg!(feature = "long-tests") { 0 } else { 600 };
const AT_LEAST: usize = 200;
/// Changes between two of the power cuts on a real file system.
const CUTS_APART: usize = if cfg!(feature = "long-tests") { 1 } else { 3 };
/// What changes the disk.
const CHANGES: [&str; 9] = [
    "mkdir",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "unlink",
    "copy_file_range",
];

type Judged = Result<(), String>;

/// A subcommand that was recorded, with all that it may change below one directory.
struct Point {
    place: Place,
    line: String,
    disk: Disk,
    tape: Vec<Op>,
}

impl Point {
    /// `prepare` fills the directory; ROOT in `line` is its path.
    fn record(line: &str, prepare: impl FnOnce(&Path)) -> Point {
        let place = Place::new("point");
        let root = place.path("root");
        make_dir(&root);
        prepare(&root);
        let disk = Disk::of(&root);
        let record = place.path("record");
        fs::write(place.path("input"), "correct horse\n").expect("write");
        let mut point = Point {
            place,
            line: line.into(),
            disk,
            tape: Vec::new(),
        };
        let done = point.run(&tape::recorder(&record), &root);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{line}: {told}");
        point.tape = tape::read(&record, &root);
        point
    }

    /// Once more, on what is below `root`.
    fn run(&self, under: &[String], root: &Path) -> Output {
        let line = self.line.replace("ROOT", &root.display().to_string());
        Command::new(&under[0])
            .args(&under[1..])
            .arg(env!("CARGO_BIN_EXE_privmsgd"))
            .args(line.split(' '))
            .env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64")
            .env_remove("RUNTIME_DIRECTORY")
            .stdin(fs::File::open(self.place.path("input")).expect("open"))
            .output()
            .expect("strace runs")
    }

    /// The same on an ext4 whose power is cut: the process is killed as it makes each of its changes.
    fn is_cut(&self, judge: &mut dyn FnMut(&Path, bool) -> Judged) {
        let from = self.place.path("root");
        let disk = power::Disk::make(&self.place.path("disk"));
        let root = self.place.path("disk").canonicalize().expect("a directory");
        let mut cuts = 0;
        for call in CHANGES {
            for nth in (1..).step_by(CUTS_APART) {
                put(&self.disk.after(|_| Fate::Kept), &from, &root);
                disk.settle();
                let done = self.run(&killed(call, nth), &root).status.success();
                disk.cut();
                disk.mount_again();
                if done {
                    break;
                }
                let judged = judge(&root, false);
                assert!(judged.is_ok(), "{}: {call} {nth}: {judged:?}", self.line);
                cuts += 1;
            }
        }
        println!("{}: {cuts} power cuts: old or new", self.line);
        assert!(cuts > 5);
    }

    /// `judge` is given the directory and whether the subcommand had succeeded.
    fn replay(&self, judge: &mut dyn FnMut(&Path, bool) -> Judged) -> Outcome {
        let root = self.place.path("root");
        let replay = Replay {
            disk: self.disk.clone(),
            tape: &self.tape,
            root: &root,
            at_most: STATES,
        };
        replay.run(&mut |dir, played| judge(dir, played == self.tape.len()))
    }

    #[track_caller]
    fn survives(&self, judge: &mut dyn FnMut(&Path, bool) -> Judged) {
        let outcome = self.replay(judge);
        println!(
            "{} of {} states after {} calls: {} are neither old nor new",
            outcome.states,
            outcome.possible,
            self.tape.len(),
            outcome.failed
        );
        assert_eq!(outcome.failed, 0, "{:#?}", outcome.told);
        assert!(outcome.states >= AT_LEAST, "{outcome:?}");
        self.is_cut(judge);
    }

    /// On a file system where the sync of a directory does nothing.
    fn without_names(mut self) -> Point {
        let root = self.place.path("root");
        let is_dir = |path: &Path| path == root || path == root.join("data");
        self.tape
            .retain(|op| !matches!(op, Op::Sync(path) if is_dir(path)));
        self
    }
}

/// The end of a process with the nth such call, before it is done.
fn killed(call: &str, nth: usize) -> Vec<String> {
    let words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e"];
    let words = words.iter().map(ToString::to_string);
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let more = [format!("trace={call}"), "-e".into(), inject];
    words.chain(more).collect()
}

fn make_dir(path: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.expect("make a directory");
}

fn accounts(data: &Path) -> Result<Vec<Summary>, String> {
    let store = patiently(|| Store::open(data)).map_err(|error| error.to_string())?;
    let read = store.batch(|t| t.accounts());
    read.and_then(|list| list)
        .map_err(|error| error.to_string())
}

/// `old`, and Carol if she was made; she is, once that was said.
fn old_or_with_carol(data: &Path, old: &[Summary], done: bool) -> Judged {
    let now = accounts(data)?;
    let (new, before): (Vec<_>, Vec<_>) = now.into_iter().partition(|row| row.name == "carol");
    if before != old || new.is_empty() && done {
        return Err(format!("{before:?} and {new:?}"));
    }
    is_whole(data)
}

fn is_whole(data: &Path) -> Judged {
    let mut found = Vec::new();
    let checked = patiently(|| {
        found.clear();
        check(data, None, &mut |finding| found.push(finding))
    });
    match (checked, found.first()) {
        (Ok(_), None) => Ok(()),
        (Ok(_), Some(finding)) => Err(format!("{finding:?}")),
        (Err(error), _) => Err(error.to_string()),
    }
}

/// How many messages are served, all as they were sent.
fn messages(data: &Path) -> Result<usize, String> {
    let store = patiently(|| Store::open(data)).map_err(|error| error.to_string())?;
    let (texts, _) = served(&store).map_err(|error| error.to_string())?;
    match texts.iter().zip(1..).all(|(found, n)| *found == text(n)) {
        true => Ok(texts.len()),
        false => Err("other texts".into()),
    }
}

/// A store whose last commits are in the log only.
fn with_log(data: &Path, count: u64) {
    make_dir(data);
    let store = filled(data, How::default(), count);
    store.give_up();
    drop(store);
    assert!(fs::metadata(log_of(data)).expect("a log").len() > 0);
}

fn log_of(data: &Path) -> PathBuf {
    data.join(format!("{DATABASE}-wal"))
}

const ADD_CAROL: &str = "account add carol --data ROOT/data";

#[test]
fn a4_at_the_first_start() {
    let judge = &mut |dir: &Path, done| old_or_with_carol(&dir.join("data"), &[], done);
    let point = Point::record(ADD_CAROL, |_| {});
    point.survives(judge);
    // The test of the test: a name that was not synced may be gone, and what it named with it.
    let unsafe_names = point.without_names().replay(judge);
    println!(
        "without names: {} of {}",
        unsafe_names.failed, unsafe_names.states
    );
    assert!(unsafe_names.failed > 0, "{unsafe_names:?}");
}

#[test]
fn a4_while_a_store_is_brought_to_a_newer_version() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores/v1.db");
    let prepare = |data: &Path| {
        make_dir(data);
        fs::copy(&golden, data.join(DATABASE)).expect("the golden store");
    };
    let other = Place::new("upgraded");
    prepare(&other.path("data"));
    let old = accounts(&other.path("data")).expect("it is upgraded");
    assert!(old.len() > 1);
    let point = Point::record(ADD_CAROL, |root| prepare(&root.join("data")));
    point.survives(&mut |dir, done| old_or_with_carol(&dir.join("data"), &old, done));
}

#[test]
fn a4_while_the_log_is_written_back() {
    let point = Point::record(ADD_CAROL, |root| with_log(&root.join("data"), 30));
    let other = Place::new("written-back");
    with_log(&other.path("data"), 30);
    let old = accounts(&other.path("data")).expect("it opens");
    point.survives(&mut |dir, done| {
        let data = dir.join("data");
        match messages(&data)? {
            30 => old_or_with_carol(&data, &old, done),
            count => Err(format!("{count} messages")),
        }
    });
}

#[test]
fn a4_while_a_copy_is_made() {
    let line = "backup --to ROOT/copies/copy.db --data ROOT/data";
    let point = Point::record(line, |root| {
        with_log(&root.join("data"), 400);
        make_dir(&root.join("copies"));
    });
    let probe = Place::new("probe");
    point.survives(&mut |dir, done| {
        match messages(&dir.join("data"))? {
            400 => {}
            count => return Err(format!("{count} messages")),
        }
        let copy = dir.join("copies/copy.db");
        match (copy.exists(), done) {
            (false, false) => Ok(()),
            (false, true) => Err("the copy is gone".into()),
            (true, _) => match copied(&probe, &copy)? {
                400 => Ok(()),
                count => Err(format!("{count} messages in the copy")),
            },
        }
    });
}

#[test]
fn a4_while_a_copy_is_brought_back() {
    let line = "restore --from ROOT/copy.db --data ROOT/data --replace";
    let point = Point::record(line, |root| {
        let other = Place::new("copied");
        let store = filled(&other.0, How::default(), 50);
        store
            .back_up(&root.join("copy.db"), &mut || true)
            .expect("a copy");
        with_log(&root.join("data"), 90);
    });
    let probe = Place::new("probe");
    let mut begun = 0;
    point.survives(&mut |dir, done| {
        let data = dir.join("data");
        let refused = match patiently(|| Store::open(&data)) {
            Ok(store) => {
                drop(store);
                return match (messages(&data)?, done) {
                    (50, _) | (90, false) => is_whole(&data),
                    (count, _) => Err(format!("{count} messages")),
                };
            }
            Err(refused) => refused,
        };
        begun += 1;
        if done || refused.code != Exit::Data || !refused.to_string().contains("privmsgd restore") {
            return Err(refused.to_string());
        }
        match aside(&probe, &data)? {
            90 => again(&dir.join("copy.db"), &data),
            count => Err(format!("{count} messages in the store that was set aside")),
        }
    });
    println!("{begun} of them say that the restore was not finished");
}

/// As that store itself.
fn copied(probe: &Place, file: &Path) -> Result<usize, String> {
    for (name, _) in probe.files() {
        fs::remove_file(probe.path(&name)).expect("remove");
    }
    fs::copy(file, probe.database()).expect("copy");
    let log = PathBuf::from(format!("{}-wal", file.display()));
    if log.exists() {
        fs::copy(log, log_of(&probe.0)).expect("copy");
    }
    messages(&probe.0)
}

/// What is in the store that a restore set aside.
fn aside(probe: &Place, data: &Path) -> Result<usize, String> {
    let entries = fs::read_dir(data).expect("the directory");
    let mut names = entries.map(|entry| entry.expect("an entry").path());
    let is_it = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.contains(&format!("{DATABASE}.2")) && name.ends_with('Z')
    };
    let found = names.find(is_it).ok_or("nothing was set aside")?;
    // Its log has its old name until it is renamed too.
    let log = format!("{}-wal", found.display());
    if log_of(data).exists() && !Path::new(&log).exists() {
        fs::copy(log_of(data), log).expect("copy");
    }
    copied(probe, &found)
}

/// The way out that is told.
fn again(from: &Path, data: &Path) -> Judged {
    let asked = Restore {
        from: from.into(),
        to: data.into(),
        replace: true,
    };
    let done = patiently(|| restore(&asked, How::default(), T, &mut |_| {}));
    done.map_err(|error| error.to_string())?;
    match messages(data)? {
        50 => is_whole(data),
        count => Err(format!("{count} messages after it was done again")),
    }
}
