//! The engine against the reference: random schedules, every short session, races for names and slots.

#[path = "model/floods.rs"]
mod floods;
#[path = "model/mod.rs"]
mod model;
#[path = "model/races.rs"]
mod races;
#[path = "model/regressions.rs"]
mod regressions;
#[path = "model/sessions.rs"]
mod sessions;

use model::actions::schedule;
use model::choice::{Choice, Repeat, first_seed, rounds};

#[test]
fn random_schedules_agree_with_the_reference() {
    let first = first_seed();
    let (mut frames, mut reuses) = (0, 0);
    for seed in first..first + rounds(300) {
        let _repeat = Repeat(seed);
        let driver = schedule(&mut Choice::Seed(seed), 300);
        frames += driver.frames;
        reuses += driver.reuses;
    }
    println!("{frames} frames as expected, {reuses} slots reused");
}
