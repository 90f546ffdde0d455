//! The operator's side: the subcommands as programs, and the admin socket under hostile bytes. Acceptance §4.

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod health;
mod hostile;
#[path = "../ops/mod.rs"]
mod ops;
mod others;
#[cfg(feature = "mailbox")]
mod starts;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Chunking, Client, Setup, Stage};
use serde_json::Value;
use socket2::Socket;

/// A running daemon with an admin socket.
struct House {
    stage: Stage,
    dir: Dir,
}

impl House {
    fn new() -> House {
        House::with(Setup::new())
    }

    fn with(setup: Setup) -> House {
        let dir = Dir::new();
        let setup = setup.arg("--admin-socket").arg(&dir.path("admin"));
        House {
            stage: Stage::new(&setup, Chunking::Whole),
            dir,
        }
    }

    fn socket(&self) -> String {
        self.dir.path("admin")
    }

    /// A subcommand: exit code, standard output, standard error.
    fn ask(&self, args: &[&str]) -> Outcome {
        run(privmsgd(args).arg("--admin-socket").arg(self.socket()))
    }

    /// The one JSON line of a subcommand that succeeds.
    fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.ask(&[args, &["--json"]].concat());
        assert_eq!((code, out.lines().count()), (0, 1), "{out}{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// A bare connection to the admin socket.
    fn dial(&self) -> Client {
        let stream = std::os::unix::net::UnixStream::connect(self.socket()).unwrap();
        Client::over(Socket::from(stream), "the operator", Chunking::Whole)
    }
}

/// Exit code, standard output and standard error.
type Outcome = (i32, String, String);

fn privmsgd(args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["30", env!("CARGO_BIN_EXE_privmsgd")]);
    command.args(args).stdin(Stdio::null());
    for variable in ["RUNTIME_DIRECTORY", "PRIVMSGD_LOG__LEVEL"] {
        command.env_remove(variable);
    }
    command
}

fn run(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-admin-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn as_path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
