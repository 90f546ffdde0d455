//! What is asked about messages that have arrived, and about an account's choices.

use super::post::{Post, Stop, refused};
use super::{Answer, Ask, Sender};
use crate::store::Known;
use crate::wire::code::Code;

impl Post<'_> {
    pub(super) fn of_the_past(
        &mut self,
        _me: &Known,
        _from: &Sender,
        _ask: &Ask,
    ) -> Result<Answer, Stop> {
        let text = "this release does not do this yet";
        Err(refused(Code::NotAvailable, text, None))
    }
}
