//! The simulator: a whole daemon in one thread of this test, its clients, its store and every accident between them, by
//! lot and from one number. A19, B13, B18.
//!
//! `SIM_SEED=n cargo test --test sim` repeats one run and prints what happened; `SIM_RUNS=n` does more of them, from `SIM_FIRST` on.

mod acts;
mod asked;
#[path = "../model/choice.rs"]
#[allow(dead_code)]
mod choice;
mod desk;
mod finish;
mod leaving;
mod ledger;
mod link;
mod promises;
mod reading;
mod schedule;
mod shop;
mod stream;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use choice::number;
use schedule::{Sum, run};
use world::{World, Wrong};

/// In CI, and in the long run: `cargo test --release --features long-tests --test sim`.
const RUNS: u64 = if cfg!(feature = "long-tests") {
    100_000
} else {
    1_000
};

/// Failing runs that are told of at most.
const TOLD: usize = 12;

/// What a run came to, or what it found.
fn simulate(seed: u64, wrong: Wrong) -> Result<Sum, String> {
    let once = catch_unwind(|| run(&mut World::new(seed, wrong, false)));
    once.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// Does it again, and says all that happened.
fn tell(seed: u64) {
    let mut world = World::new(seed, Wrong::Nothing, true);
    let again = catch_unwind(AssertUnwindSafe(|| run(&mut world)));
    for line in world.trace.lines.iter().flatten() {
        println!("{line}");
    }
    println!("seed {seed} fails again: {}", again.is_err());
}

/// Runs within which a fault must show.
const WITHIN: u64 = 400;

/// The first run that finds something.
fn first_found(mut simulate: impl FnMut(u64) -> Result<Sum, String>) -> Option<(u64, String)> {
    std::panic::set_hook(Box::new(|_| {}));
    let found = (1..=WITHIN).find_map(|seed| simulate(seed).err().map(|why| (seed, why)));
    drop(std::panic::take_hook());
    found
}

/// The test of the test: `accepted` released before the commit is durable.
#[test]
fn answers_before_they_are_durable_are_found() {
    let found = first_found(|seed| simulate(seed, Wrong::EarlyAnswers));
    println!("{found:?}");
    assert!(found.is_some());
}

#[cfg(feature = "planted-faults")]
#[test]
fn every_planted_fault_of_mailboxes_is_found() {
    use privmsgd::planted::{Fault, plant};

    let found = Fault::OF_MAILBOXES.map(|fault| {
        plant(Some(fault));
        let found = first_found(|seed| simulate(seed, Wrong::Nothing));
        println!("{fault:?}: {found:?}");
        (fault, found)
    });
    plant(None);
    assert!(found.iter().all(|(_, found)| found.is_some()), "{found:?}");
}

/// A19. Whatever decides comes from the seed.
#[test]
fn a19_the_same_seed_is_the_same_run() {
    for seed in 1..=20 {
        let sums = [0, 1].map(|_| simulate(seed, Wrong::Nothing).expect("a good run"));
        assert_eq!(sums[0], sums[1], "seed {seed}");
    }
}

/// Runs that once broke a promise.
///
/// 18143: a message that was edited while its sender was blocked is below a receipt, and no device has it.
/// 77084: a client has ended its input, its session is replaced, and its link is cut before the turn in which the server asks
/// to store what had arrived by then.
#[test]
fn a19_promises_hold_where_they_once_did_not() {
    for seed in [18_143, 77_084] {
        simulate(seed, Wrong::Nothing).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[test]
fn a19_promises_hold_in_every_run() {
    let only = number("SIM_SEED");
    let first = only.or(number("SIM_FIRST")).unwrap_or(1);
    let runs = only.map_or(number("SIM_RUNS").unwrap_or(RUNS), |_| 1);
    let (mut all, mut failed) = (Sum::default(), Vec::new());
    std::panic::set_hook(Box::new(|panic| println!("{panic}")));
    for seed in first..first + runs {
        match simulate(seed, Wrong::Nothing) {
            Ok(sum) => all.add(&sum),
            Err(why) => failed.push((seed, why)),
        }
        if failed.len() == TOLD {
            break;
        }
    }
    println!("{runs} runs: {:016x}", all.hash);
    for (what, count) in &all.seen {
        println!("{count:>9} {what}");
    }
    if let Some((seed, _)) = failed.first() {
        tell(*seed);
    }
    drop(std::panic::take_hook());
    let list: Vec<String> = failed
        .iter()
        .map(|(seed, why)| format!("{seed}: {why}"))
        .collect();
    assert!(
        failed.is_empty(),
        "SIM_SEED=n repeats it. {}",
        list.join("\n")
    );
}
