//! Credentials made by tools of others: tokens by PyJWT, signatures by Python's cryptography package and by OpenSSL.
//! tests/data/tokens/make.py made the vectors.
#![cfg(feature = "mailbox")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use privmsgd::accounts::MAX_TOKEN_BYTES;
use privmsgd::accounts::token::{TokenFault, TokenKeys};
use privmsgd::accounts::{PublicKey, Signature, key, signed_text};
use privmsgd::config::AccountsConfig;
use privmsgd::ops::exit::{Exit, StartError};
use privmsgd::wire::name::Name;

const NOW_MS: u64 = 1_800_000_000_000;
const AUDIENCE: &str = "chat.example";

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tokens")
        .join(file)
}

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("privmsgd-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    dir
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn load(keys: &[String]) -> Result<TokenKeys, StartError> {
    TokenKeys::load(&AccountsConfig {
        token_keys: keys.to_vec(),
        ..AccountsConfig::default()
    })
}

/// Copies of the committed keys that nobody else can read, whatever the checkout's umask was.
fn keys(name: &str, kinds: &[&str]) -> TokenKeys {
    let dir = dir(name);
    let given = kinds.iter().map(|kind| {
        let file = match *kind {
            "eddsa" => "eddsa.pem",
            _ => "hs256.secret",
        };
        let path = dir.join(file);
        write(&path, &fs::read(data(file)).unwrap(), 0o600);
        format!("{kind}:{}", path.display())
    });
    load(&given.collect::<Vec<_>>()).unwrap()
}

fn vectors() -> Vec<(String, String)> {
    let text = fs::read_to_string(data("tokens")).unwrap();
    let pairs = text.lines().map(|line| line.split_once('\t').unwrap());
    pairs
        .map(|(name, token)| (name.into(), token.into()))
        .collect()
}

#[test]
fn pyjwt_and_this_agree_on_every_token() {
    let keys = keys("pyjwt", &["eddsa", "hs256"]);
    let vectors = vectors();
    assert!(vectors.len() >= 30, "{}", vectors.len());
    for (name, token) in &vectors {
        let verified = keys.verify(token.as_bytes(), AUDIENCE, NOW_MS);
        match name.split(' ').next().unwrap() {
            "good" => {
                let user = verified.unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
                assert!(user.key() == Name::parse("alice").unwrap().key(), "{name}");
            }
            "expired" => assert_eq!(verified, Err(TokenFault::Expired), "{name}"),
            "bad" => assert_eq!(verified, Err(TokenFault::Invalid), "{name}"),
            other => panic!("{other}"),
        }
    }
}

/// The algorithm is the key's: where there is only one kind, tokens of the other are not good.
#[test]
fn a_token_does_not_choose_how_it_is_checked() {
    for (kind, other) in [("eddsa", "hs256"), ("hs256", "eddsa")] {
        let keys = keys(&format!("only-{kind}"), &[kind]);
        for (name, token) in vectors() {
            let verified = keys.verify(token.as_bytes(), AUDIENCE, NOW_MS);
            if name == format!("good {kind}") {
                assert!(verified.is_ok(), "{name}");
            }
            if name == format!("good {other}") || name.starts_with("bad") {
                assert_eq!(verified, Err(TokenFault::Invalid), "{name}");
            }
        }
    }
    let none = TokenKeys::default();
    for (name, token) in vectors() {
        let verified = none.verify(token.as_bytes(), AUDIENCE, NOW_MS);
        assert_eq!(verified, Err(TokenFault::Invalid), "{name}");
    }
}

#[test]
fn a_token_is_over_at_its_exp_and_for_one_audience() {
    let keys = keys("exp", &["eddsa"]);
    let (_, token) = &vectors()[0];
    let verify = |audience: &str, now_ms| keys.verify(token.as_bytes(), audience, now_ms);
    assert!(verify(AUDIENCE, NOW_MS + 599_999).is_ok());
    assert_eq!(verify(AUDIENCE, NOW_MS + 600_000), Err(TokenFault::Expired));
    assert_eq!(verify(AUDIENCE, u64::MAX), Err(TokenFault::Expired));
    assert_eq!(verify("chat", NOW_MS), Err(TokenFault::Invalid));
    assert_eq!(verify("", NOW_MS), Err(TokenFault::Invalid));
    // Five seconds before its nbf, and six.
    assert!(verify(AUDIENCE, NOW_MS - 5_000).is_ok());
    assert_eq!(verify(AUDIENCE, NOW_MS - 5_001), Err(TokenFault::Invalid));
}

#[test]
fn no_token_is_good_with_a_byte_changed_taken_or_added() {
    let keys = keys("bytes", &["eddsa", "hs256"]);
    for (_, token) in vectors()
        .iter()
        .filter(|(name, _)| name.starts_with("good"))
    {
        let token = token.as_bytes();
        let bad = |bytes: &[u8]| keys.verify(bytes, AUDIENCE, NOW_MS).is_err();
        for at in 0..token.len() {
            let mut changed = token.to_vec();
            changed[at] = if token[at] == b'A' { b'B' } else { b'A' };
            assert!(bad(&changed), "{at}");
            assert!(bad(&token[..at]));
        }
        assert!(bad(&[token, b"="].concat()));
        assert!(bad(&[token, b"."].concat()));
        assert!(bad(&[b" ", token].concat()));
    }
    assert!(
        keys.verify(&[b'.'; MAX_TOKEN_BYTES + 1], AUDIENCE, NOW_MS)
            .is_err()
    );
}

/// E8: a key file that is of no use ends the start, and leaves the old keys at a reload.
#[test]
fn useless_key_files_are_refused_with_their_name() {
    let dir = dir("keyfiles");
    let pem = fs::read(data("eddsa.pem")).unwrap();
    let private = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519"])
        .output();
    let rsa = Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "rsa",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ])
        .output();
    let (private, rsa) = (private.unwrap().stdout, rsa.unwrap().stdout);
    assert!(private.starts_with(b"-----BEGIN") && rsa.starts_with(b"-----BEGIN"));
    let table: [(&str, &[u8], u32, Exit); 12] = [
        ("eddsa", b"", 0o600, Exit::Config),
        ("eddsa", b"\n", 0o600, Exit::Config),
        ("eddsa", &pem[..60], 0o600, Exit::Config),
        ("eddsa", &private, 0o600, Exit::Config),
        ("eddsa", &rsa, 0o600, Exit::Config),
        ("eddsa", &[0xff; 512], 0o600, Exit::Config),
        ("eddsa", &pem, 0o622, Exit::Permission),
        ("hs256", b"", 0o600, Exit::Config),
        ("hs256", &[b'x'; 31], 0o600, Exit::Config),
        (
            "hs256",
            b"0123456789abcdef0123456789abcde\n",
            0o600,
            Exit::Config,
        ),
        ("hs256", &[b'x'; 32], 0o644, Exit::Permission),
        ("hs256", &[b'x'; 32], 0o620, Exit::Permission),
    ];
    for (number, (kind, bytes, mode, code)) in table.iter().enumerate() {
        let path = dir.join(format!("key{number}"));
        write(&path, bytes, *mode);
        let given = format!("{kind}:{}", path.display());
        let refused = load(&[given])
            .err()
            .unwrap_or_else(|| panic!("row {number}"));
        assert_eq!(refused.code, *code, "row {number}: {refused}");
        assert!(refused.to_string().contains("key"), "{refused}");
    }
    for (given, code) in [
        ("eddsa:/no/where", Exit::NoInput),
        ("hs256:/", Exit::Config),
    ] {
        assert_eq!(load(&[given.into()]).err().unwrap().code, code, "{given}");
    }
    write(&dir.join("good"), &[b'x'; 32], 0o640);
    assert!(load(&[format!("hs256:{}/good", dir.display())]).is_ok());
    let shown = format!("{:?}", load(&[format!("hs256:{}/good", dir.display())]));
    assert!(!shown.contains("xxxx"), "{shown}");
}

