//! Nothing at all after a TLS handshake: what that alone costs.

use crate::dialect::{Decoded, Dialect, Mail, Role, Step};

pub struct Handshake;

impl Dialect for Handshake {
    fn enter(&self, _: u32, _: Role) -> Vec<Step> {
        Vec::new()
    }

    fn encode(&self, _: &Mail<'_>, _: &mut Vec<u8>) {}

    fn decode<'a>(&self, _: &'a [u8]) -> Decoded<'a> {
        Decoded::Broken
    }
}
