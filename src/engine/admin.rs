//! What the operator sees of connections and does to them. Knows no admin socket.

use crate::engine::Engine;
use crate::net::admit::Peer;
use crate::net::conn::Transport;
use crate::wire::code::Goodbye;
use crate::wire::name::Name;

/// A connection as the operator sees it.
pub struct Seen<'a> {
    pub serial: u64,
    /// `None`: not registered, or no more.
    pub name: Option<&'a str>,
    /// In mailbox mode.
    pub device: Option<&'a str>,
    pub peer: &'a Peer,
    /// Since when, in milliseconds since 1970, to the second.
    pub connected_unix_ms: u64,
    pub queue_bytes: usize,
    /// It was told goodbye.
    pub ending: bool,
}

impl<S: Transport> Engine<S> {
    /// Who has the slot `key`.
    pub fn seen(&self, key: u32) -> Option<Seen<'_>> {
        let id = self.conns.id(key)?;
        let conn = self.conns.get(id)?;
        let since_ms = u64::from(conn.connected_s).saturating_mul(1_000);
        let ago_ms = self.now.mono_ms.saturating_sub(since_ms) / 1_000 * 1_000;
        Some(Seen {
            serial: conn.serial,
            name: self.router.name(id),
            device: self.router.device(id),
            peer: &conn.peer,
            connected_unix_ms: self.now.unix_ms.saturating_sub(ago_ms) / 1_000 * 1_000,
            queue_bytes: conn.backlog(),
            ending: !conn.is_open(),
        })
    }

    /// Connections that have registered, and those that are ending.
    pub fn registered(&self) -> usize {
        self.conns.len().saturating_sub(self.admit.unregistered())
    }

    /// Ends all sessions of a name; how many.
    pub fn kick(&mut self, name: &Name<'_>) -> usize {
        let mut ended = 0;
        for id in self.router.holders(name) {
            let open = self.conns.get(id).is_some_and(|conn| conn.is_open());
            self.conns.close(id, Goodbye::Revoked, None, None);
            ended += usize::from(open);
        }
        ended
    }
}
