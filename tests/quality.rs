//! What can be counted in the source: F15 and the habits of this house.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAX_CRATES: usize = 110;
const DAEMON_FEATURES: &str = "systemd,tls,mailbox";
const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;
const UNSAFE_FILE: &str = "src/net/sys.rs";
/// Where bytes of strangers pass.
const REMOTE: [&str; 10] = [
    "src/net",
    "src/wire",
    "src/router",
    "src/client/session",
    "src/client/link",
    "src/client/driver",
    "src/client/frame.rs",
    "src/client/outbox.rs",
    "src/client/dialogue.rs",
    "src/client/cli",
];

#[test]
fn f15_the_daemon_is_built_of_at_most_110_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["--edges", "normal,build", "--format", "{p}"])
        // What its binary links: the default features without the terminal client, which is another program.
        .args(["--no-default-features", "--features", DAEMON_FEATURES])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).unwrap();
    // `name v1.2.3`: what follows tells procedural macros and repeated lines apart.
    let name_and_version = |line: &str| {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        words.join(" ")
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    let crates: BTreeSet<String> = lines.map(name_and_version).collect();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(crates.len() > 20, "{told}");
    assert!(crates.len() <= MAX_CRATES, "{crates:#?}");
}

/// Whoever adds a default feature says here whose it is.
#[test]
fn f15_the_default_features_are_the_daemons_and_the_client() {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("default = "));
    let words: Vec<String> = DAEMON_FEATURES
        .split(',')
        .chain(["client"])
        .map(|feature| format!("{feature:?}"))
        .collect();
    assert_eq!(line, Some(&*format!("default = [{}]", words.join(", "))));
}

#[test]
fn f15_unsafe_stands_in_one_file() {
    assert!(read("src/lib.rs").contains("\n#![deny(unsafe_code)]\n"));
    assert!(read("src/main.rs").contains("\n#![forbid(unsafe_code)]\n"));
    for (path, text) in sources() {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let count = code.filter(|line| has_word(line, "unsafe")).count();
        let allowed = path == UNSAFE_FILE;
        assert!(
            count == 0 || allowed,
            "{path} has {count} lines with unsafe"
        );
        assert_eq!(allowed, text.contains("allow(unsafe_code)"), "{path}");
    }
}

#[test]
fn f15_nothing_a_peer_causes_is_unwrapped() {
    let words = [".unwrap()", ".expect(", "panic!", "unreachable!"];
    for (path, text) in sources() {
        let is_test = path.ends_with("/tests.rs");
        if is_test || !REMOTE.iter().any(|dir| path.starts_with(dir)) {
            continue;
        }
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{path}:{number}: {line}");
        }
    }
}

#[test]
fn nothing_is_left_half_done() {
    let words = ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME"];
    for (path, text) in sources() {
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{path}:{number}: {line}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_fits_the_house() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{path} does not say what it owns");
        let lines = text.lines().count();
        assert!(lines <= MAX_FILE_LINES, "{path} has {lines} lines");
        for (name, lines) in functions(&text) {
            assert!(lines <= MAX_FUNCTION_LINES, "{path}: {name}: {lines} lines");
        }
    }
}

/// The counters above can count.
#[test]
fn a_function_is_measured_from_its_head_to_its_end() {
    let text = "impl A {\n    pub fn b(\n        c: u8,\n    ) {\n    }\n}\nfn d() {}\ntrait E {\n    fn f(\n    );\n}\n";
    let found = [("pub fn b(", 4), ("fn d() {}", 1), ("fn f(", 2)];
    assert_eq!(
        functions(text),
        found.map(|(head, lines)| (head.to_string(), lines))
    );
    assert!(has_word("pub unsafe fn a()", "unsafe"));
    assert!(!has_word("#![deny(unsafe_code)]", "unsafe"));
}

/// Numbered lines that are neither comments nor tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// First lines and lengths, by the formatter's indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        if !has_word(head.split('(').next().unwrap_or(""), "fn") || head.starts_with("//") {
            continue;
        }
        let indent = &line[..line.len() - head.len()];
        // A body ends with its brace, a trait's declaration with its semicolon.
        let is_end = |line: &str| {
            let rest = line.strip_prefix(indent).unwrap_or("");
            rest == "}" || (rest.starts_with(')') && rest.ends_with(';'))
        };
        let length = match line.ends_with('}') || line.ends_with(';') {
            true => 1,
            false => {
                1 + lines[start..]
                    .iter()
                    .take_while(|line| !is_end(line))
                    .count()
            }
        };
        found.push((head.to_string(), length));
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found == word)
}

/// Path from the top and text of every source file of the crate.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&top().join("src"), &mut files);
    let name = |path: &Path| path.strip_prefix(top()).unwrap().display().to_string();
    let read = |path: PathBuf| (name(&path), fs::read_to_string(path).unwrap());
    files.into_iter().map(read).collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
