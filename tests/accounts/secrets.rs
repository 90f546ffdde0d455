//! E12: passwords, tokens and signatures stand in no argument, environment, log, answer, file or core file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::bench::place::{PATIENT, Place, password, register, resume, token};
use crate::bench::{secs, wait_until};
use crate::common::{Client, Setup, text_of};
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
    let mut said = ask(&place, "account add Alice", PASSWORDS[0]);
    place.start();
    let signer = Signer::openssl(&place.file(""), "alice.pem");
    signer.public_pem("alice.pub");
    let public = place.file("alice.pub").display().to_string();
    said += &ask(&place, &format!("account add-key Alice {public}"), "");
    let (alice, resumed) = place.session_by("Alice", "phone", &password(PASSWORDS[0]));
    let made = hs256(&place, "Alice", "secret", 60);
    let (client, hello) = place.greeted("Alice");
    let proof = signer.proof(&text_of(&hello, "nonce"), "localhost", "Alice");
    let heard = use_them(&place, (alice, client), &resumed, &made, &proof);
    for (line, input) in [
        ("account list --json", ""),
        ("clients --json", ""),
        ("status --json", ""),
        ("config show --origin", ""),
        ("account passwd Alice", PASSWORDS[0]),
        ("account passwd Stranger", PASSWORDS[0]),
        ("account add Alice", PASSWORDS[0]),
    ] {
        said += &ask(&place, line, input);
    }
    place.reload("reloaded");
    place.daemon().await_log("registered as Alice");
    let mut places = everywhere(&place);
    places.push(("an answer".into(), heard.join("\n").into_bytes()));
    places.push(("a subcommand".into(), said.into_bytes()));
    let signature = proof.split('"').find(|part| part.len() == 86);
    let secrets = [SECRET, &resumed, &made, signature.expect("86 characters")];
    for secret in secrets.iter().chain(&PASSWORDS) {
        assert_eq!(found(&places, secret), [""; 0], "{secret}");
    }
    // What is no secret is found: in the log, the store, answers and subcommands.
    let shown = found(&places, "Alice");
    assert!(shown.len() >= 4, "{shown:?}");
}

/// What a subcommand says.
fn ask(place: &Place, line: &str, input: &str) -> String {
    let (_, out, err) = place.ask(line, input);
    format!("{line}\n{out}{err}")
}

/// Everything that can be done with each of them, well and badly. Returns what was answered.
fn use_them(
    place: &Place,
    (mut alice, mut client): (Client, Client),
    resumed: &str,
    made: &str,
    proof: &str,
) -> Vec<String> {
    let right = password(PASSWORDS[0]);
    let mut heard = Vec::new();
    for credential in [
        password(PASSWORDS[2]),
        format!("{right},{}", resume(resumed)),
        format!(r#""device":"{}",{right}"#, "x".repeat(65)),
        proof.into(),
    ] {
        client.send(&register("Alice", &credential));
        heard.push(client.line());
    }
    for (name, credential) in [
        ("Bob", token(made)),
        ("Alice", token(made)),
        ("Bob", resume(resumed)),
        ("Alice", format!(r#""device":"phone",{}"#, resume(resumed))),
    ] {
        let mut client = place.connect(name);
        client.send(&register(name, &credential));
        heard.push(client.line());
    }
    let (mut other, _) = place.session_by("Alice", "laptop", &right);
    let second = password(PASSWORDS[1]);
    for line in [
        format!(r#"{{"type":"account","action":"setPassword",{second},"id":1}}"#),
        format!(r#"{{"type":"account","action":"setPassword",{second},"id":1,}}"#),
        format!(r#"{{"type":"account","action":"create","username":"Eve",{second}}}"#),
        format!(r#"{{"type":"{}"}}"#, "a type that there is not"),
    ] {
        other.send(&line);
        heard.push(other.line());
    }
    while let Ok(line) = alice.try_line() {
        heard.push(line);
    }
    heard
}

/// The log, what others see of the process, and each file that it keeps.
fn everywhere(place: &Place) -> Vec<(String, Vec<u8>)> {
    let pid = place.daemon().pid();
    let mut places = vec![("the log".to_string(), place.daemon().log().into_bytes())];
    for file in ["cmdline", "environ", "comm", "status"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        places.push((file.into(), bytes));
    }
    for file in fs::read_dir(place.data()).unwrap() {
        let path = file.unwrap().path();
        // The admin socket is no file to read.
        let bytes = fs::read(&path).unwrap_or_default();
        places.push((path.display().to_string(), bytes));
    }
    places
}

/// Where `text` stands.
fn found<'a>(places: &'a [(String, Vec<u8>)], text: &str) -> Vec<&'a str> {
    let holds = |bytes: &[u8]| {
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    let places = places.iter().filter(|(_, bytes)| holds(bytes));
    places.map(|(what, _)| what.as_str()).collect()
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
