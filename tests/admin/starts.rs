//! What keeps a daemon from starting: `doctor` and `--check-config` say so before, without making or mending anything.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::Setup;
use crate::health::findings;
use crate::others::by_nobody;
use crate::{Dir, House, privmsgd, run};

/// A place where a daemon is to start, its configuration, and what it would make there.
struct Site {
    dir: Dir,
    config: String,
}

const DATABASE: &str = "privmsgd.db";

impl Site {
    /// In mailbox mode, with what `more` adds to the configuration: tables, with `@` for the directory.
    fn new(more: &str) -> Site {
        let site = Site {
            dir: Dir::new(),
            config: String::new(),
        };
        site.with(&format!("data = \"@/data\"\n{more}"))
    }

    fn with(mut self, server: &str) -> Site {
        self.config = self.dir.path("privmsgd.toml");
        let listen = match server.contains("listen = ") && !server.contains("[metrics]") {
            true => "",
            false => "listen = [\"127.0.0.1:0\"]\n",
        };
        let text = format!("[server]\n{listen}{server}").replace('@', &self.dir.path(""));
        fs::write(&self.config, text).unwrap();
        self
    }

    fn key(&self, name: &str, digit: &str) {
        let path = self.dir.path(name);
        fs::write(&path, digit.repeat(64)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// With an account, by the operator's hand.
    fn made(self) -> Site {
        let (code, _, err) =
            run(&mut self.command(&["account", "add", "Alice", "--no-credential"]));
        assert_eq!(code, 0, "{err}");
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = privmsgd(args);
        command.args(["--config", &self.config]);
        command
    }

    /// The daemon's exit code, and what it says.
    fn start(&self) -> (i32, String) {
        let (code, _, err) = run(&mut self.command(&[]));
        (code, err)
    }

    fn check(&self) -> (i32, String) {
        let (code, out, err) = run(&mut self.command(&["--check-config"]));
        assert_eq!(out, "");
        (code, err)
    }

    /// The findings of `doctor`; nothing in the data directory is another file afterwards.
    fn doctor(&self) -> Vec<Value> {
        let before = self.files();
        let (_, out, _) = run(&mut self.command(&["doctor", "--json"]));
        assert_eq!(self.files(), before, "{out}");
        let finding = |line| serde_json::from_str::<Value>(line).unwrap();
        out.lines().map(finding).collect()
    }

    /// Each file with its mode, its content and when it was changed.
    fn files(&self) -> Vec<(String, u32, Vec<u8>, i64)> {
        let entries = fs::read_dir(self.dir.path("data")).into_iter().flatten();
        let mut files: Vec<_> = entries
            .flatten()
            .map(|entry| {
                let found = entry.metadata().unwrap();
                let content = fs::read(entry.path()).unwrap_or_default();
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, found.mode(), content, found.mtime_nsec())
            })
            .collect();
        files.sort();
        files
    }
}

fn failed<'a>(found: &'a [Value], check: &str) -> Vec<&'a Value> {
    let all = found.iter();
    all.filter(|finding| finding["check"] == check && finding["level"] == "failed")
        .collect()
}

/// The one that failed says `what` and `fix`.
fn assert_failed(found: &[Value], check: &str, what: &str, fix: &str) {
    let failed = failed(found, check);
    assert_eq!(failed.len(), 1, "{check}: {found:#?}");
    let text = |key: &str| failed[0][key].as_str().unwrap_or_default().to_owned();
    assert!(text("what").contains(what), "{what}: {found:#?}");
    assert!(text("fix").contains(fix), "{fix}: {found:#?}");
}

type Break = fn(&Site);

