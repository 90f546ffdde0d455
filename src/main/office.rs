//! Where names are proved: opened with the daemon, kept to the rules that a reload brings, or used without a daemon.
//! Knows no protocol.

use std::path::Path;
#[cfg(feature = "mailbox")]
use std::sync::{Arc, OnceLock};

#[cfg(feature = "mailbox")]
use privmsgd::accounts;
use privmsgd::admin::cli::Offline;
use privmsgd::config::Config;
use privmsgd::net::inquiries::OpenDesk;
#[cfg(not(feature = "mailbox"))]
use privmsgd::ops::exit::Exit;
use privmsgd::ops::exit::StartError;
#[cfg(feature = "mailbox")]
use privmsgd::store::Store;

/// What the desk goes by, once it is open.
#[cfg(feature = "mailbox")]
pub type Office = Arc<OnceLock<accounts::Rules>>;
/// Nobody's.
#[cfg(not(feature = "mailbox"))]
#[derive(Clone, Default)]
pub struct Office(());

/// Who proves names, in mailbox mode.
#[cfg(feature = "mailbox")]
pub fn desk<'a>(config: &'a Config, office: &Office) -> Option<OpenDesk<'a>> {
    let dir = config.data.as_deref()?;
    let office = office.clone();
    Some(Box::new(move |wake| {
        let settings = accounts::Settings::load(config)?;
        let store = Store::open(dir)?;
        let worker = accounts::Worker::start(store, settings, move || wake())?;
        office.get_or_init(|| worker.rules());
        Ok(Box::new(worker))
    }))
}

#[cfg(not(feature = "mailbox"))]
pub fn desk<'a>(config: &'a Config, _: &Office) -> Option<OpenDesk<'a>> {
    let dir = config.data.as_deref()?;
    Some(Box::new(move |_| {
        let what = "this build of privmsgd keeps no accounts";
        Err(StartError::new(Exit::Config, what, dir.display(), ""))
    }))
}

/// Reads what the desk will go by; the result makes it do so.
#[cfg(feature = "mailbox")]
pub fn new_rules(config: &Config, office: &Office) -> Result<Box<dyn FnOnce() + Send>, StartError> {
    let Some(rules) = office.get().cloned() else {
        return Ok(Box::new(|| {}));
    };
    let settings = accounts::Settings::load(config)?;
    Ok(Box::new(move || rules.replace(settings)))
}

#[cfg(not(feature = "mailbox"))]
pub fn new_rules(_: &Config, _: &Office) -> Result<Box<dyn FnOnce() + Send>, StartError> {
    Ok(Box::new(|| {}))
}

/// The accounts in `dir`, for `privmsgd account` without a daemon.
#[cfg(feature = "mailbox")]
pub fn offline(dir: &Path, config: &Config) -> Result<Offline, StartError> {
    let mut accounts = accounts::Offline::open(dir, config)?;
    Ok(Box::new(move |asked| accounts.ask(asked)))
}

#[cfg(not(feature = "mailbox"))]
pub fn offline(dir: &Path, _: &Config) -> Result<Offline, StartError> {
    let what = "this build of privmsgd keeps no accounts";
    Err(StartError::new(Exit::Config, what, dir.display(), ""))
}
