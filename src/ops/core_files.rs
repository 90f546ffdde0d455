//! What a crash leaves behind. Knows nothing of what is kept secret.

use log::warn;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// From now on no core file is written of this process, whatever its limits say and whoever takes them, and nobody but
/// root reads its memory.
pub fn forbid() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        warn!("a crash may leave a core file: {error}");
    }
}
