//! What the machine around the daemon wants of it: logs, exit codes, signals, systemd, descriptor and
//! memory limits. Knows no protocol rules.

use std::os::fd::OwnedFd;

pub mod core_files;
pub mod crowd;
pub mod descriptors;
pub mod doctor;
pub mod exit;
pub mod health;
pub mod log;
pub mod metrics;
pub mod remote_log;
pub mod signals;
#[cfg(feature = "systemd")]
pub mod systemd;
#[cfg(not(feature = "systemd"))]
#[path = "ops/without_systemd.rs"]
pub mod systemd;

/// A listening socket that the service manager opened, with the name from its unit.
#[derive(Debug)]
pub struct Inherited {
    /// `FileDescriptorName=`; `unknown` where the unit gives none.
    pub name: String,
    pub fd: OwnedFd,
}
