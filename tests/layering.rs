//! Who may know whom: each module's "must not know" of the house, read from the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Path prefixes, and words that must not stand in these files' code. A word is a path or the end of one.
const MUST_NOT_KNOW: &[(&[&str], &[&str])] = &[
    // Everything.
    (
        &["src/id.rs", "src/time.rs"],
        &["crate", "super", "mio", "serde_json"],
    ),
    // Sockets, SQL, rules.
    (
        &["src/upkeep.rs"],
        &[
            "mio",
            "std::net",
            "rusqlite",
            "crate::net",
            "crate::router",
            "crate::store",
            "crate::mailbox",
        ],
    ),
    // Rows.
    (&["src/store/seal.rs"], &["rusqlite", "crate::mailbox"]),
    // Sockets.
    (
        &["src/config.rs", "src/config/"],
        &[
            "mio",
            "socket2",
            "TcpListener",
            "TcpStream",
            "UnixListener",
            "UnixStream",
            "crate::net",
            "crate::wire",
            "crate::router",
            "crate::engine",
        ],
    ),
    // Who sent a line, any state, who receives a frame.
    (
        &["src/wire.rs", "src/wire/"],
        &[
            "crate::net",
            "crate::router",
            "crate::engine",
            "crate::config",
            "crate::ops",
            "ConnId",
            "mio",
            "std::net",
            "std::thread",
            "std::time",
            "log",
        ],
    ),
    // Sockets, SQL, JSON, rules of the relay.
    (
        &["src/accounts.rs", "src/accounts/"],
        &[
            "mio",
            "socket2",
            "std::net",
            "rusqlite",
            "serde_json",
            "crate::net",
            "crate::router",
            "crate::engine",
            "crate::admin",
        ],
    ),
    // Threads, clocks.
    (
        &[
            "src/accounts/bench",
            "src/accounts/clerk",
            "src/accounts/confusable.rs",
            "src/accounts/hashing.rs",
            "src/accounts/key.rs",
            "src/accounts/password.rs",
            "src/accounts/resume.rs",
            "src/accounts/throttle.rs",
            "src/accounts/token.rs",
            "src/accounts/written_key.rs",
        ],
        &["std::thread", "mpsc", "Instant", "SystemTime"],
    ),
    // What is kept.
    (
        &[
            "src/accounts/confusable.rs",
            "src/accounts/hashing.rs",
            "src/accounts/key.rs",
            "src/accounts/password.rs",
            "src/accounts/resume.rs",
            "src/accounts/throttle.rs",
            "src/accounts/token.rs",
            "src/accounts/written_key.rs",
        ],
        &["crate::store"],
    ),
    // Sockets, SQL, JSON grammar, threads, clocks.
    (
        &["src/mailbox.rs", "src/mailbox/"],
        &[
            "mio",
            "socket2",
            "std::net",
            "std::thread",
            "mpsc",
            "Instant",
            "SystemTime",
            "rusqlite",
            "serde_json",
            "crate::net",
            "crate::router",
            "crate::engine",
            "crate::admin",
            "crate::wire::command",
        ],
    ),
    // The protocol.
    (
        &["src/store.rs", "src/store/"],
        &[
            "mio",
            "std::net",
            "serde_json",
            "crate::net",
            "crate::router",
            "crate::engine",
            "crate::wire::command",
            "crate::wire::frame",
        ],
    ),
    // The rules of the relay and of the store: the daemon is a `House` and a `Desk` to it.
    (
        &["src/admin.rs", "src/admin/"],
        &[
            "crate::router",
            "crate::engine",
            "crate::store",
            "crate::wire::command",
            "crate::wire::frame",
            "crate::net::server",
            "crate::net::conns",
        ],
    ),
    // The event loop and the daemon's own threads: subcommands are programs of their own.
    (
        &["src/admin/cli.rs", "src/admin/cli/"],
        &["mio", "crate::net"],
    ),
    // SQLite stands in one place.
    (
        &[
            "src/main.rs",
            "src/main/",
            "src/engine",
            "src/net",
            "src/router",
            "src/wire",
            "src/admin",
            "src/ops",
            "src/config",
        ],
        &["rusqlite"],
    ),
    // Clients' JSON is read in one place and written in one.
    (
        &[
            "src/main.rs",
            "src/main/",
            "src/config",
            "src/engine",
            "src/id.rs",
            "src/net",
            "src/router",
            "src/time.rs",
            "src/wire/name",
            "src/wire/code.rs",
        ],
        &["serde_json"],
    ),
    // Sockets, mio, JSON, threads, the clock.
    (
        &["src/router.rs", "src/router/"],
        &[
            "mio",
            "socket2",
            "std::net",
            "std::io",
            "std::thread",
            "std::sync",
            "std::time",
            "Instant",
            "SystemTime",
            "crate::net::conn",
            "crate::net::server",
            "crate::net::stream",
            "crate::ops",
            "crate::engine",
        ],
    ),
    // Names, JSON, rules.
    (
        &["src/net/server.rs", "src/net/server/reloads.rs"],
        &["crate::wire", "serde_json"],
    ),
    (
        &["src/net/admit.rs"],
        &["crate::wire", "crate::router", "mio"],
    ),
    // The poller, the rules.
    (
        &["src/net/conns.rs"],
        &["mio", "crate::router", "crate::engine"],
    ),
    // Other connections, JSON.
    (
        &["src/net/conn.rs", "src/net/conn/"],
        &[
            "crate::net::conns",
            "crate::router",
            "crate::engine",
            "crate::wire::frame",
            "crate::wire::command",
            "mio",
        ],
    ),
    // What is asked, what follows from it.
    (
        &["src/net/inquiries.rs", "src/net/conns/questions.rs"],
        &["mio", "crate::router", "crate::store", "serde_json"],
    ),
    // What is told, and of whom: the daemon is `Observed` to it.
    (
        &["src/net/scrape.rs", "src/net/scrape/"],
        &[
            "crate::net::conns",
            "crate::net::server",
            "crate::wire",
            "crate::router",
            "crate::engine",
            "crate::admin",
            "crate::ops::metrics",
            "serde_json",
        ],
    ),
    (
        &["src/net/scrape/conn.rs", "src/net/scrape/http.rs"],
        &["mio", "crate::ops"],
    ),
    // Connections, the rules.
    (
        &["src/net/tally.rs"],
        &["mio", "crate::net::conns", "crate::router", "crate::engine"],
    ),
    // JSON, sockets.
    (
        &["src/net/lines.rs"],
        &["crate", "mio", "std::net", "std::io"],
    ),
    // Names, JSON, rules: TLS is under the buffer.
    (
        &["src/net/tls.rs", "src/net/tls/", "src/net/without_tls.rs"],
        &[
            "crate::net::conns",
            "crate::wire",
            "crate::router",
            "crate::engine",
        ],
    ),
    // Sockets: what a session does is told by its bytes alone.
    (
        &["src/net/tls/session.rs"],
        &["crate", "mio", "std::io", "std::net"],
    ),
    // What deadlines mean.
    (&["src/net/timers.rs"], &["crate", "mio", "std::time"]),
    // Everything else.
    (&["src/net/sys.rs"], &["crate"]),
    // The protocol.
    (
        &["src/main.rs", "src/main/"],
        &[
            "privmsgd::wire",
            "privmsgd::router",
            "privmsgd::engine",
            "mio",
        ],
    ),
    (
        &["src/ops.rs", "src/ops/"],
        &[
            "crate::wire",
            "crate::router",
            "crate::engine",
            "crate::net::conn",
            "crate::net::conns",
            "crate::net::lines",
            "crate::net::server",
        ],
    ),
    // Who counts and who asks.
    (
        &["src/ops/metrics", "src/ops/health.rs"],
        &["crate::net", "crate::admin", "crate::config", "mio"],
    ),
    // The daemon.
    (
        &["src/client.rs", "src/client/", "src/bin/privmsg.rs"],
        &[
            "mio",
            "rusqlite",
            "crate::net",
            "crate::router",
            "crate::engine",
            "crate::store",
            "crate::mailbox",
            "crate::admin",
            "crate::config",
            "crate::wire::command",
            "crate::wire::frame",
        ],
    ),
    // Sockets; of the session, the clock too.
    (
        &[
            "src/client/session.rs",
            "src/client/session/incoming.rs",
            "src/client/session/opening.rs",
            "src/client/session/positions.rs",
            "src/client/session/requests.rs",
            "src/client/outbox.rs",
            "src/client/frame.rs",
            "src/client/command.rs",
            "src/client/event.rs",
            "src/client/backoff.rs",
        ],
        &[
            "std::net",
            "std::thread",
            "Instant::now",
            "socket2",
            "rustix",
        ],
    ),
    // JSON, sessions.
    (
        &["src/client/link.rs", "src/client/link/"],
        &["serde_json", "crate::client::session", "super::session"],
    ),
    // Clocks, connections, and of the terminal what it is drawn with.
    (
        &["src/client/tui/"],
        &[
            "Instant",
            "SystemTime",
            "std::net",
            "std::thread",
            "mpsc",
            "super::Client",
            "client::Client",
            "crate::client::link",
            "crate::client::session",
        ],
    ),
    // The terminal that it runs in.
    (
        &[
            "src/client/tui/book.rs",
            "src/client/tui/command.rs",
            "src/client/tui/conversation.rs",
            "src/client/tui/draw",
            "src/client/tui/editor.rs",
            "src/client/tui/layout.rs",
            "src/client/tui/message.rs",
            "src/client/tui/model",
            "src/client/tui/text.rs",
            "src/client/tui/theme.rs",
            "src/client/tui/view.rs",
            "src/client/tui/when.rs",
        ],
        &["crossterm", "std::io", "super::terminal"],
    ),
    // How it is drawn.
    (
        &[
            "src/client/tui/book.rs",
            "src/client/tui/command.rs",
            "src/client/tui/conversation.rs",
            "src/client/tui/editor.rs",
            "src/client/tui/message.rs",
            "src/client/tui/text.rs",
            "src/client/tui/view.rs",
            "src/client/tui/when.rs",
        ],
        &["ratatui"],
    ),
    // The client's programs are others than the daemon's.
    (
        &["src/main.rs", "src/main/"],
        &["privmsgd::client", "ratatui", "indicatif", "jiff"],
    ),
    // Who is asked, and for what.
    (
        &["src/ask.rs"],
        &["crate::admin", "crate::client", "crate::config"],
    ),
    // Poller, listeners, clock.
    (
        &["src/engine.rs", "src/engine/"],
        &["mio", "std::net", "Instant", "SystemTime"],
    ),
];

