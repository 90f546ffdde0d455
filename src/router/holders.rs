//! Who has a name, for the operator. Knows no rule about who may have one.

use crate::id::ConnId;
use crate::router::Router;
use crate::wire::name::Name;

impl Router {
    /// The connections that have registered as `name`.
    pub fn holders(&self, name: &Name<'_>) -> Vec<ConnId> {
        let found = self.names.find(name.key().as_bytes(), &self.sessions);
        found.into_iter().collect()
    }
}
