//! The rows of the table: what is done, what is shown of it, and what it is to reach. Knows no server.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Durable accepts with delivery.
    Accepts {
        pairs: u32,
        window: u64,
        extra_us: u32,
    },
    /// Messages that are not stored, in mailbox mode and in open mode.
    Relay { pairs: u32, window: u64 },
    /// Everybody comes back at once.
    Storm,
    /// A store of many messages.
    Stored,
}

#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// Our figure by another's, within a round.
    Ratio {
        to: &'static str,
        least: f64,
    },
    Least {
        figure: &'static str,
        least: f64,
    },
    Most {
        figure: &'static str,
        most: f64,
    },
}

#[derive(Clone, Copy)]
pub struct Row {
    pub number: u8,
    pub label: &'static str,
    pub task: Task,
    /// Figures, the first of which decides: more is better.
    pub shows: &'static [(&'static str, &'static str)],
    pub bars: &'static [Bar],
}

const ACCEPTS: &[(&str, &str)] = &[
    ("accepts_per_s", "accepts/s"),
    ("accept_p50_ns", "p50"),
    ("accept_p99_ns", "p99"),
    ("cpu_ns_per_message", "CPU/message"),
    ("syncs_per_message", "fsyncs/message"),
    ("written_bytes_per_message", "disk/message"),
];

const RELAY: &[(&str, &str)] = &[
    ("messages_per_cpu_s", "per CPU-s"),
    ("messages_per_s", "per s"),
];

const STORM: &[(&str, &str)] = &[
    ("devices_per_s", "devices/s"),
    ("devices", "devices"),
    ("all_synced_ns", "all synced"),
    ("synced_p50_ns", "p50"),
    ("synced_p99_ns", "p99"),
    ("rss_before_bytes", "RSS before"),
    ("rss_growth_bytes", "peak growth"),
];

const STORED: &[(&str, &str)] = &[
    ("stored_per_s", "stored/s"),
    ("stored", "messages"),
    ("first_accept_ns", "start→accept"),
    ("first_accept_killed_ns", "after kill"),
    ("history_p50_ns", "history p50"),
    ("history_p99_ns", "p99"),
    ("rss_empty_bytes", "RSS empty"),
    ("rss_bytes", "RSS"),
    ("disk_bytes_per_message", "disk/message"),
];

const AS_REDIS: Bar = Bar::Ratio {
    to: "redis",
    least: 1.0,
};

const fn accepts(
    number: u8,
    label: &'static str,
    pairs: u32,
    window: u64,
    bars: &'static [Bar],
) -> Row {
    Row {
        number,
        label,
        task: Task::Accepts {
            pairs,
            window,
            extra_us: 0,
        },
        shows: ACCEPTS,
        bars,
    }
}

/// The same with a slow disk: recorded, without a bar.
const fn slow(row: &Row, label: &'static str) -> Row {
    let Task::Accepts { pairs, window, .. } = row.task else {
        panic!("only accepts wait for the disk");
    };
    Row {
        label,
        task: Task::Accepts {
            pairs,
            window,
            extra_us: 1_000,
        },
        bars: &[],
        ..*row
    }
}

const ONE: Row = accepts(1, "1 client, 1 in flight", 1, 1, &[AS_REDIS]);
const MANY: Row = accepts(2, "100 clients, 1 in flight", 100, 1, &[AS_REDIS]);
const DEEP: Row = accepts(
    3,
    "100 clients, 64 in flight",
    100,
    64,
    &[Bar::Least {
        figure: "accepts_per_s",
        least: 60_000.0,
    }],
);

pub const ROWS: [Row; 9] = [
    ONE,
    MANY,
    DEEP,
    slow(&ONE, "1 client, 1 in flight, +1 ms"),
    slow(&MANY, "100 clients, 1 in flight, +1 ms"),
    slow(&DEEP, "100 clients, 64 in flight, +1 ms"),
    Row {
        number: 4,
        label: "ephemeral, 100 pairs, 64 in flight",
        task: Task::Relay {
            pairs: 100,
            window: 64,
        },
        shows: RELAY,
        bars: &[Bar::Ratio {
            to: "open",
            least: 0.9,
        }],
    },
    Row {
        number: 5,
        label: "everybody reconnects, 20 messages wait for each",
        task: Task::Storm,
        shows: STORM,
        bars: &[],
    },
    Row {
        number: 6,
        label: "a store of many messages",
        task: Task::Stored,
        shows: STORED,
        bars: &[
            Bar::Most {
                figure: "first_accept_ns",
                most: 1e9,
            },
            Bar::Most {
                figure: "history_p99_ns",
                most: 1e6,
            },
            Bar::Most {
                figure: "disk_bytes_per_message",
                most: 350.0,
            },
        ],
    },
];
