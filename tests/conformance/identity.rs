//! Accounts for checks: made by the kit, each with a key, or given by the operator. Proves names as any client does.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

use crate::conn::Conn;
use crate::server::Server;

/// How one name is proved.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Open mode.
    None,
    Password(String),
    /// By the key that the seed stands for.
    Key([u8; 32]),
}

impl Proof {
    /// The fields of `register`, each after a comma.
    pub fn fields(&self, name: &str, hello: &Value) -> String {
        match self {
            Proof::None => String::new(),
            Proof::Password(password) => {
                format!(",\"password\":{}", Value::from(password.as_str()))
            }
            Proof::Key(seed) => signed(seed, name, hello),
        }
    }
}

/// `publicKey` and `signature` for `name` on the connection that `hello` began.
pub fn signed(seed: &[u8; 32], name: &str, hello: &Value) -> String {
    let word = |key: &str| hello[key].as_str().unwrap_or_default();
    let text = format!(
        "privmsg-register-v1\n{}\n{}\n{name}",
        word("nonce"),
        word("serverName")
    );
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
    format!(
        r#","publicKey":"{}","signature":"{}""#,
        base64url(pair.public_key().as_ref()),
        base64url(pair.sign(text.as_bytes()).as_ref())
    )
}

pub fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(LETTERS[(bits >> (18 - 6 * place)) as usize & 63].into());
        }
    }
    text
}

/// Where accounts come from.
#[derive(Debug)]
pub enum Accounts {
    SignUp,
    /// Name and password; each is given out once.
    Given(Mutex<Vec<(String, String)>>),
}

impl Accounts {
    pub fn read(file: &str) -> Result<Accounts, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let accounts = lines.map(|(name, password)| (name.to_owned(), password.to_owned()));
        Ok(Accounts::Given(Mutex::new(accounts.collect())))
    }
}

/// The names of one check, as they are in it: what they are called, and how they are proved.
pub type Cast = HashMap<&'static str, (String, Proof)>;

/// Who may appear in a check of mailbox mode, and has an account.
pub const PEOPLE: [&str; 3] = ["Alice", "Bob", "Carol"];

/// `None`: there are no accounts left.
pub fn cast(server: &Server, suffix: &str, seed: u64) -> Result<Option<Cast>, String> {
    let named = |name: &str| format!("{name}{suffix}");
    if !server.has_mailboxes() {
        let people = PEOPLE.map(|name| (name, (named(name), Proof::None)));
        return Ok(Some(people.into()));
    }
    match &server.accounts {
        Accounts::Given(left) => {
            let mut left = left.lock().expect("no panic while it is held");
            if left.len() < PEOPLE.len() {
                return Ok(None);
            }
            let taken = PEOPLE.map(|name| {
                let (real, password) = left.pop().unwrap_or_default();
                (name, (real, Proof::Password(password)))
            });
            Ok(Some(taken.into()))
        }
        Accounts::SignUp => sign_up(server, PEOPLE.map(|name| (name, named(name))), seed),
    }
}

fn sign_up(
    server: &Server,
    people: [(&'static str, String); 3],
    seed: u64,
) -> Result<Option<Cast>, String> {
    let (mut conn, hello) = server.connect()?;
    let mut cast = Cast::new();
    for (number, (role, name)) in people.into_iter().enumerate() {
        let mut key = [number as u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let proof = signed(&key, &name, &hello);
        create(&mut conn, &name, &proof)?;
        cast.insert(role, (name, Proof::Key(key)));
    }
    Ok(Some(cast))
}

fn create(conn: &mut Conn, name: &str, proof: &str) -> Result<(), String> {
    conn.send(
        format!(
            "{{\"type\":\"account\",\"action\":\"create\",\"username\":\"{name}\",\"id\":1{proof}}}\n"
        )
        .as_bytes(),
    )?;
    match conn.line() {
        Ok(line) if line.starts_with("{\"type\":\"ok\"") => Ok(()),
        Ok(line) => Err(format!("cannot make the account {name}: {line}")),
        Err(why) => Err(format!("cannot make the account {name}: {}", why.as_str())),
    }
}
