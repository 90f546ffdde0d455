//! Every exit code that `privmsg --help` documents, and what is said with it.

use std::net::TcpListener;

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
