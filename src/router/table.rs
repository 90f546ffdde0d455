//! What the rules need of the rest: the one way out, and to those who know more. Knows nobody who offers it.

use crate::accounts::{Job, Origin};
use crate::id::ConnId;
use crate::net::conns::{Arrived, Load};
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
    /// Puts a question with `bytes` of a message in it; its connection goes on, until too many await their answers.
    /// False: no room.
    fn post(&mut self, job: Job, bytes: usize) -> bool;
    /// As [`Table::answered`], of what was posted.
    fn post_answered(&mut self, id: ConnId) -> bool;
    /// Puts what nobody has to be answered for. The caller bounds how often.
    fn tell(&mut self, job: Job);
    /// Answers that a connection awaits.
    fn awaited(&self, id: ConnId) -> u32;
    /// No line of the connection is handled any more: what it sent so far is all.
    fn end_lines(&mut self, id: ConnId);
    /// From here on the connection's output is counted; [`Input::Ended`](crate::router::Input::Ended) tells of its end.
    fn follow(&mut self, id: ConnId);
    /// Where its output ends, in bytes since it is followed.
    fn output_end(&self, id: ConnId) -> u64;
    /// What of it has arrived.
    fn arrived(&mut self, id: ConnId) -> Arrived;
    /// Whether less than `bytes` wait for a connection, and not too many for all.
    fn space(&mut self, to: ConnId, bytes: usize) -> bool;
    /// [`Input::Room`](crate::router::Input::Room) comes once most of its output is written; false: that is so already.
    fn await_room(&mut self, id: ConnId) -> bool;
    /// Nobody asks any more what of the connection's output has arrived: it need not linger for that.
    fn unfollow(&mut self, id: ConnId);
    /// Of what it was sent nothing more is to be learned: it need not linger for that.
    fn let_go(&mut self, id: ConnId);
    /// Where a connection comes from, for the throttle.
    fn origin(&self, id: ConnId) -> Origin;
}
