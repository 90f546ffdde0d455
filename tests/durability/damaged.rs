//! A5: a database that is found to be malformed while the daemon runs.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use privmsgd::accounts::AccountId;
use privmsgd::store::{Hidden, MessageRow, MessageState, Store};
use rusqlite::{Connection, OpenFlags};

use crate::house::{Client, Daemon, Place, code};

const PAGE: u64 = 4_096;
/// More than is looked at when a store is opened.
const MESSAGES: u64 = 70;
const BODY_BYTES: usize = 1024 * 1024;

/// Each page that an insert has to read is broken in turn: nothing is accepted any more, and the process ends with 65 and
/// says what helps.
#[test]
fn a5_a_malformed_database_ends_the_daemon_with_65() {
    for table in ["messages_by_seq", "log"] {
        let place = Place::new("malformed").with_accounts(&["alice", "bob"]);
        make_large(&place);
        let page = root_of(&place, table);
        let mut daemon = Daemon::start(&place, &[], &[]);
        let port = daemon.port().expect("it starts");
        let mut alice = Client::session(port, "alice", "").expect("registered");
        break_page(&place, page);
        let line = alice.message("bob", 1, "x");
        if let Some(line) = line {
            assert_eq!(
                (line["type"].as_str(), code(&line)),
                (Some("errorMessage"), "storageFailed"),
                "{table}"
            );
        }
        assert_eq!(daemon.wait(), 65, "{table}\n{}", daemon.log());
        assert!(
            daemon.log().contains("privmsgd restore"),
            "{}",
            daemon.log()
        );
    }
}

/// The newest message is looked at when the daemon starts.
#[test]
fn a5_a_database_that_is_malformed_where_it_is_read_first_is_not_served() {
    let place = Place::new("malformed_first").with_accounts(&["alice", "bob"]);
    make_large(&place);
    break_page(&place, root_of(&place, "messages"));
    let mut daemon = Daemon::start(&place, &[], &[]);
    assert_eq!(daemon.wait(), 65, "{}", daemon.log());
    assert!(
        daemon.log().contains("privmsgd restore"),
        "{}",
        daemon.log()
    );
}

/// The last entry of a log belongs to nobody any more: its message is in the history, delivered to nobody, and that is said.
#[test]
fn a5_messages_that_no_log_names_are_missed() {
    let place = Place::new("unnamed").with_accounts(&["alice", "bob"]);
    let mut daemon = Daemon::start(&place, &[], &[]);
    let mut alice = Client::session(daemon.port().expect("it starts"), "alice", "").expect("alice");
    for number in 1..=3 {
        let line = alice.message("bob", number, "x").expect("an answer");
        assert_eq!(line["type"], "accepted", "{line}");
    }
    drop(daemon);
    Store::open(&place.data())
        .unwrap()
        .forget_the_past()
        .unwrap();
    let db = Connection::open(place.data().join("privmsgd.db")).unwrap();
    let sql = "UPDATE log SET account = 99 WHERE kind = 0 AND pos = (SELECT max(pos) FROM log WHERE kind = 0)";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    let mut daemon = Daemon::start(&place, &[], &[]);
    let port = daemon.port().expect("it starts");
    let mut bob = Client::session(port, "bob", r#","deliver":"ack""#).expect("bob");
    let (mut named, mut last) = (0, 0);
    while let Some(line) = bob.line() {
        match line["type"].as_str() {
            Some("privateMessage") => (named, last) = (named + 1, line["pos"].as_u64().unwrap()),
            Some("synced") => break,
            _ => {}
        }
    }
    assert_eq!(named, 2);
    let told = "1 messages wait for account 2, and its log does not name them";
    assert!(!daemon.log().contains(told));
    bob.send(&format!(r#"{{"type":"ack","pos":{},"id":1}}"#, last + 1));
    bob.until(&["ok", "errorMessage"]).expect("an answer");
    assert!(daemon.log().contains(told), "{}", daemon.log());
}

fn break_page(place: &Place, page: u64) {
    let path = place.data().join("privmsgd.db");
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; PAGE as usize], (page - 1) * PAGE)
        .unwrap();
}

/// So many messages that not every page is in memory.
fn make_large(place: &Place) {
    let store = Store::open(&place.data()).unwrap();
    let body: Arc<[u8]> = vec![b'1'; BODY_BYTES].into();
    let filled = store.batch(|t| {
        let conversation = t.conversation_of(AccountId(1), AccountId(2))?;
        for seq in 1..=MESSAGES {
            t.add_message(&MessageRow {
                id: 0,
                conversation: conversation.id,
                seq,
                from_high: false,
                time_unix_ms: seq,
                state: MessageState::There,
                hidden: Hidden::default(),
                reply_to: None,
                edited_unix_ms: None,
                expires_unix_ms: None,
                to_seq: None,
                known_by: None,
                kind: None,
                body: body.clone(),
            })?;
        }
        let mut conversation = conversation;
        conversation.last_seq = MESSAGES;
        t.put_conversation(conversation);
        Ok::<_, privmsgd::store::Failed>(())
    });
    filled.unwrap().unwrap();
}

fn root_of(place: &Place, table: &str) -> u64 {
    let path = place.data().join("privmsgd.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    db.query_row(sql, [table], |row| row.get::<_, u32>(0))
        .unwrap()
        .into()
}
