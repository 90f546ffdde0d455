//! Tokens of an application: whose name they prove, and what they make.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use std::os::unix::fs::PermissionsExt;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

#[derive(serde::Serialize)]
struct Claims<'a> {
    sub: &'a str,
    aud: &'a str,
    exp: u64,
}

fn minted(sub: &str, aud: &str, exp: u64) -> Credential {
    let header = Header::new(Algorithm::HS256);
    let key = EncodingKey::from_secret(SECRET);
    let token = encode(&header, &Claims { sub, aud, exp }, &key).unwrap();
    Credential::Token(secret(&token))
}

fn token(sub: &str) -> Credential {
    minted(sub, SERVER, 1_800_000_600)
}

/// An office that takes tokens signed with `SECRET`.
fn office(name: &str) -> Office {
    Office::with(|settings| {
        let path = format!("privmsgd-minted-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(path);
        std::fs::write(&path, SECRET).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut config = settings.config.clone();
        config.token_keys = vec![format!("hs256:{}", path.display())];
        config.tries_per_minute = 1_000;
        let keys = TokenKeys::load(&config).unwrap();
        std::fs::remove_file(path).unwrap();
        *settings = Settings::new(config, SERVER.into(), keys);
    })
}

#[test]
fn a_token_makes_its_account_under_the_name_that_it_says() {
    let mut office = office("makes");
    let first = registered(office.register("alice", token("Alice"), "d"));
    assert_eq!(first.username, name("Alice"));
    let again = registered(office.register("ALICE", token("alice"), "e"));
    assert_eq!(
        (again.account, again.username),
        (first.account, name("Alice"))
    );
    let Answer::Accounts(accounts) = office.operator(Operator::List) else {
        panic!("accounts")
    };
    assert_eq!(accounts.len(), 1);
    assert!(!accounts[0].has_password && accounts[0].devices == 2);
}

#[test]
fn a_token_is_good_for_its_own_name_its_own_server_and_its_own_time() {
    let mut office = office("twins");
    office.add_alice();
    for (what, credential, expected) in [
        ("another name", token("Bob"), Code::AuthFailed),
        (
            "another server",
            minted("Alice", "chat.example.org", 1_800_000_600),
            Code::AuthFailed,
        ),
        (
            "expired",
            minted("Alice", SERVER, 1_800_000_000),
            Code::TokenExpired,
        ),
        (
            "no token",
            Credential::Token(secret("a.b.c")),
            Code::AuthFailed,
        ),
    ] {
        let answer = office.register("alice", credential, "d");
        assert_eq!(code(&answer), Some(expected), "{what}");
    }
    registered(office.register("alice", token("Alice"), "d"));
    office.wait(600_000);
    let late = office.register("alice", token("Alice"), "d");
    assert_eq!(code(&late), Some(Code::TokenExpired));
}

/// Rotated by a reload: the key of a second ago is good for nothing.
#[test]
fn a_token_whose_key_was_taken_out_is_not_good() {
    let mut office = office("rotated");
    registered(office.register("alice", token("Alice"), "d"));
    office.reconfigure(|settings| settings.token_keys = TokenKeys::default());
    let answer = office.register("alice", token("Alice"), "d");
    assert_eq!(code(&answer), Some(Code::AuthFailed));
}

#[test]
fn a_token_makes_no_account_where_it_may_not_and_opens_none_that_is_shut() {
    let mut office = office("shut");
    office.add_alice();
    office.operator(Operator::Disable {
        username: name("alice"),
        disabled: true,
    });
    office.add("Gone", None);
    office.operator(Operator::Remove {
        username: name("gone"),
    });
    for (user, expected) in [
        ("alice", Code::AuthFailed),
        ("gone", Code::AuthFailed),
        ("\u{430}lice", Code::NameConfusable),
        ("abuse", Code::InvalidName),
    ] {
        let answer = office.register(user, token(user), "d");
        assert_eq!(code(&answer), Some(expected), "{user}");
    }
    office.reconfigure(|settings| settings.config.token_creates = false);
    let answer = office.register("bob", token("bob"), "d");
    assert_eq!(code(&answer), Some(Code::AuthFailed));
}
