//! Who may use the admin socket, and whose it is.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::Setup;
use crate::{Dir, House, ops, run};

/// The same binary as a user who may do nothing.
pub fn as_nobody(house: &House, args: &[&str]) -> crate::Outcome {
    run(&mut by_nobody(house, args))
}

pub fn by_nobody(house: &House, args: &[&str]) -> Command {
    let binary = house.dir.path("privmsgd");
    if !Path::new(&binary).exists() {
        ops::copy_binary(Path::new(&binary));
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["timeout", "20", &binary])
        .args(args)
        .args(["--admin-socket", &house.socket()]);
    command
}

#[test]
fn another_user_is_refused_by_the_mode_and_by_the_daemon() {
    let house = House::new();
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&house.socket()), 0o600);
    let (code, out, err) = as_nobody(&house, &["status"]);
    let wanted = format!(
        "privmsgd: {}: permission denied\n  be root, or the user of the daemon\n",
        house.socket()
    );
    assert_eq!((code, out.as_str(), err), (77, "", wanted));
    let (code, _, err) = as_nobody(&house, &["account", "list"]);
    assert_eq!(code, 77, "{err}");
    fs::set_permissions(house.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    for _ in 0..100 {
        let (code, out, err) = as_nobody(&house, &["drain"]);
        let wanted = "privmsgd: only root and the user of the daemon may do this\n";
        assert_eq!((code, out.as_str(), err.as_str()), (77, "", wanted));
    }
    assert_eq!(house.json(&["status"])["draining"], false);
    let log = house.stage.daemon.log();
    let refused = log
        .matches("admin: refused a process of user 65534")
        .count();
    assert!((1..100).contains(&refused), "{refused} lines in the log");
}

/// The user of the daemon, who is not root.
#[test]
fn the_users_own_processes_may() {
    let dir = Dir::new();
    fs::set_permissions(dir.as_path(), fs::Permissions::from_mode(0o777)).unwrap();
    let binary = dir.path("privmsgd");
    ops::copy_binary(Path::new(&binary));
    let (socket, port) = (dir.path("admin"), dir.path("port"));
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = Command::new("setpriv");
    command
        .args(nobody)
        .args([&binary, "--admin-socket", &socket]);
    command.args(["--listen", "127.0.0.1:0", "--port-file", &port]);
    let _daemon = ops::Running::start(command.env_remove("RUNTIME_DIRECTORY"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !Path::new(&port).exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = [
        "timeout",
        "20",
        &binary,
        "status",
        "--admin-socket",
        &socket,
    ];
    let (code, out, err) = run(Command::new("setpriv").args(nobody).args(status));
    assert_eq!(code, 0, "{out}{err}");
    let (code, _, err) = run(Command::new(&binary).args(&status[3..]));
    assert_eq!(code, 0, "root: {err}");
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
    let mut house = House::new();
    let socket = house.socket();
    let second = crate::privmsgd(&["--listen", "127.0.0.1:0", "--admin-socket", &socket])
        .output()
        .unwrap();
    let err = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(69), "{err}");
    let last: Vec<&str> = err.lines().rev().take(2).collect();
    let first = format!("privmsgd: unix:{socket}: cannot make the admin socket: ");
    assert!(last[1].starts_with(&first), "{err}");
    assert_eq!(house.ask(&["status"]).0, 0);
    house.stage.daemon.signal(Signal::KILL);
    house.stage.daemon.wait();
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(house.ask(&["status"]).0, 69);
    let setup = Setup::new().arg("--admin-socket").arg(&socket);
    house.stage = crate::Stage::new(&setup, crate::Chunking::Whole);
    assert_eq!(house.ask(&["status"]).0, 0);
}

#[test]
fn what_is_no_privmsgd_at_the_socket_is_said_so() {
    let dir = Dir::new();
    let socket = dir.path("other");
    let listener = UnixListener::bind(&socket).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"220 mail ESMTP\n").unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 1_000]);
        drop(stream);
        listener.accept().unwrap();
    });
    for wanted in [
        "what answers there is no privmsgd",
        "ended the connection without an answer",
    ] {
        let (code, out, err) = run(&mut crate::privmsgd(&["status", "--admin-socket", &socket]));
        assert_eq!((code, out.as_str()), (69, ""), "{err}");
        assert!(err.contains(wanted), "{err}");
    }
    other.join().unwrap();
}

#[test]
fn each_obstacle_to_the_socket_has_its_code() {
    let dir = Dir::new();
    let file = dir.path("file");
    fs::write(&file, "").unwrap();
    let long = dir.path(&"x".repeat(120));
    for (path, code) in [(file, 73), (dir.path("none/admin"), 73), (long, 73)] {
        let args = [
            "--log-level",
            "off",
            "--listen",
            "127.0.0.1:0",
            "--admin-socket",
            &path,
        ];
        let (found, _, err) = run(&mut crate::privmsgd(&args));
        assert_eq!((found, err.lines().count()), (code, 2), "{err}");
    }
}

/// Under systemd it is in the service's runtime directory.
#[test]
fn the_runtime_directory_has_the_socket_and_is_looked_at_first() {
    let dir = Dir::new();
    let runtime = dir.as_path().display().to_string();
    let setup = Setup::new().env("RUNTIME_DIRECTORY", &runtime);
    let stage = crate::Stage::new(&setup, crate::Chunking::Whole);
    let (code, _, err) = run(crate::privmsgd(&["status"]).env("RUNTIME_DIRECTORY", &runtime));
    assert_eq!(code, 0, "{err}");
    assert!(fs::exists(dir.path("admin.sock")).unwrap());
    drop(stage);
}
