//! E12: passwords, tokens and signatures stand in no argument, environment, log, answer, file or core file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::bench::place::{PATIENT, Place, password, register, resume, token};
use crate::bench::{secs, wait_until};
use crate::common::{Setup, text_of};
use crate::ops;
use crate::proofs::{Signer, hs256, tokens};

const PASSWORDS: [&str; 3] = [
    "canary-3f9a-first",
    "canary-77c0-second",
    "canary-b21e-wrong",
];
const SECRET: &str = "canary-5d1c-of-at-least-thirty-two-bytes";

#[test]
fn e12_secrets_stand_nowhere() {
    let setup = Setup::new().arg("--log-level").arg("trace");
    let mut place = Place::stopped(setup, PATIENT);
    place.put("secret", format!("{SECRET}\n").as_bytes());
    place.configure(&tokens(&place, &["hs256:secret"]));
    let mut said = String::new();
    let mut ask = |place: &Place, line: &str, input: &str| {
        let (_, out, err) = place.ask(line, input);
        said += &format!("{line}\n{out}{err}");
    };
    ask(&place, "account add Alice", PASSWORDS[0]);
    place.start();
    let signer = Signer::openssl(&place.file(""), "alice.pem");
    signer.public_pem("alice.pub");
    let public = place.file("alice.pub").display().to_string();
    ask(&place, &format!("account add-key Alice {public}"), "");
    let mut secrets: Vec<String> = PASSWORDS.map(String::from).into();
    secrets.push(SECRET.into());

    // Everything that can be done with each of them, well and badly.
    let (mut alice, resumed) = place.session_by("Alice", "phone", &password(PASSWORDS[0]));
    let made = hs256(&place, "Alice", "secret", 60);
    let mut heard = Vec::new();
    let (mut client, hello) = place.greeted("Alice");
    let proof = signer.proof(&text_of(&hello, "nonce"), "localhost", "Alice");
    for credential in [
        password(PASSWORDS[2]),
        format!("{},{}", password(PASSWORDS[0]), resume(&resumed)),
        format!(
            r#""device":"{}",{}"#,
            "x".repeat(65),
            password(PASSWORDS[0])
        ),
        proof.clone(),
    ] {
        client.send(&register("Alice", &credential));
        heard.push(client.line());
    }
    for (name, credential) in [
        ("Bob", token(&made)),
        ("Alice", token(&made)),
        ("Bob", resume(&resumed)),
        ("Alice", format!(r#""device":"phone",{}"#, resume(&resumed))),
    ] {
        let mut client = place.connect(name);
        client.send(&register(name, &credential));
        // A new token is the answer; what was sent is not.
        heard.push(client.line());
    }
    let mut other = place
        .session_by("Alice", "laptop", &password(PASSWORDS[0]))
        .0;
    for line in [
        format!(
            r#"{{"type":"account","action":"setPassword","password":"{}","id":1}}"#,
            PASSWORDS[1]
        ),
        format!(
            r#"{{"type":"account","action":"setPassword","password":"{}","id":1,}}"#,
            PASSWORDS[1]
        ),
        format!(
            r#"{{"type":"account","action":"create","username":"Eve","password":"{}"}}"#,
            PASSWORDS[1]
        ),
        format!(r#"{{"type":"{}"}}"#, PASSWORDS[1].replace("canary", "type")),
    ] {
        other.send(&line);
        heard.push(other.line());
    }
    while let Ok(line) = alice.try_line() {
        heard.push(line);
    }
    for line in [
        "account list --json",
        "clients --json",
        "status --json",
        "config show --origin",
    ] {
        ask(&place, line, "");
    }
    ask(&place, "account passwd Alice", PASSWORDS[0]);
    ask(&place, "account passwd Nobody", PASSWORDS[0]);
    ask(&place, "account add Alice", PASSWORDS[0]);
    place.reload("reloaded");
    secrets.extend([resumed, made]);
    secrets.extend(
        proof
            .split('"')
            .filter(|part| part.len() == 86)
            .map(String::from),
    );
    assert_eq!(secrets.len(), 7);
    place.daemon().await_log("registered as Alice");

    let pid = place.daemon().pid();
    let mut places = vec![
        ("the log".to_string(), place.daemon().log().into_bytes()),
        ("an answer".into(), heard.join("\n").into_bytes()),
        ("a subcommand".into(), said.into_bytes()),
    ];
    for file in ["cmdline", "environ", "comm", "status"] {
        places.push((
            file.into(),
            fs::read(format!("/proc/{pid}/{file}")).unwrap(),
        ));
    }
    for file in fs::read_dir(place.data()).unwrap() {
        let path = file.unwrap().path();
        places.push((
            path.display().to_string(),
            fs::read(path).unwrap_or_default(),
        ));
    }
    for (what, bytes) in places {
        for secret in &secrets {
            let bytes = bytes.windows(secret.len());
            assert_eq!(
                bytes.filter(|w| *w == secret.as_bytes()).count(),
                0,
                "{secret} in {what}"
            );
        }
    }
}

/// Not while a password is typed or piped either: it is read from standard input, and the process cannot be looked into.
#[test]
fn e12_no_core_file_is_left() {
    let shared = Place::stopped(Setup::new(), PATIENT);
    fs::set_permissions(shared.file(""), fs::Permissions::from_mode(0o777)).unwrap();
    let binary = shared.file("privmsgd");
    ops::copy_binary(&binary);
    let of_nobody = |args: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command
            .arg(&binary)
            .args(args)
            .args(["--listen", "127.0.0.1:0"]);
        command.stderr(std::process::Stdio::null());
        command
    };
    let data = shared.data().display().to_string();
    for (args, owner) in [(&["--data", &data][..], 0), (&[], 65_534)] {
        let port = shared.file("ports").display().to_string();
        let _ = fs::remove_file(&port);
        let mut command = of_nobody(args);
        let mut child = command.args(["--port-file", &port]).spawn().unwrap();
        wait_until("it listens", secs(20), || Path::new(&port).exists());
        // The kernel gives the files of a process that may not be dumped to root, whoever runs it.
        let status = fs::metadata(format!("/proc/{}/status", child.id())).unwrap();
        let found = status.uid();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, owner, "{args:?}");
    }
}
