//! The installed service: what systemd itself says of its walls. Knows no setting of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ops::health::Check;

/// Where units are, those of the administrator first.
const DIRS: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const UNIT: &str = "privmsgd.service";
const PATIENCE: Duration = Duration::from_millis(600);
const STEP: Duration = Duration::from_millis(10);
/// The unit that comes with the daemon has 0.2.
const GOOD: f64 = 2.0;

/// Whether the daemon is a service here.
pub fn is_installed() -> bool {
    file().is_some()
}

fn file() -> Option<PathBuf> {
    let mut files = DIRS.iter().map(|dir| Path::new(dir).join(UNIT));
    files.find(|file| file.exists())
}

/// Nothing where no service is installed.
pub fn look() -> Option<Check> {
    let file = file()?;
    let shown = file.display();
    Some(match exposure(&file) {
        Some(score) if score <= GOOD => {
            Check::ok("unit", format!("{shown}: exposure {score} of 10"))
        }
        Some(score) => Check::warning(
            "unit",
            format!("{shown}: exposure {score} of 10, where 0.2 is possible"),
            "compare it with the unit that comes with privmsgd: systemd-analyze security privmsgd says what is open",
        ),
        None => Check::ok("unit", format!("{shown}; systemd-analyze does not rate it")),
    })
}

/// Needs no running systemd.
fn exposure(file: &Path) -> Option<f64> {
    let mut child = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        // What is no text has no score.
        let _ = stdout.read_to_string(&mut text);
        text
    });
    let deadline = Instant::now() + PATIENCE;
    while !matches!(child.try_wait(), Ok(Some(_))) {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(STEP);
    }
    score(&reader.join().ok()?)
}

/// `→ Overall exposure level for privmsgd.service: 0.2 SAFE`
fn score(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.contains("exposure level for"))?;
    let (_, rest) = line.rsplit_once(": ")?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_number_behind_the_unit() {
        let text = "  NAME\n✓ x\n\n→ Overall exposure level for privmsgd.service: 0.2 SAFE 😀\n";
        assert_eq!(score(text), Some(0.2));
        assert_eq!(score("Failed to load\n"), None);
    }
}
