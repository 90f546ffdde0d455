//! A server that says what a real one says seldom.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::PASSWORD;
use crate::languages::Language;
use crate::running::Running;

const PATIENCE: Duration = Duration::from_secs(30);
const HELLO: &str = r#"{"type":"hello","server":"privmsgd","version":"0.1.0","protocol":1,"mode":"mailbox","serverName":"localhost","auth":["password","resumeToken"],"nonce":"AAAAAAAAAAAAAAAAAAAAAA","tls":false,"durability":"fsync","limits":{"maxLineBytes":65536,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024}}"#;

/// The side of the server of one connection.
struct Played {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Played {
    /// Waits for a connection and greets it. Returns the `register` too.
    fn accept(listener: &TcpListener) -> (Played, Value) {
        let (stream, _) = listener.accept().expect("a connection");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a read limit");
        let lines = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut played = Played { stream, lines };
        played.say(HELLO);
        let register = played.hear();
        assert_eq!(register["type"], "register");
        (played, register)
    }

    /// The same, and lets it in. `resumed`: nothing, or the member of that name.
    fn session(listener: &TcpListener, resumed: &str) -> (Played, Value) {
        let (mut played, register) = Played::accept(listener);
        played.say(&format!(
            r#"{{"type":"registered","username":"Alice","resumeToken":"t","device":"d","epoch":77,"pos":5,"ackedPos":5{resumed}}}"#
        ));
        played.say(r#"{"type":"synced","pos":5}"#);
        (played, register)
    }

    fn say(&mut self, line: &str) {
        let said = self.stream.write_all(format!("{line}\n").as_bytes());
        said.expect("it reads");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

const FIRST: &str = "";
const RESUMED: &str = r#","resumed":true"#;

fn start(language: Language) -> (TcpListener, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let alice = Running::start(language, at, "Alice", &directory());
    (listener, alice)
}

/// > it sends **the same line** again until it gets `accepted` or an error other than `storageFailed`, …
pub fn refused_for_now(language: Language) {
    let (listener, mut alice) = start(language);
    alice.say("Bob one");
    alice.say("Bob two");
    let (mut server, _) = Played::session(&listener, FIRST);
    let first = server.hear();
    assert_eq!(first["message"], "one");
    let mut asked = first.clone();
    for (code, after) in [
        ("mailboxFull", r#","retryAfterMs":1500"#),
        ("storageFailed", ""),
    ] {
        let id = &asked["id"];
        let since = Instant::now();
        server.say(&format!(r#"{{"type":"errorMessage","id":{id},"command":"privateMessage","code":"{code}","message":"not now","toUsername":"Bob","retryable":true{after}}}"#));
        asked = server.hear();
        assert_eq!(asked, first, "the same line");
        let waited = since.elapsed();
        let wanted = Duration::from_millis(if after.is_empty() { 300 } else { 1_000 });
        assert!(waited >= wanted, "{waited:?}");
    }
    // The connection is lost before the answer.
    drop(server);
    let (mut server, register) = Played::session(&listener, RESUMED);
    assert_eq!(
        (&register["after"], &register["epoch"]),
        (&5.into(), &77.into())
    );
    assert_eq!(register["resumeToken"], "t");
    let again = server.hear();
    assert_eq!(again, first, "the same line");
    accept(&mut server, &again);
    let second = server.hear();
    assert_eq!(second["message"], "two");
    assert_ne!(second["messageId"], first["messageId"]);
    accept(&mut server, &second);
    alice.end_input();
    assert_eq!(server.hear()["type"], "bye");
    server.say(r#"{"type":"goodbye","code":"bye","message":"goodbye","reconnect":false}"#);
    assert_eq!(alice.wait().code(), Some(0), "{}", alice.errors());
}

fn accept(server: &mut Played, message: &Value) {
    let (id, name) = (&message["id"], &message["messageId"]);
    server.say(&format!(r#"{{"type":"accepted","id":{id},"messageId":{name},"toUsername":"Bob","seq":1,"time":"2026-11-26T00:00:00.000Z"}}"#));
}

/// > Does not reconnect after a `goodbye` with `"reconnect":false`; otherwise waits, `afterMs` if given
pub fn goodbyes(language: Language) {
    let (listener, mut alice) = start(language);
    let (mut server, _) = Played::session(&listener, FIRST);
    server.say(r#"{"type":"ping","time":"2026-11-26T00:00:00.000Z"}"#);
    assert_eq!(server.hear()["type"], "pong");
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"six","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":6}"#);
    alice.expect("Bob: six");
    assert_eq!(server.hear(), serde_json::json!({"type":"ack","pos":6}));
    // What has no `pos` changes nothing.
    server.say(r#"{"type":"typing","from":"Bob","state":"started"}"#);
    let since = Instant::now();
    server.say(r#"{"type":"goodbye","code":"serverClosing","message":"later","reconnect":true,"afterMs":1500}"#);
    drop(server);
    // It is let in but for the token, which this server does not know any more.
    let (mut server, register) = Played::accept(&listener);
    let waited = since.elapsed();
    assert!(waited >= Duration::from_millis(1_400), "{waited:?}");
    assert_eq!(
        (&register["after"], &register["resumeToken"]),
        (&6.into(), &"t".into())
    );
    server.say(r#"{"type":"errorMessage","command":"register","code":"authFailed","message":"no","retryable":false}"#);
    drop(server);
    let (mut server, register) = Played::session(&listener, RESUMED);
    assert_eq!(register["password"], "correct horse");
    assert!(register.get("resumeToken").is_none());
    // Sent once more, and not printed once more.
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"six","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":6,"redelivered":true}"#);
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"seven","time":"2026-11-26T00:00:00.000Z","seq":2,"pos":7}"#);
    alice.expect("Bob: seven");
    server.say(r#"{"type":"goodbye","code":"replaced","message":"another one","reconnect":false}"#);
    drop(server);
    assert_eq!(alice.wait().code(), Some(1), "{}", alice.errors());
    assert!(alice.errors().contains("replaced"), "{}", alice.errors());
}

/// > keeps `epoch` and the last `pos` it has dealt with
pub fn written_down(language: Language) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let state = directory().join(format!("state-{}", at.port()));
    fs::write(&state, "77 5\n").expect("a file");
    let path = state.display().to_string();
    let more = ["--state", path.as_str()];
    let alice = Running::with(language, at, "Alice", &directory(), &more, Some(PASSWORD));
    let (mut server, register) = Played::session(&listener, RESUMED);
    let cursor = (&register["after"], &register["epoch"]);
    assert_eq!(cursor, (&5.into(), &77.into()));
    for (pos, text) in [(5, "five"), (6, "six")] {
        server.say(&format!(r#"{{"type":"privateMessage","from":"Bob","message":"{text}","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":{pos}}}"#));
    }
    alice.expect("Bob: six");
    assert_eq!(server.hear(), serde_json::json!({"type":"ack","pos":6}));
    // Bash may write it with zeros before it.
    let deadline = Instant::now() + PATIENCE;
    while numbers(&state) != [77, 6] {
        assert!(Instant::now() < deadline, "{:?}", numbers(&state));
    }
    // Another store: the position counts for nothing.
    drop(server);
    let (mut server, _) = Played::accept(&listener);
    server.say(r#"{"type":"registered","username":"Alice","resumeToken":"t","device":"d","epoch":78,"pos":3,"ackedPos":2,"resumed":false}"#);
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"three","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":3}"#);
    alice.expect("Bob: three");
}

fn numbers(state: &Path) -> Vec<u64> {
    let text = fs::read_to_string(state).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// What a state file may hold that is none. The last one is longer than what is written over it.
const GARBLED: &[&[u8]] = &[
    b"",
    b"\n",
    b"77",
    b"77 x",
    b"x 5",
    b"-1 5",
    b"77 -5",
    b"77 5 x",
    b"99999999999999999999 5",
    b"\0\0\0\0 \xff\xfe",
    b"This is not a state file, and it is longer than one would be.\nIt has two lines.\n",
];

/// Each is ignored; and what is then written is whole.
pub fn garbled(language: Language) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let state = directory().join(format!("garbled-{}", at.port()));
    let path = state.display().to_string();
    let more = ["--state", path.as_str()];
    let start = || Running::with(language, at, "Alice", &directory(), &more, Some(PASSWORD));
    for bytes in GARBLED {
        fs::write(&state, bytes).expect("a file");
        let _alice = start();
        let (_, register) = Played::accept(&listener);
        let none = register.get("after").or(register.get("epoch"));
        assert_eq!(none, None, "{}", bytes.escape_ascii());
    }
    let alice = start();
    let (mut server, _) = Played::session(&listener, FIRST);
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"six","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":6}"#);
    alice.expect("Bob: six");
    assert_eq!(server.hear()["pos"], 6);
    assert_eq!(numbers(&state), [77, 6]);
    let text = fs::read_to_string(&state).expect("text");
    assert_eq!(text.split_whitespace().count(), 2, "{text}");
}

/// A cursor that cannot be written down is told, at the start and later; and then nothing is acknowledged.
pub fn unwritable(language: Language) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let dir = directory().join(format!("unwritable-{}", at.port()));
    let state = dir.join("state").display().to_string();
    let start = |state: &str| {
        let more = ["--state", state];
        Running::with(language, at, "Alice", &directory(), &more, Some(PASSWORD))
    };
    let errors = start(&state).complains(1);
    assert!(errors.contains(&state), "{errors}");
    fs::create_dir(&dir).expect("a directory");
    let here = dir.display().to_string();
    let errors = start(&here).complains(1);
    assert!(errors.contains(&here), "{errors}");
    let mut alice = start(&state);
    let (mut server, _) = Played::session(&listener, FIRST);
    fs::remove_dir_all(&dir).expect("removed");
    server.say(r#"{"type":"privateMessage","from":"Bob","message":"six","time":"2026-11-26T00:00:00.000Z","seq":1,"pos":6}"#);
    alice.expect("Bob: six");
    let errors = alice.complains(1);
    assert!(errors.contains(&state), "{errors}");
    let mut after = String::new();
    let _ = server.lines.read_line(&mut after); // or an error: it is gone
    assert_eq!(after, "");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).into()
}
