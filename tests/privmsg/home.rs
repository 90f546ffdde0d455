//! A user of `privmsg`: a home directory, and the program run in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::bench::place::{Outcome, outcome};
use crate::common::{Address, Daemon, PASSWORD, Program, bare};

pub struct Home(PathBuf);

impl Home {
    pub fn new() -> Home {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsg-home-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).expect("a directory");
        Home(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with this mode; its path.
    pub fn put(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path.display().to_string()
    }

    /// A file with the password of all accounts.
    pub fn password(&self) -> String {
        self.put("password", &format!("{PASSWORD}\n"), 0o600)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Bounded in time, by a signal, so that no exit code of its own comes of it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        bare(&mut command)
            .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_privmsg")])
            .args(args)
            .env("HOME", &self.0)
            .env("TZ", "UTC");
        command
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.command(args), "")
    }

    pub fn run_with(&self, input: impl AsRef<[u8]>, args: &[&str]) -> Outcome {
        outcome(&mut self.command(args), input)
    }

    /// Standard output of a command that succeeds and has nothing to say besides.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }

    /// Not bounded by `timeout`, which would not pass a kill on.
    pub fn start(&self, args: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privmsg"));
        Program::start(bare(&mut command).args(args).env("HOME", &self.0))
    }

    pub fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As `--server` takes it.
pub fn written(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        Address::Tls(address) => format!("tls:{address}"),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// All addresses of a daemon, as `--server` takes them.
pub fn servers(daemon: &Daemon) -> Vec<String> {
    daemon.addresses().iter().map(written).collect()
}

/// The JSON object that a line is.
#[track_caller]
pub fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
