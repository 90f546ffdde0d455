//! What two or more keys must be to each other. Knows no single key's range and no origin.

use super::{Config, Given, Key};

/// One rule that does not hold.
pub struct Conflict {
    /// The keys that take part.
    pub keys: Vec<&'static str>,
    pub what: String,
}

/// Lowers what nobody set below what somebody did set lower, so that one key is enough to make the daemon
/// smaller. Nothing is ever raised: that costs memory, and whoever pays should have said so.
pub fn settle(config: &mut Config, is_set: impl Fn(&str) -> bool) {
    for (less, more) in AT_MOST.iter().filter(|(less, _)| !is_set(less)) {
        let bound = number(config, more);
        if number(config, less) > bound {
            lower(config, less, bound);
        }
    }
    let limits = &config.limits;
    let frame = limits.max_line_bytes.saturating_add(FRAME_ROOM_BYTES);
    let room = limits.queue_hard_bytes.saturating_sub(frame);
    if !is_set(SOFT) && limits.queue_soft_bytes > room {
        lower(config, SOFT, room as u64);
    }
}

/// A value below the key's own range is left, and found by [`conflicts`].
fn lower(config: &mut Config, path: &str, bound: u64) {
    if let Some(key) = Key::find(path) {
        let _ = (key.set)(config, &Given::Number(bound.into()));
    }
}

pub fn conflicts(config: &Config) -> Vec<Conflict> {
    let mut found: Vec<Conflict> = AT_MOST
        .iter()
        .filter(|(less, more)| number(config, less) > number(config, more))
        .map(|&(less, more)| conflict(config, less, more))
        .collect();
    found.extend(room_for_a_frame(config));
    found
}

/// A queue just under its soft bound still takes one frame; that must not end the connection.
fn room_for_a_frame(config: &Config) -> Option<Conflict> {
    let limits = &config.limits;
    let frame = limits.max_line_bytes.saturating_add(FRAME_ROOM_BYTES);
    let wanted = limits.queue_soft_bytes.saturating_add(frame);
    let ordered = limits.queue_soft_bytes <= limits.queue_hard_bytes;
    (ordered && limits.queue_hard_bytes < wanted).then(|| Conflict {
        keys: vec!["limits.max_line_bytes", SOFT, "limits.queue_hard_bytes"],
        what: format!(
            "queue_hard_bytes must be at least {wanted}: queue_soft_bytes and one frame of \
             max_line_bytes + {FRAME_ROOM_BYTES}"
        ),
    })
}

fn conflict(config: &Config, less: &'static str, more: &'static str) -> Conflict {
    let (low, high) = (number(config, less), number(config, more));
    Conflict {
        keys: vec![less, more],
        what: format!("{less} ({low}) must be at most {more} ({high})"),
    }
}

fn number(config: &Config, path: &str) -> u64 {
    let shown = Key::find(path).map(|key| (key.show)(config));
    shown.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a frame may hold besides the line that caused it: `maxFrameBytes` − `maxLineBytes` of `hello`.
const FRAME_ROOM_BYTES: usize = 1_024;

const SOFT: &str = "limits.queue_soft_bytes";

/// The first of each pair must not be larger than the second. Bounds of others come first.
const AT_MOST: &[(&str, &str)] = &[
    (
        "limits.max_unregistered_line_bytes",
        "limits.max_line_bytes",
    ),
    (
        "limits.crowded_register_timeout_ms",
        "limits.register_timeout_ms",
    ),
    ("limits.queue_hard_bytes", "limits.total_queue_bytes"),
    (SOFT, "limits.queue_hard_bytes"),
    ("limits.unregistered_queue_bytes", "limits.queue_hard_bytes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_agree_and_each_rule_can_be_broken() {
        let agreed = Config::default();
        assert!(conflicts(&agreed).is_empty());
        for (less, more) in AT_MOST {
            let mut config = agreed.clone();
            let larger = number(&agreed, more) + 1;
            let key = Key::find(less).unwrap();
            (key.set)(&mut config, &Given::Number(larger.into())).unwrap();
            let found = conflicts(&config);
            assert!(found.iter().any(|c| c.keys == [*less, *more]), "{less}");
        }
        let mut config = agreed;
        config.limits.max_line_bytes = 1024 * 1024;
        assert_eq!(conflicts(&config).len(), 1);
    }

    #[test]
    fn one_key_makes_the_daemon_smaller_but_never_larger() {
        for (path, value) in [
            ("limits.register_timeout_ms", 500),
            ("limits.total_queue_bytes", 200_000),
            ("limits.queue_hard_bytes", 100_000),
            ("limits.max_line_bytes", 1_024),
        ] {
            let mut config = Config::default();
            let key = Key::find(path).unwrap();
            (key.set)(&mut config, &Given::Number(value)).unwrap();
            settle(&mut config, |set| set == path);
            assert!(conflicts(&config).is_empty(), "{path}");
        }
        let mut config = Config::default();
        config.limits.queue_soft_bytes = 2_000_000;
        settle(&mut config, |set| set == SOFT);
        assert_eq!(config.limits.queue_hard_bytes, 1024 * 1024);
        assert_eq!(conflicts(&config).len(), 1);
    }
}
