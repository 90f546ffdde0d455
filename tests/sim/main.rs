//! The simulator: a whole daemon in one thread of this test, its clients, its store and every accident between them, by
//! lot and from one number. A19, B13, B18.
//!
//! `SIM_SEED=n cargo test --test sim` repeats one run and prints what happened; `SIM_RUNS=n` does more of them.

mod acts;
#[path = "../model/choice.rs"]
#[allow(dead_code)]
mod choice;
mod finish;
mod ledger;
mod link;
mod reading;
mod schedule;
mod shop;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use choice::number;
use schedule::{Sum, run};
use world::{World, Wrong};

/// In CI; the long run does a hundred times as many.
const RUNS: u64 = 1_000;

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

#[test]
fn a19_promises_hold_in_every_run() {
    let only = number("SIM_SEED");
    let first = only.unwrap_or(1);
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
    println!("{runs} runs: {all:?}");
    if let Some((seed, _)) = failed.first() {
        tell(*seed);
    }
    drop(std::panic::take_hook());
    let list: Vec<String> = failed.iter().map(|(seed, why)| format!("{seed}: {why}")).collect();
    assert!(failed.is_empty(), "SIM_SEED=n repeats it. {}", list.join("\n"));
}
