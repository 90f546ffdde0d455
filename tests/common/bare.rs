//! The environment of programs that tests start.

use std::process::Command;

/// Of a build that counts what is run: where it writes that. `tests/coverage` sets it.
const COUNTS: &str = "LLVM_PROFILE_FILE";

/// Nothing is inherited but where to count.
pub fn bare(command: &mut Command) -> &mut Command {
    command.env_clear().envs(counts())
}

pub fn counts() -> Option<(&'static str, String)> {
    Some((COUNTS, std::env::var(COUNTS).ok()?))
}
