//! What a process did to the files below a directory and what it told its clients, in order: read from strace's record.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// One thing that was done, once it was done; that something was told counts from its beginning.
#[derive(Debug)]
pub enum Op {
    Make(PathBuf),
    MakeDir(PathBuf),
    Write {
        path: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    Length {
        path: PathBuf,
        bytes: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    /// Of a file or a directory.
    Sync(PathBuf),
    /// Written to a socket or to standard output.
    Told {
        bytes: Vec<u8>,
    },
}

/// What changes files, and every call that could and that this module would have to understand.
const CALLS: &str = "openat,mkdir,pwrite64,write,writev,sendto,sendmsg,ftruncate,fdatasync,fsync,rename,renameat,renameat2,\
                     unlink,unlinkat,copy_file_range,sendfile,fallocate,pwritev,pwritev2,link,linkat,truncate,sync_file_range";

/// The command under which a process is recorded.
pub fn recorder(record: &Path) -> Vec<String> {
    let record = record.display().to_string();
    let words = [
        "strace",
        "-D",
        "-f",
        "-q",
        "-y",
        "-xx",
        "-s",
        "4000000",
        "--seccomp-bpf",
        "-o",
        &record,
    ];
    let words = words.iter().map(ToString::to_string);
    words
        .chain(["-e".into(), format!("trace={CALLS}")])
        .collect()
}

/// Zeros behind the end of a file are its length and no bytes: a whole log of them is one operation.
#[derive(Default)]
struct Tape {
    all: Vec<Op>,
    ends: HashMap<PathBuf, usize>,
}

impl Tape {
    fn extend(&mut self, op: Option<Op>) {
        let Some(op) = op else { return };
        match op {
            Op::Make(ref path) => drop(self.ends.insert(path.clone(), 0)),
            Op::Length { ref path, bytes } => drop(self.ends.insert(path.clone(), bytes)),
            Op::Write {
                ref path,
                at,
                ref bytes,
            } => {
                let Some(end) = self.ends.get_mut(path) else {
                    return self.all.push(op);
                };
                let is_behind = at == *end;
                *end = (*end).max(at + bytes.len());
                if is_behind && bytes.iter().all(|byte| *byte == 0) {
                    return self.lengthen(path.clone(), at + bytes.len());
                }
            }
            _ => {}
        }
        self.all.push(op);
    }

    fn lengthen(&mut self, path: PathBuf, to: usize) {
        match self.all.last_mut() {
            Some(Op::Length { path: last, bytes }) if *last == path => *bytes = to,
            _ => self.all.push(Op::Length { path, bytes: to }),
        }
    }
}

/// Everything in the record that happened below `root`. Paths are as the process saw them.
pub fn read(record: &Path, root: &Path) -> Vec<Op> {
    let text = finished(record);
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut ops = Tape::default();
    for line in text.lines() {
        let (pid, rest) = line.split_once(' ').expect("a process");
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            ops.extend(told(&call(head)));
            begun.insert(pid, head.to_owned());
        } else if let Some(tail) = rest.strip_prefix("<... ") {
            let head = begun.remove(pid).expect("a call that was begun");
            let tail = tail.split_once("resumed>").expect("its end").1;
            let whole = format!("{head}{tail}");
            ops.extend(done(&call(&whole), root));
        } else {
            let call = call(rest);
            ops.extend(told(&call));
            ops.extend(done(&call, root));
        }
    }
    ops.all
}

/// strace may end a little after the process does.
fn finished(record: &Path) -> String {
    for _ in 0..5_000 {
        let text = fs::read_to_string(record).unwrap_or_default();
        let first = text.split(' ').next().unwrap_or_default();
        let is_end = |line: &str| line.starts_with(first) && line.contains(" +++ exited with ");
        if text.lines().any(is_end) {
            return text;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("the record does not end");
}

struct Call<'a> {
    name: &'a str,
    args: Vec<&'a str>,
    /// What it returned, if it has.
    value: Option<&'a str>,
}

/// Strings and paths in a record are hexadecimal: nothing in them looks like the syntax around them.
fn call(text: &str) -> Call<'_> {
    let (name, rest) = text.split_once('(').expect("a call");
    let (args, value) = match rest.rsplit_once(" = ") {
        Some((args, value)) => (args.trim_end(), Some(value)),
        None => (rest, None),
    };
    let args = args.strip_suffix(')').unwrap_or(args);
    Call {
        name,
        args: args.split(", ").collect(),
        value,
    }
}

/// What writes where a client, or the log, reads.
const TELLING: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];

