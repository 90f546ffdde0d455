//! Each way to prove a name, by a tool that knows nothing of this project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::bench::place::{PATIENT, Place, outcome, password, register, resume, token, tool};
use crate::common::{Program, text_of};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// A private key in PEM that openssl signs with, in a directory that lives as long as its place.
pub struct Signer {
    dir: PathBuf,
    key: String,
}

impl Signer {
    pub fn openssl(dir: &Path, key: &str) -> Signer {
        tool(
            dir,
            "openssl",
            &["genpkey", "-algorithm", "ed25519", "-out", key],
        );
        Signer {
            dir: dir.into(),
            key: key.into(),
        }
    }

    /// Of a private key as ssh-keygen writes it, which openssl does not read.
    fn ssh(dir: &Path, file: &str) -> Signer {
        tool(
            dir,
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-f", file],
        );
        let script = "import base64, sys\n\
                      raw = base64.b64decode(''.join(open(sys.argv[1]).read().split('\\n')[1:-2]))\n\
                      seed = raw[raw.rindex(b'\\0\\0\\0\\x40') + 4:][:32]\n\
                      der = base64.b64encode(bytes.fromhex('302e020100300506032b657004220420') + seed).decode()\n\
                      print('-----BEGIN PRIVATE KEY-----', der, '-----END PRIVATE KEY-----', sep='\\n')";
        let pem = tool(dir, "python3", &["-c", script, file]);
        fs::write(dir.join(format!("{file}.pem")), pem).unwrap();
        Signer {
            dir: dir.into(),
            key: format!("{file}.pem"),
        }
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        fs::write(self.dir.join("text"), text).unwrap();
        let args = [
            "pkeyutl", "-sign", "-rawin", "-inkey", &self.key, "-in", "text",
        ];
        tool(&self.dir, "openssl", &args)
    }

    pub fn public(&self) -> Vec<u8> {
        let args = ["pkey", "-in", &self.key, "-pubout", "-outform", "DER"];
        let der = tool(&self.dir, "openssl", &args);
        der[der.len() - 32..].to_vec()
    }

    /// The public key as openssl shows it.
    pub fn public_pem(&self, file: &str) {
        let args = ["pkey", "-in", &self.key, "-pubout", "-out", file];
        tool(&self.dir, "openssl", &args);
    }