/// Clients' JSON has one reader and one writer; the log has its own form, and the operator's requests, which no client
/// sends and where speed is nothing, are derived.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "serde_json",
        &[
            "src/wire/command",
            "src/wire/frame/json.rs",
            "src/ops/log.rs",
            "src/ops/health.rs",
            "src/admin",
            "src/client/",
        ],
    ),
    (
        "mio",
        &["src/net/", "src/ops/signals.rs", "src/admin/socket.rs"],
    ),
    ("rusqlite", &["src/store.rs", "src/store/"]),
    ("unsafe", &["src/net/sys.rs"]),
    ("rustls", &["src/net/tls", "src/client/link/tls"]),
    ("rcgen", &["src/net/tls/self_signed.rs"]),
];

#[test]
fn no_module_knows_what_it_must_not() {
    let mut known = Vec::new();
    for (path, text) in sources() {
        let code = code(&text);
        let rules = MUST_NOT_KNOW
            .iter()
            .filter(|(files, _)| files.iter().any(|file| path.starts_with(file)));
        for word in rules
            .flat_map(|(_, words)| *words)
            .filter(|word| mentions(&code, word))
        {
            known.push(format!("{path} must not know {word}"));
        }
    }
    assert!(known.is_empty(), "{known:#?}");
}

#[test]
fn what_few_may_use_is_used_there_only() {
    for (path, text) in sources() {
        let code = code(&text);
        for (word, places) in MAY_USE {
            let allowed = places.iter().any(|place| path.starts_with(place));
            assert!(allowed || !mentions(&code, word), "{path} uses {word}");
        }
    }
}

