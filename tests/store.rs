//! The store of accounts: its files, its versions, and what it refuses. E8: nothing that cannot be read is taken for
//! a store without accounts.
#![cfg(feature = "mailbox")]

use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use privmsgd::accounts::AccountId;
use privmsgd::ops::exit::{Exit, StartError};
use privmsgd::store::{
    DATABASE, DeviceRow, Failed, Hidden, KnownBy, LogKind, LogRow, MessageRow, MessageState, Pace,
    Relation, State, Store, Summary, Tables, VERSION,
};
use rusqlite::Connection;

/// A directory of its own for each test, removed in the end.
struct Dir(PathBuf);

impl Deref for Dir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Dir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn dir(name: &str) -> Dir {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("privmsgd-{name}-{}-{count}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    Dir(dir)
}

fn golden(version: u32) -> PathBuf {
    let file = format!("tests/data/stores/v{version}.db");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// A directory with a copy of the golden file.
fn of_golden(name: &str, version: u32) -> (Dir, PathBuf) {
    let dir = dir(name);
    let path = dir.join(DATABASE);
    fs::copy(golden(version), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (dir, path)
}

fn refusal(dir: &Path) -> StartError {
    Store::open(dir).err().expect("refused")
}

const PHC: &str = "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$1NgjwvvedDC1OBAMxOhp3aj+JyQ7TXR7im/QulKppnQ";
const T: u64 = 1_795_344_007_412;

fn telephone() -> DeviceRow {
    DeviceRow {
        device: "telephone".into(),
        created_unix_ms: T + 4,
        seen_unix_ms: T + 5,
        current: Some([1; 32]),
        previous: Some([2; 32]),
        spent: vec![[3; 32], [4; 32]],
    }
}

/// What the golden files hold.
fn fill(store: &Store) {
    let look = |text: &str| vec![text.to_string()];
    let filled = store.batch(|t| {
        let alice = t.add_account("Alice", "alice", &look("alice"), Some(PHC), T)?;
        let zoe = t.add_account("Zo\u{eb}", "zo\u{eb}", &look("zoe\u{308}"), None, T + 1)?;
        let bob = t.add_account("Bob", "bob", &look("bob"), Some(PHC), T + 2)?;
        let gone = t.add_account("Gone", "gone", &look("gone"), Some(PHC), T + 3)?;
        t.add_key(zoe, &[7; 32], T + 1)?;
        t.put_device(alice, &telephone())?;
        t.seen(alice, T + 5)?;
        t.count_failure(Some(alice))?;
        t.count_failure(Some(alice))?;
        t.set_disabled(bob, true)?;
        t.remove_account(gone)?;
        fill_mail(t, alice, zoe)
    });
    filled.unwrap().unwrap();
    let filled = store.batch_in(Pace::Later, fill_later);
    filled.unwrap().unwrap();
}

/// Of version 2: every column of what a store keeps of messages.
fn message(conversation: i64) -> MessageRow {
    MessageRow {
        id: 1,
        conversation,
        seq: 1,
        from_high: true,
        time_unix_ms: T + 6,
        state: MessageState::There,
        hidden: Hidden {
            from_low: true,
            ..Hidden::default()
        },
        reply_to: Some(9),
        edited_unix_ms: Some(T + 7),
        expires_unix_ms: Some(T + 1_000_000_000_000),
        to_seq: None,
        known_by: Some(KnownBy {
            sender: AccountId(2),
            message_id: (*b"m-1").into(),
            fingerprint: [5; 16],
        }),
        kind: Some((*b"text").into()),
        body: (*b"{\"a\":[1]}").into(),
    }
}

fn fill_mail(t: &Tables<'_>, alice: AccountId, zoe: AccountId) -> Result<(), Failed> {
    let mut conversation = t.conversation_of(alice, zoe)?;
    let row = message(conversation.id);
    let id = t.add_message(&row)?;
    let entry = LogRow {
        message: Some(id),
        peer: Some(zoe),
        seq: Some(1),
        bytes: Some(row.body.len() as u64),
        ..LogRow::new(LogKind::Message)
    };
    assert_eq!((id, t.append(alice, &entry)?), (1, 1));
    (conversation.last_seq, conversation.last_unix_ms) = (1, T + 6);
    conversation.of_high.sent = 1;
    conversation.of_low.waiting = 1;
    conversation.of_low.waiting_bytes = row.body.len() as u64;
    t.put_conversation(conversation);
    let mut mailbox = t.mailbox(alice)?;
    mailbox.waiting = 1;
    mailbox.waiting_bytes = row.body.len() as u64;
    mailbox.settings.read_receipts = true;
    t.put_mailbox(alice, mailbox);
    let allowed = Relation {
        allowed: true,
        ..Relation::default()
    };
    t.put_relation(alice, zoe, allowed)
}

/// Of version 3: changes that wait.
fn fill_later(t: &Tables<'_>) -> Result<(), Failed> {
    let mut conversation = t.conversation(AccountId(1), AccountId(2))?.expect("one");
    let id = t.add_message(&later(conversation.id))?;
    let entry = LogRow {
        message: Some(id),
        peer: Some(AccountId(1)),
        seq: Some(2),
        bytes: Some(3),
        ..LogRow::new(LogKind::Message)
    };
    assert_eq!((id, t.append(AccountId(2), &entry)?), (2, 1));
    (conversation.last_seq, conversation.last_unix_ms) = (2, T + 8);
    t.put_conversation(conversation);
    Ok(())
}

fn later(conversation: i64) -> MessageRow {
    MessageRow {
        id: 2,
        seq: 2,
        from_high: false,
        time_unix_ms: T + 8,
        known_by: None,
        kind: None,
        body: (*b"\"2\"").into(),
        ..message(conversation)
    }
}

fn check_later(t: &Tables<'_>) -> Result<(), Failed> {
    let conversation = t.conversation(AccountId(1), AccountId(2))?.expect("one");
    assert_eq!((conversation.last_seq, conversation.of_high.sent), (2, 1));
    assert_eq!(t.message(2, conversation.id, 2)?, later(conversation.id));
    assert_eq!(t.mailbox(AccountId(2))?.head, 1);
    let arrived = t.arrived(AccountId(2), 0, 1)?;
    assert_eq!(arrived.len(), 1);
    Ok(())
}

fn check_mail(t: &Tables<'_>) -> Result<(), Failed> {
    let (alice, zoe) = (AccountId(1), AccountId(2));
    let conversation = t.conversation(zoe, alice)?.expect("a conversation");
    assert_eq!(conversation.of_high.sent, 1);
    assert_eq!(t.message(1, conversation.id, 1)?, message(conversation.id));
    let known = t.message_known_by(zoe, b"m-1")?;
    assert_eq!(known.map(|row| row.seq), Some(1));
    let mut entries = Vec::new();
    t.log_after(alice, 0, "", |row| {
        entries.push((row.pos, row.kind, row.message, row.peer, row.seq));
        Ok(true)
    })?;
    let entry = (1, LogKind::Message, Some(1), Some(zoe), Some(1));
    assert_eq!(entries, [entry]);
    let mailbox = t.mailbox(alice)?;
    assert_eq!((mailbox.head, mailbox.waiting), (1, 1));
    assert!(mailbox.settings.read_receipts && mailbox.settings.delivery_receipts);
    assert!(t.relation(alice, zoe)?.allowed && !t.relation(zoe, alice)?.allowed);
    Ok(())
}

fn check(store: &Store, version: u32) {
    let checked = store.batch(|t| {
        if version >= 2 {
            check_mail(t)?;
        }
        if version >= 3 {
            check_later(t)?;
        }
        let summary = |name: &str, created_unix_ms, state, has_password, keys| Summary {
            name: name.into(),
            created_unix_ms,
            seen_unix_ms: None,
            state,
            has_password,
            keys,
            devices: 0,
        };
        let mut alice = summary("Alice", T, State::Good, true, 0);
        (alice.seen_unix_ms, alice.devices) = (Some(T + 5), 1);
        let bob = summary("Bob", T + 2, State::Disabled, true, 0);
        let zoe = summary("Zo\u{eb}", T + 1, State::Good, false, 1);
        assert_eq!(t.accounts()?, [alice, bob, zoe]);
        let alice = t.account_named("alice")?.expect("Alice");
        assert_eq!(alice.password.as_deref(), Some(PHC));
        assert_eq!(t.device(alice.id, "telephone")?, Some(telephone()));
        assert_eq!(t.take_failures(alice.id)?, 2);
        let zoe = t.account_named("zo\u{eb}")?.expect("Zoe");
        assert!(t.has_key(zoe.id, &[7; 32])? && !t.has_key(alice.id, &[7; 32])?);
        let gone = t.account_named("gone")?.expect("its name");
        assert_eq!((gone.state, gone.name.as_str()), (State::Removed, ""));
        assert!(t.looks_taken(&["gone".into()])? && !t.looks_taken(&["new".into()])?);
        Ok::<_, privmsgd::store::Failed>(())
    });
    checked.unwrap().unwrap();
}

/// With `MAKE_GOLDEN=1` in the environment this also writes the file of this release's version, to be committed once.
#[test]
fn a_store_of_this_release_is_read_back() {
    let dir = dir("made");
    let store = Store::open(&dir).unwrap();
    fill(&store);
    drop(store);
    if std::env::var_os("MAKE_GOLDEN").is_some() {
        fs::copy(dir.join(DATABASE), golden(VERSION)).unwrap();
    }
    check(&Store::open(&dir).unwrap(), VERSION);
}

#[test]
fn a_store_of_every_version_is_opened_and_brought_to_this_one() {
    for version in 1..=VERSION {
        let (dir, path) = of_golden("golden", version);
        check(&Store::open(&dir).unwrap(), version);
        let header = fs::read(&path).unwrap();
        assert_eq!(header[60..64], VERSION.to_be_bytes());
        assert_eq!(&header[68..72], b"PMsg");
    }
    let files = fs::read_dir(golden(1).parent().unwrap()).unwrap().count();
    assert_eq!(files, VERSION as usize, "one golden file for each version");
}

#[test]
fn a_newer_store_is_refused_with_both_versions_and_left_as_it_is() {
    for newer in [VERSION + 1, 999, u32::MAX] {
        let (dir, path) = of_golden("newer", VERSION);
        let mut bytes = fs::read(&path).unwrap();
        bytes[60..64].copy_from_slice(&newer.to_be_bytes());
        fs::write(&path, &bytes).unwrap();
        let refused = refusal(&dir);
        assert_eq!(refused.code, Exit::Config);
        let text = refused.to_string();
        let both = [newer, VERSION].map(|version| version.to_string());
        assert!(both.iter().all(|v| text.contains(v.as_str())), "{text}");
        assert!(fs::read(&path).unwrap() == bytes);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing beside it");
    }
}

/// The newer version may stand in the log only.
#[test]
fn a_newer_version_is_found_in_the_log_too() {
    let (dir, path) = of_golden("log", VERSION);
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    let log = dir.join("privmsgd.db-wal");
    let (bytes, logged) = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    drop(db);
    fs::write(&path, &bytes).unwrap();
    fs::write(&log, &logged).unwrap();
    assert_eq!(bytes[60..64], VERSION.to_be_bytes());
    assert_eq!(refusal(&dir).code, Exit::Config);
    assert!(fs::read(&path).unwrap() == bytes && fs::read(&log).unwrap() == logged);
}

#[test]
fn directory_and_files_are_for_their_user_only_whatever_the_umask() {
    for umask in [0, 0o277] {
        let parent = dir("modes");
        let dir = parent.join("data");
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let store = Store::open(&dir).unwrap();
        fill(&store);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let mut files = 0;
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
        rustix::process::umask(before);
        assert!(files >= 2, "the database and its log");
        assert_eq!(mode(&dir), 0o700);
    }
}

#[test]
fn what_others_could_read_is_closed_and_what_they_could_write_is_refused() {
    let (dir, path) = of_golden("open", VERSION);
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set(&dir, 0o755).unwrap();
    set(&path, 0o644).unwrap();
    drop(Store::open(&dir).unwrap());
    for (path, mode) in [(&*dir, 0o700), (&*path, 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode);
    }
    for mode in [0o770, 0o702, 0o777] {
        set(&dir, mode).unwrap();
        assert_eq!(refusal(&dir).code, Exit::Permission, "{mode:o}");
    }
    set(&dir, 0o700).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        assert_eq!(refusal(&dir).code, Exit::Permission);
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::os::unix::fs::chown(&dir, Some(65_534), None).unwrap();
        let refused = refusal(&dir);
        assert_eq!(refused.code, Exit::Permission);
        assert!(refused.what.contains("user 65534"), "{refused}");
    }
}

#[test]
fn one_process_has_the_store_and_others_are_told() {
    let dir = dir("locked");
    let store = Store::open(&dir).unwrap();
    fill(&store);
    let refused = refusal(&dir);
    assert_eq!(refused.code, Exit::Unavailable);
    assert!(refused.what.contains("daemon"), "{refused}");
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM accounts')";
    let python = |dir: &Path| {
        let path = dir.join(DATABASE);
        let output = Command::new("python3")
            .arg("-c")
            .arg(script)
            .arg(path)
            .output();
        output.expect("python3")
    };
    let output = python(&dir);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("locked"), "{told}");
    drop(store);
    assert!(python(&dir).status.success());
    check(&Store::open(&dir).unwrap(), VERSION);
}

#[test]
fn a_missing_parent_a_file_and_a_place_that_is_not_ours_are_named() {
    let dir = dir("places");
    let refused = refusal(&dir.join("no/where"));
    assert_eq!(refused.code, Exit::CannotCreate);
    assert!(refused.fix.contains("mkdir -p"), "{refused}");
    File::create(dir.join("file")).unwrap();
    assert_eq!(refusal(&dir.join("file")).code, Exit::Data);
}

/// What half of a creation leaves is not found as a database.
#[test]
fn an_unfinished_creation_begins_anew() {
    let dir = dir("unfinished");
    fs::write(dir.join("privmsgd.db.new"), b"half of").unwrap();
    let store = Store::open(&dir).unwrap();
    fill(&store);
    drop(store);
    check(&Store::open(&dir).unwrap(), VERSION);
    assert!(!dir.join("privmsgd.db.new").exists());
}

#[test]
fn a_failed_job_leaves_nothing_and_the_rest_of_its_batch_stays() {
    let dir = dir("apart");
    let store = Store::open(&dir).unwrap();
    let look = |text: &str| vec![text.to_string()];
    let done = store.batch(|t| {
        let first = t.apart(|| t.add_account("A", "a", &look("a"), None, T));
        let second = t.apart(|| {
            t.add_account("B", "b", &look("b"), None, T)?;
            t.add_account("C", "c", &look("a"), None, T)
        });
        let third = t.apart(|| t.add_account("D", "d", &look("d"), None, T));
        (first.is_ok(), second.is_ok(), third.is_ok())
    });
    assert_eq!(done, Ok((true, false, true)));
    let names = store.batch(|t| t.accounts()).unwrap().unwrap();
    let names: Vec<_> = names.into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["A", "D"]);
    let nobody = store.batch(|t| t.account(AccountId(99)));
    assert!(matches!(nobody, Ok(Ok(None))));
}

