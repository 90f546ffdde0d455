//! The rows of the table: nine works, some in several sizes. Knows not how they are done.

use crate::dialect::privmsgd::Privmsgd;
use crate::server::Kind;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub number: u8,
    pub label: &'static str,
    pub task: Task,
    /// The figure that the table shows.
    pub shows: &'static str,
    pub higher_is_better: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Task {
    Pairs {
        pairs: u32,
        window: u32,
        payload: usize,
        /// Rows that differ in how the lines are written are privmsgd's alone.
        style: Privmsgd,
    },
    Ping,
    Idle {
        connections: u32,
    },
    Enter,
    /// From many to one.
    Gather {
        senders: u32,
    },
    /// From one to many in turn.
    Scatter {
        receivers: u32,
    },
    Flood,
    /// TLS handshakes and nothing else.
    Handshake,
}

impl Task {
    /// Bytes of payload on their way to one recipient at most.
    pub fn in_flight(self) -> usize {
        match self {
            Task::Pairs {
                window, payload, ..
            } => window as usize * payload,
            _ => 0,
        }
    }
}

pub const PER_CPU: &str = "messages_per_server_cpu_second";

const PLAIN: Privmsgd = Privmsgd {
    spaces: false,
    id: false,
};
const SPACES: Privmsgd = Privmsgd {
    spaces: true,
    id: false,
};
const ID: Privmsgd = Privmsgd {
    spaces: false,
    id: true,
};
const SPACES_ID: Privmsgd = Privmsgd {
    spaces: true,
    id: true,
};

const fn row(number: u8, label: &'static str, task: Task) -> Work {
    let (shows, higher_is_better) = match task {
        Task::Ping => ("p50_ns", false),
        Task::Idle { .. } => ("memory_bytes_per_connection", false),
        Task::Enter | Task::Handshake => ("server_cpu_ns_per_connection", false),
        Task::Flood => ("p99_ratio", false),
        _ => (PER_CPU, true),
    };
    Work {
        number,
        label,
        task,
        shows,
        higher_is_better,
    }
}

const fn pairs(pairs: u32, window: u32, payload: usize, style: Privmsgd) -> Task {
    Task::Pairs {
        pairs,
        window,
        payload,
        style,
    }
}

pub const WORKS: &[Work] = &[
    row(
        1,
        "100 pairs, 64 in flight, 16 B",
        pairs(100, 64, 16, PLAIN),
    ),
    row(
        1,
        "100 pairs, 64 in flight, 100 B",
        pairs(100, 64, 100, PLAIN),
    ),
    row(
        1,
        "100 pairs, 64 in flight, 1 kB",
        pairs(100, 64, 1_000, PLAIN),
    ),
    row(
        1,
        "100 pairs, 64 in flight, 16 kB",
        pairs(100, 64, 16_000, PLAIN),
    ),
    // 64 of these are more than a recipient's bound in privmsgd.
    row(
        1,
        "100 pairs, 12 in flight, 16 kB",
        pairs(100, 12, 16_000, PLAIN),
    ),
    row(1, "16 B, spaces", pairs(100, 64, 16, SPACES)),
    row(1, "16 B, id", pairs(100, 64, 16, ID)),
    row(1, "16 B, spaces and id", pairs(100, 64, 16, SPACES_ID)),
    row(1, "100 B, spaces", pairs(100, 64, 100, SPACES)),
    row(1, "100 B, id", pairs(100, 64, 100, ID)),
    row(1, "100 B, spaces and id", pairs(100, 64, 100, SPACES_ID)),
    row(1, "1 kB, spaces", pairs(100, 64, 1_000, SPACES)),
    row(1, "1 kB, id", pairs(100, 64, 1_000, ID)),
    row(1, "1 kB, spaces and id", pairs(100, 64, 1_000, SPACES_ID)),
    row(
        1,
        "12 in flight, 16 kB, spaces",
        pairs(100, 12, 16_000, SPACES),
    ),
    row(1, "12 in flight, 16 kB, id", pairs(100, 12, 16_000, ID)),
    row(
        1,
        "12 in flight, 16 kB, spaces and id",
        pairs(100, 12, 16_000, SPACES_ID),
    ),
    row(
        2,
        "2,000 pairs, 1 in flight, 100 B",
        pairs(2_000, 1, 100, PLAIN),
    ),
    row(
        2,
        "5,000 pairs, 1 in flight, 100 B",
        pairs(5_000, 1, 100, PLAIN),
    ),
    row(3, "1 pair, ping, 100 B: p50", Task::Ping),
    row(
        4,
        "14,000 idle: memory of one",
        Task::Idle {
            connections: 14_000,
        },
    ),
    row(5, "connect, register, leave: CPU of one", Task::Enter),
    row(
        6,
        "1,000 senders to one, 100 B",
        Task::Gather { senders: 1_000 },
    ),
    row(
        7,
        "one sender to 1,000 in turn, 100 B",
        Task::Scatter { receivers: 1_000 },
    ),
    row(8, "a flooder beside a pair: p99, ×", Task::Flood),
    row(9, "a full TLS handshake: CPU of one", Task::Handshake),
];

impl Work {
    /// Why `kind` has no figure here, if it cannot have one.
    pub fn impossible(&self, kind: Kind) -> Option<&'static str> {
        match self.task {
            Task::Handshake if !kind.speaks_tls() => Some("–"),
            Task::Handshake => None,
            _ if kind == Kind::OpenSsl => Some("–"),
            Task::Pairs { style, .. } if style != PLAIN && kind != Kind::Privmsgd => Some("–"),
            Task::Pairs { payload, .. } if payload > kind.max_payload() => Some("no room"),
            _ => None,
        }
    }

    pub fn style(&self) -> Privmsgd {
        match self.task {
            Task::Pairs { style, .. } => style,
            _ => PLAIN,
        }
    }
}
