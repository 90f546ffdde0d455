//! Which process listens at a place, as far as /proc shows it to this user. Knows no finding.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::escape;

/// Descriptors looked at before the search is given up.
const MAX_LOOKS: usize = 200_000;

pub struct Holder {
    pub pid: u32,
    /// Of its program, 15 bytes at most.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escape::plain(&self.name, 64);
        write!(f, "{name} (process {})", self.pid)
    }
}

/// The inodes of sockets that listen at this TCP port, at any address.
pub fn at_port(port: u16) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.filter_map(|line| tcp(line, port)).collect()
}

/// `0: 0100007F:1E44 00000000:0000 0A …`: number, local and other address, state; the inode is the tenth word.
fn tcp(line: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, local) = words.get(1)?.rsplit_once(':')?;
    let is_there = u16::from_str_radix(local, 16) == Ok(port) && words.get(3) == Some(&LISTEN);
    is_there.then(|| words.get(9).map(|inode| (*inode).into()))?
}

/// The same of a path: whoever connected there to see could start a service.
pub fn at_path(path: &Path) -> Vec<String> {
    let table = fs::read("/proc/net/unix").unwrap_or_default();
    let lines = table.split(|byte| *byte == b'\n');
    let found = lines.filter_map(unix);
    let here = found.filter(|(_, place)| is_same(place, path));
    here.map(|(inode, _)| inode.into()).collect()
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 16163 /path`: number, references, protocol, flags, type, state,
/// inode, and where it was bound, in whoever's words.
fn unix(line: &[u8]) -> Option<(&str, &Path)> {
    const LISTEN: &[u8] = b"00010000";
    let start = line.iter().position(|byte| *byte == b'/')?;
    let (words, path) = line.split_at_checked(start)?;
    let mut words = words
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let is_there = words.nth(3) == Some(LISTEN);
    let inode = std::str::from_utf8(words.nth(2)?).ok()?;
    is_there.then(|| (inode, Path::new(OsStr::from_bytes(path))))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    one.file_name() == other.file_name() && whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// Who has one of these sockets open.
pub fn of(inodes: &[String]) -> Option<Holder> {
    let sockets: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let mut looks = 0;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        open.flatten().any(|entry| {
            looks += 1;
            let link = fs::read_link(entry.path());
            looks <= MAX_LOOKS
                && link.is_ok_and(|link| sockets.iter().any(|socket| link == Path::new(socket)))
        })
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder {
        pid,
        name: name.trim_end().into(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_process_finds_itself_by_its_port() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let found = of(&at_port(port)).map(|holder| holder.pid);
        assert_eq!(found, Some(std::process::id()));
        drop(taken);
        assert!(at_port(port).is_empty() && of(&[]).is_none());
    }

    #[test]
    fn a_path_is_listened_at_until_nobody_does() {
        let path = std::env::temp_dir().join(format!("privmsgd-holder-{}", std::process::id()));
        let socket = UnixListener::bind(&path).unwrap();
        let found = of(&at_path(&path)).map(|holder| holder.pid);
        assert_eq!(found, Some(std::process::id()));
        drop(socket);
        let left = at_path(&path);
        fs::remove_file(&path).unwrap();
        assert!(left.is_empty() && at_path(Path::new("/none")).is_empty());
    }
}
