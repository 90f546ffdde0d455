//! The command line: what is printed where, and the exit code. Acceptance §4 and F8.

mod ops;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Exit code, standard output and standard error.
type Outcome = (i32, String, String);

#[test]
fn help_is_at_most_40_lines_with_examples() {
    for flag in ["--help", "-h"] {
        let (code, out, err) = run(&[flag]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.lines().count() <= 40, "{out}");
        assert!(out.contains("Examples:\n  privmsgd "), "{out}");
        assert!(out.lines().all(|line| line.len() <= 120), "{out}");
    }
}

#[test]
fn version_is_one_line() {
    let (code, out, err) = run(&["--version"]);
    let wanted = format!("privmsgd {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((code, out, err), (0, wanted, String::new()));
}

#[test]
fn standard_output_may_be_closed() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = daemon(&["--help"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_wrong_command_line_is_64_and_at_most_two_lines() {
    for (args, wanted) in [
        (&["--lisen", "x"][..], "did you mean --listen?"),
        (&["--colour"], "unexpected argument '--colour'"),
        (&["extra"], "unrecognized subcommand 'extra'"),
        (&["statuss"], "did you mean status?"),
        (&["account", "ad", "Bob"], "did you mean add?"),
        (&["account"], "requires a subcommand"),
        (&["kick"], "<NAME>"),
        (&["account", "add", "Bob", "hunter2"], "unexpected argument"),
        (
            &["account", "add", "a b", "--no-credential"],
            "the name \"a b\" may hold only",
        ),
        (&["log-level", "loud"], "the level is off, error, "),
        (&["status", "--jsno"], "did you mean --json?"),
        (&["--check-config", "status"], "go without a subcommand"),
        (&["--config"], "a value is required for '--config <FILE>'"),
        (&["--check-config", "--log-level", "loud"], "--log-level: "),
        (&["--check-config", "--log-format", "xml"], "--log-format: "),
        (
            &["--check-config", "--listen", "127.0.0.1"],
            "did you mean 127.0.0.1:7748?",
        ),
        (&["--check-config", "--listen", "unix:"], "after unix:"),
        (&["\u{1b}[31m"], "\\u{1b}"),
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str()), (64, ""), "{args:?}: {err}");
        assert!((1..=2).contains(&err.lines().count()), "{args:?}: {err}");
        assert!(err.contains(wanted), "{args:?}: {err}");
        assert!(!err.contains('\u{1b}'), "{err}");
    }
}

#[test]
fn a_file_that_was_named_must_be_readable() {
    let dir = Dir::new("unreadable");
    let none = dir.path("none.toml");
    let (code, _, err) = run(&["--check-config", "--config", &none]);
    assert_eq!((code, err.lines().count()), (66, 2), "{err}");
    assert!(err.contains(&none), "{err}");
    let (code, _, err) = run(&["--config", &dir.path("")]);
    assert_eq!(code, 66, "{err}");
}

#[test]
fn a_good_configuration_is_checked_in_silence() {
    let dir = Dir::new("good");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/privmsgd.toml");
    assert_eq!(
        run(&["--check-config", "--config", example]),
        (0, String::new(), String::new())
    );
    let all_set = fs::read_to_string(example).unwrap().replace("\n# ", "\n");
    let all_set = dir.file("all.toml", &all_set);
    assert_eq!(
        run(&["--check-config", "--config", &all_set]),
        (0, String::new(), String::new())
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_78() {
    let dir = Dir::new("mistakes");
    let text = "[limits]\nmax_lines_bytes = 1\nmax_errors = 0\n[log]\nlevel = \"info\n";
    let file = dir.file("bad.toml", text);
    let output = daemon(&["--check-config", "--config", &file, "--log-level", "loud"])
        .env("PRIVMSGD_LOG__LEVLE", "info")
        .env("PRIVMSGD_DATA", "/x")
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{err}");
    for wanted in [
        format!(
            "{file}:2:1: unknown key \"max_lines_bytes\" in [limits]; did you mean max_line_bytes?\n  2 | max_lines_bytes = 1\n    | ^^^^^^^^^^^^^^^\n"
        ),
        format!(
            "{file}:3:14: limits.max_errors must be a whole number from 1 to 1000000, not the number 0\n"
        ),
        format!("{file}:5:"),
        "environment PRIVMSGD_LOG__LEVLE: unknown variable; did you mean PRIVMSGD_LOG__LEVEL?\n"
            .into(),
        "environment PRIVMSGD_DATA: unknown variable; did you mean PRIVMSGD_SERVER__DATA?\n".into(),
        "--log-level: log.level must be ".into(),
    ] {
        assert!(err.contains(&wanted), "{wanted}\nis not in\n{err}");
    }
}

/// F8: one line says what and where, at most one more the fix; the code is of the table.
#[test]
fn f8_each_obstacle_has_its_code_and_its_fix() {
    let dir = Dir::new("obstacles");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let held = UnixListener::bind(dir.path("held")).unwrap();
    let held = (format!("unix:{}", dir.path("held")), held);
    let missing = format!("unix:{}", dir.path("none/socket"));
    let port_file = dir.path("none/port");
    for (args, code, wanted) in [
        (&["--listen", &taken][..], 69, "--listen 127.0.0.1:0"),
        (&["--listen", "198.51.100.1:0"], 69, "no such address"),
        (&["--listen", &held.0], 69, "another path"),
        (&["--listen", &missing], 73, "mkdir -p "),
        (
            &["--listen", "127.0.0.1:0", "--port-file", &port_file],
            73,
            "--port-file",
        ),
        (&["--listen", "systemd:none"], 78, "FileDescriptorName"),
    ] {
        let (found, out, err) = run(args);
        assert_eq!((found, out.as_str()), (code, ""), "{args:?}: {err}");
        assert!((1..=2).contains(&err.lines().count()), "{args:?}: {err}");
        assert!(err.contains(wanted), "{args:?}: {err}");
    }
}

/// F8, as a user who may do nothing.
#[test]
fn f8_a_missing_permission_is_77() {
    let dir = Dir::new("nobody");
    let binary = dir.path("privmsgd");
    ops::copy_binary(Path::new(&binary));
    let secret = dir.file("secret.toml", "");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let socket = format!("unix:{}", dir.path("socket"));
    let port_file = dir.path("port");
    for args in [
        &["--listen", "127.0.0.1:7"][..],
        &["--listen", &socket],
        &["--config", &secret],
        &["--listen", "127.0.0.1:0", "--port-file", &port_file],
    ] {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["timeout", "20", &binary])
            .args(args)
            .output()
            .expect("setpriv is in the package util-linux");
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(77), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 2, "{args:?}: {err}");
    }
}

/// Every message about a file's place points at the place.
#[test]
fn the_caret_stands_under_the_mistake() {
    let dir = Dir::new("caret");
    let file = dir.file("bad.toml", "# é\n[limits]\nmax_errors\t=  \"é\"  # x\n");
    let (code, _, err) = run(&["--check-config", "--config", &file]);
    assert_eq!(code, 78);
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].starts_with(&format!("{file}:3:15: ")), "{err}");
    let column = |line: &str, c| line.chars().position(|found| found == c);
    assert_eq!(column(lines[1], '"'), column(lines[2], '^'), "{err}");
}

fn run(args: &[&str]) -> Outcome {
    let output = daemon(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A daemon that starts where it should not ends with 124.
fn daemon(args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["20", env!("CARGO_BIN_EXE_privmsgd")]);
    command.args(args).stdin(Stdio::null());
    command
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("privmsgd-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
