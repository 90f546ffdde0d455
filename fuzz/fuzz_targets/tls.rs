//! Any bytes from a TLS client, before and after a handshake, in any chunks: no panic, and a connection that ends.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/tls/bytes.rs"]
mod bytes;

fuzz_target!(|input: &[u8]| bytes::check(input));
