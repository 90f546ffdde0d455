//! Who has a name, for the operator. Knows no rule about who may have one.

use crate::id::ConnId;
use crate::router::Router;
use crate::wire::name::Name;

impl Router {
    /// The connections that have registered as `name`.
    pub fn holders(&self, name: &Name<'_>) -> Vec<ConnId> {
        self.sessions_of(name.key())
    }

    /// Of which device a connection is a session, in mailbox mode.
    pub fn device(&self, id: ConnId) -> Option<&str> {
        let member = self.sessions.get(id)?.member()?;
        member.device.as_deref()
    }
}