fn verifies(public: &[u8], signature: &[u8], user: &str) -> bool {
    let (public, signature): (PublicKey, Signature) =
        (public.try_into().unwrap(), signature.try_into().unwrap());
    let user = Name::parse(user).unwrap();
    key::verify(&public, &signature, &[9; 16], AUDIENCE, &user)
}

#[test]
fn a_signature_of_pythons_cryptography_is_verified() {
    let text = fs::read_to_string(data("signature")).unwrap();
    let (public, signature) = text.trim().split_once('\t').unwrap();
    let [public, signature] = [public, signature].map(|t| URL_SAFE_NO_PAD.decode(t).unwrap());
    assert!(verifies(&public, &signature, "Alice"));
    assert!(!verifies(&public, &signature, "alice"));
}

#[test]
fn a_signature_of_openssl_is_verified() {
    let dir = dir("openssl");
    let openssl = |args: &[&str]| {
        let mut command = Command::new("openssl");
        let output = command
            .args(args)
            .current_dir(&dir)
            .stderr(Stdio::inherit())
            .output();
        let output = output.expect("openssl");
        assert!(output.status.success(), "openssl {args:?}");
        output.stdout
    };
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key"]);
    let spki = openssl(&["pkey", "-in", "key", "-pubout", "-outform", "DER"]);
    let public = &spki[spki.len() - 32..];
    let text = signed_text(&key::nonce_text(&[9; 16]), AUDIENCE, "Zo\u{eb}");
    fs::write(dir.join("text"), text).unwrap();
    let signature = openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "text"]);
    assert!(verifies(public, &signature, "Zo\u{eb}"));
    // The name that is signed is the enforced form: composed.
    assert!(verifies(public, &signature, "Zoe\u{308}"));
    assert!(!verifies(public, &signature, "Zoe"));
}
