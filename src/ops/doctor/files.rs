//! What a daemon opens before it serves: its store, and the keys of accounts and mailboxes. Knows nothing of what is in them.

use super::{Patient, failed, unit};
use crate::ops::health::Check;
use crate::upkeep::Standing;

pub fn look(patient: &Patient<'_>) -> Vec<Check> {
    let faults = (patient.faults)(patient.guess).into_iter();
    let keys =
        faults.map(|fault| patient.judge("keys", fault, "see accounts.token_keys and mailbox.key"));
    store(patient).into_iter().chain(keys).collect()
}

fn store(patient: &Patient<'_>) -> Option<Check> {
    let dir = patient.guess.data.as_deref()?.display();
    let found = patient.standing.as_ref()?;
    Some(match found {
        Err(error) => patient.judge("store", error.clone(), OTHERWISE),
        Ok(Standing { is_in_use, .. }) if *is_in_use => {
            Check::ok("store", format!("{dir}: a process runs on it"))
        }
        Ok(Standing {
            of_another: Some(error),
            ..
        }) => match unit::is_installed() {
            true => Check::warning(
                "store",
                format!("{}: {}", error.where_, error.what),
                "start it as a service that runs as that user: systemctl start privmsgd",
            ),
            false => failed("store", error.clone(), OTHERWISE),
        },
        Ok(Standing { is_made: true, .. }) => {
            Check::ok("store", format!("{dir}: a daemon can open it"))
        }
        Ok(_) => Check::ok("store", format!("{dir}: a start makes a new one")),
    })
}

const OTHERWISE: &str = "name another directory: --data DIR";
