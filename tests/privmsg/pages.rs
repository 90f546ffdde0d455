//! Man pages and completions are made of the definitions that both programs parse with.

use std::fs;
use std::process::Command;

use crate::home::Home;

#[test]
fn every_command_has_a_page_and_every_shell_its_completions() {
    let home = Home::new();
    let dir = home.path("docs");
    home.ok(&["gen-docs", &dir.display().to_string()]);
    for page in [
        "privmsg.1",
        "privmsg-send.1",
        "privmsg-account-export.1",
        "privmsgd.8",
        "privmsgd-status.8",
    ] {
        let text = fs::read_to_string(dir.join("man").join(page))
            .unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(
            text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"),
            "{page}: {text}"
        );
        // Standard options stand on every page; examples too.
        assert!(
            !page.starts_with("privmsg-send") || text.contains("tail"),
            "{text}"
        );
    }
    assert!(
        !dir.join("man/privmsg-gen\\-docs.1").exists()
            && !dir.join("man/privmsg-gen-docs.1").exists()
    );
    for file in [
        "privmsg.bash",
        "_privmsg",
        "privmsg.fish",
        "privmsgd.bash",
        "_privmsgd",
        "privmsgd.fish",
    ] {
        assert!(dir.join("completions").join(file).exists(), "{file}");
    }
    let script = home.ok(&["completions", "bash"]);
    let made = fs::read_to_string(dir.join("completions/privmsg.bash")).unwrap();
    assert_eq!(script, made);
    let checked = Command::new("bash")
        .arg("-n")
        .arg(dir.join("completions/privmsg.bash"))
        .status();
    assert!(checked.expect("bash").success());
}

#[test]
fn every_command_says_what_it_is_for_with_examples() {
    let home = Home::new();
    for command in [
        "send",
        "listen",
        "history",
        "who",
        "ping",
        "login",
        "account",
        "completions",
    ] {
        let help = home.ok(&[command, "--help"]);
        assert!(help.contains("Examples:\n  "), "{command}: {help}");
        assert!(help.contains("Who and where:"), "{command}: {help}");
    }
    let version = home.ok(&["--version"]);
    assert_eq!(
        version,
        concat!("privmsg ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