#[test]
fn doctor_says_of_a_store_what_the_daemon_would() {
    let breaks: [(i32, &str, &str, Break); 8] = [
        (77, "others may write", "chmod 700", |site| {
            let mode = fs::Permissions::from_mode(0o777);
            fs::set_permissions(site.dir.path("data"), mode).unwrap();
        }),
        (
            77,
            "belongs to user 12345",
            "setpriv --reuid 12345",
            |site| {
                let data = site.dir.path("data");
                std::os::unix::fs::chown(data, Some(12345), None).unwrap();
            },
        ),
        (65, "no SQLite database", "privmsgd restore", |site| {
            fs::write(site.dir.path("data/privmsgd.db"), "garbage").unwrap();
        }),
        (65, "is damaged", "privmsgd restore", |site| {
            let path = site.dir.path("data/privmsgd.db");
            let mut bytes = fs::read(&path).unwrap();
            bytes[4096..].fill(0);
            fs::write(&path, bytes).unwrap();
        }),
        (78, "a newer release", "install that release", |site| {
            let path = site.dir.path("data/privmsgd.db");
            let mut bytes = fs::read(&path).unwrap();
            bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
            fs::write(&path, bytes).unwrap();
        }),
        (65, "this is no file", "move it away", |site| {
            fs::remove_file(site.dir.path("data/privmsgd.db")).unwrap();
            fs::create_dir(site.dir.path("data/privmsgd.db")).unwrap();
        }),
        (
            65,
            "a restore was not finished",
            "privmsgd restore",
            |site| {
                let path = |name: &str| site.dir.path(&format!("data/{name}"));
                fs::rename(path(DATABASE), path("privmsgd.db.restored")).unwrap();
            },
        ),
        (65, "this is no directory", "name a directory", |site| {
            fs::remove_dir_all(site.dir.path("data")).unwrap();
            fs::write(site.dir.path("data"), "").unwrap();
        }),
    ];
    // Where a service is installed, root need not be who starts it.
    let is_service = ["/etc", "/usr/lib", "/lib"]
        .iter()
        .any(|dir| Path::new(&format!("{dir}/systemd/system/privmsgd.service")).exists());
    for (wanted, what, fix, make) in breaks {
        if is_service && what.starts_with("belongs") {
            continue;
        }
        let site = Site::new("").made();
        assert!(failed(&site.doctor(), "store").is_empty());
        make(&site);
        assert_failed(&site.doctor(), "store", what, fix);
        let (code, said) = site.start();
        assert_eq!((code, said.contains(what)), (wanted, true), "{said}");
    }
}

#[test]
fn doctor_says_nothing_of_a_directory_that_a_start_would_make() {
    let site = Site::new("");
    let found = site.doctor();
    let store = found.iter().find(|finding| finding["check"] == "store");
    assert_eq!(store.unwrap()["level"], "ok", "{found:#?}");
    assert!(!site.dir.as_path().join("data").exists());
}

#[test]
fn key_files_are_looked_at_before_a_start() {
    let both = "[mailbox]\nkey = \"@/mailbox.key\"\n[accounts]\ntoken_keys = [\"hs256:@/one\", \"hs256:@/two\"]\n";
    let site = Site::new(both);
    let missing = ["/one", "/two", "/mailbox.key"];
    let (code, said) = site.check();
    assert_eq!(code, 66, "{said}");
    assert!(missing.iter().all(|name| said.contains(name)), "{said}");
    assert_eq!(site.start().0, 66);
    let found = site.doctor();
    let keys = failed(&found, "keys");
    let what = |at: usize| keys[at]["what"].as_str().unwrap();
    assert_eq!(keys.len(), 3, "{found:#?}");
    assert!(
        missing
            .iter()
            .enumerate()
            .all(|(at, name)| what(at).contains(name))
    );
    assert!(
        keys[2]["fix"].as_str().unwrap().contains("make one"),
        "{found:#?}"
    );
    for (name, digit) in [("one", "1"), ("two", "2"), ("mailbox.key", "a")] {
        site.key(name, digit);
    }
    assert_eq!(site.check(), (0, String::new()));
    assert!(failed(&site.doctor(), "keys").is_empty());
    // In open mode nobody reads them.
    let open = Site::new("").with("");
    let text = fs::read_to_string(&site.config)
        .unwrap()
        .replace("data = ", "name = \"x\" #");
    fs::write(&open.config, text).unwrap();
    fs::remove_file(site.dir.path("mailbox.key")).unwrap();
    assert_eq!(open.check(), (0, String::new()));
}

