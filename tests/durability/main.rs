//! What `accepted` is worth when the disk fails, is full or is slow, or the power goes at any moment: A3, A4, A7 to A10.
//! The daemon runs under strace, which answers for the disk or writes down what is done to it, or on a disk of 3 MiB.

mod boundaries;
mod damaged;
mod disk;
mod fails;
mod full;
mod house;
mod operator;
#[path = "../common/random.rs"]
#[allow(dead_code)]
mod random;
mod replay;
mod short;
mod slow;
mod tape;
