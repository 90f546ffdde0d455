//! What the machine gives: descriptors, room on the disk, the right time. Knows nothing of who uses them.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;

use super::{Patient, Running};
use crate::net::sys;
use crate::ops::descriptors as limits;
use crate::ops::exit::reason;
use crate::ops::health::Check;
use crate::time::Stamp;

pub fn descriptors(patient: &Patient<'_>) -> Check {
    const FIX: &str = "raise LimitNOFILE= (systemctl edit privmsgd; the unit that comes with it has 1048576), or ulimit -n";
    let name = "descriptors";
    let limit = match &patient.running {
        Some(Running { pid, .. }) => of_process(*pid),
        None => Some(limits::hard_limit()),
    };
    let Some(limit) = limit else {
        return Check::ok(name, "the system does not say how many the daemon may have");
    };
    let wanted = patient.guess.limits.max_connections as u64;
    let places = limit.saturating_sub(limits::RESERVE);
    let what = format!("{limit}: room for {places} connections");
    match (wanted, limit) {
        (1.., _) if wanted > places => {
            let what = format!("{what}, not for limits.max_connections = {wanted}");
            Check::warning(name, what, FIX)
        }
        (_, ..=1_024) => Check::warning(name, what, FIX),
        _ => Check::ok(name, what),
    }
}

/// The soft limit: the fourth word of its line.
fn of_process(pid: u64) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

/// Room for what is stored, and whether this user may write there.
pub fn disk(patient: &Patient<'_>) -> Option<Check> {
    const LITTLE: u64 = 64 << 20;
    const NOTHING: u64 = 4 << 20;
    let dir = patient.guess.data.as_deref()?;
    let (name, shown) = ("disk", dir.display());
    let place = match dir.exists() {
        true if !dir.is_dir() => return None,
        true => dir,
        false => dir
            .parent()
            .filter(|up| !up.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    };
    if let Err(error) = access(place, Access::WRITE_OK | Access::EXEC_OK) {
        // The store is judged for it.
        if patient.is_hidden && error == Errno::ACCESS {
            return None;
        }
        let what = format!("{}: {}", place.display(), reason(&error.into()));
        let fix = match place == dir {
            true => "let the daemon's user write to it, or name another directory: --data DIR",
            false => {
                "make the directory, let the daemon's user write to it, or name another one: --data DIR"
            }
        };
        return Some(Check::failed(name, what, fix));
    }
    let system = match statvfs(place) {
        Ok(system) => system,
        Err(error) => {
            let what = format!("{shown}: {}", reason(&error.into()));
            return Some(Check::failed(
                name,
                what,
                "look at the file system: df, dmesg",
            ));
        }
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let what = format!("{shown}: {} MiB are free", free >> 20);
    let fix = "make room: messages are refused (storageFull) once there is none, and a daemon that ends then may not start again; mailbox.retention_days bounds what is kept";
    // Some file systems have no number of files.
    let has_files = system.f_files == 0 || system.f_favail > 100;
    Some(match free {
        ..NOTHING => Check::failed(name, what, fix),
        _ if free < LITTLE || !has_files => Check::warning(name, what, fix),
        _ => Check::ok(name, what),
    })
}

pub fn clock() -> Check {
    const FIX: &str = "let systemd-timesyncd, chrony or ntpd set it: times in messages, tokens and certificates go by it";
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_ms = now.map_or(0, |now| now.as_millis() as u64);
    let stamp = Stamp::new(unix_ms);
    let what = format!("it is {}", stamp.as_str());
    match (unix_ms, sys::is_clock_kept()) {
        (..RELEASE_MS, _) => Check::failed("clock", format!("{what}: that is past"), FIX),
        (_, true) => Check::ok("clock", what),
        (_, false) => Check::warning("clock", format!("{what}, and nothing keeps it right"), FIX),
    }
}

/// Whether the server's name leads anywhere; the one that nobody chose is not asked for.
pub fn name(patient: &Patient<'_>) -> Option<Check> {
    const PATIENCE: Duration = Duration::from_millis(500);
    const FIX: &str = "clients sign and tokens name server.name: make it the name by which clients reach this machine";
    let name = patient.guess.server_name.clone();
    if name == "localhost" || name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let (asked, found) = (name.clone(), mpsc::channel());
    // It may wait for name servers much longer than anybody waits for it here.
    thread::spawn(move || {
        found
            .0
            .send((asked.as_str(), 0).to_socket_addrs().map(|all| all.count()))
    });
    Some(match found.1.recv_timeout(PATIENCE) {
        Ok(Ok(1..)) => Check::ok("name", format!("server.name {name} is known")),
        Ok(_) => Check::warning("name", format!("server.name {name} is not known here"), FIX),
        Err(_) => Check::warning(
            "name",
            format!("name servers do not answer for server.name {name} within 0.5 s"),
            "look at /etc/resolv.conf and resolvectl status",
        ),
    })
}

/// As the daemon itself warns of it.
pub fn certificate(end_unix_ms: u64) -> Check {
    const FIX: &str = "put a new one in its place, then privmsgd reload";
    const DAY_MS: u64 = 86_400_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_ms = now.map_or(0, |now| now.as_millis() as u64);
    let (name, end) = ("keyPair", Stamp::new(end_unix_ms));
    let end = end.as_str();
    match end_unix_ms.saturating_sub(unix_ms) / DAY_MS {
        _ if end_unix_ms <= unix_ms => {
            Check::failed(name, format!("the certificate ended at {end}"), FIX)
        }
        days @ ..14 => Check::warning(
            name,
            format!("the certificate ends at {end}, in {days} days"),
            FIX,
        ),
        _ => Check::ok(name, format!("certificate and key match; good until {end}")),
    }
}

/// 2026-11-01: no clock of a machine that runs this stands before it.
const RELEASE_MS: u64 = 1_793_491_200_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::health::Level;

    #[test]
    fn the_limit_of_a_process_is_found() {
        let own = of_process(std::process::id().into()).unwrap();
        assert_eq!(own, limits::limit());
        assert_eq!(of_process(u64::MAX), None);
    }

    #[test]
    fn a_certificate_is_warned_of_for_two_weeks() {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis() as u64;
        let day = 86_400_000;
        assert_eq!(certificate(now - 1).level, Level::Failed);
        assert_eq!(certificate(now + 13 * day).level, Level::Warning);
        assert_eq!(certificate(now + 15 * day).level, Level::Ok);
    }

    #[test]
    fn the_clock_of_this_machine_is_not_past() {
        assert_ne!(clock().level, Level::Failed);
    }
}
