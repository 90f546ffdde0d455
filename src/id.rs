//! The only word that all layers share: which connection.

/// Names one connection for as long as the process lives.
///
/// `key` is a slot of the connection table, and slots are given out again; `serial` never is. Whatever
/// outlives a turn keeps both, so that a late message cannot reach the stranger who got the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    pub key: u32,
    pub serial: u64,
}