#[test]
fn every_rule_is_about_files_that_exist() {
    let paths: Vec<String> = sources().into_iter().map(|(path, _)| path).collect();
    for (files, _) in MUST_NOT_KNOW {
        for file in *files {
            assert!(
                paths.iter().any(|path| path.starts_with(file)),
                "there is no {file}"
            );
        }
    }
}

#[test]
fn each_module_says_first_what_it_owns() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{path} does not begin with //!");
    }
}

#[test]
fn words_are_found_where_they_stand_alone() {
    let text = "use crate::{id::ConnId, net::{conns::Conns, lines}};\nlet comic = mio::Poll; // serde_json\n#[cfg(test)]\nuse super::x;";
    let code = code(text);
    for word in [
        "crate",
        "crate::net",
        "crate::net::conns",
        "ConnId",
        "mio",
        "crate::id",
    ] {
        assert!(mentions(&code, word), "{word} in {code}");
    }
    for word in [
        "serde_json",
        "super",
        "omi",
        "crate::net::conn",
        "crate::wire",
    ] {
        assert!(!mentions(&code, word), "{word} in {code}");
    }
}

/// Without comments, strings and the tests at the end, each path of a `use` group written out.
fn code(text: &str) -> String {
    let end = text
        .find("#[cfg(test)]\nmod tests")
        .or_else(|| text.find("#[cfg(test)]\nuse super"))
        .unwrap_or(text.len());
    let lines = text[..end].lines().map(|line| {
        let line = line.split("//").next().unwrap_or_default();
        line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
    });
    let code = lines.collect::<Vec<_>>().join("\n");
    let uses: Vec<String> = code
        .split(';')
        .filter_map(|item| item.rsplit_once("use ").map(|(_, tree)| tree))
        .flat_map(|tree| spelled_out("", tree))
        .collect();
    format!("{code}\n{}", uses.join("\n"))
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn spelled_out(prefix: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        return vec![format!("{prefix}{tree}")];
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.extend(spelled_out(&prefix, &group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

fn mentions(code: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Path from the top and text of every source file of the daemon.
fn sources() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&top.join("src"), &mut files);
    let name = |path: &Path| {
        path.strip_prefix(top)
            .expect("below the top")
            .display()
            .to_string()
    };
    files
        .into_iter()
        .map(|path| {
            (
                name(&path),
                fs::read_to_string(&path).expect("a source file"),
            )
        })
        .collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => walk(&path, files),
            false if path.extension().is_some_and(|end| end == "rs") => files.push(path),
            false => {}
        }
    }
}
