//! Where names are proved: opened with the daemon, kept to the rules that a reload brings, or used without a daemon.
//! Knows no protocol.

use std::path::Path;
#[cfg(feature = "mailbox")]
use std::sync::{Arc, OnceLock};

#[cfg(feature = "mailbox")]
use privmsgd::accounts;
use privmsgd::admin::cli::{Offline, Tools};
use privmsgd::config::Config;
use privmsgd::net::inquiries::OpenDesk;
use privmsgd::net::tls;
#[cfg(not(feature = "mailbox"))]
use privmsgd::ops::exit::Exit;
use privmsgd::ops::exit::StartError;
#[cfg(feature = "mailbox")]
use privmsgd::store::{self, How, Store};
use privmsgd::upkeep::{Checked, Finding, Restore, Restored, Standing};

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
        let store = Store::open_as(dir, How::of(dir, &config.mailbox)?)?;
        let worker = accounts::Worker::start(store, settings, move || wake())?;
        office.get_or_init(|| worker.rules());
        Ok(Box::new(worker))
    }))
}

#[cfg(not(feature = "mailbox"))]
pub fn desk<'a>(config: &'a Config, _: &Office) -> Option<OpenDesk<'a>> {
    let dir = config.data.as_deref()?;
    Some(Box::new(move |_| Err(nothing_kept(dir))))
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

/// What `privmsgd account`, `backup`, `check-store` and others do without a daemon.
pub fn tools() -> Tools {
    Tools {
        accounts: offline,
        check,
        restore,
        certificate: |config| tls::load(config).map(|identity| identity.end_unix_ms()),
        standing,
        faults,
    }
}

/// What keeps the desk from being opened, of the files that the configuration names. A key that the service manager gives
/// the daemon alone is none of them.
#[cfg(feature = "mailbox")]
pub fn faults(config: &Config) -> Vec<StartError> {
    let Some(dir) = &config.data else {
        return Vec::new();
    };
    let mut faults = accounts::Settings::faults(config);
    if !store::is_out_of_sight(&config.mailbox.key) {
        faults.extend(How::of(dir, &config.mailbox).err());
    }
    faults
}

#[cfg(feature = "mailbox")]
fn standing(dir: &Path, config: &Config) -> Result<Standing, StartError> {
    store::standing(dir, How::load(&config.mailbox).ok().as_ref())
}

#[cfg(feature = "mailbox")]
fn check(
    dir: &Path,
    config: &Config,
    tell: &mut dyn FnMut(Finding),
) -> Result<Checked, StartError> {
    let how = How::of(dir, &config.mailbox)?;
    store::check(dir, how.sealer.as_ref(), tell)
}

#[cfg(feature = "mailbox")]
fn restore(
    asked: &Restore,
    config: &Config,
    warn: &mut dyn FnMut(&Finding),
) -> Result<Restored, StartError> {
    let how = How::of_copy(&asked.from, &config.mailbox)?;
    store::restore(asked, how, crate::unix_ms(), warn)
}

#[cfg(not(feature = "mailbox"))]
pub fn faults(config: &Config) -> Vec<StartError> {
    config
        .data
        .as_deref()
        .map(nothing_kept)
        .into_iter()
        .collect()
}

#[cfg(not(feature = "mailbox"))]
fn standing(_: &Path, _: &Config) -> Result<Standing, StartError> {
    Ok(Standing::default())
}

#[cfg(not(feature = "mailbox"))]
fn check(dir: &Path, _: &Config, _: &mut dyn FnMut(Finding)) -> Result<Checked, StartError> {
    Err(nothing_kept(dir))
}

#[cfg(not(feature = "mailbox"))]
fn restore(
    asked: &Restore,
    _: &Config,
    _: &mut dyn FnMut(&Finding),
) -> Result<Restored, StartError> {
    Err(nothing_kept(&asked.to))
}

#[cfg(not(feature = "mailbox"))]
fn nothing_kept(dir: &Path) -> StartError {
    let what = "this build of privmsgd keeps no accounts";
    StartError::new(Exit::Config, what, dir.display(), "")
}

/// The accounts in `dir`, for `privmsgd account` without a daemon.
#[cfg(feature = "mailbox")]
fn offline(dir: &Path, config: &Config, makes: bool) -> Result<Offline, StartError> {
    let mut accounts = accounts::Offline::open(dir, config, makes)?;
    Ok(Box::new(move |asked| accounts.ask(asked)))
}

#[cfg(not(feature = "mailbox"))]
fn offline(dir: &Path, _: &Config, _: bool) -> Result<Offline, StartError> {
    Err(nothing_kept(dir))
}
