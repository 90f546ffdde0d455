//! Mailbox mode: what waits, what was said, and what proves a name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::bench::place::{PATIENT, Place, tool};
use crate::common::Setup;
use crate::home::{Home, json, written};

struct House {
    place: Place,
    home: Home,
    password: String,
}

impl House {
    fn new() -> House {
        House::with("")
    }

    fn with(config: &str) -> House {
        let config = format!("{PATIENT}{config}");
        let place = Place::set_up(Setup::new().unix(), &config, &["Alice", "Bob", "Carol"]);
        let home = Home::new();
        let password = home.password();
        House {
            place,
            home,
            password,
        }
    }

    fn server(&self) -> String {
        written(&self.place.address())
    }

    /// As `name`, by password.
    fn by(&self, name: &str, args: &[&str]) -> (i32, String, String) {
        let server = self.server();
        let who = [
            "--server",
            &server,
            "--name",
            name,
            "--password-file",
            &self.password,
        ];
        self.home.run(&[&who[..], args].concat())
    }

    #[track_caller]
    fn ok(&self, name: &str, args: &[&str]) -> String {
        let (code, out, err) = self.by(name, args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }
}

#[test]
fn messages_wait_and_come_once_to_each_device() {
    let house = House::new();
    for text in ["one", "two", "three"] {
        house.ok("Alice", &["send", "Bob", text]);
    }
    assert_eq!(
        house.ok("Bob", &["listen", "-n", "2"]),
        "Alice: one\nAlice: two\n"
    );
    let server = written(&house.place.daemon().unix());
    let who = [
        "--server",
        &server,
        "-u",
        "Bob",
        "--password-file",
        &house.password,
    ];
    // Over the other socket it is another place for state; the server's cursor says the same.
    assert_eq!(
        house
            .home
            .ok(&[&who[..], &["listen", "-t", "0.3"]].concat()),
        "Alice: three\n"
    );
    assert_eq!(house.ok("Bob", &["listen", "-t", "0.3"]), "");
    // A device that is new begins at the end, as protocol.md says.
    assert_eq!(
        house.ok("Bob", &["--device", "other", "listen", "-t", "0.3"]),
        ""
    );
    house.ok("Alice", &["send", "Bob", "four"]);
    for device in ["privmsg", "other"] {
        let (code, out, _) = house.by("Bob", &["--device", device, "listen", "-n", "1", "--json"]);
        assert_eq!(code, 0);
        assert_eq!(json(&out)["message"], "four");
        assert_eq!(json(&out)["seq"], 4);
    }
    let state = house.home.path(".local/state/privmsg");
    assert_eq!(
        fs::metadata(&state).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let files = tool(&state, "find", &[".", "-type", "f", "!", "-perm", "600"]);
    assert_eq!(String::from_utf8_lossy(&files), "");
}

/// > The same account, the same `messageId` and the same line again: the message is not stored a second time.
#[test]
fn a_message_that_is_sent_twice_under_one_id_is_there_once() {
    let house = House::new();
    let send = ["send", "--json", "--message-id", "m-1", "Bob", "hi"];
    let first = json(&house.ok("Alice", &send));
    let second = json(&house.ok("Alice", &send));
    assert_eq!(
        (&first["seq"], &first["duplicate"]),
        (&1.into(), &false.into())
    );
    assert_eq!(
        (&second["seq"], &second["duplicate"]),
        (&1.into(), &true.into())
    );
    assert_eq!(second["time"], first["time"]);
    let (code, _, err) = house.by("Alice", &["send", "--message-id", "m-1", "Bob", "other"]);
    assert!(code == 1 && err.contains("messageIdReused"), "{err}");
    let history = house.ok("Bob", &["history", "Alice"]);
    assert_eq!(history.lines().count(), 1);
    let time = first["time"].as_str().unwrap();
    let (day, clock) = (&time[..10], &time[11..16]);
    assert_eq!(history, format!("{day} {clock} Alice: hi\n"));
}

#[test]
fn a_long_history_is_whole_and_in_order() {
    let house = House::new();
    // Of a stranger less may wait.
    house.ok("Bob", &["account", "allow", "Alice"]);
    let lines: String = (1..=520).map(|n| format!("line {n}\n")).collect();
    let server = house.server();
    let who = [
        "--server",
        &server,
        "-u",
        "Alice",
        "--password-file",
        &house.password,
    ];
    let sent = house.home.run_with(
        &lines,
        &[&who[..], &["send", "Bob", "-", "--lines"]].concat(),
    );
    assert_eq!(sent, (0, String::new(), String::new()));
    let all = house.ok("Bob", &["history", "Alice", "-n", "0", "--json"]);
    let texts: Vec<String> = all
        .lines()
        .map(|line| json(line)["message"].as_str().unwrap().into())
        .collect();
    let wanted: Vec<String> = (1..=520).map(|n| format!("line {n}")).collect();
    assert_eq!(texts, wanted);
    let last = house.ok("Bob", &["history", "Alice", "-n", "2"]);
    assert!(
        last.ends_with("Alice: line 520\n") && last.lines().count() == 2,
        "{last}"
    );
    assert_eq!(house.ok("Bob", &["history", "Alice"]).lines().count(), 50);
    let who = json(&house.ok("Bob", &["who", "--json"]));
    assert_eq!(
        (&who["name"], &who["unread"]),
        (&"Alice".into(), &520.into())
    );
}

#[test]
fn a_password_is_neither_sent_nor_needed_where_there_is_a_key() {
    let house = House::new();
    let (dir, server) = (house.home.dir(), house.server());
    tool(
        dir,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "id", "-C", "bob"],
    );
    tool(
        dir,
        "openssl",
        &["genpkey", "-algorithm", "ed25519", "-out", "pem"],
    );
    let _ = Command::new("chmod")
        .args(["600", "pem"])
        .current_dir(dir)
        .status();
    let (ssh, pem) = (
        dir.join("id").display().to_string(),
        dir.join("pem").display().to_string(),
    );
    let by_key = |key: &str| {
        house
            .home
            .run(&["-s", &server, "-u", "Bob", "--key", key, "who"])
    };
    for key in [&ssh, &pem] {
        let (code, _, err) = by_key(key);
        assert!(code == 1 && err.contains("authFailed"), "{err}");
        house.ok("Bob", &["account", "add-key", key]);
        assert_eq!(by_key(key), (0, String::new(), String::new()));
    }
    let public = dir.join("id.pub").display().to_string();
    let as_bob = ["-s", &server, "-u", "Bob", "account", "add-key", &public];
    let (code, _, err) = house.home.run(&as_bob);
    assert!(
        code == 64 && err.contains("the public half"),
        "{code} {err}"
    );
    house.ok("Bob", &["account", "remove-key", &public]);
    assert_eq!(by_key(&ssh).0, 1);
    assert_eq!(by_key(&pem).0, 0);
    // Of an encrypted one it says how to take the passphrase off.
    tool(
        dir,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "hush", "-f", "locked"],
    );
    let locked = dir.join("locked").display().to_string();
    let (code, _, err) = by_key(&locked);
    assert_eq!(code, 78);
    assert!(err.contains("ssh-keygen -p -N '' -f KEY"), "{err}");
    tool(
        dir,
        "ssh-keygen",
        &["-q", "-t", "rsa", "-N", "", "-f", "rsa"],
    );
    let rsa = dir.join("rsa").display().to_string();
    let (code, _, err) = by_key(&rsa);
    assert!(code == 78 && err.contains("no Ed25519 key"), "{err}");
}

