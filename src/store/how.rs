//! How a store is kept: what the configuration says of it, with the key read. Knows no rows.

use super::Sealer;
use crate::config::MailboxConfig;
use crate::ops::exit::StartError;

#[derive(Debug)]
pub struct How {
    /// Whether a commit waits for the disk. Without it a power cut takes the last commits, whole ones, and a crash of
    /// the process none.
    pub fsync: bool,
    /// What message bodies are sealed with.
    pub sealer: Option<Sealer>,
}

impl How {
    pub fn load(config: &MailboxConfig) -> Result<How, StartError> {
        Ok(How {
            fsync: config.fsync,
            sealer: Sealer::load(&config.key)?,
        })
    }
}

/// As a configuration has it that says nothing.
impl Default for How {
    fn default() -> Self {
        How {
            fsync: true,
            sealer: None,
        }
    }
}
