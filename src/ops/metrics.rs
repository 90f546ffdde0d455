//! Figures of the daemon for Prometheus: which there are, and what each means. Knows neither who counts nor who asks.
//!
//! The number of series depends on the mode alone: nothing that a peer chooses is a label, no name, address or `id`.
//! Written here and not with a library: most figures are plain numbers that only the loop has, read when they are
//! asked for, where prometheus-client wants atomics behind handles, 15 crates more, and writes OpenMetrics, whose
//! counters `promtool check metrics` takes for untyped.

mod histogram;
mod process;
mod text;

use crate::upkeep::Vitals;

pub use histogram::{Buckets, Histogram};
pub use process::{Process, open_files};
pub use text::Count;

use text::Text;

/// What one scrape tells. Times: milliseconds since 1970.
#[derive(Debug, Default)]
pub struct Reading {
    pub mode: &'static str,
    pub started_unix_ms: u64,
    /// Whether `/readyz` says yes.
    pub ready: bool,
    pub traffic: Traffic,
    /// From the loop's waking to the end of its writes.
    pub delivery: Buckets,
    pub last_reload_ok: bool,
    pub last_reload_ok_unix_ms: u64,
    pub lines_lost: u64,
    /// `None`: nothing speaks TLS.
    pub certificate_end_unix_ms: Option<u64>,
    /// `None`: open mode.
    pub store: Option<Vitals>,
    pub process: Process,
}

/// What the loop counts.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub connections: u64,
    pub max_connections: u64,
    pub registered: u64,
    pub names: u64,
    pub accepted: u64,
    pub refused: Vec<Count>,
    pub evicted: Vec<Count>,
    pub closed: Vec<Count>,
    pub messages: u64,
    pub errors: Vec<Count>,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub queue_bytes: u64,
    pub max_queue_bytes: u64,
    pub lines_suppressed: u64,
    pub panics: u64,
}

impl Reading {
    pub fn to_text(&self) -> String {
        let mut text = Text::default();
        self.daemon(&mut text);
        self.traffic.connections(&mut text);
        self.traffic.messages(&mut text);
        text.histogram(
            "privmsgd_delivery_seconds",
            "From the loop's waking to the end of its writes, of one in 16 of its turns that accept messages.",
            &self.delivery,
        );
        if let Some(vitals) = &self.store {
            store(&mut text, vitals);
        }
        process(&mut text, &self.process);
        text.finish()
    }

    fn daemon(&self, text: &mut Text) {
        let version = env!("CARGO_PKG_VERSION");
        text.info(
            "privmsgd_build_info",
            "The version and the mode it runs in; always 1.",
            &[("version", version), ("mode", self.mode)],
        );
        text.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
            seconds(self.started_unix_ms),
        );
        text.gauge(
            "privmsgd_ready",
            "1 if /readyz says that it can serve.",
            u8::from(self.ready),
        );
        text.gauge(
            "privmsgd_config_last_reload_successful",
            "1 if the configuration was taken over when it was last read.",
            u8::from(self.last_reload_ok),
        );
        text.gauge(
            "privmsgd_config_last_reload_success_timestamp_seconds",
            "When a configuration was last taken over, in seconds since 1970.",
            seconds(self.last_reload_ok_unix_ms),
        );
        text.counter(
            "privmsgd_log_lines_lost_total",
            "Log lines that standard error did not take.",
            self.lines_lost,
        );
        if let Some(end) = self.certificate_end_unix_ms {
            text.gauge(
                "privmsgd_tls_cert_expiry_timestamp_seconds",
                "When the certificate ends, in seconds since 1970.",
                seconds(end),
            );
        }
    }
}

