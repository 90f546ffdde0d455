//! What the configuration decides of the rules, and the greetings that say so. Knows no connection.

use crate::config::{Config, Limits};
use crate::router::Channel;
use crate::wire::code::{Durability, Mode, Proof};
use crate::wire::frame::{Greeting, Hello};

pub struct Policy {
    pub(super) limits: Limits,
    pub(super) greetings: Greetings,
    /// `None`: open mode.
    pub(super) accounts: Option<AccountRules>,
}

/// What mailbox mode decides without asking.
#[derive(Clone, Copy, Debug)]
pub struct AccountRules {
    /// Whether clients may create accounts.
    pub signup_open: bool,
    /// Whether passwords and tokens are taken unencrypted from other machines.
    pub plaintext_credentials: bool,
    /// Whether there is anything that signs tokens.
    pub has_tokens: bool,
}

/// The `hello` line for each channel.
pub struct Greetings([Hello; 3]);

impl Policy {
    pub fn new(config: &Config) -> Self {
        let accounts = config.data.as_ref().map(|_| AccountRules {
            signup_open: config.accounts.signup_open,
            plaintext_credentials: config.accounts.plaintext_credentials,
            has_tokens: !config.accounts.token_keys.is_empty(),
        });
        let greetings = [Channel::Local, Channel::Plain, Channel::Tls].map(|channel| {
            Hello::new(&Greeting {
                mode: mode(accounts.as_ref()),
                server_name: &config.server_name,
                auth: &accounts.map_or(Vec::new(), |rules| rules.proofs(channel)),
                tls: channel == Channel::Tls,
                durability: match accounts {
                    None => Durability::Memory,
                    Some(_) if config.mailbox.fsync => Durability::Fsync,
                    Some(_) => Durability::Os,
                },
                max_line_bytes: config.limits.max_line_bytes,
            })
        });
        Policy {
            limits: config.limits.clone(),
            greetings: Greetings(greetings),
            accounts,
        }
    }

    pub fn mode(&self) -> Mode {
        mode(self.accounts.as_ref())
    }
}

impl AccountRules {
    /// Whether a password or a token may be sent through `channel`.
    pub fn takes_secrets(&self, channel: Channel) -> bool {
        channel != Channel::Plain || self.plaintext_credentials
    }

    /// How a name can be proved through `channel`.
    fn proofs(&self, channel: Channel) -> Vec<Proof> {
        let secrets = self.takes_secrets(channel);
        let usable = |proof: &&Proof| match proof {
            Proof::Password => secrets,
            Proof::Token => secrets && self.has_tokens,
            Proof::PublicKey | Proof::ResumeToken => true,
        };
        Proof::ALL.iter().filter(usable).copied().collect()
    }
}

impl Greetings {
    pub fn of(&self, channel: Channel) -> &Hello {
        let [local, plain, tls] = &self.0;
        match channel {
            Channel::Local => local,
            Channel::Plain => plain,
            Channel::Tls => tls,
        }
    }
}

fn mode(accounts: Option<&AccountRules>) -> Mode {
    match accounts {
        Some(_) => Mode::Mailbox,
        None => Mode::Open,
    }
}
