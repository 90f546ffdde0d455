//! The command line: what is printed where, and the exit code. Acceptance §4 and F8.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
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
        (&["extra"], "unexpected argument 'extra'"),
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
    // Root reads everything.
    if !rustix::process::geteuid().is_root() {
        let secret = dir.file("secret.toml", "");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
        assert_eq!(run(&["--config", &secret]).0, 77);
    }
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
        "--log-level: log.level must be ".into(),
    ] {
        assert!(err.contains(&wanted), "{wanted}\nis not in\n{err}");
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

fn daemon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privmsgd"));
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