impl Traffic {
    fn connections(&self, text: &mut Text) {
        text.gauge(
            "privmsgd_connections",
            "Connections, those that are ending included.",
            self.connections,
        );
        text.gauge(
            "privmsgd_connections_max",
            "Connections that there is room for.",
            self.max_connections,
        );
        text.gauge(
            "privmsgd_connections_registered",
            "Connections without those that may still register.",
            self.registered,
        );
        text.gauge("privmsgd_names", "Names that are connected.", self.names);
        text.counter(
            "privmsgd_connections_accepted_total",
            "Connections that were taken.",
            self.accepted,
        );
        text.counters(
            "privmsgd_connections_refused_total",
            "Connections that were not taken, by why.",
            "reason",
            &self.refused,
        );
        text.counters(
            "privmsgd_connections_evicted_total",
            "Connections that were ended to make room: for others, or in the memory for queues.",
            "reason",
            &self.evicted,
        );
        text.counters(
            "privmsgd_connections_closed_total",
            "Connections that ended: goodbye codes, lost ones, TLS handshakes that were too slow.",
            "reason",
            &self.closed,
        );
    }

    fn messages(&self, text: &mut Text) {
        text.counter(
            "privmsgd_messages_accepted_total",
            "Messages taken for their recipients: queued for their connections, or stored.",
            self.messages,
        );
        text.counters(
            "privmsgd_protocol_errors_total",
            "Commands and lines answered by an errorMessage, by its code.",
            "code",
            &self.errors,
        );
        text.counter(
            "privmsgd_received_bytes_total",
            "Bytes of lines that clients sent.",
            self.received_bytes,
        );
        text.counter(
            "privmsgd_sent_bytes_total",
            "Bytes of lines that clients' sockets took.",
            self.sent_bytes,
        );
        text.gauge(
            "privmsgd_outbound_queue_bytes",
            "Memory of all output queues together.",
            self.queue_bytes,
        );
        text.gauge(
            "privmsgd_outbound_queue_max_bytes",
            "What limits.total_queue_bytes allows them.",
            self.max_queue_bytes,
        );
        text.counter(
            "privmsgd_log_lines_suppressed_total",
            "Log lines about peers that were summed up instead of written.",
            self.lines_suppressed,
        );
        text.counter(
            "privmsgd_panics_total",
            "Mistakes of this program that ended one connection instead of all.",
            self.panics,
        );
    }
}

fn store(text: &mut Text, vitals: &Vitals) {
    text.histogram(
        "privmsgd_message_commit_seconds",
        "From taking what waits for the store to its being on the disk, for each commit.",
        &vitals.commit,
    );
    text.gauge(
        "privmsgd_store_bytes",
        "The database and its log on the disk.",
        vitals.bytes,
    );
    text.gauge(
        "privmsgd_store_writable",
        "0 while there is no room on the disk, or the store has failed.",
        u8::from(!vitals.is_full && !vitals.has_failed),
    );
    text.gauge(
        "privmsgd_store_jobs_waiting",
        "Jobs of mailboxes that wait for the store.",
        vitals.jobs_waiting,
    );
    text.counter(
        "privmsgd_accounts_created_total",
        "Accounts that were ever made, those removed since included.",
        vitals.accounts_created,
    );
    text.gauge(
        "privmsgd_passwords_waiting",
        "Passwords that are being hashed or wait for it.",
        vitals.hashing,
    );
    text.counter(
        "privmsgd_passwords_hashed_total",
        "Passwords that were hashed.",
        vitals.hashed,
    );
}

fn process(text: &mut Text, process: &Process) {
    if let Some(cpu) = process.cpu_seconds {
        let name = "process_cpu_seconds_total";
        text.counter(name, "User and system time of the process.", cpu);
    }
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Resident memory of the process.",
            process.resident_bytes,
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory of the process.",
            process.virtual_bytes,
        ),
        (
            "process_threads",
            "Threads of the process.",
            process.threads,
        ),
        (
            "process_open_fds",
            "Descriptors that the process has open.",
            process.open_files,
        ),
        (
            "process_max_fds",
            "Descriptors that it may have open.",
            Some(process.max_files),
        ),
    ] {
        if let Some(value) = value {
            text.gauge(name, help, value);
        }
    }
}

fn seconds(unix_ms: u64) -> f64 {
    unix_ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests;