/// The key of a store that is sealed is to be found, not made.
#[test]
fn a_sealed_store_wants_its_own_key() {
    let site = Site::new("[mailbox]\nkey = \"@/mailbox.key\"\n");
    site.key("mailbox.key", "a");
    let site = site.made();
    assert!(failed(&site.doctor(), "store").is_empty());
    site.key("mailbox.key", "b");
    let other = "sealed with another key";
    assert_failed(
        &site.doctor(),
        "store",
        other,
        "find the key that this store was made with",
    );
    let (code, said) = site.start();
    assert_eq!((code, said.contains(other)), (77, true), "{said}");
    fs::remove_file(site.dir.path("mailbox.key")).unwrap();
    let right = "find the key that this store was made with";
    assert_failed(&site.doctor(), "keys", "cannot be read", right);
    for (code, said) in [site.start(), site.check()] {
        assert_eq!(code, 66, "{said}");
        assert!(said.contains(right) && !said.contains("make one"), "{said}");
    }
    // Nor does a backup of it open with a new one.
    let (from, to) = (site.dir.path("data/privmsgd.db"), site.dir.path("new"));
    let mut restore = site.command(&["restore", "--from", &from]);
    let (code, _, said) = run(restore.args(["--data", &to]));
    assert_eq!((code, said.contains(right)), (66, true), "{said}");
    let plain = Site::new("").made();
    let sealed = fs::read(site.dir.path("data/privmsgd.db")).unwrap();
    fs::write(plain.dir.path("data/privmsgd.db"), sealed).unwrap();
    assert_failed(&plain.doctor(), "store", "there is no key", right);
    assert_eq!(plain.start().0, 78);
}

#[test]
fn a_start_that_seals_a_store_says_so_once() {
    let keys = Dir::new();
    let key = keys.path("mailbox.key");
    fs::write(&key, "a".repeat(64)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let data = keys.path("data");
    let setup = Setup::new()
        .arg("--data")
        .arg(&data)
        .key("mailbox.key", &key);
    let told = |setup: &Setup| {
        let house = House::with(setup.clone());
        let log = house.stage.daemon.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("are sealed with mailbox.key"));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let first = told(&setup);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(
        first[0].contains("INFO") && first[0].contains("keep a copy"),
        "{first:?}"
    );
    assert_eq!(told(&setup), Vec::<String>::new());
}

#[test]
fn places_that_cannot_be_taken_are_found() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let metrics = format!("[metrics]\nlisten = [\"{address}\"]\n");
    let site = Site::new(&metrics);
    let own = format!("(process {})", std::process::id());
    assert_failed(&site.doctor(), "metrics", &own, "another port");
    assert_eq!(site.start().0, 69);
    let held = Site::new("").with("listen = [\"unix:@/held\"]\n");
    let _socket = UnixListener::bind(held.dir.path("held")).unwrap();
    assert_failed(&held.doctor(), "listener", &own, "another port or path");
    assert_eq!(held.start().0, 69);
    let file = Site::new("").with("listen = [\"unix:@/file\"]\n");
    fs::write(file.dir.path("file"), "").unwrap();
    assert_failed(&file.doctor(), "listener", "cannot listen", "move it away");
    let (code, said) = file.start();
    assert_eq!((code, said.contains("move it away")), (73, true), "{said}");
}

#[test]
fn a_place_that_is_named_twice_is_told_before_a_start_and_by_it() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let site = Site::new("").with("");
    let text = format!("[server]\nlisten = [\"{address}\"]\n[metrics]\nlisten = [\"{address}\"]\n");
    fs::write(&site.config, text).unwrap();
    let said = "server.listen and metrics.listen both name it";
    assert_failed(&site.doctor(), "listener", said, "its own port");
    for (code, told) in [site.start(), site.check()] {
        assert_eq!((code, told.contains(said)), (69, true), "{told}");
    }
}

