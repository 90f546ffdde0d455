//! What `accepted` is worth when the disk fails, is full or is slow: A7, A8, A10. The daemon runs under strace, which
//! answers for the disk, or on a disk of 3 MiB.

mod damaged;
mod fails;
mod full;
mod house;
mod operator;
mod slow;