    /// As members of `register`: for this nonce, this server and this name.
    pub fn proof(&self, nonce: &str, server: &str, name: &str) -> String {
        let text = format!("privmsg-register-v1\n{nonce}\n{server}\n{name}");
        let (key, signature) = (encode(self.public()), encode(self.sign(text.as_bytes())));
        format!(r#""publicKey":"{key}","signature":"{signature}""#)
    }
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token by an Ed25519 key.
pub fn eddsa(signer: &Signer, claims: &Value) -> String {
    let header = encode(r#"{"alg":"EdDSA","typ":"JWT"}"#);
    let signed = format!("{header}.{}", encode(claims.to_string()));
    let signature = encode(signer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A token by the README's program, good for so many seconds.
pub fn hs256(place: &Place, name: &str, secret: &str, seconds: i64) -> String {
    let secret = place.file(secret);
    let mut command = Command::new("python3");
    command
        .arg(format!("{EXAMPLES}/mint.py"))
        .arg(name)
        .arg(secret);
    let (code, out, err) = outcome(command.arg(seconds.to_string()), "");
    assert_eq!((code, err.as_str()), (0, ""));
    out.trim_end().into()
}

/// Both kinds of keys: the place, and who signs with the other one.
pub fn with_tokens(names: &[&str]) -> (Place, Signer) {
    let mut place = Place::stopped(crate::common::Setup::new(), "");
    let minter = Signer::openssl(&place.file(""), "minter.pem");
    minter.public_pem("minter.pub");
    place.put("secret", b"correct horse battery staple and more\n");
    place.configure(&tokens(&place, &["eddsa:minter.pub", "hs256:secret"]));
    for name in names {
        place.account(&format!("add {name}"), crate::common::PASSWORD);
    }
    place.start();
    (place, minter)
}

/// The configuration with these files of the place.
pub fn tokens(place: &Place, keys: &[&str]) -> String {
    let keys = keys.iter().map(|key| {
        let (kind, file) = key.split_once(':').unwrap();
        format!("{kind}:{}", place.file(file).display())
    });
    format!("{PATIENT}token_keys = {:?}\n", keys.collect::<Vec<_>>())
}

pub fn unix_s() -> u64 {
    let unix = std::time::SystemTime::UNIX_EPOCH.elapsed();
    unix.expect("after 1970").as_secs()
}

#[test]
fn a_password_by_nc() {
    let place = Place::new(&["Alice", "Bob"]);
    let mut bob = place.session("Bob", "d");
    let mut nc = Program::start(Command::new("nc").args(["127.0.0.1", &place.port()]));
    nc.expect(r#"{"type":"hello","server":"privmsgd",…}"#);
    nc.send(&register("Alice", &password("wrong horse")));
    nc.expect(r#"{"type":"errorMessage","command":"register","code":"authFailed",…}"#);
    nc.send(&register("alice", &password(crate::common::PASSWORD)));
    nc.expect(r#"{"type":"registered","username":"Alice","resumeToken":"…","device":"default",…}"#);
    nc.expect(r#"{"type":"synced","pos":0}"#);
    nc.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
    nc.send(r#"{"type":"privateMessage","toUsername":"bob","message":"Salut Bob !"}"#);
    bob.expect(r#"{"type":"privateMessage","from":"Alice","message":"Salut Bob !","time":"…",…}"#);
}

#[test]
fn keys_by_openssl_and_by_ssh_keygen() {
    let place = Place::new(&[]);
    let dir = place.file("");
    let signers = [
        ("Alice", Signer::openssl(&dir, "alice.pem"), "alice.pub"),
        ("Zoë", Signer::ssh(&dir, "zoe"), "zoe.pub"),
    ];
    signers[0].1.public_pem("alice.pub");
    for (name, signer, file) in &signers {
        let public = place.file(file).display().to_string();
        place.account(&format!("add {name} --key {public}"), "");
        let (mut client, hello) = place.greeted(name);
        let proof = signer.proof(
            &text_of(&hello, "nonce"),
            &text_of(&hello, "serverName"),
            name,
        );
        client.send(&register(name, &proof));
        let line = client.expect(r#"{"type":"registered","username":"…",…}"#);
        assert_eq!(text_of(&line, "username"), **name);
    }
}

/// The README's program for keys.
#[test]
fn a_key_by_python_and_openssl() {
    let place = Place::new(&[]);
    let signer = Signer::openssl(&place.file(""), "carol.pem");
    signer.public_pem("carol.pub");
    let public = place.file("carol.pub").display().to_string();
    place.account(&format!("add Carol --key {public}"), "");
    let mut python = Command::new("python3");
    python.arg(format!("{EXAMPLES}/sign.py")).arg("Carol");
    let carol = Program::start(python.arg(place.file("carol.pem")).arg(place.port()));
    carol.expect(
        r#"{"type":"registered","username":"Carol","resumeToken":"…","device":"default",…}"#,
    );
}

#[test]
fn tokens_by_python_and_by_openssl() {
    let (place, minter) = with_tokens(&["Alice"]);
    let (_, hello) = place.greeted("asks");
    assert!(
        hello.contains(r#""auth":["password","publicKey","token","resumeToken"]"#),
        "{hello}"
    );
    let claims =
        |name: &str| serde_json::json!({"sub": name, "aud": "localhost", "exp": unix_s() + 60});
    for (name, made) in [
        ("Alice", hs256(&place, "Alice", "secret", 60)),
        ("Alice", eddsa(&minter, &claims("alice"))),
        // Nobody made these accounts.
        ("Dave", hs256(&place, "Dave", "secret", 60)),
        ("Érin", eddsa(&minter, &claims("Érin"))),
    ] {
        place.session_by(name, "d", &token(&made));
    }
    assert_eq!(place.ask("account list --json", "").1.lines().count(), 3);
}

#[test]
fn a_resume_token_survives_the_daemon() {
    let mut place = Place::new(&["Alice", "Bob"]);
    let (_alice, first) = place.session_by("Alice", "phone", &password(crate::common::PASSWORD));
    place.kill();
    place.start();
    let (_, second) = place.session_by("Alice", "phone", &resume(&first));
    assert_ne!(first, second);
    // Its successor was not used: the reply may have been lost in the crash.
    place.kill();
    place.start();
    let (_, third) = place.session_by("Alice", "phone", &resume(&first));
    let (mut alice, _) = place.session_by("Alice", "phone", &resume(&third));
    place.refused(
        "Alice",
        &format!(r#""device":"phone",{}"#, resume(&first)),
        "authFailed",
    );
    // Whoever has the account is told.
    alice.expect(r#"{"type":"sessionNotice","kind":"authFailures","count":1,"time":"…"}"#);
    alice.expect_nothing();
}
