//! `--mark-read`: what was printed is told to the server as read, a little later and for many messages at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::out::say;
use crate::client::command::Command;
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::frame::Message;
use crate::wire::name::Name;

#[derive(Default)]
pub struct Reading {
    /// By the other's name, as the server shows it: the last number that was printed.
    printed: BTreeMap<String, u64>,
    /// When the first of them was.
    since: Option<Instant>,
}

impl Reading {
    /// Of the other's. What has no number is not stored, and nobody counts it as unread.
    pub fn note(&mut self, message: &Message) {
        let Some(seq) = message.seq else {
            return;
        };
        let last = self.printed.entry(message.from.clone()).or_default();
        *last = seq.max(*last);
        self.since.get_or_insert_with(Instant::now);
    }

    /// How long it may wait for more.
    pub fn wait(&self) -> Option<Duration> {
        let since = self.since?;
        Some(GATHER.saturating_sub(since.elapsed()))
    }

    /// Tells it now. What was not told because the connection is lost is told later.
    pub fn tell(&mut self, client: &mut Client, patience: Duration) -> Result<(), Error> {
        self.since = self.since.map(|_| Instant::now());
        while let Some(entry) = self.printed.first_entry() {
            let (with_username, seq) = (entry.key().clone(), *entry.get());
            let private = false;
            let read = Command::MarkRead {
                with_username,
                seq,
                private,
            };
            match client.ask(read, patience) {
                Err(error) if error.kind != Kind::Refused => return Err(error),
                // The account is gone, say: no reason to end.
                Err(error) => say(&format!("not marked as read: {error}")),
                Ok(_) => {}
            }
            self.printed.pop_first();
        }
        self.since = None;
        Ok(())
    }
}

/// However the name is written.
pub fn is_from(message: &Message, name: &str) -> bool {
    let key = |name: &str| Name::parse(name).ok().map(|name| name.key());
    key(name) == key(&message.from)
}

const GATHER: Duration = Duration::from_millis(500);
