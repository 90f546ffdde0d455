//! What two or more keys must be to each other. Knows no single key's range and no origin.

use super::{Config, Key};

/// One rule that does not hold.
pub struct Conflict {
    /// The keys that take part.
    pub keys: Vec<&'static str>,
    pub what: String,
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
    let crossed = limits.queue_soft_bytes <= limits.queue_hard_bytes;
    (crossed && limits.queue_hard_bytes < wanted).then(|| Conflict {
        keys: vec![
            "limits.max_line_bytes",
            "limits.queue_soft_bytes",
            "limits.queue_hard_bytes",
        ],
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

/// The first of each pair must not be larger than the second.
const AT_MOST: &[(&str, &str)] = &[
    (
        "limits.max_unregistered_line_bytes",
        "limits.max_line_bytes",
    ),
    (
        "limits.crowded_register_timeout_ms",
        "limits.register_timeout_ms",
    ),
    ("limits.queue_soft_bytes", "limits.queue_hard_bytes"),
    ("limits.unregistered_queue_bytes", "limits.queue_hard_bytes"),
    ("limits.queue_hard_bytes", "limits.total_queue_bytes"),
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
            (key.set)(&mut config, &super::super::Given::Number(larger.into())).unwrap();
            let found = conflicts(&config);
            assert!(found.iter().any(|c| c.keys == [*less, *more]), "{less}");
        }
        let mut config = agreed;
        config.limits.max_line_bytes = 1024 * 1024;
        assert_eq!(conflicts(&config).len(), 1);
    }
}
