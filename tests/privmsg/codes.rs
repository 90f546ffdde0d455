//! Every exit code that `privmsg --help` documents, and what is said with it.

use std::net::TcpListener;

use crate::bench::place::outcome;
use crate::common::{Daemon, Setup};
use crate::home::{Home, servers};

#[test]
fn each_code_comes_when_it_is_said_to() {
    let daemon = Daemon::start(&Setup::new());
    let (server, home) = (servers(&daemon)[0].clone(), Home::new());
    let at = |args: &[&str]| home.run(&[&["--server", &server, "--name", "Alice"], args].concat());
    let help = home.ok(&["--help"]);
    for code in [
        "0 done",
        "1 the server",
        "64 wrong usage",
        "69 no connection",
        "74 reading",
        "77 no permission",
        "78 wrong",
        "124 not in time",
    ] {
        assert!(help.contains(code), "{code} is not in {help}");
    }
    // 1
    let (code, out, err) = at(&["send", "Nobody1", "hi"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert_eq!(
        err,
        "privmsg: not sent: User \"Nobody1\" not found (unknownUser)\n"
    );
    // 64
    for wrong in [
        &["send", "Bob"][..],
        &["frobnicate"],
        &["send", "no one", "hi"],
        &["send", "Bob", "hi", "--lines"],
        &["listen", "-t", "never"],
        &["send", "--key", "/k", "--password-file", "/p", "Bob", "hi"],
    ] {
        let (code, out, err) = at(wrong);
        assert_eq!((code, out.as_str()), (64, ""), "{wrong:?}: {err}");
    }
    assert_eq!(
        home.run(&["--server", "a:b:c", "-u", "A", "send", "B", "x"])
            .0,
        64
    );
    // 69: nobody is there; or somebody who says nothing.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let (code, _, err) = home.run(&["--server", &free, "--name", "Alice", "send", "Bob", "hi"]);
    assert_eq!(code, 69);
    assert!(err.contains("Connection refused"), "{err}");
    assert_eq!(home.run(&["--server", &free, "ping"]).0, 69);
    // 124: not in time.
    let (code, _, err) = at(&["listen", "-n", "1", "-t", "0.3"]);
    assert_eq!(
        (code, err.as_str()),
        (124, "privmsg: 0 of 1 messages came in time\n")
    );
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    let (code, _, err) = home.run(&[
        "-s", &address, "-u", "Alice", "send", "-t", "0.3", "Bob", "hi",
    ]);
    assert_eq!(code, 124, "{err}");
    for no_time in [&["ping", "-t", "0"][..], &["send", "-t", "0", "Bob", "hi"]] {
        let (code, _, err) = at(no_time);
        assert_eq!(
            (code, err.as_str()),
            (124, "privmsg: no answer within 0 s\n")
        );
    }
    // 0
    assert_eq!(
        at(&["listen", "-t", "0.1"]),
        (0, String::new(), String::new())
    );
}

#[test]
fn what_is_no_privmsgd_is_said_to_be_none() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, home) = (other.local_addr().unwrap().to_string(), Home::new());
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = other.accept().unwrap();
            std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        }
    });
    let (code, _, err) = home.run(&["-s", &address, "-u", "Alice", "send", "Bob", "hi"]);
    assert!(code == 69 && err.contains("no privmsgd"), "{code} {err}");
    let (code, _, err) = home.run(&["-s", &address, "ping"]);
    assert!(code == 69 && err.contains("no privmsgd"), "{code} {err}");
    answering.join().unwrap();
}

#[test]
fn a_configuration_that_is_wrong_is_said_to_be_with_its_place() {
    let home = Home::new();
    let who = ["send", "Bob", "hi"];
    let (code, _, err) = home.run(&who);
    assert_eq!(code, 78);
    assert!(
        err.contains("--name NAME") && err.contains("privmsg login"),
        "{err}"
    );
    home.put(
        ".config/privmsg/config.toml",
        "[profile.a]\nsever = \"x\"\n",
        0o600,
    );
    let (code, _, err) = home.run(&who);
    assert_eq!(code, 78);
    assert!(
        err.contains("config.toml") && err.contains("sever"),
        "{err}"
    );
    home.put(
        ".config/privmsg/config.toml",
        "[profile.a]\nname = \"A\"\nkey = \"/no/such\"\n",
        0o600,
    );
    let (code, _, err) = home.run(&who);
    assert_eq!(
        (code, err.as_str()),
        (
            78,
            "privmsg: cannot read /no/such: No such file or directory\n"
        )
    );
    let (code, _, err) = home.run(&["-p", "b", "send", "Bob", "hi"]);
    assert_eq!(code, 78);
    assert!(
        err.contains("there is no profile \"b\"") && err.contains("there are: a"),
        "{err}"
    );
}

#[test]
fn a_home_that_is_no_place_is_not_used() {
    let daemon = Daemon::start(&Setup::new());
    let (server, home) = (servers(&daemon)[0].clone(), Home::new());
    let listen = ["-s", &server, "-u", "Alice", "listen", "-t", "0.1"];
    let run = |variables: &[(&str, &str)], without: &str| {
        let mut command = home.command(&listen);
        command.current_dir(home.dir()).env("HOME", "relative");
        command.envs(variables.iter().copied()).env_remove(without);
        outcome(&mut command, "")
    };
    let (code, out, err) = run(&[], "XDG_STATE_HOME");
    assert_eq!((code, out.as_str()), (78, ""), "{err}");
    assert!(
        err.contains("\"relative\"") && err.contains("set HOME"),
        "{err}"
    );
    // It is not needed, then; or it is that of the user, which is looked into only.
    let place = |name: &str| home.path(name).display().to_string();
    let (state, config) = (place("state"), place("config"));
    let both = [("XDG_STATE_HOME", &*state), ("XDG_CONFIG_HOME", &*config)];
    for (variables, without) in [(&both[..], "NO_SUCH"), (&both[..1], "HOME")] {
        let done = run(variables, without);
        assert_eq!(done, (0, String::new(), String::new()), "{without}");
        assert!(home.path("state/privmsg").is_dir());
        std::fs::remove_dir_all(&state).unwrap();
    }
    assert!(std::fs::read_dir(home.dir()).unwrap().next().is_none());
}

#[test]
fn the_public_half_of_a_key_is_said_to_be_it() {
    let home = Home::new();
    let key = home.put("k1.pub", "ssh-ed25519 AAAA alice\n", 0o644);
    let (code, _, err) = home.run(&["-u", "Alice", "--key", &key, "who"]);
    assert_eq!(code, 64);
    assert!(
        err.contains("is the public half") && !err.contains("chmod"),
        "{err}"
    );
    assert!(
        err.ends_with(&format!("name {}\n", key.trim_end_matches(".pub"))),
        "{err}"
    );
}

#[test]
fn secrets_that_others_can_read_are_not_used() {
    let home = Home::new();
    let key = home.put("key", "-----BEGIN PRIVATE KEY-----\n", 0o640);
    for option in ["--key", "--password-file", "--token-file"] {
        let (code, out, err) = home.run(&["-u", "Alice", option, &key, "send", "Bob", "hi"]);
        assert_eq!((code, out.as_str()), (77, ""), "{err}");
        assert_eq!(
            err,
            format!(
                "privmsg: others can read {key}, which holds a secret (mode 640)\n  chmod 600 {key}\n"
            )
        );
    }
}
