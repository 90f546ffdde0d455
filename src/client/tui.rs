//! The interactive session, on the whole screen. Knows the client, and nothing of its connection.

use super::Profile;
use super::error::{Error, Kind};

/// Until its user leaves.
pub fn run(_profile: &Profile) -> Result<(), Error> {
    Err(Error::new(
        Kind::Usage,
        "this build has no interactive session",
        "privmsg --help lists the commands",
    ))
}
