//! The connection table as the router sees it. Knows no rule.

use crate::accounts::{Job, Origin};
use crate::id::ConnId;
use crate::net::conn::{Arrived, Transport};
use crate::net::conns::{Conns, Load};
use crate::router::Table;
use crate::wire::code::Goodbye;
use crate::wire::command::Raw;
use crate::wire::frame::Frame;

impl<S: Transport> Table for Conns<S> {
    #[inline]
    fn offer(&mut self, to: ConnId, frame: &Frame<'_>) -> Load {
        Conns::offer(self, to, frame)
    }

    #[inline]
    fn send(&mut self, to: ConnId, frame: &Frame<'_>) {
        Conns::send(self, to, frame);
    }

    fn close(&mut self, id: ConnId, code: Goodbye, reply: Option<Raw<'_>>) {
        Conns::close(self, id, code, reply, None);
    }

    fn registered(&mut self, id: ConnId, heartbeat_ms: Option<u32>) {
        let now_ms = self.now_ms;
        if let Some(conn) = self.get_mut(id) {
            conn.register(heartbeat_ms, now_ms);
            self.mark_registered(id);
        }
    }

    #[inline]
    fn room(&mut self, to: ConnId) -> Load {
        Conns::room(self, to)
    }

    fn ask(&mut self, job: Job) -> bool {
        Conns::ask(self, job)
    }

    fn answered(&mut self, id: ConnId) -> bool {
        Conns::answered(self, id)
    }

    fn post(&mut self, job: Job, bytes: usize) -> bool {
        Conns::post(self, job, bytes)
    }

    fn post_answered(&mut self, id: ConnId) -> bool {
        Conns::post_answered(self, id)
    }

    fn tell(&mut self, job: Job) {
        Conns::tell(self, job);
    }

    fn awaited(&self, id: ConnId) -> u32 {
        Conns::awaited(self, id)
    }

    fn end_lines(&mut self, id: ConnId) {
        Conns::end_lines(self, id);
    }

    fn follow(&mut self, id: ConnId) {
        Conns::follow(self, id);
    }

    fn unfollow(&mut self, id: ConnId) {
        Conns::unfollow(self, id);
    }

    fn output_end(&self, id: ConnId) -> u64 {
        Conns::output_end(self, id)
    }

    fn arrived(&mut self, id: ConnId) -> Arrived {
        Conns::arrived(self, id)
    }

    fn space(&mut self, to: ConnId, bytes: usize) -> bool {
        Conns::space(self, to, bytes)
    }

    fn await_room(&mut self, id: ConnId) -> bool {
        Conns::await_room(self, id)
    }

    fn let_go(&mut self, id: ConnId) {
        Conns::let_go(self, id);
    }

    fn origin(&self, id: ConnId) -> Origin {
        Conns::origin(self, id)
    }
}
