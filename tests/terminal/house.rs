//! A daemon that can be stopped and started again, people with a home, and a tmux of their own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::bare::{bare, counts};
use crate::pane::Pane;

const PASSWORD: &str = "correct horse";

pub struct House {
    dir: PathBuf,
    mailbox: bool,
    daemon: Option<Child>,
    address: String,
    tmux: Tmux,
}

/// One tmux server, ended with the house.
#[derive(Clone)]
pub struct Tmux(String);

impl Tmux {
    /// What it printed.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output();
        let output = output.expect("tmux runs: install the Debian package tmux");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {told}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command
            .args(["-u", "-L", &self.0, "-f", "/dev/null"])
            .args(args);
        command
            .env_remove("TMUX")
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

impl House {
    /// Names are accounts.
    pub fn mailbox(names: &[&str]) -> House {
        House::new(names, true)
    }

    pub fn open(names: &[&str]) -> House {
        House::new(names, false)
    }

    fn new(names: &[&str], mailbox: bool) -> House {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsg-terminal-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(&name);
        fs::create_dir(&dir).expect("a directory");
        if mailbox {
            names.iter().for_each(|name| add_account(name, &dir));
        }
        let mut house = House {
            dir,
            mailbox,
            daemon: None,
            address: "127.0.0.1:0".into(),
            tmux: Tmux(name),
        };
        house.restart();
        names.iter().for_each(|name| house.furnish(name));
        house
    }

    pub fn pane(&self, name: &str) -> Pane {
        self.pane_with(name, &[])
    }

    /// A shell of that person's, with these variables.
    pub fn pane_with(&self, name: &str, variables: &[&str]) -> Pane {
        let home = self.home(name);
        let words = self
            .environment(name)
            .into_iter()
            .chain(counts())
            .map(|(key, value)| format!("{key}={value}"));
        let mut command: Vec<String> = [
            "new-session",
            "-d",
            "-s",
            name,
            "-x",
            "80",
            "-y",
            "24",
            "-c",
        ]
        .map(String::from)
        .to_vec();
        command.extend([home.display().to_string(), "env".into(), "-i".into()]);
        command.extend(words);
        command.extend(variables.iter().map(|word| word.to_string()));
        // With job control, whatever tmux thinks of it.
        command.extend(["sh", "-i", "-m"].map(String::from));
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        self.tmux.run(&words);
        self.tmux.run(&["set-option", "-g", "status", "off"]);
        let raw = home.join("raw");
        let pipe = format!("cat > '{}'", raw.display());
        self.tmux.run(&["pipe-pane", "-t", name, &pipe]);
        Pane::new(self.tmux.clone(), name, raw)
    }

    /// Sends each line as a message.
    pub fn send(&self, from: &str, to: &str, lines: &str) {
        let mut command = self.privmsg(from, &["send", to, "-", "--lines"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("privmsg runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(lines.as_bytes()).expect("it reads");
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
    }

    /// On the same device, which ends the session that it has.
    pub fn listen(&self, name: &str) {
        let ended = self.privmsg(name, &["listen", "-t", "1"]).status();
        assert!(ended.expect("privmsg runs").success());
    }

    pub fn privmsg(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privmsg"));
        bare(&mut command).args(args).envs(self.environment(name));
        command.stdin(Stdio::null());
        command
    }

    pub fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else {
            return;
        };
        let _ = daemon.kill();
        let _ = daemon.wait();
    }

    /// At the same address as before.
    pub fn restart(&mut self) {
        let ports = self.dir.join("ports");
        let _ = fs::remove_file(&ports);
        let mut command = Command::new(env!("CARGO_BIN_EXE_privmsgd"));
        bare(&mut command)
            .args(["--listen", &self.address, "--port-file"])
            .arg(&ports);
        if self.mailbox {
            command.arg("--data").arg(self.dir.join("data"));
        }
        let log = fs::File::create(self.dir.join("log")).expect("a log");
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.daemon = Some(quiet.spawn().expect("the daemon runs"));
        let read = || fs::read_to_string(&ports).unwrap_or_default();
        assert!(soon(|| read().ends_with('\n')), "the daemon does not start");
        self.address = read().trim().to_string();
    }

    /// A home with a profile.
    fn furnish(&self, name: &str) {
        let config = self.home(name).join(".config/privmsg");
        fs::create_dir_all(&config).expect("a home");
        let mut profile = format!(
            "default = \"home\"\n[profile.home]\nserver = \"{}\"\nname = \"{name}\"\n",
            self.address
        );
        if self.mailbox {
            let password = config.join("password");
            fs::write(&password, PASSWORD).expect("a password");
            fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("a mode");
            profile += &format!("password_file = \"{}\"\n", password.display());
        }
        fs::write(config.join("config.toml"), profile).expect("a profile");
    }

    fn home(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn environment(&self, name: &str) -> [(&'static str, String); 6] {
        let bin = Path::new(env!("CARGO_BIN_EXE_privmsg"))
            .parent()
            .expect("a directory");
        [
            ("HOME", self.home(name).display().to_string()),
            ("PATH", format!("{}:/usr/bin:/bin", bin.display())),
            ("TERM", "screen-256color".into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("PS1", "$ ".into()),
        ]
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.tmux.command(&["kill-server"]).output();
        self.stop();
        if thread::panicking() {
            let log = fs::read_to_string(self.dir.join("log"));
            eprintln!("--- the daemon's log\n{}", log.unwrap_or_default());
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Whether it becomes true while anybody waits.
pub fn soon(is: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !is() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_millis(25));
    }
    true
}

fn add_account(name: &str, dir: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privmsgd"));
    command
        .args(["account", "add", name, "--data"])
        .arg(dir.join("data"));
    let quiet = bare(&mut command)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = quiet.spawn().expect("privmsgd runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{PASSWORD}").expect("it reads");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}
