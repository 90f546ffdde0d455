//! Every bound of the daemon, with its default and unit.

/// Where two names differ by `unregistered`, that one holds until a connection has registered.
/// Each field is a key of the `[limits]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; 0: as many as the descriptor limit leaves after a reserve of 64.
    pub max_connections: usize,
    /// Connections at once from one IPv4 address or IPv6 /64. Loopback and UNIX peers are exempt.
    pub max_connections_per_address: u32,
    /// New connections from one address in 10 s. Loopback and UNIX peers are exempt.
    pub new_connections_per_address: u32,
    /// New connections taken from one listener in one turn of the loop.
    pub accepts_per_turn: u32,
    /// Bytes of one line without its line end.
    pub max_line_bytes: usize,
    pub max_unregistered_line_bytes: usize,
    /// Bytes of one overlong line that are skipped before the connection ends.
    pub max_skipped_bytes: usize,
    /// From a line's first byte to its end.
    pub line_timeout_ms: u64,
    /// From connecting to a successful `register`.
    pub register_timeout_ms: u64,
    /// The same while more than half of the connections are unregistered.
    pub crowded_register_timeout_ms: u64,
    /// Failed `register` commands before the connection ends.
    pub register_tries: u32,
    /// Bytes waiting for a recipient above which senders get `recipientBusy`, until half is drained;
    /// a connection with this much waiting for itself is not read.
    pub queue_soft_bytes: usize,
    /// Bytes waiting for a connection above which it ends.
    pub queue_hard_bytes: usize,
    /// Bytes waiting for an unregistered connection above which it is not read.
    pub unregistered_queue_bytes: usize,
    /// Bytes waiting for all connections together.
    pub total_queue_bytes: usize,
    /// A connection with bytes waiting that takes none for this long ends.
    pub stall_timeout_ms: u64,
    /// Bytes read from one connection in one turn of the loop.
    pub read_budget_bytes: usize,
    /// Commands of one connection, on average. Loopback and UNIX peers are exempt.
    pub commands_per_second: u32,
    /// Commands of one connection at once.
    pub command_burst: u32,
    /// Whether loopback and UNIX peers are held to the rates and counts per connection and address too.
    pub limit_local_peers: bool,
    /// Refused lines of one connection in 10 s before it ends.
    pub max_errors: u32,
    /// Commands of one connection that are not answered yet; with so many it is not read.
    pub max_pending_commands: u32,
    /// Bytes waiting for a session above which it is sent no more of its mailbox, until a quarter is left.
    pub delivery_queue_bytes: usize,
    /// Sessions whose next messages are being read from the disk at once; the others queue.
    pub max_fetches: usize,
    /// From a peer's last line to `goodbye`, while its mailbox is delivered.
    pub last_delivery_ms: u64,
    /// Sessions of one account with `deliver:"none"`.
    pub max_send_only: usize,
    /// Names one connection may watch.
    pub max_watched: usize,
    /// Connections that may watch one name.
    pub max_watchers: usize,
    /// Between two `presence` frames about one name.
    pub presence_interval_ms: u64,
    /// Between two `sessionNotice claimRefused` to one session.
    pub claim_notice_interval_ms: u64,
    /// After the last byte to a connection was written: how long its own end is awaited.
    pub linger_ms: u64,
    /// And how many of its bytes are read and thrown away meanwhile.
    pub linger_bytes: usize,
    /// From SIGTERM to the end of the process.
    pub drain_timeout_ms: u64,
    /// TCP keepalive: seconds of silence before the first probe, seconds between probes, probes.
    pub keepalive: [u32; 3],
    /// TCP_USER_TIMEOUT: sent bytes that stay unacknowledged this long end the connection.
    pub user_timeout_ms: u32,
    /// TCP_NOTSENT_LOWAT: unsent bytes that the kernel holds for one connection.
    pub notsent_lowat_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_connections: 0,
            max_connections_per_address: 64,
            new_connections_per_address: 32,
            accepts_per_turn: 64,
            max_line_bytes: 64 * 1024,
            max_unregistered_line_bytes: 4 * 1024,
            max_skipped_bytes: 1024 * 1024,
            line_timeout_ms: 30_000,
            register_timeout_ms: 60_000,
            crowded_register_timeout_ms: 10_000,
            register_tries: 5,
            queue_soft_bytes: 256 * 1024,
            queue_hard_bytes: 1024 * 1024,
            unregistered_queue_bytes: 16 * 1024,
            total_queue_bytes: 64 * 1024 * 1024,
            stall_timeout_ms: 30_000,
            read_budget_bytes: 64 * 1024,
            commands_per_second: 20,
            command_burst: 50,
            limit_local_peers: false,
            max_errors: 10,
            max_pending_commands: 256,
            delivery_queue_bytes: 64 * 1024,
            max_fetches: 64,
            last_delivery_ms: 120_000,
            max_send_only: 64,
            max_watched: 128,
            max_watchers: 10_000,
            presence_interval_ms: 1_000,
            claim_notice_interval_ms: 60_000,
            linger_ms: 2_000,
            linger_bytes: 64 * 1024,
            drain_timeout_ms: 10_000,
            keepalive: [60, 15, 4],
            user_timeout_ms: 30_000,
            notsent_lowat_bytes: 128 * 1024,
        }
    }
}
