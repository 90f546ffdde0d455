//! Any bytes as a credential: a token or a file of its keys, a signature, a password. None may panic, and no token is good
//! but those that were minted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;

use privmsgd::accounts::token::TokenKeys;
use privmsgd::accounts::{Secret, key, password};
use privmsgd::config::AccountsConfig;
use privmsgd::wire::name::Name;

const TOKENS: &str = include_str!("../data/tokens/tokens");
const EDDSA: &[u8] = include_bytes!("../data/tokens/eddsa.pem");
const HS256: &[u8] = include_bytes!("../data/tokens/hs256.secret");
const NOW_MS: u64 = 1_800_000_000_000;

/// The first byte says what the rest is.
pub fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind {
        b'k' => drop(load(&[("eddsa", bytes)])),
        b's' => signature(bytes),
        b'p' => {
            if let Some(enforced) = password::enforce(&Secret::new(bytes)) {
                let again = password::enforce(&enforced).expect("a fixed point");
                assert!(again == enforced);
            }
        }
        _ => token(bytes),
    }
}

fn token(bytes: &[u8]) {
    static KEYS: OnceLock<TokenKeys> = OnceLock::new();
    let keys = KEYS.get_or_init(|| load(&[("eddsa", EDDSA), ("hs256", HS256)]).expect("keys"));
    if keys.verify(bytes, "chat.example", NOW_MS).is_ok() {
        let minted = TOKENS.lines().filter_map(|line| line.split_once('\t'));
        let mut good = minted.filter(|(name, _)| name.starts_with("good"));
        assert!(good.any(|(_, token)| token.as_bytes() == bytes), "forged");
    }
}

/// Nobody made one over this nonce.
fn signature(bytes: &[u8]) {
    let name = Name::parse("alice").expect("a name");
    if let Some((public, rest)) = bytes.split_first_chunk::<32>()
        && let Some(signature) = rest.first_chunk::<64>()
    {
        assert!(!key::verify(public, signature, &[0xa5; 16], "s", &name));
    }
}

fn load(files: &[(&str, &[u8])]) -> Option<TokenKeys> {
    let given = files.iter().map(|(kind, bytes)| {
        let thread = std::thread::current().id();
        let file = format!("privmsgd-{kind}-{}-{thread:?}", std::process::id());
        let path = std::env::temp_dir().join(file);
        write(&path, bytes);
        format!("{kind}:{}", path.display())
    });
    let config = AccountsConfig {
        token_keys: given.collect(),
        ..AccountsConfig::default()
    };
    let keys = TokenKeys::load(&config).ok();
    for (_, path) in config.token_keys.iter().filter_map(|k| k.split_once(':')) {
        fs::remove_file(path).expect("removed");
    }
    keys
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}
