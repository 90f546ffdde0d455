//! Each subcommand against a running daemon.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::common::{Address, Setup, check};
use crate::{Dir, House, privmsgd, run};

#[test]
fn status_says_how_the_daemon_is() {
    let house = House::with(Setup::new().unix());
    let _alice = house.stage.register("Alice");
    let _nobody = house.stage.connect("nobody");
    let (code, out, err) = house.ask(&["status"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().collect();
    let version = env!("CARGO_PKG_VERSION");
    let pid = house.stage.daemon.pid();
    let first = format!("privmsgd {version}, open mode, process {pid}, up ");
    assert!(
        lines[0].starts_with(&first) && lines[0].ends_with(" s"),
        "{out}"
    );
    let listening = format!("listening    {}", house.stage.daemon.tcp());
    assert_eq!(
        lines[1..3],
        [
            "connections  2: 1 registered, 1 names",
            "queued       0 bytes"
        ]
    );
    assert!(
        lines[3].starts_with(&listening) && lines[3].contains(" unix:/"),
        "{out}"
    );
    assert_eq!(lines[4..], ["log level    info"]);
    let status = house.json(&["status"]);
    let members: Vec<&str> = status
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = "connections draining listeners logLevel mode names pid queueBytes registered uptimeMs version";
    assert_eq!(members.join(" "), wanted);
    assert_eq!(
        (&status["connections"], &status["draining"]),
        (&2.into(), &false.into())
    );
}

#[test]
fn clients_are_listed_with_what_is_known_of_them() {
    let house = House::with(Setup::new().unix());
    let _alice = house.stage.register("Zoë");
    let _nobody = house.stage.connect("nobody");
    let Address::Unix(path) = house.stage.daemon.unix() else {
        panic!("a UNIX socket");
    };
    let local = std::os::unix::net::UnixStream::connect(path).unwrap();
    // Its hello was written: nothing waits for it.
    assert_eq!((&local).read(&mut [0; 1]).unwrap(), 1);
    let (code, out, _) = house.ask(&["clients", "--json"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    for (line, wanted) in lines.iter().zip([
        r#"{"serial":1,"name":"Zoë","address":"127.0.0.1:…","tls":false,"connected":"…","queueBytes":0,"ending":false}"#,
        r#"{"serial":2,"name":null,"address":"127.0.0.1:…","tls":false,"connected":"…","queueBytes":0,"ending":false}"#,
        r#"{"serial":3,"name":null,"address":"unix","tls":false,"connected":"…","queueBytes":0,"ending":false}"#,
    ]) {
        let wanted = wanted.replace(":…\"", "…\"").replace("127.0.0.1…", "…");
        assert!(check(&wanted, line, &mut Default::default()).is_ok(), "{line}\n{wanted}");
    }
    assert_eq!(lines.len(), 3, "{out}");
    let (_, out, _) = house.ask(&["clients"]);
    assert!(
        out.starts_with("SERIAL    NAME              ADDRESS "),
        "{out}"
    );
    assert!(
        out.contains("\n1         Zoë               127.0.0.1:"),
        "{out}"
    );
    assert!(out.contains("\n3         -                 unix "), "{out}");
}

/// More than one turn's share and more than a socket's buffer; and a reader that goes away early is no error.
#[test]
fn a_long_list_of_clients_is_whole() {
    let house = House::new();
    let _all: Vec<_> = (0..1_500)
        .map(|_| house.stage.dial("one of many"))
        .collect();
    let all_are_in = || house.json(&["status"])["connections"] == 1_500;
    assert!((0..1_000).any(|_| all_are_in()));
    let (code, out, _) = house.ask(&["clients", "--json"]);
    let mut serials: Vec<u64> = out
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["serial"]
                .as_u64()
                .unwrap()
        })
        .collect();
    serials.sort_unstable();
    assert_eq!((code, serials), (0, (1..=1_500).collect()));
    let socket = house.socket();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = privmsgd(&["clients", "--admin-socket", &socket]);
    let output = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn kick_ends_all_sessions_of_a_name_and_frees_it() {
    let house = House::new();
    let mut alice = house.stage.register("Alice");
    let mut bob = house.stage.register("Bob");
    assert_eq!(house.json(&["kick", "ALICE"])["ended"], 1);
    alice.expect(r#"{"type":"goodbye","code":"revoked","message":"the operator ended this session, or what proved it is no longer good","reconnect":false}"#);
    bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
    bob.expect_error("unknownUser");
    let (code, out, err) = house.ask(&["kick", "Alice"]);
    assert_eq!((code, out.as_str()), (1, "sessions ended: 0\n"));
    assert_eq!(err, "privmsgd: no session has the name Alice\n");
    let (code, _, err) = house.ask(&["kick", "a b"]);
    assert_eq!(code, 64, "{err}");
    house.stage.register("Alice");
    house.stage.daemon.await_log("admin: kick ALICE: 1 ended");
}

#[test]
fn the_log_level_holds_until_the_next_reload() {
    let house = House::new();
    assert_eq!(
        house.ask(&["log-level", "error"]),
        (0, String::new(), String::new())
    );
    assert_eq!(house.json(&["status"])["logLevel"], "error");
    let _quiet = house.stage.register("Quiet");
    assert_eq!(house.ask(&["reload"]).0, 0);
    assert_eq!(house.json(&["status"])["logLevel"], "info");
    let _loud = house.stage.register("Loud");
    house.stage.daemon.await_log("registered as Loud");
    assert!(!house.stage.daemon.log().contains("registered as Quiet"));
}

#[test]
fn reload_says_what_changed_or_every_mistake() {
    let house = House::with(Setup::new().config("[limits]\nmax_errors = 5\n"));
    let file = house.stage.daemon.dir().join("privmsgd.toml");
    let (code, out, err) = house.ask(&["reload"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "changed: nothing\n", "")
    );
    fs::write(&file, "[limits]\nmax_errors = 6\n[server]\nname = 'x'\n").unwrap();
    let (code, out, _) = house.ask(&["reload"]);
    let wanted = "changed: limits.max_errors\nnot taken over before a restart: server.name\n";
    assert_eq!((code, out.as_str()), (0, wanted));
    let told = house.json(&["reload"]).to_string();
    assert_eq!(told, r#"{"changed":[],"needsRestart":["server.name"]}"#);
    let (code, out, _) = house.ask(&["check"]);
    let wanted =
        "WARNING - reload: the configuration has changed, and waits for a restart in: server.name";
    assert!(code == 1 && out.starts_with(wanted), "{out}");
    fs::write(&file, "[limits]\nmax_errors = 6\n").unwrap();
    assert_eq!((house.ask(&["reload"]).0, house.ask(&["check"]).0), (0, 0));
    fs::write(&file, "[limits]\nmax_errors = 0\n[log]\nlevel = 'loud'\n").unwrap();
    let (code, out, err) = house.ask(&["reload"]);
    assert_eq!((code, out.as_str()), (78, ""));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines[0], "privmsgd: everything stays as it is");
    for (line, place) in lines[1..]
        .iter()
        .zip([":2:14: limits.max_errors", ":4:9: log.level"])
    {
        assert!(
            line.starts_with(&format!("{}{place} must be ", file.display())),
            "{err}"
        );
    }
    assert_eq!(lines.len(), 3, "{err}");
    // A broken file does not keep the operator from what is still running.
    let file = file.display().to_string();
    assert_eq!(house.ask(&["status", "--config", &file]).0, 0);
}

#[test]
fn drain_ends_the_daemon_after_goodbye_and_leaves_no_socket() {
    let mut house = House::new();
    let mut alice = house.stage.register("Alice");
    let (code, out, err) = house.ask(&["drain"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(err, "the daemon says goodbye to everybody and ends\n");
    alice.expect(r#"{"type":"goodbye","code":"serverClosing",…}"#);
    drop(alice);
    assert_eq!(house.stage.daemon.wait().code(), Some(0));
    assert!(!fs::exists(house.socket()).unwrap());
    let (code, out, err) = house.ask(&["status"]);
    let wanted = format!(
        "privmsgd: {}: no daemon answers\n  is one running? in open mode, by hand, it has an admin socket only if it is \
         started with --admin-socket PATH\n",
        house.socket()
    );
    assert_eq!((code, out.as_str(), err), (69, "", wanted));
}

#[test]
fn in_open_mode_there_are_no_accounts() {
    let house = House::new();
    let (code, out, err) = house.ask(&["account", "list"]);
    let wanted = "privmsgd: this daemon runs in open mode: it has no accounts\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", wanted));
    let dir = Dir::new();
    let nowhere = dir.path("none");
    let (code, _, err) = run(privmsgd(&["account", "list"]).args(["--admin-socket", &nowhere]));
    assert_eq!(code, 78, "{err}");
    assert!(err.contains("--data DIR"), "{err}");
}

#[test]
fn the_configuration_is_shown_as_a_file_that_says_the_same() {
    let dir = Dir::new();
    let file = dir.path("given.toml");
    fs::write(
        &file,
        "[limits]\nmax_errors = 7\n[server]\nname = \"b\\u00fc \\\"x\"\n",
    )
    .unwrap();
    let (code, _, err) = run(privmsgd(&["config", "show"]).args(["--config", &file]));
    assert_eq!(code, 78, "{err}");
    fs::write(
        &file,
        "[limits]\nmax_errors = 7\n[server]\nadmin_socket = \"/\\u007f \\\"x\"\n",
    )
    .unwrap();
    let show = |file: &str, more: &[&str]| {
        let mut command = privmsgd(&["--log-level", "debug", "config", "show", "--config", file]);
        let (code, out, err) = run(command.args(more).env("PRIVMSGD_LIMITS__MAX_WATCHED", "9"));
        assert_eq!((code, err.as_str()), (0, ""));
        out
    };
    let shown = show(&file, &[]);
    let again = dir.path("again.toml");
    fs::write(&again, &shown).unwrap();
    let checked = run(privmsgd(&["--check-config", "--config", &again]).env_remove("RUST_LOG"));
    assert_eq!(checked, (0, String::new(), String::new()));
    assert_eq!(show(&again, &[]), shown);
    let with_origin = show(&file, &["--origin"]);
    for line in [
        format!("max_errors = 7  # {file}:2"),
        format!("admin_socket = \"/\\U0000007f \\\"x\"  # {file}:4"),
        "max_watched = 9  # PRIVMSGD_LIMITS__MAX_WATCHED".into(),
        "level = \"debug\"  # --log-level".into(),
        "format = \"text\"  # default".into(),
    ] {
        assert!(
            with_origin.lines().any(|found| found == line),
            "{line}\n{with_origin}"
        );
    }
    fs::write(&again, &with_origin).unwrap();
    assert_eq!(show(&again, &[]), shown);
    let json = show(&file, &["--json"]);
    let line = json
        .lines()
        .find(|line| line.contains("\"limits.max_errors\""))
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&value["value"], &value["origin"]),
        (&7.into(), &format!("{file}:2").into())
    );
    let settings = shown.lines().filter(|line| line.contains(" = "));
    assert_eq!(json.lines().count(), settings.count());
}

#[test]
fn every_level_of_help_fits_on_a_page_and_has_examples() {
    for words in [
        "",
        "status",
        "clients",
        "check",
        "doctor",
        "kick",
        "log-level",
        "reload",
        "drain",
        "config",
        "config show",
        "account",
        "account add",
        "account list",
        "account passwd",
        "account disable",
        "account enable",
        "account remove",
        "account add-key",
        "account revoke-device",
    ] {
        let args: Vec<&str> = words.split_whitespace().chain(["--help"]).collect();
        let (code, out, err) = run(&mut privmsgd(&args));
        assert_eq!((code, err.as_str()), (0, ""), "{words}");
        assert!(out.lines().count() <= 40, "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 120), "{out}");
        assert!(out.contains("\nExamples:\n  privmsgd "), "{out}");
        assert!(!out.contains('\u{1b}'));
    }
}
