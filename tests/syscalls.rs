//! What the daemon asks of the kernel, against what its unit allows: F18 and F6.
#![cfg(feature = "systemd")]

mod common;
mod ops;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;

use rustix::process::Signal;

use common::{Address, Chunking, Client, get_over};
use ops::{ACTIVATED, Running, listener};

/// The unit's filter answers EPERM to these, and the daemon goes on: it tries to raise a limit.
const REFUSED_AND_KNOWN: [&str; 2] = ["prlimit64", "setrlimit"];

#[test]
fn f18_every_system_call_is_one_that_the_unit_allows() {
    let path = std::env::temp_dir().join(format!("privmsgd-scraped-{}", std::process::id()));
    let place = format!("unix:{}", path.display());
    let calls = session("all", "trace=all", &["--metrics", &place], || {
        for page in ["/metrics", "/readyz"] {
            let stream = UnixStream::connect(&path).expect("connect");
            assert_eq!(get_over(stream, page).status, 200);
        }
    });
    let used: BTreeSet<&str> = calls.lines().filter_map(call).collect();
    assert!(
        used.contains("epoll_wait") || used.contains("epoll_pwait"),
        "{used:?}"
    );
    let mut allowed = set("@system-service");
    for denied in ["@privileged", "@resources"] {
        let denied = set(denied);
        allowed.retain(|name| !denied.contains(name));
    }
    allowed.extend(REFUSED_AND_KNOWN.map(String::from));
    let outside: Vec<&&str> = used
        .iter()
        .filter(|name| !allowed.contains(**name))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(!allowed.contains("mount") && !allowed.contains("ptrace"));
}

/// The unit lets the service make UNIX sockets only, so it must not even try others.
#[test]
fn f6_with_inherited_sockets_the_daemon_opens_none_of_its_own() {
    let calls = session("sockets", "trace=socket,bind,listen", &[], || {});
    let own = |line: &&str| line.contains("bind(") || line.contains("AF_INET");
    assert_eq!(calls.lines().find(own), None, "{calls}");
}

/// A life with two clients, a reload, whatever else is done meanwhile and a stop, as strace sees it.
fn session(name: &str, filter: &str, args: &[&str], meanwhile: impl FnOnce()) -> String {
    let (listener, address) = listener();
    let trace = format!("privmsgd-trace-{name}-{}", std::process::id());
    let trace = std::env::temp_dir().join(trace);
    let script = format!("exec 3<&0 </dev/null; {ACTIVATED} exec \"$0\" \"$@\"");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-e", filter, "-o"]).arg(&trace);
    command.args(["sh", "-c", &script, env!("CARGO_BIN_EXE_privmsgd")]);
    command.args(args);
    let mut daemon = Running::with_socket(&mut command, &listener);
    let [mut alice, mut bob] = ["Alice", "Bob"].map(|name| {
        let mut client = Client::dial(Address::Tcp(address), name, Chunking::Whole);
        client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
        client.register(name);
        client
    });
    daemon.signal(Signal::HUP);
    alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
    bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    meanwhile();
    alice.half_close();
    alice.expect_goodbye("drained");
    bob.reset();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait(), Some(0));
    let calls = fs::read_to_string(&trace).unwrap();
    fs::remove_file(&trace).unwrap();
    let end = calls.find(&format!("execve(\"{}", env!("CARGO_BIN_EXE_privmsgd")));
    calls[end.unwrap_or(0)..].to_string()
}

/// `123 read(0, …` or `123 <... read resumed>…`: `read`.
fn call(line: &str) -> Option<&str> {
    let rest = line.split_once(' ')?.1.trim_start();
    let name = rest.strip_prefix("<... ").unwrap_or(rest);
    let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?];
    (!name.is_empty()).then_some(name)
}

/// The members of one of systemd's sets, and of the sets in it.
fn set(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze")
        .args(["syscall-filter", "--no-pager", name])
        .output()
        .expect("systemd-analyze is missing: install the package systemd");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut members = BTreeSet::new();
    for word in text.lines().skip(1).map(str::trim) {
        match word.starts_with('@') {
            true => members.extend(set(word)),
            false if word.is_empty() || word.starts_with('#') => {}
            false => drop(members.insert(word.to_string())),
        }
    }
    members
}
