//! F12, F18: what others see of the daemon in the file system, and what it asks of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::bench::socket::{Via, connected, message, named, relayed};
use crate::bench::tools::{output, tool};
use crate::bench::{alone, millis, record, scratch, secs, wait_until};
use crate::common::{Address, Daemon, Setup};

/// F12: a UNIX socket made at umask 0 is looked at all the time, over `starts`: it has its final mode from the first look.
pub fn f12_unix_socket_mode(starts: u32) {
    let _alone = alone();
    let dir = std::env::temp_dir().join(format!("privmsgd-f12-{}", std::process::id()));
    fs::create_dir(&dir).expect("a directory");
    let path = dir.join("socket");
    let over = AtomicBool::new(false);
    let modes = thread::scope(|scope| {
        let looks = scope.spawn(|| looks(&path, &over));
        for n in 0..starts {
            let mode = ["0600", "0660"][n as usize % 2];
            let setup = Setup::new()
                .under(&["/bin/sh", "-c", "umask 0; exec \"$0\" \"$@\""])
                .env("PRIVMSGD_SERVER__UNIX_MODE", mode)
                .arg("--listen")
                .arg(&format!("unix:{}", path.display()));
            let mut daemon = Daemon::start(&setup);
            let found = fs::metadata(&path).expect("the socket").mode() & 0o7777;
            assert_eq!(format!("{found:04o}"), mode);
            daemon.signal(Signal::TERM);
            assert_eq!(daemon.wait().code(), Some(0));
            assert!(!path.exists(), "it is removed at the end");
        }
        over.store(true, Ordering::Relaxed);
        looks.join().expect("the looks")
    });
    fs::remove_dir_all(&dir).expect("remove the directory");
    record(
        "F12",
        format_args!("{starts} starts: {modes:?} (mode, looks)"),
    );
    let seen: Vec<u32> = modes.keys().copied().collect();
    assert_eq!(seen, [0o600, 0o660]);
}

/// How often each mode was seen.
fn looks(path: &Path, over: &AtomicBool) -> BTreeMap<u32, u64> {
    let mut modes = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        if let Ok(found) = fs::symlink_metadata(path) {
            *modes.entry(found.mode() & 0o7777).or_insert(0) += 1;
        }
    }
    modes
}

/// F18: every system call of a representative run is in the unit's filter. Setting a resource limit is not needed:
/// the daemon goes on without (`descriptors::raise`), so that one may be tried at the start.
pub fn f18_system_calls() {
    let _alone = alone();
    let trace = scratch(&format!("strace-{}", std::process::id()));
    let strace = tool("strace", "strace").display().to_string();
    let file = trace.display().to_string();
    // -D: the daemon stays this test's child.
    let setup = Setup::new()
        .under(&[&strace, "-D", "-f", "-qq", "-c", "-U", "name", "-o", &file])
        .unix()
        .config("[limits]\nuser_timeout_ms = 20000\nregister_timeout_ms = 300\n");
    let mut daemon = Daemon::start(&setup);
    daemon.addresses().to_vec().iter().for_each(everything);
    daemon.signal(Signal::HUP);
    daemon.await_log("reloaded;");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
    let summary = || fs::read_to_string(&trace).unwrap_or_default();
    wait_until("strace has written", secs(10), || {
        !summary().trim().is_empty()
    });
    thread::sleep(millis(200));
    let summary = summary();
    let used: BTreeSet<&str> = summary
        .split_whitespace()
        .filter(|word| !["syscall", "total"].contains(word) && !word.starts_with('-'))
        .collect();
    let _ = fs::remove_file(&trace);
    assert!(
        used.contains("epoll_wait") && used.contains("accept4"),
        "{summary}"
    );
    let allowed = allowed();
    let outside: Vec<_> = used
        .iter()
        .filter(|call| !allowed.contains(**call))
        .collect();
    record(
        "F18",
        format_args!("{} system calls, outside: {outside:?}", used.len()),
    );
    assert!(
        outside.iter().all(|call| **call == "setrlimit"),
        "{outside:?}"
    );
}

/// What clients do: talk, reset, half-close, be silent, be wrong, be too slow.
fn everything(address: &Address) {
    let mut alice = named(address, "Alice");
    let mut bob = named(address, "Bob");
    alice.send(&message("Bob", "hi"));
    bob.expect(&relayed("Alice", "hi"));
    bob.send("nonsense");
    bob.expect_error("invalidJson");
    alice.reset();
    bob.half_close();
    bob.expect_goodbye("drained");
    connected(address, "silent").expect_goodbye("registrationTimeout");
    let mut carol = named(address, "Carol");
    carol.send_bytes(&vec![b'c'; 100_000]);
    carol.expect_error("lineTooLong");
}

/// `@system-service` without `@privileged` and `@resources`, as the unit has it.
fn allowed() -> BTreeSet<String> {
    let text = output(
        "systemd-analyze",
        "systemd",
        &["syscall-filter", "--no-pager"],
    );
    let mut sets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in text.lines() {
        match line.strip_prefix("    ") {
            None if line.starts_with('@') => current = line.trim(),
            Some(member) if !member.starts_with('#') => {
                sets.entry(current).or_default().push(member.trim());
            }
            _ => {}
        }
    }
    let mut allowed = BTreeSet::new();
    members(&sets, "@system-service", &mut allowed);
    for set in ["@privileged", "@resources"] {
        let mut denied = BTreeSet::new();
        members(&sets, set, &mut denied);
        allowed.retain(|call| !denied.contains(call));
    }
    assert!(allowed.len() > 200, "{allowed:?}");
    allowed
}

fn members(sets: &BTreeMap<&str, Vec<&str>>, set: &str, into: &mut BTreeSet<String>) {
    for member in sets.get(set).into_iter().flatten() {
        match member.starts_with('@') {
            true => members(sets, member, into),
            false => drop(into.insert(member.to_string())),
        }
    }
}

/// F18, the other half: where setting limits is refused, the daemon starts all the same. The call that sets is found in
/// one run and refused in the next.
pub fn f18_runs_without_setting_limits() {
    let _alone = alone();
    let trace = scratch(&format!("strace-{}", std::process::id()));
    let file = trace.display().to_string();
    let run = |expression: &str| {
        let strace = tool("strace", "strace").display().to_string();
        let strace = format!("{strace} -D -f -qq -o {file} -e {expression}");
        let lowered = format!("ulimit -Sn 500; exec {strace} \"$0\" \"$@\"");
        let (_daemon, address) = Via::V4.start(Setup::new().under(&["/bin/sh", "-c", &lowered]));
        named(&address, "Alice").expect_nothing();
        fs::read_to_string(&trace).expect("a trace")
    };
    let calls = run("trace=prlimit64");
    let sets = |line: &str| line.contains("RLIMIT_NOFILE, {");
    let at = calls.lines().position(sets).expect("it raises its limit") + 1;
    let calls = run(&format!("inject=prlimit64:error=EPERM:when={at}"));
    let refused = calls.lines().filter(|line| line.contains("INJECTED"));
    assert!(
        refused.clone().count() == 1 && refused.clone().all(sets),
        "{calls}"
    );
    let _ = fs::remove_file(&trace);
}