#[test]
fn who_is_not_let_in_is_told_what_to_do() {
    let house = House::new();
    let server = house.server();
    let (code, _, err) = house.home.run(&["-s", &server, "-u", "Bob", "listen"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("must be proved") && err.contains("privmsg login"),
        "{err}"
    );
    let wrong = house.home.put("wrong", "wrong horse\n", 0o600);
    let (code, _, err) =
        house
            .home
            .run(&["-s", &server, "-u", "Bob", "--password-file", &wrong, "who"]);
    assert!(code == 1 && err.contains("authFailed"), "{err}");
    // The same device, elsewhere: the first one is told, and does not fight for it.
    let who = [
        "-s",
        &server,
        "-u",
        "Bob",
        "--password-file",
        &house.password,
        "listen",
    ];
    let first = house.home.start(&who);
    house.ok("Alice", &["send", "Bob", "hi"]);
    first.expect("Alice: hi");
    assert_eq!(house.ok("Bob", &["listen", "-t", "0.3"]), "");
    let (code, _, err) = house.by("Carol", &["send", "Nobody1", "hi"]);
    assert!(code == 1 && err.contains("unknownUser"), "{err}");
}

/// A full mailbox is not waited for when the server says that it is of no use.
#[test]
fn what_cannot_be_accepted_in_time_is_said_at_once() {
    let house = House::with("[mailbox]\nmax_waiting = 4\n");
    house.ok("Alice", &["send", "Bob", "one"]);
    let (code, out, err) = house.by("Alice", &["send", "-t", "5", "Bob", "two"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.starts_with("privmsg: not sent: ") && err.contains("(mailboxFull)\n"),
        "{err}"
    );
    assert!(err.contains("the server asks to try again in "), "{err}");
    let server = &house.server();
    let lines = ["-s", server, "-u", "Alice", "send", "-t", "5", "Bob", "-"];
    let proof = ["--lines", "--password-file", &house.password];
    let lines = [&lines[..], &proof].concat();
    let (code, _, err) = house.home.run_with("a\nb\nc\n", &lines);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.starts_with("privmsg: 3 of 3 lines were not accepted\nprivmsg: line 1: not sent: "),
        "{err}"
    );
    assert_eq!(house.ok("Bob", &["listen", "-n", "1"]), "Alice: one\n");
    house.ok("Alice", &["send", "Bob", "three"]);
}

/// Printing is not reading; `--mark-read` says that it is.
#[test]
fn what_is_printed_is_read_if_that_is_said() {
    let house = House::new();
    let unread = || json(&house.ok("Bob", &["who", "Alice", "--json"]))["unread"].clone();
    let watch = |code, args: &[&str]| {
        let (ended, out, err) = house.by("Bob", &[&["listen", "-t", "1.2"], args].concat());
        assert_eq!((ended, err.as_str()), (code, ""), "{args:?}");
        out
    };
    for text in ["one", "two", "three"] {
        house.ok("Alice", &["send", "Bob", text]);
    }
    assert_eq!(
        watch(0, &["-n", "2", "--mark-read"]),
        "Alice: one\nAlice: two\n"
    );
    assert_eq!(unread(), 1);
    assert_eq!(watch(0, &[]), "Alice: three\n");
    house.ok("Bob", &["history", "Alice"]);
    assert_eq!(unread(), 1);
    house.ok("Bob", &["history", "Alice", "--mark-read"]);
    assert_eq!(unread(), 0);
    house.ok("Alice", &["send", "Bob", "four"]);
    assert_eq!(watch(0, &["--mark-read", "--from", "Carol"]), "");
    assert_eq!(unread(), 1, "it was passed over");
    house.ok("Alice", &["send", "Bob", "five"]);
    house.ok("Carol", &["send", "Bob", "hi"]);
    // It goes on for longer than it gathers what is to be marked.
    assert_eq!(watch(0, &["--mark-read"]), "Alice: five\nCarol: hi\n");
    assert_eq!(unread(), 0);
    let (code, _, err) = house.by("Alice", &["history", "Bob", "--mark-read"]);
    assert_eq!((code, err.as_str()), (0, ""), "nothing is to be marked");
}
