//! `privmsgd account …` and the other subcommands against real accounts: with the daemon running and with it stopped.

mod common;
mod ops;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{Chunking, Client, Setup, Stage};

/// Exit code, standard output and standard error.
type Outcome = (i32, String, String);

/// A data directory, and a daemon that uses it or none.
struct Place {
    dir: PathBuf,
    stage: Option<Stage>,
}

const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea a@b";

impl Place {
    fn stopped() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-accounts-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        Place { dir, stage: None }
    }

    fn running() -> Place {
        Place::stopped().started(Setup::new())
    }

    fn started(mut self, setup: Setup) -> Place {
        let setup = setup.arg("--data").arg(&self.data());
        let setup = setup.env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64");
        self.stage = Some(Stage::new(&setup, Chunking::Whole));
        self
    }

    fn data(&self) -> String {
        self.dir.display().to_string()
    }

    fn stage(&self) -> &Stage {
        self.stage.as_ref().expect("a daemon runs")
    }

    fn ask(&self, line: &str, input: &str) -> Outcome {
        let args: Vec<&str> = line.split_whitespace().collect();
        let data = self.data();
        run(privmsgd(&args).args(["--data", &data]), input)
    }

    /// An `account` subcommand that succeeds in silence but for a word to the operator.
    #[track_caller]
    fn account(&self, line: &str, input: &str) {
        let (code, out, err) = self.ask(&format!("account {line}"), input);
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (0, "", 1),
            "{err}"
        );
    }

    fn list(&self) -> Vec<serde_json::Value> {
        let (code, out, err) = self.ask("account list --json", "");
        assert_eq!((code, err.as_str()), (0, ""));
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A session of `name` on `device`, proved by a password.
    fn session(&self, name: &str, password: &str, device: &str) -> Client {
        let mut client = self.stage().connect(name);
        client.send(&format!(
            r#"{{"type":"register","username":"{name}","password":"{password}","device":"{device}"}}"#
        ));
        client.expect(r#"{"type":"registered","username":"…",…}"#);
        client.until_synced();
        client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stage = None;
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn privmsgd(args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["30", env!("CARGO_BIN_EXE_privmsgd")])
        .args(args);
    command.env("PRIVMSGD_ACCOUNTS__PASSWORD_MEMORY_KIB", "64");
    command.env_remove("RUNTIME_DIRECTORY");
    command
}

fn run(command: &mut Command, input: &str) -> Outcome {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may not want it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The same commands, the same words, whoever does them.
#[test]
fn accounts_are_made_listed_changed_and_removed() {
    for place in [Place::stopped(), Place::running()] {
        place.account("add Alice", "hunter2-hunter2\n");
        place.account(&format!("add Bob --key {KEY}"), "");
        place.account("add Zoë --no-credential", "");
        place.account(&format!("add-key Zoë {SSH}"), "");
        place.account("passwd bob", "another-one\n");
        place.account("disable ALICE", "");
        let list = place.list();
        let row = |at: usize, member: &str| list[at][member].clone();
        let names: Vec<_> = (0..3).map(|at| row(at, "name")).collect();
        assert_eq!(names, ["Alice", "Bob", "Zoë"]);
        for (at, disabled, password, keys) in [
            (0, true, true, 0),
            (1, false, true, 1),
            (2, false, false, 1),
        ] {
            assert_eq!(row(at, "disabled"), disabled, "{list:?}");
            assert_eq!(row(at, "password"), password, "{list:?}");
            assert_eq!(
                (row(at, "keys"), row(at, "devices")),
                (keys.into(), 0.into()),
                "{list:?}"
            );
        }
        let members: Vec<&str> = list[0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            members,
            [
                "created", "devices", "disabled", "keys", "lastSeen", "name", "password"
            ]
        );
        place.account("enable Alice", "");
        place.account("remove Bob --yes", "");
        let (_, out, _) = place.ask("account list", "");
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].starts_with("NAME              CREATED "), "{out}");
        assert!(
            lines[1].starts_with("Alice             20") && lines[1].contains("  no        yes  "),
            "{out}"
        );
        assert_eq!(lines.len(), 3, "{out}");
    }
}

#[test]
fn what_the_accounts_refuse_is_1_and_says_why() {
    for place in [Place::stopped(), Place::running()] {
        place.account("add Alice", "hunter2-hunter2\n");
        place.account("add Gone --no-credential", "");
        place.account("remove Gone --yes", "");
        for (line, input) in [
            ("add alice --no-credential", ""),
            ("add Gone --no-credential", ""),
            ("add Аlice --no-credential", ""),
            ("passwd Stranger", "hunter2-hunter2\n"),
            ("disable Stranger", ""),
            ("remove Stranger --yes", ""),
            (&format!("add-key Stranger {KEY}"), ""),
            ("revoke-device Alice none", ""),
        ] {
            let (code, out, err) = place.ask(&format!("account {line}"), input);
            assert_eq!((code, out.as_str()), (1, ""), "{line}: {err}");
            assert_eq!(err.lines().count(), 1, "{line}: {err}");
        }
        assert_eq!(place.list().len(), 1);
    }
}

/// Within 1 s, by the issue.
#[test]
fn sessions_end_when_what_proved_them_ends() {
    let place = Place::running();
    for verb in [
        "passwd Alice",
        "disable Alice",
        "remove Alice --yes",
        "revoke-device Alice phone",
        "kick Alice",
    ] {
        let _ = place.ask("account remove Alice --yes", "");
        let name = format!("Alice{}", verb.len());
        let verb = verb.replace("Alice", &name);
        place.account(&format!("add {name}"), "hunter2-hunter2\n");
        let mut phone = place.session(&name, "hunter2-hunter2", "phone");
        let mut desk = place.session(&name, "hunter2-hunter2", "desk");
        phone.expect(r#"{"type":"sessionNotice","kind":"newDevice",…}"#);
        let start = Instant::now();
        match verb.starts_with("kick") {
            true => assert_eq!(place.ask(&verb, "").1, "sessions ended: 2\n"),
            false => place.account(&verb, "another-password\n"),
        }
        phone.expect(r#"{"type":"goodbye","code":"revoked",…}"#);
        if verb.starts_with("revoke-device") {
            desk.send(r#"{"type":"ping","id":1}"#);
            desk.expect(r#"{"type":"pong","id":1,…}"#);
        } else {
            desk.expect(r#"{"type":"goodbye","code":"revoked",…}"#);
        }
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{verb}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn devices_stand_in_the_lists() {
    let place = Place::running();
    place.account("add Alice", "hunter2-hunter2\n");
    let _phone = place.session("Alice", "hunter2-hunter2", "my phone");
    let (code, out, _) = place.ask("clients", "");
    assert_eq!(code, 0);
    assert!(out.contains("  my phone  "), "{out}");
    assert_eq!(place.list()[0]["devices"], 1);
    assert_ne!(place.list()[0]["lastSeen"], serde_json::Value::Null);
    let (_, out, _) = place.ask("status --json", "");
    assert!(out.contains(r#""mode":"mailbox""#), "{out}");
}

/// A daemon that runs has them alone; what is asked of another one is not done there.
#[test]
fn the_daemon_of_these_accounts_is_asked_and_no_other() {
    let (mine, other) = (Place::running(), Place::running());
    let socket = mine.dir.join("admin.sock").display().to_string();
    let nowhere = mine.dir.join("none").display().to_string();
    let (data, other_data) = (mine.data(), other.data());
    let list = |data: &str, socket: &str| {
        let args = ["account", "add", "Eve", "--no-credential", "--data", data];
        run(privmsgd(&args).args(["--admin-socket", socket]), "")
    };
    let (code, _, err) = list(&data, &nowhere);
    assert_eq!((code, err.lines().count()), (69, 2), "{err}");
    assert!(
        err.contains("in use") && err.contains("--admin-socket PATH"),
        "{err}"
    );
    let (code, _, err) = list(&other_data, &socket);
    let wanted = "privmsgd: this daemon keeps its accounts elsewhere\n";
    assert_eq!((code, err.as_str()), (1, wanted));
    // A daemon in open mode that is found first is not meant.
    let runtime = Place::stopped();
    let setup = Setup::new().env("RUNTIME_DIRECTORY", &runtime.data());
    let _open = Stage::new(&setup, Chunking::Whole);
    let args = ["account", "add", "Eve", "--no-credential", "--data", &data];
    let (code, _, err) = run(privmsgd(&args).env("RUNTIME_DIRECTORY", runtime.data()), "");
    assert_eq!(code, 0, "{err}");
    assert_eq!((mine.list().len(), other.list().len()), (1, 0));
}

/// Nor is it ended or asked anything else.
#[test]
fn what_is_meant_for_one_data_directory_reaches_no_other_daemon() {
    let runtime = Place::stopped();
    let setup = Setup::new().env("RUNTIME_DIRECTORY", &runtime.data());
    let (mut mine, other) = (Place::stopped().started(setup), Place::stopped());
    let ask = |args: &[&str]| run(privmsgd(args).env("RUNTIME_DIRECTORY", runtime.data()), "");
    for command in ["drain", "reload", "status", "clients"] {
        let (code, out, err) = ask(&[command, "--data", &other.data()]);
        assert_eq!((code, out.as_str()), (69, ""), "{command}: {err}");
        assert!(err.contains("that daemon has its data in"), "{err}");
        // A file that is not there names no daemon either.
        let (code, out, err) = ask(&[command, "--config", "/no/such.toml"]);
        assert_eq!((code, out.as_str()), (66, ""), "{command}: {err}");
    }
    let (_, _, err) = ask(&["drain", "--data", &other.data()]);
    let data = mine.dir.canonicalize().unwrap().display().to_string();
    assert!(err.contains(&data), "{err}");
    let link = other.dir.join("link");
    std::os::unix::fs::symlink(&mine.dir, &link).unwrap();
    for named in [mine.data(), link.display().to_string()] {
        let (code, out, err) = ask(&["status", "--json", "--data", &named]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains(&format!(r#""data":"{data}""#)), "{out}");
    }
    assert_eq!(ask(&["drain"]).0, 0);
    mine.stage.as_mut().unwrap().daemon.wait();
}

/// A directory that was mistyped is no empty store: backups of it would be empty for years.
#[test]
fn only_an_account_makes_a_store() {
    let place = Place::stopped();
    let missing = place.dir.join("typo").display().to_string();
    let to = place.dir.join("copy").display().to_string();
    for line in [
        "account list",
        "account remove --yes Bob",
        "account disable Bob",
        "stats",
        &format!("backup --to {to}"),
    ] {
        let mut args: Vec<&str> = line.split_whitespace().collect();
        args.extend(["--data", &missing]);
        let (code, out, err) = run(&mut privmsgd(&args), "");
        assert_eq!((code, out.as_str()), (66, ""), "{line}: {err}");
        assert!(err.contains("there is no store"), "{err}");
    }
    assert!(!Path::new(&missing).exists() && !Path::new(&to).exists());
    let (code, _, err) = place.ask("account list", "");
    assert_eq!(code, 66, "{err}");
    place.account("add Bob --no-credential", "");
    assert_eq!(place.list().len(), 1);
}

/// Of `restore` too: the row of one that was removed stays.
#[test]
fn a_restored_store_is_counted_as_stats_count_it() {
    let (place, again) = (Place::stopped(), Place::stopped());
    for name in ["Alice", "Bob"] {
        place.account(&format!("add {name} --no-credential"), "");
    }
    place.account("remove --yes Bob", "");
    let copy = again.dir.join("copy.db").display().to_string();
    assert_eq!(place.ask(&format!("backup --to {copy}"), "").0, 0);
    let to = again.dir.join("data").display().to_string();
    let args = ["restore", "--json", "--from", &copy, "--data", &to];
    let (code, out, err) = run(&mut privmsgd(&args), "");
    assert_eq!(code, 0, "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["accounts"], 1, "{out}");
}

/// A sound store is not called damaged because nothing can be written beside it.
#[test]
fn a_store_that_cannot_be_written_to_is_not_called_damaged() {
    let place = Place::stopped();
    place.account("add Alice --no-credential", "");
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && exec \"$0\" check-store --data \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "--propagation", "slave", "sh", "-c", script]);
    command.args([env!("CARGO_BIN_EXE_privmsgd"), &place.data()]);
    let (code, _, err) = run(&mut command, "");
    assert_eq!(code, 74, "{err}");
    assert!(
        err.contains("read-only") && err.contains("copy the directory"),
        "{err}"
    );
    assert_eq!(place.ask("check-store", "").0, 0);
}

#[test]
fn commands_that_come_at_once_wait_for_each_other() {
    let place = Place::stopped();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let line = format!("add n{number} --no-credential");
            let place = &place;
            scope.spawn(move || place.account(&line, ""));
        }
    });
    assert_eq!(place.list().len(), 8);
}

#[test]
fn another_user_is_refused_with_77() {
    let shared = Place::stopped();
    fs::set_permissions(&shared.dir, fs::Permissions::from_mode(0o755)).unwrap();
    let binary = shared.dir.join("privmsgd");
    ops::copy_binary(&binary);
    for place in [Place::stopped(), Place::running()] {
        place.ask("account add Zoe --no-credential", "");
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "timeout",
            "20",
        ]);
        command
            .arg(&binary)
            .args(["account", "list", "--data", &place.data()]);
        let (code, out, err) = run(&mut command, "");
        assert_eq!((code, out.as_str()), (77, ""), "{err}");
        assert!(err.lines().count() <= 2, "{err}");
    }
}

/// E12: not in the log at any level, not in what is printed, not in any argument.
#[test]
fn passwords_appear_nowhere() {
    const CANARY: &str = "canary-7f3a-passphrase";
    let setup = Setup::new().arg("--log-level").arg("trace");
    let place = Place::stopped().started(setup);
    for line in ["add Alice", "add Alice", "passwd Alice", "passwd Stranger"] {
        let (_, out, err) = place.ask(&format!("account {line}"), &format!("{CANARY}\n"));
        assert!(
            !format!("{out}{err}").contains(CANARY),
            "{line}: {out}{err}"
        );
    }
    let _alice = place.session("Alice", CANARY, "phone");
    place.stage().daemon.await_log("registered as Alice");
    assert!(!place.stage().daemon.log().contains(CANARY));
    for file in fs::read_dir(&place.dir).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap_or_default();
        assert!(!contains(&bytes, CANARY), "{path:?}");
    }
    let pid = place.stage().daemon.pid();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(Path::new("/proc").join(pid.to_string()).join(file)).unwrap();
        assert!(!contains(&bytes, CANARY), "{file}");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
