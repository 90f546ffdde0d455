//! Stores with mail in them, made without a daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::replay::patiently;
use privmsgd::accounts::AccountId;
use privmsgd::store::{
    DATABASE, Hidden, How, KnownBy, LogKind, LogRow, MessageRow, MessageState, Store, Tables,
};
use privmsgd::upkeep::{Checked, Finding};

pub const T: u64 = 1_795_344_007_412;
/// What stands in every body and kind, and in no file where they are sealed.
pub const CANARY: &str = "canary-7f3a91";

/// A directory of its own, removed at the end.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(name: &str) -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-{name}-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        Place::at(dir)
    }

    /// A directory that was just made.
    pub fn at(dir: PathBuf) -> Place {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        Place(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path(DATABASE)
    }

    /// Name and content of every file.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Alice and Bob, and `count` messages from her that wait for him.
pub fn filled(dir: &Path, how: How, count: u64) -> Store {
    let store = Store::open_as(dir, how).unwrap();
    let done = store.batch(|t| {
        let look = |name: &str| vec![name.to_string()];
        let alice = t.add_account("Alice", "alice", &look("alice"), None, T)?;
        let bob = t.add_account("Bob", "bob", &look("bob"), None, T)?;
        t.conversation_of(alice, bob)?;
        (1..=count).try_for_each(|number| send(t, number))
    });
    done.unwrap().unwrap();
    store
}

pub const ALICE: AccountId = AccountId(1);
pub const BOB: AccountId = AccountId(2);

pub fn text(number: u64) -> String {
    format!("\"{CANARY} {number}\"")
}

/// What sending does, from Alice to Bob, in rows.
pub fn send(t: &Tables<'_>, number: u64) -> Result<(), privmsgd::store::Failed> {
    let mut conversation = t.conversation(ALICE, BOB)?.expect("was made");
    conversation.last_seq += 1;
    conversation.last_unix_ms = T + number;
    conversation.of_low.sent = conversation.last_seq;
    let body: Arc<[u8]> = text(number).into_bytes().into();
    let bytes = body.len() as u64;
    let seq = conversation.last_seq;
    let message = t.add_message(&MessageRow {
        id: 0,
        conversation: conversation.id,
        seq,
        from_high: false,
        time_unix_ms: T + number,
        state: MessageState::There,
        hidden: Hidden::default(),
        reply_to: None,
        edited_unix_ms: None,
        expires_unix_ms: None,
        to_seq: None,
        known_by: Some(KnownBy {
            sender: ALICE,
            message_id: format!("m{number}").into_bytes().into(),
            fingerprint: [number as u8; 16],
        }),
        kind: Some(CANARY.as_bytes().into()),
        body,
    })?;
    t.append(
        BOB,
        &LogRow {
            message: Some(message),
            peer: Some(ALICE),
            seq: Some(seq),
            bytes: Some(bytes),
            ..LogRow::new(LogKind::Message)
        },
    )?;
    conversation.of_high.waiting += 1;
    conversation.of_high.waiting_bytes += bytes;
    t.put_conversation(conversation);
    let mut mailbox = t.mailbox(BOB)?;
    mailbox.waiting += 1;
    mailbox.waiting_bytes += bytes;
    t.put_mailbox(BOB, mailbox);
    Ok(())
}

/// The texts that a reader would be served, and how many holes stand between them. Fails if the store does.
pub fn served(store: &Store) -> Result<(Vec<String>, usize), privmsgd::store::Failed> {
    store.batch(|t| {
        let Some(conversation) = t.conversation(ALICE, BOB)? else {
            return Ok((Vec::new(), 0));
        };
        let rows = t.messages_after(conversation.id, 0, 10_000)?;
        let (there, holes): (Vec<_>, Vec<_>) = rows
            .iter()
            .partition(|row| row.state == MessageState::There);
        let texts = there.iter().map(|row| {
            assert_eq!(row.kind.as_deref(), Some(CANARY.as_bytes()));
            String::from_utf8(row.body.to_vec()).unwrap()
        });
        Ok((texts.collect(), holes.len()))
    })?
}

pub fn check(dir: &Path) -> (Checked, Vec<Finding>) {
    let mut findings = Vec::new();
    let checked = patiently(|| {
        findings.clear();
        privmsgd::store::check(dir, None, &mut |finding| findings.push(finding))
    });
    (checked.unwrap(), findings)
}
