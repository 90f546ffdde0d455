//! How a store is kept: what the configuration says of it, with the key read. Knows no rows.

use std::path::Path;

use super::{Sealer, schema, seal, standing};
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

    /// The same for the store in `dir`: once that is sealed, making a key is not what helps who has none.
    pub fn of(dir: &Path, config: &MailboxConfig) -> Result<How, StartError> {
        How::load(config).map_err(|error| right_fix(error, || standing::is_sealed(dir)))
    }

    /// The same for a backup.
    pub fn of_copy(file: &Path, config: &MailboxConfig) -> Result<How, StartError> {
        How::load(config).map_err(|error| right_fix(error, || standing::is_sealed_copy(file)))
    }
}

fn right_fix(error: StartError, is_sealed: impl FnOnce() -> bool) -> StartError {
    match error.fix == seal::MAKE_ONE && is_sealed() {
        true => StartError {
            fix: schema::RIGHT_KEY.into(),
            ..error
        },
        false => error,
    }
}
