//! The saved inputs of the fuzz targets, played again without a fuzzer.

use std::fs;
use std::path::Path;

use privmsgd::wire::code::Mode;
use privmsgd::wire::command::decode_in;
use privmsgd::wire::name::Name;

#[cfg(feature = "mailbox")]
#[path = "model/credentials.rs"]
mod credentials;
#[path = "model/mod.rs"]
mod model;

/// Plays every saved input of a target; there must be some, but not many.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let (mut inputs, mut bytes) = (0, 0);
    for entry in fs::read_dir(&dir).expect("a corpus") {
        let input = fs::read(entry.expect("an entry").path()).expect("an input");
        check(&input);
        inputs += 1;
        bytes += input.len();
    }
    assert!((1..=300).contains(&inputs), "{inputs} inputs of {target}");
    println!("{target}: {inputs} inputs, {bytes} bytes");
}

#[cfg(feature = "mailbox")]
#[test]
fn credentials() {
    replay("credentials", credentials::check);
}

#[test]
fn framing() {
    replay("framing", model::framing::check);
}

#[test]
fn session() {
    replay("session", model::session::check);
}

/// That both readers agree is for the fuzz target; here none may panic.
#[test]
fn decode_and_names() {
    for target in ["decode", "proofs"] {
        replay(target, |line| {
            for mode in [Mode::Open, Mode::Mailbox] {
                let _ = decode_in(mode, line);
            }
        });
    }
    replay("names", |text| {
        if let Ok(text) = std::str::from_utf8(text) {
            let _ = Name::parse(text);
        }
    });
}
