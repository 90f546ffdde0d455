//! Faults planted on purpose: the reference finds each of them, and nothing where there is none.
//! `cargo test --features planted-faults --test planted`. Those of mailboxes are for the conformance kit to find.

#[path = "model/mod.rs"]
mod model;

use std::panic::catch_unwind;

use model::actions::schedule;
use model::choice::Choice;
use privmsgd::planted::{Fault, plant};

/// Schedules within which a fault must show.
const SCHEDULES: u64 = 300;

/// The first schedule in which engine and reference differ.
fn first_difference(fault: Option<Fault>) -> Option<u64> {
    (1..=SCHEDULES).find(|&seed| {
        catch_unwind(|| {
            plant(fault);
            schedule(&mut Choice::Seed(seed), 300);
        })
        .is_err()
    })
}

#[test]
fn eight_of_eight_planted_faults_are_found() {
    assert_eq!(first_difference(None), None);
    std::panic::set_hook(Box::new(|_| {}));
    let found: Vec<_> = Fault::ALL[..Fault::IN_OPEN_MODE]
        .iter()
        .map(|&fault| (fault, first_difference(Some(fault))))
        .collect();
    drop(std::panic::take_hook());
    for (fault, at) in &found {
        println!("{fault:?}: schedule {at:?}");
    }
    assert!(found.iter().all(|(_, at)| at.is_some()), "{found:?}");
}
