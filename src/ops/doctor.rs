//! What can be wrong around the daemon, looked at from outside it, with or without one that runs: each finding with what
//! to do about it. Changes nothing, and takes a second at most. Knows no protocol rules.

mod files;
mod holder;
mod machine;
mod places;
mod unit;

use std::thread;

use crate::config::{Config, Listen, TlsConfig};
use crate::ops::exit::{Exit, StartError};
use crate::ops::health::Check;
use crate::upkeep::Standing;

/// What is looked at.
pub struct Patient<'a> {
    /// The mistakes, if there are any.
    pub config: Result<&'a Config, &'a [String]>,
    /// What could be read of the configuration, mistakes or not.
    pub guess: &'a Config,
    pub running: Option<Running>,
    /// None answered, and one may be there all the same: this user may not ask it.
    pub is_hidden: bool,
    /// How the store is, where there is to be one.
    pub standing: Option<Result<Standing, StartError>>,
    /// What is wrong with the key files of accounts and mailboxes.
    pub faults: fn(&Config) -> Vec<StartError>,
    /// Reads the certificate and its key; when it ends, in milliseconds since 1970.
    pub certificate: fn(&TlsConfig) -> Result<u64, StartError>,
}

impl Patient<'_> {
    /// Whether what a daemon would take may have been taken by this one.
    fn may_run(&self) -> bool {
        let in_use = |standing: &Standing| standing.is_in_use;
        let store = self.standing.as_ref().and_then(|found| found.as_ref().ok());
        self.running.is_some() || self.is_hidden || store.is_some_and(in_use)
    }

    /// What a start would say that has this user. Whoever may not ask the daemon may not read what is its own either, which
    /// is no trouble of the daemon's.
    fn judge(&self, name: &'static str, error: StartError, otherwise: &'static str) -> Check {
        match self.is_hidden && error.code == Exit::Permission {
            true => Check::warning(
                name,
                format!("{}: {}", error.where_, error.what),
                "be root, or the user of the daemon, to have it looked at",
            ),
            false => failed(name, error, otherwise),
        }
    }
}

/// A daemon that answers.
pub struct Running {
    pub pid: u64,
    /// Its real addresses, as in the log.
    pub listeners: Vec<String>,
}

/// All findings, those that are no trouble included.
pub fn examine(patient: &Patient<'_>) -> Vec<Check> {
    // What takes long waits for others.
    thread::scope(|scope| {
        let unit = scope.spawn(unit::look);
        let places = scope.spawn(|| places::look(patient));
        let name = scope.spawn(|| machine::name(patient));
        let mut checks = configuration(patient);
        checks.extend(places.join().unwrap_or_default());
        checks.extend(name.join().unwrap_or_default());
        checks.push(machine::descriptors(patient));
        checks.extend(certificate(patient));
        checks.extend(files::look(patient));
        checks.extend(machine::disk(patient));
        checks.push(machine::clock());
        checks.extend(unit.join().unwrap_or_default());
        checks
    })
}

fn configuration(patient: &Patient<'_>) -> Vec<Check> {
    match patient.config {
        Ok(_) => vec![Check::ok(
            "configuration",
            "the configuration has no mistake",
        )],
        Err(mistakes) => {
            let fix = "mend it; privmsgd --check-config shows the place";
            let first = |text: &String| text.lines().next().unwrap_or(text).to_string();
            let failed = |text| Check::failed("configuration", first(text), fix);
            let rest = Check::warning(
                "configuration",
                "what is said below is of what could be read of it, and of defaults for the rest",
                "mend it and ask again",
            );
            mistakes.iter().map(failed).chain([rest]).collect()
        }
    }
}

/// Of the files that the configuration names: what the service manager hands over, only the daemon sees.
fn certificate(patient: &Patient<'_>) -> Option<Check> {
    let config = patient.guess;
    let speaks = config
        .listen
        .iter()
        .any(|listen| matches!(listen, Listen::Tls(_)));
    if !speaks && config.tls.certificate.is_none() {
        return None;
    }
    Some(match (patient.certificate)(&config.tls) {
        Ok(end_unix_ms) => machine::certificate(end_unix_ms),
        Err(error) => {
            let otherwise = "name a PEM chain and its key: tls.certificate, tls.key";
            patient.judge("keyPair", error, otherwise)
        }
    })
}

/// What a start would say. `otherwise`: what to do where it knows nothing.
fn failed(name: &'static str, error: StartError, otherwise: &'static str) -> Check {
    let what = format!("{}: {}", error.where_, error.what);
    match error.fix.as_str() {
        "" => Check::failed(name, what, otherwise),
        _ => Check::failed(name, what, error.fix),
    }
}
