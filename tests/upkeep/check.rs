//! `check-store`: each thing that can be wrong is found, by its kind and place, and nothing is changed.

use std::fs;

use privmsgd::ops::exit::Exit;
use privmsgd::store::{How, Store, VERSION};
use rusqlite::Connection;

use crate::house::{Place, check, filled};
use crate::replay::patiently;

#[test]
fn a_store_that_is_as_it_should_be_has_no_findings() {
    let place = Place::new("good");
    drop(filled(&place.0, How::default(), 20));
    let before = place.files();
    let (checked, findings) = check(&place.0);
    assert_eq!(findings, []);
    let counts = (
        checked.accounts,
        checked.conversations,
        checked.messages,
        checked.entries,
    );
    assert_eq!(counts, (2, 1, 20, 20));
    assert!(place.files() == before, "nothing was changed");
}

/// The log of a process that was killed belongs to the store, and stays.
#[test]
fn what_a_crash_left_is_read_and_left() {
    let place = Place::new("crashed");
    let copy = Place::new("crashed-copy");
    let store = filled(&place.0, How::default(), 20);
    for (name, content) in place.files() {
        fs::write(copy.path(&name), content).unwrap();
    }
    drop(store);
    let before = copy.files();
    assert!(
        before
            .iter()
            .any(|(name, content)| name.ends_with("-wal") && !content.is_empty())
    );
    let (checked, findings) = check(&copy.0);
    assert_eq!((findings, checked.messages), (vec![], 20));
    assert!(copy.files() == before, "nothing was changed");
}

#[test]
fn each_thing_that_is_wrong_is_found() {
    for (kind, sql) in [
        (
            "message",
            "UPDATE messages SET body = x'2233' WHERE seq = 3",
        ),
        ("message", "UPDATE messages SET crc = crc + 1 WHERE seq = 3"),
        ("message", "UPDATE messages SET state = 77 WHERE seq = 3"),
        (
            "numbers",
            "DELETE FROM log WHERE seq = 7; DELETE FROM messages WHERE seq = 7",
        ),
        ("numbers", "UPDATE conversations SET last_seq = 99"),
        ("numbers", "DELETE FROM log; DELETE FROM conversations"),
        ("log", "DELETE FROM messages WHERE seq = 20"),
        ("log", "UPDATE log SET seq = 4 WHERE pos = 5"),
        ("log", "UPDATE log SET message = NULL WHERE pos = 5"),
        ("log", "UPDATE log SET kind = 9 WHERE pos = 5"),
        (
            "log",
            "UPDATE log SET kind = 3, message = NULL, seq = NULL WHERE pos = 5",
        ),
        ("log", "UPDATE mailboxes SET head = 19"),
        ("cursor", "UPDATE mailboxes SET delivered = 21"),
        ("cursor", "UPDATE conversations SET high_read = 21"),
        (
            "cursor",
            "INSERT INTO devices (account, device, created, seen, spent, acked) VALUES (2, 'd', 1, 1, x'', 21)",
        ),
        ("count", "UPDATE mailboxes SET waiting = 19"),
        ("count", "UPDATE mailboxes SET delivered = 1"),
        ("count", "UPDATE mailboxes SET gaps = 1"),
        ("count", "UPDATE conversations SET high_waiting_bytes = 1"),
        ("count", "UPDATE conversations SET low_waiting = 1"),
        ("schema", "DROP TABLE relations"),
        ("schema", "CREATE TABLE more (a)"),
        (
            "reference",
            "PRAGMA foreign_keys = OFF; INSERT INTO keys VALUES (77, x'00', 1)",
        ),
    ] {
        let place = Place::new("wrong");
        drop(filled(&place.0, How::default(), 20));
        let db = Connection::open(place.database()).unwrap();
        db.execute_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        drop(db);
        let before = place.files();
        let (checked, findings) = check(&place.0);
        assert!(
            findings.iter().any(|finding| finding.kind == kind),
            "{sql}: {findings:?}"
        );
        assert_eq!(checked.findings, findings.len() as u64, "{sql}");
        assert!(place.files() == before, "{sql}: nothing was changed");
    }
}

/// A lost range is one row.
#[test]
fn a_hole_that_is_stated_is_none() {
    let place = Place::new("stated");
    drop(filled(&place.0, How::default(), 3));
    let db = Connection::open(place.database()).unwrap();
    let set = "UPDATE messages SET to_seq = 9 WHERE seq = 3; UPDATE conversations SET last_seq = 9";
    db.execute_batch(set).unwrap();
    drop(db);
    let (_, findings) = check(&place.0);
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, ["message"], "only its sum: {findings:?}");
}

#[test]
fn broken_pages_are_findings_and_other_files_are_none() {
    let place = Place::new("pages");
    drop(filled(&place.0, How::default(), 200));
    let good = fs::read(place.database()).unwrap();
    let mut bytes = good.clone();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xa5);
    fs::write(place.database(), &bytes).unwrap();
    let (_, findings) = check(&place.0);
    assert!(
        findings.iter().any(|finding| finding.kind == "database"),
        "{findings:?}"
    );
    fs::write(place.database(), &good[..good.len() - 4_096]).unwrap();
    let (_, findings) = check(&place.0);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let mut newer = good;
    newer[60..64].copy_from_slice(&(VERSION + 1).to_be_bytes());
    fs::write(place.database(), &newer).unwrap();
    let refused = |place: &Place| {
        let tell = &mut |finding| panic!("{finding:?}");
        patiently(|| privmsgd::store::check(&place.0, None, tell))
            .unwrap_err()
            .code
    };
    assert_eq!(refused(&place), Exit::Config);
    fs::remove_file(place.database()).unwrap();
    assert_eq!(refused(&place), Exit::NoInput);
    assert!(place.files().is_empty(), "nothing was made");
    let store = patiently(|| Store::open(&place.0)).unwrap();
    assert_eq!(refused(&place), Exit::Unavailable);
    drop(store);
}

/// Of a version before messages.
#[test]
fn an_older_store_is_checked_as_what_it_is() {
    let place = Place::new("older");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/stores/v1.db");
    fs::copy(golden, place.database()).unwrap();
    let before = place.files();
    let (checked, findings) = check(&place.0);
    assert_eq!((findings, checked.messages), (vec![], 0));
    assert!(checked.accounts > 2 && place.files() == before);
}
