//! The manual says everything: each flag, each key, each exit code; and man has nothing to say about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use privmsgd::config::{self, Config, Key};

/// What `privmsg gen-docs` wrote; it goes with the test.
struct Docs(PathBuf);

impl Docs {
    fn made(by: &str) -> Docs {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("docs-{by}"));
        let status = Command::new(env!("CARGO_BIN_EXE_privmsg"))
            .arg("gen-docs")
            .arg(&dir)
            .status();
        assert!(status.expect("it starts").success());
        Docs(dir)
    }

    fn read(&self, name: &str) -> String {
        let path = self.0.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A page without the signs of man's language.
    fn page(&self, name: &str) -> String {
        self.read(&format!("man/{name}"))
            .replace("\\-", "-")
            .replace("\\&", "")
            .replace("\\e", "\\")
            .replace("\\*(Aq", "'")
    }
}

impl Drop for Docs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Both programs, and the section of their pages.
fn programs() -> [(clap::Command, &'static str); 2] {
    let mut programs = [
        (privmsgd::client::cli::command(), "1"),
        (config::command(), "8"),
    ];
    programs.iter_mut().for_each(|(program, _)| program.build());
    programs
}

/// The command and all below it, but for those that nobody needs to know.
fn commands(command: &clap::Command) -> Vec<&clap::Command> {
    let inner = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set());
    let mut all = vec![command];
    all.extend(inner.flat_map(commands));
    all
}

#[test]
fn every_flag_stands_in_its_page_and_in_the_completions() {
    let docs = Docs::made("flags");
    let mut counted = 0;
    for (program, section) in programs() {
        let completions = ["{}.bash", "_{}", "{}.fish"].map(|form| {
            let file = form.replace("{}", program.get_name());
            docs.read(&format!("completions/{file}"))
        });
        for command in commands(&program) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let page = docs.page(&format!("{name}.{section}"));
            for long in command.get_arguments().filter_map(|arg| arg.get_long()) {
                assert!(page.contains(&format!("--{long}")), "{name}: --{long}");
                for text in &completions {
                    assert!(text.contains(long), "{name}: --{long}");
                }
                counted += 1;
            }
        }
    }
    assert!(counted > 100, "{counted}");
}

#[test]
fn every_key_stands_in_the_page_of_the_configuration_with_default_meaning_and_variable() {
    let docs = Docs::made("keys");
    let page = docs.page("privmsgd.toml.5");
    let defaults = Config::default();
    for key in Key::all().filter(|key| key.table() != "debug") {
        let (name, value) = (key.name(), (key.show)(&defaults));
        let entry = format!("\n\\fB{name}\\fR = {value}\n{}.", key.about);
        assert!(page.contains(&entry), "{entry}");
        assert!(page.contains(&key.variable()), "{}", key.path);
        assert!(page.contains(&format!(".SS [{}]", key.table())));
    }
    assert!(!page.contains("[debug]") && !page.contains("hooks"));
}

#[test]
fn every_exit_code_stands_in_the_pages() {
    let docs = Docs::made("codes");
    for (source, page) in [
        (include_str!("../src/ops/exit.rs"), "privmsgd.8"),
        (include_str!("../src/client/error.rs"), "privmsg.1"),
    ] {
        let page = docs.page(page);
        let variants = source.lines().filter_map(|line| line.split_once(" = "));
        let codes: Vec<u8> = variants
            .filter_map(|(_, rest)| rest.strip_suffix(',')?.parse().ok())
            .collect();
        assert!(codes.len() > 5, "{codes:?}");
        for code in codes {
            let found = page
                .split(|c: char| !c.is_ascii_digit())
                .any(|word| word.parse() == Ok(code));
            assert!(found, "{code}");
        }
    }
}

#[test]
fn what_help_shows_line_by_line_stands_so_in_the_page() {
    let docs = Docs::made("lines");
    let page = docs.page("privmsg.1");
    for title in ["FILES", "EXIT STATUS", "EXAMPLES", "INTERACTIVE SESSION"] {
        assert!(
            page.contains(&format!(".SH \"{title}\"")) || page.contains(&format!(".SH {title}")),
            "{title}"
        );
    }
    let (_, files) = page.split_once(".nf\n").expect("lines that are kept");
    assert!(files.starts_with("  default = \"home\"\n"), "{files}");
    assert!(page.contains("/receipts on|off") && page.contains("Alt-Enter"));
    assert!(!docs.page("privmsg-send.1").contains("EXTRA"));
}

#[test]
fn man_has_nothing_to_say_about_the_pages() {
    let docs = Docs::made("man");
    let mut counted = 0;
    for page in fs::read_dir(docs.0.join("man")).expect("pages") {
        let page = page.expect("a page").path();
        let output = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&page)
            .env("MANROFFSEQ", "")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("man: install man-db");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            page.display()
        );
        counted += 1;
    }
    assert!(counted > 20, "{counted}");
}
