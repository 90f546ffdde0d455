//! A disk as a power cut may leave it: what was synced is there, and of the rest whatever one chooses. Names are as unsafe
//! as contents: only the sync of a directory keeps them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::tape::Op;

/// Written as a whole or not at all.
pub const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Clone)]
enum Change {
    Write {
        file: usize,
        at: usize,
        bytes: Rc<[u8]>,
    },
    Length {
        file: usize,
        bytes: usize,
    },
    /// Entries of one directory that change together.
    Names {
        dir: PathBuf,
        entries: Vec<(PathBuf, Option<Node>)>,
    },
}

/// What becomes of a change that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Lost,
    /// So many bytes of it are kept.
    Torn(usize),
}

#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<Content>,
    safe: Names,
    now: Names,
    pending: Vec<Change>,
    /// Planted: what is in files is not synced by whoever asks for it.
    pub deaf: bool,
}

/// What is in a file: bytes, and zeros until it is so long.
#[derive(Clone, Default)]
pub struct Content {
    bytes: Vec<u8>,
    length: usize,
}

/// What is on the disk: files, and directories as `None`.
pub type Image = BTreeMap<PathBuf, Option<Content>>;

impl Disk {
    /// `dir` with all that is in it, safe.
    pub fn of(dir: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.take(dir);
        disk.now.clone_from(&disk.safe);
        disk
    }

    fn take(&mut self, path: &Path) {
        if path.is_dir() {
            self.safe.insert(path.into(), Node::Dir);
            for entry in fs::read_dir(path).expect("a directory") {
                self.take(&entry.expect("an entry").path());
            }
        } else {
            self.safe.insert(path.into(), Node::File(self.files.len()));
            let bytes = fs::read(path).expect("a file");
            let length = bytes.len();
            self.files.push(Content { bytes, length });
        }
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Make(path) if self.now.contains_key(path) => {}
            // Without a name at all: nothing of it is found again.
            Op::Make(path) if path.to_string_lossy().ends_with(" (deleted)") => {}
            Op::Make(path) => {
                self.files.push(Content::default());
                self.name(vec![(path, Some(Node::File(self.files.len() - 1)))]);
            }
            Op::MakeDir(path) => self.name(vec![(path, Some(Node::Dir))]),
            Op::Remove(path) => self.name(vec![(path, None)]),
            Op::Rename { from, to } => {
                let node = self.now.get(from).copied();
                self.name(vec![(from, None), (to, node)]);
            }
            Op::Write { path, at, bytes } => {
                if let Some(file) = self.file(path) {
                    let (at, bytes) = (*at, bytes.as_slice().into());
                    self.pending.push(Change::Write { file, at, bytes });
                }
            }
            Op::Length { path, bytes } => {
                if let Some(file) = self.file(path) {
                    let bytes = *bytes;
                    self.pending.push(Change::Length { file, bytes });
                }
            }
            Op::Sync(path) => self.sync(path),
            Op::Told { .. } => {}
        }
    }

    /// How many changes a power cut may take.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of the last pending change at which a sector ends within it.
    pub fn tears(&self) -> Vec<usize> {
        match self.pending.last() {
            Some(Change::Write { at, bytes, .. }) => {
                let first = SECTOR - at % SECTOR;
                (first..bytes.len()).step_by(SECTOR).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is there after a power cut. `fate`: of each pending change.
    pub fn after(&self, mut fate: impl FnMut(usize) -> Fate) -> Image {
        let (mut files, mut names) = (self.files.clone(), self.safe.clone());
        for (number, change) in self.pending.iter().enumerate() {
            match fate(number) {
                Fate::Kept => change.apply(&mut files, &mut names, usize::MAX),
                Fate::Torn(bytes) => change.apply(&mut files, &mut names, bytes),
                Fate::Lost => {}
            }
        }
        let content = |node: Node| match node {
            Node::Dir => None,
            Node::File(file) => Some(std::mem::take(&mut files[file])),
        };
        let nodes: Vec<Node> = names.values().copied().collect();
        let contents: Vec<_> = nodes.into_iter().map(content).collect();
        names.into_keys().zip(contents).collect()
    }

    fn name(&mut self, entries: Vec<(&PathBuf, Option<Node>)>) {
        let dir = entries[0].0.parent().expect("below a directory").into();
        let entries = entries.into_iter().map(|(path, node)| (path.clone(), node));
        let change = Change::Names {
            dir,
            entries: entries.collect(),
        };
        change.apply(&mut self.files, &mut self.now, usize::MAX);
        self.pending.push(change);
    }

    fn file(&self, path: &Path) -> Option<usize> {
        match self.now.get(path) {
            Some(Node::File(file)) => Some(*file),
            _ if path.to_string_lossy().ends_with(" (deleted)") => None,
            other => panic!("{other:?} is written: {}", path.display()),
        }
    }

    fn sync(&mut self, path: &Path) {
        let node = self.now.get(path).copied();
        let deaf = self.deaf;
        let is_meant = |change: &Change| match (change, node) {
            (Change::Names { dir, .. }, Some(Node::Dir)) => dir == path,
            (Change::Write { file, .. } | Change::Length { file, .. }, Some(Node::File(meant))) => {
                *file == meant && !deaf
            }
            _ => false,
        };
        let (meant, others) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(is_meant);
        self.pending = others;
        for change in meant {
            change.apply(&mut self.files, &mut self.safe, usize::MAX);
        }
    }
}

impl Change {
    fn apply(&self, files: &mut [Content], names: &mut Names, limit: usize) {
        match self {
            Change::Write { file, at, bytes } => {
                let bytes = &bytes[..bytes.len().min(limit)];
                let (file, end) = (&mut files[*file], at + bytes.len());
                file.length = file.length.max(end);
                file.bytes.resize(file.bytes.len().max(end), 0);
                file.bytes[*at..end].copy_from_slice(bytes);
            }
            Change::Length { file, bytes } => {
                files[*file].length = *bytes;
                files[*file].bytes.truncate(*bytes);
            }
            Change::Names { entries, .. } => {
                for (path, node) in entries {
                    match node {
                        Some(node) => drop(names.insert(path.clone(), *node)),
                        None => drop(names.remove(path)),
                    }
                }
            }
        }
    }
}

/// Puts what was below `from` below `to`, which then holds nothing else.
pub fn put(image: &Image, from: &Path, to: &Path) {
    let place = |path: &Path| to.join(path.strip_prefix(from).expect("below the root"));
    remove_others(to, &|path: &Path| {
        image.contains_key(&from.join(path.strip_prefix(to).expect("below it")))
    });
    for (path, content) in image {
        let path = place(path);
        match content {
            // Whoever lost the directory lost all that is in it.
            _ if path.parent().is_some_and(|dir| !dir.is_dir()) => {}
            None if path.is_dir() => {}
            None => DirBuilder::new()
                .mode(0o700)
                .create(path)
                .expect("a directory"),
            Some(content) => {
                let mut options = OpenOptions::new();
                let options = options.write(true).create(true).truncate(true).mode(0o600);
                let mut file = options.open(path).expect("a file");
                file.write_all(&content.bytes).expect("write");
                file.set_len(content.length as u64).expect("a length");
            }
        }
    }
}

fn remove_others(dir: &Path, is_wanted: &dyn Fn(&Path) -> bool) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match (path.is_dir(), is_wanted(&path)) {
            (true, true) => remove_others(&path, is_wanted),
            (true, false) => fs::remove_dir_all(path).expect("remove"),
            (false, true) => {}
            (false, false) => fs::remove_file(path).expect("remove"),
        }
    }
}