#[test]
fn metrics_for_others_are_warned_of() {
    let site = Site::new("[metrics]\nlisten = [\"0.0.0.0:0\"]\n");
    let found = site.doctor();
    let open = found
        .iter()
        .find(|finding| finding["check"] == "metrics" && finding["level"] == "warning");
    let open = open.unwrap_or_else(|| panic!("{found:#?}"));
    assert!(
        open["what"]
            .as_str()
            .unwrap()
            .contains("nothing protects them"),
        "{open}"
    );
    let site = Site::new("[metrics]\nlisten = [\"127.0.0.1:0\"]\n");
    let found = site.doctor();
    let levels = found.iter().filter(|finding| finding["check"] == "metrics");
    assert!(
        levels
            .map(|finding| &finding["level"])
            .all(|level| level == "ok"),
        "{found:#?}"
    );
}

#[test]
fn a_file_in_the_place_of_the_data_directory_is_called_so() {
    let site = Site::new("");
    fs::write(site.dir.path("data"), "").unwrap();
    let found = site.doctor();
    assert_failed(&found, "store", "this is no directory", "name a directory");
    assert!(
        found.iter().all(|finding| finding["check"] != "disk"),
        "{found:#?}"
    );
}

/// The lock of the store tells that a daemon runs, whose socket somebody has removed.
#[test]
fn doctor_knows_a_daemon_whose_socket_is_gone() {
    let dir = Dir::new();
    let house = House::with(Setup::new().arg("--data").arg(&dir.path("data")));
    fs::remove_file(house.socket()).unwrap();
    let (_, out, _) = run(privmsgd(&["doctor", "--json", "--data", &dir.path("data")])
        .args(["--admin-socket", &house.socket()]));
    let found = findings(&out);
    let daemon = &found[0];
    let text = |key: &str| daemon[key].as_str().unwrap();
    assert!(
        text("what").contains("a process runs on the store in"),
        "{out}"
    );
    assert!(text("fix").contains("systemctl restart privmsgd"), "{out}");
    assert!(
        found.iter().all(|finding| finding["level"] != "failed"),
        "{out}"
    );
}

/// What is the daemon's own is not wrong because somebody else may not see it.
#[test]
fn doctor_finds_no_fault_with_what_a_stranger_may_not_read() {
    let dir = Dir::new();
    let (data, secret) = (dir.path("data"), dir.path("token.secret"));
    fs::write(&secret, "s".repeat(40)).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let keys = format!("hs256:{secret}");
    let setup = Setup::new().arg("--data").arg(&data);
    let house = House::with(setup.key("accounts.token_keys", &keys));
    let mut command = by_nobody(&house, &["doctor", "--json", "--data", &data]);
    let (code, out, _) = run(command.env("PRIVMSGD_ACCOUNTS__TOKEN_KEYS", &keys));
    assert_eq!(code, 1, "{out}");
    let found = findings(&out);
    for check in ["daemon", "store", "keys"] {
        let finding = found.iter().find(|finding| finding["check"] == check);
        assert_eq!(finding.unwrap()["level"], "warning", "{out}");
    }
}

/// What a crash leaves is a log with the last commits, and stays one.
#[test]
fn doctor_looks_into_what_a_crash_left_and_leaves_it() {
    let dir = Dir::new();
    let data = dir.path("data");
    let house = House::with(Setup::new().arg("--data").arg(&data));
    let (code, _, err) = house.ask(&["account", "add", "Alice", "--no-credential"]);
    assert_eq!(code, 0, "{err}");
    let site = Site::new("");
    let left = Path::new(&site.dir.path("data")).to_path_buf();
    fs::create_dir(&left).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o700)).unwrap();
    for name in [DATABASE, "privmsgd.db-wal"] {
        fs::copy(Path::new(&data).join(name), left.join(name)).unwrap();
    }
    let found = site.doctor();
    let store = found.iter().find(|finding| finding["check"] == "store");
    let what = store.unwrap()["what"].as_str().unwrap();
    assert!(what.contains("a daemon can open it"), "{found:#?}");
    // Not even when it is the log that is of no use.
    fs::write(left.join("privmsgd.db-wal"), [0xff; 100]).unwrap();
    site.doctor();
}
