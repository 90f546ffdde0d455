//! What the rules need of the rest: the one way out, and to those who know more. Knows nobody who offers it.

use crate::accounts::{Job, Origin};
use crate::id::ConnId;
use crate::net::conns::Load;
use crate::wire::code::Goodbye;
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

/// The one way out: the connection table.
pub trait Table {
    /// Sends what is no reply, if there is room for it.
    fn offer(&mut self, to: ConnId, frame: &Frame<'_>) -> Load;
    /// Sends a reply.
    fn send(&mut self, to: ConnId, frame: &Frame<'_>);
    /// Ends a connection with `goodbye` as its last line; `reply` is the `id` that it answers.
    fn close(&mut self, id: ConnId, code: Goodbye, reply: Option<Raw<'_>>);
    /// The connection has become a session.
    fn registered(&mut self, id: ConnId, heartbeat_ms: Option<u32>);
    /// Whether what is no reply would be sent now.
    fn room(&mut self, to: ConnId) -> Load;
    /// Puts a question; the next line of the connection that asks waits for the answer. False: no room.
    fn ask(&mut self, job: Job) -> bool;
    /// The answer has come, and the connection goes on; whether it is still there to be told.
    fn answered(&mut self, id: ConnId) -> bool;
    /// Where a connection comes from, for the throttle.
    fn origin(&self, id: ConnId) -> Origin;
}
