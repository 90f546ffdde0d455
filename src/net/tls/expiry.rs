//! When the certificate ends, and when to say so. Knows no files.

use log::{info, warn};

use crate::time::Stamp;

const DAY_MS: u64 = 86_400_000;
/// So long before the end it is warned of, once a day.
const WARN_MS: u64 = 14 * DAY_MS;

/// The end of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Where the certificate was read from.
    pub source: String,
    /// In milliseconds since 1970.
    pub end_unix_ms: u64,
    /// When to look again, in monotonic ms.
    due_ms: u64,
    told: bool,
}

impl Expiry {
    pub fn new(source: String, end_unix_ms: u64) -> Self {
        Expiry {
            source,
            end_unix_ms,
            due_ms: 0,
            told: false,
        }
    }

    /// Logs what is due: the end once, and in its last two weeks a warning a day. Returns when to ask again, in
    /// monotonic ms.
    pub fn remind(&mut self, unix_ms: u64, now_ms: u64) -> u64 {
        if now_ms < self.due_ms {
            return self.due_ms;
        }
        match self.line(unix_ms) {
            Some(line) => warn!("{line}"),
            None if self.told => {}
            None => info!("{}: good until {}", self.source, self.end()),
        }
        self.told = true;
        self.due_ms = now_ms.saturating_add(self.pause_ms(unix_ms));
        self.due_ms
    }

    /// The warning that holds at `unix_ms`.
    fn line(&self, unix_ms: u64) -> Option<String> {
        let (source, end) = (&self.source, self.end());
        match self.end_unix_ms.checked_sub(unix_ms) {
            None | Some(0) => Some(format!(
                "{source}: the certificate ended at {end}: clients refuse it; put a new one there and reload"
            )),
            Some(left) if left <= WARN_MS => Some(format!(
                "{source}: the certificate ends at {end}, in {} days; put a new one there and reload",
                left / DAY_MS
            )),
            Some(_) => None,
        }
    }

    /// A day at most: the system's clock may have been set meanwhile.
    fn pause_ms(&self, unix_ms: u64) -> u64 {
        let quiet = self
            .end_unix_ms
            .saturating_sub(WARN_MS)
            .saturating_sub(unix_ms);
        match quiet {
            0 => DAY_MS,
            quiet => quiet.min(DAY_MS),
        }
    }

    fn end(&self) -> String {
        let stamp = Stamp::new(self.end_unix_ms);
        let text = stamp.as_str();
        text.split_once('.')
            .map_or(text.to_string(), |(seconds, _)| format!("{seconds}Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E16: from 14 days before the end a warning a day, and none before.
    #[test]
    fn the_last_two_weeks_are_warned_of_once_a_day() {
        let end = 1_795_344_007_000;
        let mut expiry = Expiry::new("tls.crt".into(), end);
        let (start, mut now_ms, mut warnings) = (end - 30 * DAY_MS, 0, Vec::new());
        while now_ms < 32 * DAY_MS {
            let due = expiry.remind(start + now_ms, now_ms);
            assert!(due > now_ms && due <= now_ms + DAY_MS, "once a day: {due}");
            warnings.extend(expiry.line(start + now_ms).map(|line| (now_ms, line)));
            assert_eq!(expiry.remind(start + now_ms + 1, now_ms + 1), due);
            now_ms = due;
        }
        assert_eq!(warnings.len(), 16, "{warnings:?}");
        assert_eq!(warnings[0].0, 16 * DAY_MS);
        assert!(
            warnings[0]
                .1
                .contains("ends at 2026-11-22T10:40:07Z, in 14 days")
        );
        assert!(warnings[13].1.contains("in 1 days"), "{}", warnings[13].1);
        assert!(warnings[15].1.contains("ended at 2026-11-22T10:40:07Z"));
    }
}
