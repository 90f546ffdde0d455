//! The JSON as a picture. Knows nothing of how it was measured.

use crate::load::Outcome;

pub fn draw(_json: &str) -> Outcome<String> {
    Ok(String::new())
}
