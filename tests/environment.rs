//! Poor surroundings: the daemon starts and serves all the same. F13.
//!
//! It gets its listening socket from the test, so that no file and no port has to be found.
#![cfg(feature = "systemd")]

mod common;
mod ops;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Address, Chunking, Client};
use ops::{ACTIVATED, Running, listener};

#[test]
fn f13_without_anything_to_read_or_write_on() {
    serves("closed", "exec 3<&0; ", "\"$0\" <&- >&- 2>&-");
}

#[test]
fn f13_on_a_read_only_root() {
    in_mounts(
        "read-only",
        "mount -o remount,ro,bind / && ! touch \"$0.x\" 2>/dev/null",
    );
}

#[test]
fn f13_without_proc() {
    in_mounts("no-proc", "umount -l /proc && ! test -e /proc/self");
}

#[test]
fn f13_without_a_place_for_temporary_files() {
    in_mounts(
        "no-tmp",
        "mount -t tmpfs -o ro,noexec,mode=000 none /var/tmp && export TMPDIR=/nowhere",
    );
}

#[test]
fn f13_in_an_odd_language() {
    serves(
        "language",
        "exec 3<&0 </dev/null; LANG=xx_YY.KOI8-Q; LC_ALL=$(printf '\\377\\033'); export LANG LC_ALL; ",
        "\"$0\"",
    );
}

#[test]
fn f13_with_an_empty_environment() {
    serves(
        "empty",
        "exec 3<&0 </dev/null; ",
        "env -i LISTEN_FDS=1 LISTEN_PID=$$ \"$0\"",
    );
}

#[test]
fn f13_as_nobody() {
    let wrap = "setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\"";
    serves("nobody", "exec 3<&0 </dev/null; ", wrap);
}

#[test]
fn f13_alone_in_a_root_of_its_own() {
    let binary = copy_of_binary("chroot");
    let root = binary.parent().unwrap();
    for library in libraries(&binary) {
        let inside = root.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::copy(&library, inside).unwrap();
    }
    let script = format!("exec 3<&0; {ACTIVATED} exec chroot \"$(dirname \"$0\")\" /privmsgd");
    serves_by(Command::new("sh").args(["-c", &script]).arg(&binary));
    fs::remove_dir_all(root).unwrap();
}

/// With mounts of its own, changed by `change`; what is unmounted meanwhile elsewhere is not held there.
fn in_mounts(name: &str, change: &str) {
    let script = format!("{change} || exit 99; exec 3<&0 </dev/null; {ACTIVATED} exec \"$0\"");
    let binary = copy_of_binary(name);
    serves_by(
        Command::new("unshare")
            .args(["-m", "--propagation", "slave", "sh", "-c", &script])
            .arg(&binary),
    );
    fs::remove_dir_all(binary.parent().unwrap()).unwrap();
}

/// `prepare` makes the listening socket descriptor 3; `run` names the daemon.
fn serves(name: &str, prepare: &str, run: &str) {
    let script = format!("{prepare}{ACTIVATED} exec {run}");
    let binary = copy_of_binary(name);
    serves_by(Command::new("sh").args(["-c", &script]).arg(&binary));
    fs::remove_dir_all(binary.parent().unwrap()).unwrap();
}

/// Two clients talk through the daemon that `command` becomes.
fn serves_by(command: &mut Command) {
    let (listener, address) = listener();
    let daemon = Running::with_socket(command, &listener);
    // Now a daemon that ends takes the socket with it, and the clients below are refused.
    drop(listener);
    let [mut alice, mut bob] = ["Alice", "Bob"].map(|name| {
        let mut client = Client::dial(Address::Tcp(address), name, Chunking::Whole);
        client.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
        client.register(name);
        client
    });
    alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi"}"#);
    bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"hi","time":"…"}"#);
    drop(daemon);
}

/// In a directory that everybody may enter; the build directory may be closed to others.
fn copy_of_binary(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("privmsgd-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let copy = dir.join("privmsgd");
    ops::copy_binary(&copy);
    copy
}

/// What the dynamic linker needs, itself included.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(binary).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace();
    words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}
