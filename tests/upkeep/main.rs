//! The operator's side of the store: checking, copying, bringing back, counting, sealing, what damage does, and
//! what a power cut leaves at any moment of that.

#[path = "../common/bare.rs"]
mod bare;
mod check;
mod commands;
mod copies;
mod damage;
#[path = "../durability/disk.rs"]
mod disk;
mod house;
#[path = "../ops/mod.rs"]
mod ops;
mod points;
#[path = "../rows/crash/disk.rs"]
mod power;
#[path = "../common/random.rs"]
#[allow(dead_code)]
mod random;
mod refusals;
#[path = "../durability/replay.rs"]
mod replay;
mod seal;
#[path = "../durability/tape.rs"]
mod tape;
