//! What the system allows: open descriptors and memory. Knows nothing of who uses them.

use std::fs;
use std::path::Path;

use log::warn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Limits;

/// Raises the soft limit of open descriptors to the hard one, where that is allowed, and returns what
/// holds then. Under the unit's system call filter it is not allowed, and the limit is `LimitNOFILE=`.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current.unwrap_or(u64::MAX);
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.unwrap_or(u64::MAX)
}

/// What holds now.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What the limit can be raised to.
pub fn hard_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Connections at once, with `descriptors` of them open at most: some are kept back for listeners, files and the
/// service manager.
pub fn connections(limits: &Limits, descriptors: u64) -> usize {
    let possible = usize::try_from(descriptors.saturating_sub(RESERVE))
        .unwrap_or(usize::MAX)
        .max(1);
    match limits.max_connections {
        0 => possible,
        wanted if wanted > possible => {
            warn!("limits.max_connections is {possible}: {descriptors} descriptors less {RESERVE}");
            possible
        }
        wanted => wanted,
    }
}

/// Bytes of memory that the control group of this process, or one above it, may use; `None` without a
/// limit, and where that cannot be read.
pub fn memory_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    memory_limit_in(&groups, Path::new("/sys/fs/cgroup"))
}

/// `groups`: lines of `/proc/self/cgroup`, `0::/path` of version 2 and `N:memory:/path` of version 1.
fn memory_limit_in(groups: &str, root: &Path) -> Option<u64> {
    let limit_of = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (mount, file) = match controllers {
            "" => (root.to_path_buf(), "memory.max"),
            _ if controllers.split(',').any(|c| c == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        lowest_upwards(&mount, path, file)
    };
    groups.lines().filter_map(limit_of).min()
}

/// In a container the path often names a group that only the host can see; its mount shows the
/// container's own group at the top, which is the last place looked at.
fn lowest_upwards(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let group = Path::new(path.trim_start_matches('/'));
    let read = |dir: &Path| -> Option<u64> {
        let text = fs::read_to_string(mount.join(dir).join(file)).ok()?;
        text.trim().parse().ok().filter(|&bytes| bytes < UNLIMITED)
    };
    group.ancestors().filter_map(read).min()
}

/// Kept back from connections.
pub const RESERVE: u64 = 64;
/// Version 1 says "no limit" as the largest number of whole pages in 63 bits.
const UNLIMITED: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("privmsgd-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    /// D4.
    #[test]
    fn the_lowest_limit_on_the_way_up_counts_in_both_versions() {
        let v2 = tree(
            "v2",
            &[("a/b/memory.max", "max\n"), ("a/memory.max", "50000000\n")],
        );
        assert_eq!(memory_limit_in("0::/a/b\n", &v2), Some(50_000_000));
        assert_eq!(memory_limit_in("0::/c\n", &v2), None);
        let v1 = tree(
            "v1",
            &[
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/x/memory.limit_in_bytes", "48000000\n"),
            ],
        );
        let groups = "8:pids:/\n4:cpu,memory:/x\n0::/\n";
        assert_eq!(memory_limit_in(groups, &v1), Some(48_000_000));
        assert_eq!(memory_limit_in("4:memory:/gone\n", &v1), None);
        assert_eq!(memory_limit_in("garbage\n:\n", &v1), None);
        fs::remove_dir_all(v1).unwrap();
        fs::remove_dir_all(v2).unwrap();
    }

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        let limits = |max_connections| Limits {
            max_connections,
            ..Limits::default()
        };
        assert_eq!(connections(&limits(0), 128), 64);
        assert_eq!(connections(&limits(10), 128), 10);
        assert_eq!(connections(&limits(1_000), 128), 64);
        assert_eq!(connections(&limits(0), 3), 1);
    }

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let limit = raise();
        assert!(limit >= getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
        assert!(limit > 0);
    }
}
