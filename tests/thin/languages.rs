//! How each client is run, and how long it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    Node,
    Go,
    C,
    Bash,
}

use Language::{Bash, C, Go, Node, Python};

impl Language {
    pub const ALL: [Language; 5] = [Python, Node, Go, C, Bash];

    /// The program, without its arguments. What has to be compiled is, once.
    pub fn command(self) -> Command {
        static BUILT: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
        match self {
            Python => self.interpreted("python3"),
            Node => self.interpreted("node"),
            Bash => self.interpreted("bash"),
            Go => Command::new(BUILT[0].get_or_init(|| self.built(&["go", "build"]))),
            C => Command::new(BUILT[1].get_or_init(|| self.built(&CC))),
        }
    }

    /// Lines that hold code: neither blank nor a comment alone.
    pub fn lines(self) -> usize {
        let text = fs::read_to_string(self.path()).expect("the example is there");
        let comments: &[&str] = match self {
            Python | Bash => &["#"],
            Node | Go | C => &["//", "/*", "*"],
        };
        let is_code = |line: &&str| {
            !line.is_empty() && !comments.iter().any(|comment| line.starts_with(comment))
        };
        let is_code = |line: &&str| is_code(line) || line.starts_with("#include");
        text.lines().map(str::trim).filter(is_code).count()
    }

    /// The Debian package that has it.
    fn package(self) -> &'static str {
        match self {
            Python => "python3",
            Node => "nodejs",
            Go => "golang-go",
            C => "gcc",
            Bash => "bash",
        }
    }

    fn path(self) -> PathBuf {
        let end = match self {
            Python => "py",
            Node => "js",
            Go => "go",
            C => "c",
            Bash => "sh",
        };
        Path::new(EXAMPLES).join(format!("client.{end}"))
    }

    fn interpreted(self, interpreter: &str) -> Command {
        let there = Command::new(interpreter).arg("--version").output();
        assert!(
            there.is_ok(),
            "no {interpreter}: install {}",
            self.package()
        );
        let mut command = Command::new(interpreter);
        command.arg(self.path());
        command
    }

    fn built(self, compiler: &[&str]) -> PathBuf {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = temporary.join(format!("client-{self:?}-{}", std::process::id()));
        let output = Command::new(compiler[0])
            .args(&compiler[1..])
            .arg("-o")
            .args([&program, &self.path()])
            .env("GOCACHE", temporary.join("go-cache"))
            .output();
        let output = output
            .unwrap_or_else(|error| panic!("{}: {error}: install {}", compiler[0], self.package()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
        program
    }
}

/// With everything that finds mistakes which C lets pass.
const CC: [&str; 6] = [
    "cc",
    "-O1",
    "-Wall",
    "-Wextra",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
];
