//! Files that only their owner may read: written whole, and refused if others can read them. Knows no contents.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::client::error::{Error, Kind};

/// The text of a file that holds a secret.
pub fn read(path: &Path) -> Result<String, Error> {
    let cannot = |error: io::Error| Error::file("cannot read", path, &error);
    let file = File::open(path).map_err(cannot)?;
    check(path, &file)?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(cannot)?;
    Ok(text)
}

/// Fails if the file is not there, or others can read it.
pub fn look(path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| Error::file("cannot read", path, &error))?;
    check(path, &file)
}

fn check(path: &Path, file: &File) -> Result<(), Error> {
    let cannot = |error: io::Error| Error::file("cannot read", path, &error);
    let meta = file.metadata().map_err(cannot)?;
    // A pipe, as of `<(pass show privmsg)`, is nobody else's.
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        let path = path.display();
        return Err(Error::new(
            Kind::Permission,
            format!(
                "others can read {path}, which holds a secret (mode {:o})",
                meta.mode() & 0o777
            ),
            format!("chmod 600 {path}"),
        ));
    }
    Ok(())
}

/// Puts a file in place, whole; `durable`: on the disk when this returns.
pub fn write(path: &Path, text: &str, durable: bool) -> Result<(), Error> {
    put(path, text, durable).map_err(|error| Error::file("cannot write", path, &error))
}

fn put(path: &Path, text: &str, durable: bool) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    private_dir(dir)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let written = write_new(Path::new(&unfinished), text, durable)
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written?;
    match durable {
        true => File::open(dir)?.sync_all(),
        false => Ok(()),
    }
}

fn write_new(path: &Path, text: &str, durable: bool) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    match durable {
        true => file.sync_all(),
        false => Ok(()),
    }
}

/// Makes it, for this user alone, unless it is there.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

const MAX_BYTES: u64 = 64 * 1024;
