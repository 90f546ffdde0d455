//! The systemd units: what systemd itself says of them. Acceptance §5.

mod ops;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Exposure times ten, of 100: the unit scores 0.2.
const MAX_EXPOSURE: &str = "--threshold=2";

#[test]
fn the_service_is_exposed_by_at_most_0_2() {
    let output = analyze(
        &["security", "--offline=yes", MAX_EXPOSURE],
        &[unit("service")],
    );
    assert!(output.status.success(), "{}", text(&output));
}

/// The guard above can fail.
#[test]
fn a_service_without_one_of_its_walls_is_too_exposed() {
    let dir = copies("exposed", |service| {
        service.replace("PrivateNetwork=yes\n", "")
    });
    let output = analyze(
        &["security", "--offline=yes", MAX_EXPOSURE],
        &[dir.join("privmsgd.service")],
    );
    assert!(!output.status.success(), "{}", text(&output));
    fs::remove_dir_all(dir).unwrap();
}

/// F9: however often it crashes; and a disk may be full for longer than systemd is patient by itself: five times in ten
/// seconds.
#[test]
fn a_service_that_cannot_start_yet_is_started_again_and_again() {
    let service = fs::read_to_string(unit("service")).unwrap();
    let (general, rest) = service.split_once("\n[Service]\n").unwrap();
    assert!(general.contains("\nStartLimitIntervalSec=0\n"), "{general}");
    assert!(!service.contains("\nStartLimitBurst="), "{service}");
    assert!(rest.contains("\nRestart=on-failure\n"));
    let wait = rest
        .lines()
        .find_map(|line| line.strip_prefix("RestartSec="));
    assert!(wait.unwrap().parse::<u64>().unwrap() >= 1);
    let ends = "RestartPreventExitStatus=";
    let given_up = rest.lines().find(|line| line.starts_with(ends)).unwrap();
    // The disk: 74.
    assert!(!given_up.contains("74"), "{given_up}");
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let dir = copies("verify", |service| {
        service.replace("/usr/bin/privmsgd", env!("CARGO_BIN_EXE_privmsgd"))
    });
    let units = [dir.join("privmsgd.service"), dir.join("privmsgd.socket")];
    let output = analyze(&["verify"], &units);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).trim(), "");
    fs::remove_dir_all(dir).unwrap();
}

/// The sockets and the certificate for TLS come on top, and open nothing else.
#[test]
fn systemd_has_nothing_to_say_about_the_units_for_tls() {
    let socket = verified_with("tls");
    assert!(socket.contains("\nListenStream=7749\nFileDescriptorName=tls\n"));
}

#[test]
fn systemd_has_nothing_to_say_about_the_units_for_metrics() {
    let socket = verified_with("metrics");
    assert!(socket.contains("\nListenStream=127.0.0.1:9748\nFileDescriptorName=metrics\n"));
}

/// The units with a further socket and its drop-in; the text of that socket.
fn verified_with(what: &str) -> String {
    let dir = copies(what, |service| {
        service.replace("/usr/bin/privmsgd", env!("CARGO_BIN_EXE_privmsgd"))
    });
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let drop_in = dir.join("privmsgd.service.d");
    fs::create_dir_all(&drop_in).unwrap();
    let conf = from.join(format!("privmsgd-{what}.conf"));
    fs::copy(conf, drop_in.join(format!("{what}.conf"))).unwrap();
    let name = format!("privmsgd-{what}.socket");
    fs::copy(from.join(&name), dir.join(&name)).unwrap();
    let units = ["privmsgd.service", "privmsgd.socket", &name];
    let output = analyze(&["verify"], &units.map(|name| dir.join(name)));
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).trim(), "");
    let socket = fs::read_to_string(dir.join(&name)).unwrap();
    fs::remove_dir_all(dir).unwrap();
    socket
}

/// Accounts need nothing but the directory that the service has anyway.
#[test]
fn accounts_expose_nothing_more() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let drop_in = fs::read_to_string(from.join("privmsgd-accounts.conf")).unwrap();
    let with_accounts = |service: &str| {
        let (_, settings) = drop_in.split_once("[Service]\n").unwrap();
        assert!(service.contains("\nStateDirectory=privmsgd\nStateDirectoryMode=0700\n"));
        service.replacen("[Service]\n", &format!("[Service]\n{settings}"), 1)
    };
    let dir = copies("accounts", with_accounts);
    let args = ["security", "--offline=yes", MAX_EXPOSURE];
    let output = analyze(&args, &[dir.join("privmsgd.service")]);
    assert!(output.status.success(), "{}", text(&output));
    let local = |service: String| {
        let service = service.replace("#LoadCredential", "LoadCredential");
        service.replace("/usr/bin/privmsgd", env!("CARGO_BIN_EXE_privmsgd"))
    };
    let dir = copies("accounts", |service| local(with_accounts(service)));
    let output = analyze(&["verify"], &[dir.join("privmsgd.service")]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).trim(), "");
    fs::remove_dir_all(dir).unwrap();
}

/// With `DynamicUser=` the state directory is a link, and belongs to a user who has nothing else.
#[cfg(feature = "mailbox")]
#[test]
fn accounts_are_kept_in_a_state_directory_that_is_a_link() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    let dir = copies("state", str::to_string);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let (binary, state) = (dir.join("privmsgd"), dir.join("private"));
    ops::copy_binary(&binary);
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&state, Some(61_184), Some(61_184)).unwrap();
    symlink("private", dir.join("state")).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=61184", "--regid=61184", "--clear-groups"]);
        command.args(["--no-new-privs", "--bounding-set=-all", "timeout", "20"]);
        command.arg(&binary).args(args).env_clear();
        command.env("PRIVMSGD_SERVER__DATA", dir.join("state"));
        command.output().unwrap()
    };
    let output = run(&["account", "add", "Alice", "--no-credential"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = run(&["account", "list", "--json"]);
    assert!(
        text(&output).contains(r#""name":"Alice""#),
        "{}",
        text(&output)
    );
    assert!(state.join("privmsgd.db").exists());
    fs::remove_dir_all(dir).unwrap();
}

/// Verification would not see a wrong name: it only reads what it knows.
#[test]
fn the_service_is_checked_before_it_starts_and_watched_after() {
    let service = fs::read_to_string(unit("service")).unwrap();
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "ExecStartPre=/usr/bin/privmsgd --check-config",
        "ExecReload=/usr/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
    ] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
    let socket = fs::read_to_string(unit("socket")).unwrap();
    assert!(socket.contains("\nFileDescriptorName=plain\n"));
    assert!(socket.contains("\nListenStream=127.0.0.1:7748\nListenStream=[::1]:7748\n"));
}

fn unit(kind: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    dir.join(format!("privmsgd.{kind}"))
}

/// Both units in a directory of their own, the service edited.
fn copies(name: &str, edit: impl Fn(&str) -> String) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("privmsgd-units-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let service = fs::read_to_string(unit("service")).unwrap();
    fs::write(dir.join("privmsgd.service"), edit(&service)).unwrap();
    fs::copy(unit("socket"), dir.join("privmsgd.socket")).unwrap();
    dir
}

fn analyze(args: &[&str], units: &[PathBuf]) -> Output {
    let output = Command::new("systemd-analyze")
        .env("LC_ALL", "C")
        .args(args)
        .args(units)
        .output();
    output.expect("systemd-analyze is missing: install the package systemd")
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