/// E8.
#[test]
fn of_fifty_broken_stores_none_is_opened_and_none_is_changed() {
    let whole = fs::read(golden(VERSION)).unwrap();
    let mut broken: Vec<(String, Vec<u8>)> = Vec::new();
    for length in [0, 1, 15, 16, 60, 99, 100, 512, 4_095, 4_096, 4_097, 8_192] {
        broken.push((format!("{length} bytes"), whole[..length].to_vec()));
    }
    broken.push(("a byte short".into(), whole[..whole.len() - 1].to_vec()));
    broken.push(("a page short".into(), whole[..whole.len() - 4_096].to_vec()));
    for (what, text) in [
        ("zeros", "\0".repeat(4_096)),
        ("a line end", "\n".into()),
        ("JSON", "{\"accounts\":[]}".into()),
        ("a password file", "alice:x:1:1::/:/bin/sh\n".repeat(9)),
        ("SQL", "CREATE TABLE accounts (id);\n".into()),
        ("a magic only", "SQLite format 3\0".repeat(32)),
    ] {
        broken.push((what.into(), text.into_bytes()));
    }
    for (at, what) in [
        (0, "magic"),
        (16, "page size"),
        (18, "format"),
        (44, "schema format"),
        (56, "encoding"),
        (63, "version"),
        (68, "application"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] = if at == 63 { 0 } else { bytes[at] ^ 0x55 };
        broken.push((what.into(), bytes));
    }
    for page in 0..whole.len() / 4_096 {
        for (what, with) in [("zeros", 0), ("ones", 0xff)] {
            let mut bytes = whole.clone();
            let from = if page == 0 { 100 } else { page * 4_096 };
            bytes[from..(page + 1) * 4_096].fill(with);
            broken.push((format!("page {page} of {what}"), bytes));
        }
    }
    assert!(broken.len() >= 40, "{}", broken.len());
    for (what, bytes) in &broken {
        let (dir, path) = of_golden("broken", VERSION);
        fs::write(&path, bytes).unwrap();
        let refused = Store::open(&dir).err().unwrap_or_else(|| panic!("{what}"));
        let codes = [Exit::Data, Exit::Config];
        assert!(codes.contains(&refused.code), "{what}: {refused:?}");
        assert!(
            refused.to_string().lines().count() <= 2,
            "{what}: {refused}"
        );
        assert!(&fs::read(&path).unwrap() == bytes, "{what} was changed");
    }
}

