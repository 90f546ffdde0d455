//! Where a benchmark finds what it measures, and where it may write. Knows no server.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where things are.
pub struct Places {
    pub privmsgd: PathBuf,
    /// What the benchmark may write to.
    pub target: PathBuf,
    pub benches: PathBuf,
}

impl Places {
    pub fn new() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let privmsgd = PathBuf::from(env!("CARGO_BIN_EXE_privmsgd"));
        let target = privmsgd
            .ancestors()
            .nth(2)
            .map_or_else(|| top.join("target"), Path::to_path_buf)
            .join("bench");
        Places {
            privmsgd,
            target,
            benches: top.join("benches"),
        }
    }
}

/// The system's daemons are not in everybody's `PATH`.
pub fn program_at(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// For servers that cannot choose a port themselves and tell.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// `flags`: for the C compiler, before the two files.
pub fn compile(flags: &[&str], source: &Path, output: &Path) -> Result<(), String> {
    let mut compiler = Command::new("cc");
    compiler.args(flags).arg("-o").arg(output).arg(source);
    let status = compiler.status().map_err(|error| format!("cc: {error}"))?;
    let name = source.display();
    let failed = || format!("{name} does not compile");
    status.success().then_some(()).ok_or_else(failed)
}
