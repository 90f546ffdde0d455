//! What the accounts go by: their part of the configuration, and what its files hold. Read before it is handed over,
//! so that neither the loop nor the worker ever waits for a file.

use super::confusable::Reserved;
use super::token::TokenKeys;
use crate::config::{AccountsConfig, Config, MailboxConfig};
use crate::ops::exit::StartError;

#[derive(Clone, Debug)]
pub struct Settings {
    pub config: AccountsConfig,
    pub mailbox: MailboxConfig,
    /// What signatures are over, and tokens are for unless `token_audience` says otherwise.
    pub server_name: String,
    pub token_keys: TokenKeys,
    pub reserved: Reserved,
}

impl Settings {
    /// Reads the files that the configuration names; fails if one of them is of no use.
    pub fn load(config: &Config) -> Result<Self, StartError> {
        let token_keys = TokenKeys::load(&config.accounts)?;
        let (accounts, server_name) = (config.accounts.clone(), config.server_name.clone());
        Ok(Settings {
            mailbox: config.mailbox.clone(),
            ..Settings::new(accounts, server_name, token_keys)
        })
    }

    /// What is wrong with any of those files.
    pub fn faults(config: &Config) -> Vec<StartError> {
        TokenKeys::faults(&config.accounts)
    }

    /// With mailboxes as nobody has configured them.
    pub fn new(config: AccountsConfig, server_name: String, token_keys: TokenKeys) -> Self {
        Settings {
            reserved: Reserved::new(&config.reserved_names),
            config,
            mailbox: MailboxConfig::default(),
            server_name,
            token_keys,
        }
    }

    /// What a token's `aud` must name.
    pub fn audience(&self) -> &str {
        match self.config.token_audience.as_str() {
            "" => &self.server_name,
            given => given,
        }
    }
}
