//! Bodies and kinds that are sealed: what stands in the files, and which key opens them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use privmsgd::config::MailboxConfig;
use privmsgd::ops::exit::{Exit, StartError};
use privmsgd::store::{How, Store, check, restore};
use privmsgd::upkeep::Restore;
use rusqlite::Connection;

use crate::house::{CANARY, Place, T, filled, served, text};
use crate::replay::patiently;

/// A key of its own for each `digit`.
fn how(place: &Place, digit: char) -> How {
    let path = place.path(&format!("key-{digit}"));
    fs::write(&path, String::from(digit).repeat(64)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    load(&path.display().to_string()).unwrap()
}

fn load(key: &str) -> Result<How, StartError> {
    How::load(&MailboxConfig {
        key: key.into(),
        ..MailboxConfig::default()
    })
}

fn refused(place: &Place, how: impl Fn() -> How) -> StartError {
    patiently(|| Store::open_as(&place.0, how()))
        .err()
        .expect("refused")
}

fn holds_canary(place: &Place) -> bool {
    let found = |content: &[u8]| {
        content
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes())
    };
    place.files().iter().any(|(_, content)| found(content))
}

#[test]
fn a_key_is_not_shown() {
    let keys = Place::new("keys");
    let shown = format!("{:?}", how(&keys, 'a'));
    assert!(
        shown.contains("Sealer(…)") && !shown.contains("aaaa"),
        "{shown}"
    );
}

#[test]
fn no_file_holds_what_was_written_and_the_key_reads_it() {
    let (keys, place) = (Place::new("keys"), Place::new("sealed"));
    let store = filled(&place.0, how(&keys, 'a'), 30);
    assert!(!holds_canary(&place), "while it is open, the log included");
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    drop(store);
    assert!(!holds_canary(&place));
    let store = patiently(|| Store::open_as(&place.0, how(&keys, 'a'))).unwrap();
    assert_eq!(served(&store).unwrap(), ((1..=30).map(text).collect(), 0));
    let plain = Place::new("plain");
    let _open = filled(&plain.0, How::default(), 1);
    assert!(holds_canary(&plain), "or this test shows nothing");
}

#[test]
fn another_key_none_or_a_key_too_many_is_refused_with_the_fix() {
    let (keys, place) = (Place::new("keys"), Place::new("sealed"));
    drop(filled(&place.0, how(&keys, 'a'), 3));
    let before = place.files();
    for (key, code) in [(Some('b'), Exit::Permission), (None, Exit::Config)] {
        let error = refused(&place, || {
            key.map_or_else(How::default, |key| how(&keys, key))
        });
        assert_eq!(error.code, code, "{error}");
        assert!(error.fix.contains("mailbox.key"), "{error}");
    }
    assert!(place.files() == before);
    let plain = Place::new("plain");
    drop(filled(&plain.0, How::default(), 3));
    let error = refused(&plain, || how(&keys, 'a'));
    assert_eq!(
        (error.code, error.fix.contains("mailbox.key")),
        (Exit::Config, true),
        "{error}"
    );
}

/// Until there is a message a key can be chosen.
#[test]
fn a_store_without_messages_takes_a_key_and_keeps_it() {
    let (keys, place) = (Place::new("keys"), Place::new("empty"));
    drop(patiently(|| Store::open(&place.0)).unwrap());
    drop(patiently(|| Store::open_as(&place.0, how(&keys, 'a'))).unwrap());
    assert_eq!(refused(&place, How::default).code, Exit::Config);
    assert_eq!(refused(&place, || how(&keys, 'b')).code, Exit::Permission);
}

#[test]
fn bodies_that_were_swapped_are_holes() {
    let (keys, place) = (Place::new("keys"), Place::new("swapped"));
    drop(filled(&place.0, how(&keys, 'a'), 3));
    let db = Connection::open(place.database()).unwrap();
    let body = |seq: i64| -> Vec<u8> {
        let sql = "SELECT body FROM messages WHERE seq = ?1";
        db.query_row(sql, [seq], |row| row.get(0)).unwrap()
    };
    let (first, second) = (body(1), body(2));
    for (seq, body) in [(1, second), (2, first)] {
        db.execute("UPDATE messages SET body = ?2 WHERE seq = ?1", (seq, body))
            .unwrap();
    }
    drop(db);
    let store = patiently(|| Store::open_as(&place.0, how(&keys, 'a'))).unwrap();
    assert_eq!(served(&store).unwrap(), (vec![text(3)], 2));
}

#[test]
fn sealed_stores_are_checked_copied_and_restored_with_their_key() {
    let (keys, place) = (Place::new("keys"), Place::new("sealed"));
    let store = filled(&place.0, how(&keys, 'a'), 3);
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    drop(store);
    let checked =
        |how: &How| patiently(|| check(&place.0, how.sealer.as_ref(), &mut |f| panic!("{f:?}")));
    assert_eq!(checked(&how(&keys, 'a')).unwrap().opened, 3);
    assert_eq!(checked(&How::default()).unwrap().opened, 0, "sums alone");
    assert_eq!(
        checked(&how(&keys, 'b')).unwrap_err().code,
        Exit::Permission
    );
    let other = Place::new("other");
    let asked = Restore {
        from: place.path("copy.db"),
        to: other.0.clone(),
        replace: false,
    };
    let restored = |key| patiently(|| restore(&asked, how(&keys, key), T, &mut |_| {}));
    assert_eq!(restored('b').unwrap_err().code, Exit::Permission);
    restored('a').unwrap();
    let store = patiently(|| Store::open_as(&other.0, how(&keys, 'a'))).unwrap();
    assert_eq!(served(&store).unwrap().0.len(), 3);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let keys = Place::new("keys");
    how(&keys, 'a');
    let path = keys.path("key-a");
    let key = path.display().to_string();
    for mode in [0o604, 0o640, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(load(&key).unwrap_err().code, Exit::Permission);
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    load(&key).unwrap();
    fs::remove_file(&path).unwrap();
    for content in ["", "abc", &"g".repeat(64)] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load(&key).unwrap_err().code, Exit::Config, "{content:?}");
    }
    assert_eq!(load("/no/such/key").unwrap_err().code, Exit::NoInput);
    assert_eq!(load("credential:key").unwrap_err().code, Exit::Config);
    assert!(load("").unwrap().sealer.is_none());
}
