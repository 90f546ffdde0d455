//! Who may connect: slots, limits per address, and which unregistered connection goes first.
//! Knows no names and no JSON.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::accounts::Origin;
use crate::config::Limits;
use crate::net::timers::NEVER;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `None`: a UNIX socket. IPv4 addresses mapped into IPv6 are IPv4 here.
    address: Option<IpAddr>,
    port: u16,
    /// Over TLS.
    encrypted: bool,
}

impl Peer {
    pub fn tcp(address: SocketAddr) -> Self {
        Peer {
            address: Some(address.ip().to_canonical()),
            port: address.port(),
            encrypted: false,
        }
    }

    pub const fn unix() -> Self {
        Peer {
            address: None,
            port: 0,
            encrypted: false,
        }
    }

    /// The same peer over TLS.
    pub const fn over_tls(self) -> Self {
        Peer {
            encrypted: true,
            ..self
        }
    }

    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// What counts as one address when a name is to be proved.
    pub fn origin(&self) -> Origin {
        match self.group() {
            _ if self.is_local() => Origin::Local,
            Group::Unix => Origin::Local,
            Group::V4(address) => Origin::V4(address),
            Group::V6(network) => Origin::V6(network),
        }
    }

    /// On this machine: exempt from rates unless the configuration says otherwise.
    pub fn is_local(&self) -> bool {
        self.address.is_none_or(|address| address.is_loopback())
    }

    /// What counts as one address: an IPv4 address, or the first 64 bits of an IPv6 one.
    fn group(&self) -> Group {
        match self.address {
            None => Group::Unix,
            Some(IpAddr::V4(address)) => Group::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => Group::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => f.write_str("a UNIX socket"),
            Some(address) => SocketAddr::new(address, self.port).fmt(f),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    Unix,
    V4(u32),
    V6(u64),
}

/// Why a connection was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    TooManyFromAddress,
    TooFastFromAddress,
    NoDescriptors,
}

impl Refused {
    pub const ALL: &[Refused] = &[
        Refused::Full,
        Refused::TooManyFromAddress,
        Refused::TooFastFromAddress,
        Refused::NoDescriptors,
    ];

    /// For scripts.
    pub const fn word(self) -> &'static str {
        match self {
            Refused::Full => "full",
            Refused::TooManyFromAddress => "addressCount",
            Refused::TooFastFromAddress => "addressRate",
            Refused::NoDescriptors => "descriptors",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Refused::Full => "all connections are taken",
            Refused::TooManyFromAddress => "too many connections from this address",
            Refused::TooFastFromAddress => "too many new connections from this address",
            Refused::NoDescriptors => "no descriptor left",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Admit,
    /// Admit, and end this unregistered connection to make room.
    Evict(u32),
    Refuse(Refused),
}

struct Address {
    live: u32,
    /// When its bucket of new connections is full again, in monotonic ms (GCRA).
    refilled_ms: u64,
}

/// The span over which `new_connections_per_address` counts.
const SPAN_MS: u64 = 10_000;

pub struct Admit {
    capacity: usize,
    live: usize,
    /// Of those not yet registered: serial → (slot, connected at). Serials grow, so the first is the oldest.
    unregistered: BTreeMap<u64, (u32, u64)>,
    /// The same of those whose TLS handshake is not done.
    handshaking: BTreeMap<u64, (u32, u64)>,
    /// Addresses with live connections, and some whose bucket is still filling; swept when it has doubled.
    addresses: HashMap<Group, Address>,
    sweep_at: usize,
}

impl Admit {
    /// `capacity`: connections at once.
    pub fn new(capacity: usize) -> Self {
        Admit {
            capacity,
            live: 0,
            unregistered: BTreeMap::new(),
            handshaking: BTreeMap::new(),
            addresses: HashMap::new(),
            sweep_at: 1_024,
        }
    }

    pub fn judge(&mut self, peer: &Peer, limits: &Limits, now_ms: u64) -> Verdict {
        if (!peer.is_local() || limits.limit_local_peers)
            && let Some(refused) = self.judge_address(peer, limits, now_ms)
        {
            return Verdict::Refuse(refused);
        }
        if self.live < self.capacity {
            return Verdict::Admit;
        }
        match self.unregistered.first_key_value() {
            Some((_, &(key, _))) if self.crowded() => Verdict::Evict(key),
            _ => Verdict::Refuse(Refused::Full),
        }
    }

    pub fn connected(&mut self, key: u32, serial: u64, peer: &Peer, now_ms: u64) {
        self.live += 1;
        self.unregistered.insert(serial, (key, now_ms));
        if peer.is_encrypted() {
            self.handshaking.insert(serial, (key, now_ms));
        }
        self.addresses
            .entry(peer.group())
            .or_insert(Address {
                live: 0,
                refilled_ms: 0,
            })
            .live += 1;
    }

    /// No longer subject to the time for registering: it registered, or it is closing.
    pub fn settled(&mut self, serial: u64) {
        self.unregistered.remove(&serial);
    }

    /// Its TLS handshake is done.
    pub fn shook_hands(&mut self, serial: u64) {
        self.handshaking.remove(&serial);
    }

    /// Whether its TLS handshake is not done.
    pub fn is_handshaking(&self, serial: u64) -> bool {
        self.handshaking.contains_key(&serial)
    }

    /// The connection whose TLS handshake has taken longer than `timeout_ms`.
    pub fn overdue_handshake(&self, timeout_ms: u64, now_ms: u64) -> Option<(u64, u32)> {
        let (&serial, &(key, since)) = self.handshaking.first_key_value()?;
        (since.saturating_add(timeout_ms) <= now_ms).then_some((serial, key))
    }