fn told(call: &Call<'_>) -> Option<Op> {
    if !TELLING.contains(&call.name) {
        return None;
    }
    let place = call.args[0];
    let is_file = path_of(place).is_some_and(|path| path.is_absolute());
    let (number, _) = place.split_once('<').unwrap_or((place, ""));
    let parts = call.args[1..].iter().flat_map(|arg| {
        let quoted = arg.split('"').skip(1).step_by(2);
        quoted.flat_map(unescaped)
    });
    (!is_file || number == "1").then(|| Op::Told {
        bytes: parts.collect(),
    })
}

fn done(call: &Call<'_>, root: &Path) -> Option<Op> {
    let value = call.value?;
    if value.starts_with('-') || value.starts_with('?') {
        return None;
    }
    let arg = |at: usize| call.args[at];
    let named = |at: usize| PathBuf::from(string(arg(at)));
    let op = match call.name {
        "openat" => {
            let path = path_of(value)?;
            assert!(!arg(2).contains("O_TRUNC") || !path.starts_with(root));
            arg(2).contains("O_CREAT").then_some(Op::Make(path))?
        }
        "mkdir" => Op::MakeDir(named(0)),
        "pwrite64" => Op::Write {
            path: path_of(arg(0))?,
            at: arg(3).parse().expect("an offset"),
            bytes: unescaped(arg(1))[..value.parse().expect("a count")].to_vec(),
        },
        "ftruncate" => Op::Length {
            path: path_of(arg(0))?,
            bytes: arg(1).parse().expect("a length"),
        },
        "fsync" | "fdatasync" => Op::Sync(path_of(arg(0))?),
        "rename" => Op::Rename {
            from: named(0),
            to: named(1),
        },
        "renameat2" => Op::Rename {
            from: named(1),
            to: named(3),
        },
        "unlink" => Op::Remove(named(0)),
        "copy_file_range" => copied(call, value.parse().expect("a count"))?,
        name if TELLING.contains(&name) => {
            let path = path_of(arg(0)).filter(|path| path.starts_with(root));
            assert!(path.is_none(), "a file is written at no place: {path:?}");
            return None;
        }
        other => panic!("{other} is not understood"),
    };
    is_below(&op, root).then_some(op)
}

/// Of a file that nobody changes meanwhile; both are read and written from their beginning, at once.
fn copied(call: &Call<'_>, count: usize) -> Option<Op> {
    assert_eq!((call.args[1], call.args[3]), ("NULL", "NULL"));
    let bytes = fs::read(path_of(call.args[0])?).expect("what was copied");
    if count == 0 {
        return None;
    }
    assert_eq!(count, bytes.len(), "in one piece");
    Some(Op::Write {
        path: path_of(call.args[2])?,
        at: 0,
        bytes,
    })
}

fn is_below(op: &Op, root: &Path) -> bool {
    match op {
        Op::Make(path) | Op::MakeDir(path) | Op::Remove(path) | Op::Sync(path) => {
            path.starts_with(root)
        }
        Op::Write { path, .. } | Op::Length { path, .. } => path.starts_with(root),
        Op::Rename { from, .. } => from.starts_with(root),
        Op::Told { .. } => true,
    }
}

/// `7</path>`: of a descriptor.
fn path_of(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    let path = unescaped(rest.rsplit_once('>')?.0);
    Some(PathBuf::from(String::from_utf8(path).expect("a path")))
}

fn string(text: &str) -> String {
    String::from_utf8(unescaped(text)).expect("text")
}

/// `"\x61\x62"` or `\x61\x62`; what is no escape stands for itself.
fn unescaped(text: &str) -> Vec<u8> {
    let text = text.trim_matches('"').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let code = text
            .get(at + 2..at + 4)
            .filter(|_| text[at..].starts_with(b"\\x"));
        match code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()) {
            Some(code) => {
                bytes.push(code);
                at += 4;
            }
            None => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}
