//! How a store is kept: what the configuration says of it, with the key read. Knows no rows.

use super::Sealer;
use crate::config::MailboxConfig;
use crate::ops::exit::StartError;

#[derive(Debug, Default)]
pub struct How {
    /// What message bodies are sealed with.
    pub sealer: Option<Sealer>,
    /// None is made where none is.
    pub must_exist: bool,
}

impl How {
    pub fn load(config: &MailboxConfig) -> Result<How, StartError> {
        Ok(How {
            sealer: Sealer::load(&config.key)?,
            must_exist: false,
        })
    }
}