/// E8, of what has the form of a database.
#[test]
fn a_database_with_other_tables_is_refused() {
    for change in [
        "DROP TABLE devices",
        "DROP TABLE skeletons",
        "ALTER TABLE accounts ADD COLUMN more TEXT",
        "ALTER TABLE accounts RENAME TO people",
        "CREATE TABLE more (x)",
        "CREATE VIEW good AS SELECT * FROM accounts",
        "CREATE TRIGGER t AFTER UPDATE ON accounts BEGIN UPDATE accounts SET state = 0; END",
        "CREATE INDEX i ON accounts (state)",
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE', '')",
        "PRAGMA application_id = 1",
        "PRAGMA application_id = 0",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ] {
        let (dir, path) = of_golden("tables", VERSION);
        let db = Connection::open(&path).unwrap();
        db.execute_batch(change).unwrap();
        drop(db);
        let refused = Store::open(&dir)
            .err()
            .unwrap_or_else(|| panic!("{change}"));
        let codes = [Exit::Data, Exit::Config];
        assert!(codes.contains(&refused.code), "{change}: {refused:?}");
    }
}

/// As systemd has it: with `DynamicUser=` the state directory is a link to one beneath `private`.
#[test]
fn a_directory_is_opened_through_links() {
    let home = dir("links");
    for name in ["real/privmsgd", "real/made"] {
        let _ = fs::create_dir(home.join("real"));
        let (real, parent, link) = (
            home.join(name),
            home.join("parent"),
            home.join(name.replace('/', "-")),
        );
        let _ = symlink("real", &parent);
        let through_parent = parent.join(real.file_name().unwrap());
        fill(&Store::open(&through_parent).unwrap());
        symlink(name, &link).unwrap();
        check(&Store::open(&link).unwrap(), VERSION);
        let store = Store::open(&link).unwrap();
        assert_eq!(
            refusal(&real).code,
            Exit::Unavailable,
            "one lock by any path"
        );
        drop(store);
        fs::remove_file(real.join(DATABASE)).unwrap();
        symlink(golden(VERSION), real.join(DATABASE)).unwrap();
        assert_eq!(refusal(&link).code, Exit::Data, "the database is no link");
    }
}

type Make = fn(&Path);

/// E8, of what is no file.
#[test]
fn what_is_no_file_of_ours_is_not_opened() {
    let make: [(&str, Make); 5] = [
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a link", |path| symlink(golden(1), path).unwrap()),
        ("a dead link", |path| symlink("/no/where", path).unwrap()),
        ("a link to a device", |path| {
            symlink("/dev/null", path).unwrap()
        }),
        ("a pipe", |path| {
            let made = Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        }),
    ];
    for (what, make) in make {
        let dir = dir("nofile");
        make(&dir.join(DATABASE));
        assert_eq!(refusal(&dir).code, Exit::Data, "{what}");
    }
    let dir = dir("nofile");
    fs::write(dir.join("privmsgd.db-wal"), b"log").unwrap();
    let refused = refusal(&dir);
    assert_eq!(refused.code, Exit::Data, "{refused}");
    assert!(!dir.join(DATABASE).exists());
}
