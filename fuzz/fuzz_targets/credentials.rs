//! See tests/model/credentials.rs.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/model/credentials.rs"]
mod credentials;

fuzz_target!(|bytes: &[u8]| credentials::check(bytes));
