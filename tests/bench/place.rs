//! A daemon in mailbox mode whose data outlives it, and what operators and clients do there.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;

use super::{secs, wait_until};
use crate::common::{Address, Chunking, Client, Daemon, PASSWORD, Setup, text_of};

/// Cheap hashes and any number of tries, so that what is tested is not the throttle.
pub const PATIENT: &str = "[accounts]\npassword_memory_kib = 64\ntries_per_minute = 60000\n";

/// Exit code, standard output and standard error.
pub type Outcome = (i32, String, String);

pub struct Place {
    dir: PathBuf,
    setup: Setup,
    daemon: Option<Daemon>,
}

impl Place {
    /// With accounts that [`PASSWORD`] proves.
    pub fn new(names: &[&str]) -> Place {
        Place::with(PATIENT, names)
    }

    pub fn with(config: &str, names: &[&str]) -> Place {
        Place::set_up(Setup::new(), config, names)
    }

    pub fn set_up(setup: Setup, config: &str, names: &[&str]) -> Place {
        let mut place = Place::stopped(setup, config);
        for name in names {
            place.account(&format!("add {name}"), PASSWORD);
        }
        place.start();
        place
    }

    pub fn stopped(setup: Setup, config: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-place-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).expect("a directory");
        let place = Place {
            dir,
            setup,
            daemon: None,
        };
        place.configure(config);
        place
    }

    pub fn start(&mut self) {
        let data = self.data().display().to_string();
        let config = self.file("privmsgd.toml").display().to_string();
        let setup = self.setup.clone().arg("--data").arg(&data);
        self.daemon = Some(Daemon::start(&setup.arg("--config").arg(&config)));
    }

    /// The same, and listening at an address that clients know.
    pub fn start_at(&mut self, address: SocketAddr) {
        self.setup = self.setup.clone().arg("--listen").arg(&address.to_string());
        self.start();
    }

    /// As a power cut ends it: nothing is told or written before.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("a daemon runs")
    }

    pub fn daemon_mut(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("a daemon runs")
    }

    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file that only its owner may read, which appears whole.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let (path, new) = (self.file(name), self.file("new"));
        fs::write(&new, bytes).expect("write");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("chmod");
        fs::rename(new, &path).expect("rename");
        path
    }

    pub fn configure(&self, config: &str) {
        self.put("privmsgd.toml", config.as_bytes());
    }

    /// Sends SIGHUP and waits until the log says `what` once more than before.
    #[track_caller]
    pub fn reload(&self, what: &str) {
        let count = || self.daemon().log().matches(what).count();
        let before = count();
        self.daemon().signal(Signal::HUP);
        wait_until(what, secs(10), || count() > before);
    }

    pub fn address(&self) -> Address {
        self.daemon().address()
    }

    pub fn port(&self) -> String {
        self.daemon().tcp().port().to_string()
    }

    /// A client that has read `hello`, and what it read.
    pub fn greeted(&self, who: &str) -> (Client, String) {
        let mut client = Client::dial(self.address(), who, Chunking::Whole);
        let hello = client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
        (client, hello)
    }

    pub fn connect(&self, who: &str) -> Client {
        self.greeted(who).0
    }

    /// A session of `name` on `device`, which has got everything that waits: that is still to be read.
    pub fn session(&self, name: &str, device: &str) -> Client {
        self.session_by(name, device, &password(PASSWORD)).0
    }

    /// The same by a credential, as members of `register`; also the new `resumeToken`.
    #[track_caller]
    pub fn session_by(&self, name: &str, device: &str, credential: &str) -> (Client, String) {
        let mut client = self.connect(name);
        client.send(&register(
            name,
            &format!(r#""device":"{device}",{credential}"#),
        ));
        let line = client.expect(r#"{"type":"registered","username":"…",…}"#);
        client.until_synced();
        let token = text_of(&line, "resumeToken");
        (client, token)
    }

    /// A new connection is refused with `code`. Returns the line.
    #[track_caller]
    pub fn refused(&self, name: &str, credential: &str, code: &str) -> String {
        let mut client = self.connect(name);
        client.send(&register(name, credential));
        client.expect_error(code)
    }

    /// `privmsgd LINE` with the data directory and one line of input.
    pub fn ask(&self, line: &str, input: &str) -> Outcome {
        let mut command = Command::new("timeout");
        command.args(["30", env!("CARGO_BIN_EXE_privmsgd")]);
        command
            .args(line.split_whitespace())
            .arg("--data")
            .arg(self.data());
        command.env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64");
        command.env_remove("RUNTIME_DIRECTORY");
        outcome(&mut command, format!("{input}\n"))
    }

    /// An `account` subcommand that succeeds.
    #[track_caller]
    pub fn account(&self, line: &str, input: &str) {
        let (code, _, err) = self.ask(&format!("account {line}"), input);
        assert_eq!(code, 0, "account {line}: {err}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.daemon = None;
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs to its end, with `input`, which it may not want.
pub fn outcome(command: &mut Command, input: impl AsRef<[u8]>) -> Outcome {
    use std::io::Write;
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let _ = child.stdin.take().expect("piped").write_all(input.as_ref());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    (code, text(&output.stdout), text(&output.stderr))
}

/// Standard output of `program`, which succeeds.
#[track_caller]
pub fn tool(dir: &Path, program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).current_dir(dir).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {told}");
    output.stdout
}

pub fn register(name: &str, credential: &str) -> String {
    format!(r#"{{"type":"register","username":"{name}",{credential}}}"#)
}

pub fn password(text: &str) -> String {
    format!(r#""password":"{text}""#)
}

pub fn resume(token: &str) -> String {
    format!(r#""resumeToken":"{token}""#)
}

pub fn token(token: &str) -> String {
    format!(r#""token":"{token}""#)
}
