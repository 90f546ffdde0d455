//! What the system says of this process. Reads `/proc/self` and nothing else; knows no metric's name.

use std::fs;
use std::path::Path;

/// `None`: the system does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
    pub max_files: u64,
}

impl Process {
    /// Takes some ten microseconds, however many descriptors there are.
    pub fn read(max_files: u64) -> Process {
        let read = |name: &str| fs::read_to_string(Path::new("/proc/self").join(name));
        let status = read("status").unwrap_or_default();
        Process {
            cpu_seconds: cpu_seconds(&read("stat").unwrap_or_default()),
            resident_bytes: in_status(&status, "VmRSS:").map(|kib| kib.saturating_mul(1_024)),
            virtual_bytes: in_status(&status, "VmSize:").map(|kib| kib.saturating_mul(1_024)),
            threads: in_status(&status, "Threads:"),
            open_files: open_files(),
            max_files,
        }
    }
}

/// The size of the directory is their number, since Linux 6.2; before, the directory is read as far as that is cheap.
pub fn open_files() -> Option<u64> {
    const CHEAP: usize = 4_096;
    let place = "/proc/self/fd";
    match fs::metadata(place).ok()?.len() {
        0 => Some(fs::read_dir(place).ok()?.take(CHEAP).count() as u64),
        number => Some(number),
    }
}

/// User and system time: the 14th and 15th field. The second is a name in parentheses, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(ticks()?.saturating_add(ticks()?) as f64 / TICKS_PER_SECOND)
}

fn in_status(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// What Linux says to programs, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_found_behind_a_name_with_a_parenthesis() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 188 0 0 0 150 25 0 0 20 0 3 0 99 1 2";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        let status = "Name:\tx\nVmSize:\t  20 kB\nVmRSS:\t   12 kB\nThreads:\t3\n";
        assert_eq!(in_status(status, "VmRSS:"), Some(12));
        assert_eq!(in_status(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let process = Process::read(10);
        assert!(process.resident_bytes > Some(100_000), "{process:?}");
        assert!(process.virtual_bytes >= process.resident_bytes);
        assert!(process.threads >= Some(1) && process.cpu_seconds.is_some());
        let before = open_files().unwrap();
        let files: Vec<_> = (0..100)
            .map(|_| fs::File::open("/dev/null").unwrap())
            .collect();
        assert!(open_files().unwrap() >= before.saturating_sub(50) + files.len() as u64);
    }
}