    pub fn next_handshake_deadline(&self, timeout_ms: u64) -> u64 {
        let oldest = self.handshaking.first_key_value();
        oldest.map_or(NEVER, |(_, &(_, since))| since.saturating_add(timeout_ms))
    }

    /// The slot is free.
    pub fn gone(&mut self, serial: u64, peer: &Peer, now_ms: u64) {
        self.live = self.live.saturating_sub(1);
        self.settled(serial);
        self.shook_hands(serial);
        let group = peer.group();
        if let Some(address) = self.addresses.get_mut(&group) {
            address.live = address.live.saturating_sub(1);
            if address.live == 0 && address.refilled_ms <= now_ms {
                self.addresses.remove(&group);
            }
        }
    }

    /// The unregistered connection whose time is over.
    pub fn overdue(&self, limits: &Limits, now_ms: u64) -> Option<u32> {
        let (_, &(key, since)) = self.unregistered.first_key_value()?;
        (since.saturating_add(self.patience_ms(limits)) <= now_ms).then_some(key)
    }

    pub fn next_deadline(&self, limits: &Limits) -> u64 {
        let oldest = self.unregistered.first_key_value();
        oldest.map_or(NEVER, |(_, &(_, since))| {
            since.saturating_add(self.patience_ms(limits))
        })
    }

    /// Those that have neither registered nor begun to end.
    pub fn unregistered(&self) -> usize {
        self.unregistered.len()
    }

    /// Connections at once.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn live(&self) -> usize {
        self.live
    }

    fn judge_address(&mut self, peer: &Peer, limits: &Limits, now_ms: u64) -> Option<Refused> {
        if self.addresses.len() >= self.sweep_at {
            self.addresses
                .retain(|_, address| address.live > 0 || address.refilled_ms > now_ms);
            self.sweep_at = (self.addresses.len() * 2).max(1_024);
        }
        let address = self.addresses.entry(peer.group()).or_insert(Address {
            live: 0,
            refilled_ms: 0,
        });
        if address.live >= limits.max_connections_per_address {
            return Some(Refused::TooManyFromAddress);
        }
        let interval = SPAN_MS / u64::from(limits.new_connections_per_address).clamp(1, SPAN_MS);
        let refilled = address.refilled_ms.max(now_ms) + interval;
        if refilled > now_ms + SPAN_MS {
            return Some(Refused::TooFastFromAddress);
        }
        address.refilled_ms = refilled;
        None
    }

    fn crowded(&self) -> bool {
        self.unregistered.len() * 2 > self.capacity
    }

    fn patience_ms(&self, limits: &Limits) -> u64 {
        if self.crowded() {
            limits.crowded_register_timeout_ms
        } else {
            limits.register_timeout_ms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::tcp(SocketAddr::new(address.parse().unwrap(), 9))
    }

    #[test]
    fn an_address_has_a_bounded_number_of_connections_and_of_new_ones() {
        let (mut admit, limits) = (Admit::new(1_000), Limits::default());
        let stranger = peer("192.0.2.1");
        let taken = (0..100)
            .filter(|_| admit.judge(&stranger, &limits, 0) == Verdict::Admit)
            .count();
        assert_eq!(taken, 32);
        assert_eq!(
            admit.judge(&stranger, &limits, 0),
            Verdict::Refuse(Refused::TooFastFromAddress)
        );
        assert_eq!(admit.judge(&peer("192.0.2.2"), &limits, 0), Verdict::Admit);
        for serial in 0..64 {
            admit.connected(serial as u32, serial, &stranger, 0);
        }
        assert_eq!(
            admit.judge(&stranger, &limits, 60_000),
            Verdict::Refuse(Refused::TooManyFromAddress)
        );
        admit.gone(0, &stranger, 60_000);
        assert_eq!(admit.judge(&stranger, &limits, 60_000), Verdict::Admit);
    }

    #[test]
    fn an_ipv6_address_counts_by_its_network_and_a_mapped_one_as_ipv4() {
        assert!(peer("2001:db8::1").group() == peer("2001:db8::ffff").group());
        assert!(peer("2001:db8::1").group() != peer("2001:db8:0:1::1").group());
        assert!(peer("::ffff:192.0.2.1").group() == peer("192.0.2.1").group());
        assert!(
            peer("::ffff:127.0.0.1").is_local()
                && peer("::1").is_local()
                && Peer::unix().is_local()
        );
    }

    #[test]
    fn a_crowd_of_unregistered_connections_has_less_time_and_makes_room() {
        let (mut admit, limits, local) = (Admit::new(4), Limits::default(), peer("127.0.0.1"));
        for serial in 0..4 {
            admit.connected(serial as u32, serial, &local, 1_000 * serial);
        }
        assert_eq!(admit.next_deadline(&limits), 10_000);
        assert_eq!(admit.judge(&local, &limits, 4_000), Verdict::Evict(0));
        admit.settled(0);
        admit.settled(1);
        assert_eq!(admit.next_deadline(&limits), 62_000);
        assert_eq!(admit.overdue(&limits, 61_999), None);
        assert_eq!(admit.overdue(&limits, 62_000), Some(2));
        assert_eq!(
            admit.judge(&local, &limits, 4_000),
            Verdict::Refuse(Refused::Full)
        );
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let (mut admit, limits) = (Admit::new(10), Limits::default());
        for n in 0..10_000u32 {
            admit.judge(
                &Peer::tcp(SocketAddr::new(IpAddr::V4(n.into()), 1)),
                &limits,
                u64::from(n) * 20_000,
            );
        }
        assert!(admit.addresses.len() <= 2_048);
    }
}
