//! Man pages and completions of both programs, from the definitions that they parse with: for whoever makes a package.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::Command;
use clap::builder::Resettable::Reset;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::client::error::Error;
use crate::client::tui::command::explained;

/// What the daemon has for the manual.
pub struct Manual {
    pub command: Command,
    /// Sections for the end of its page, in man's language.
    pub sections: String,
    /// The page of its configuration file.
    pub configuration: String,
}

/// Into `dir`: `man/` and `completions/`, of this program and the daemon.
pub fn write(dir: &Path, own: Command, daemon: Manual) -> Result<(), Error> {
    let programs = [
        (own, "1", session()),
        (daemon.command, "8", daemon.sections),
    ];
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    for dir in [&man, &completions] {
        fs::create_dir_all(dir).map_err(|error| Error::file("cannot make", dir, &error))?;
    }
    for (mut program, section, sections) in programs {
        let name = program.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let made = clap_complete::generate_to(shell, &mut program, &name, &completions);
            made.map_err(|error| Error::file("cannot write into", &completions, &error))?;
        }
        program.build();
        pages(&program, section, &man)?;
        append(&man.join(format!("{name}.{section}")), &sections)?;
    }
    let page = man.join("privmsgd.toml.5");
    fs::write(&page, daemon.configuration)
        .map_err(|error| Error::file("cannot write", &page, &error))
}

fn append(path: &Path, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::file("cannot write", path, &error))
}

/// One for the command, and one for each of its own.
fn pages(command: &Command, section: &str, dir: &Path) -> Result<(), Error> {
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        pages(inner, section, dir)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let path = dir.join(format!("{name}.{section}"));
    let mut page = Vec::new();
    let before = command.clone().after_help(Reset).after_long_help(Reset);
    let rendered = Man::new(before).section(section).render(&mut page);
    let after = command.get_after_long_help().or(command.get_after_help());
    page.extend(behind(&after.map(ToString::to_string).unwrap_or_default()).into_bytes());
    rendered
        .and_then(|()| fs::write(&path, page))
        .map_err(|error| Error::file("cannot write", &path, &error))
}

/// What stands behind the options in `--help`, in sections; what is indented there keeps its lines.
fn behind(text: &str) -> String {
    let mut page = Roff::new();
    let mut kept = false;
    for (at, line) in text.lines().enumerate() {
        let title = TITLES.iter().find(|(words, _)| line.starts_with(words));
        let title = title
            .map(|(_, title)| *title)
            .or((at == 0).then_some("NOTES"));
        if line.starts_with(' ') != kept && !line.is_empty() {
            kept = !kept;
            page.control(if kept { "nf" } else { "fi" }, []);
        }
        match title {
            Some(title) => drop(page.control("SH", [title])),
            None if line.is_empty() => drop(page.control("PP", [])),
            None => {}
        }
        if !line.is_empty() && line != "Examples:" {
            page.text([roman(line)]);
        }
    }
    if kept {
        page.control("fi", []);
    }
    page.to_roff()
}

/// The keys and commands of the interactive session.
fn session() -> String {
    let mut page = Roff::new();
    page.control("SH", ["INTERACTIVE SESSION"]);
    for (words, about) in explained(true) {
        page.control("TP", []);
        page.text([bold(words)]).text([roman(about)]);
    }
    page.to_roff()
}

/// How paragraphs of `--help` begin, and the sections that they are here.
const TITLES: [(&str, &str); 3] = [
    ("Examples:", "EXAMPLES"),
    ("Exit codes:", "EXIT STATUS"),
    ("~/", "FILES"),
];
