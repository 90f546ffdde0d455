//! `backup` and `restore` on stores without a daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use privmsgd::ops::exit::Exit;
use privmsgd::store::{DeviceRow, How, MessageState, Store, restore};
use privmsgd::upkeep::{Restore, Restored};

use crate::house::{ALICE, BOB, Place, T, check, filled, send, served, text};
use crate::replay::patiently;

const SKIPPED: u64 = 1 << 32;

fn restored(from: &Place, to: &Place, replace: bool) -> Result<Restored, Exit> {
    let asked = Restore {
        from: from.path("copy.db"),
        to: to.0.clone(),
        replace,
    };
    let warn = &mut |finding: &_| panic!("{finding:?}");
    patiently(|| restore(&asked, How::default(), T, warn)).map_err(|error| error.code)
}

/// What is written while the copy is made is in it: one copy is of one moment, its end.
#[test]
fn a_copy_is_made_between_commits_and_is_whole() {
    let place = Place::new("copy");
    let store = filled(&place.0, How::default(), 40_000);
    let (mut slices, mut number) = (0, 40_000);
    let made = store.back_up(&place.path("copy.db"), &mut || {
        slices += 1;
        number += 1;
        store.batch(|t| send(t, number)).unwrap().unwrap();
        true
    });
    let made = made.unwrap();
    assert!(slices >= 3, "{slices} slices");
    let found = fs::metadata(place.path("copy.db")).unwrap();
    assert_eq!((found.len(), found.mode() & 0o777), (made.bytes, 0o600));
    assert!(
        !place
            .files()
            .iter()
            .any(|(name, _)| name.contains("copy.db-") || name.contains("unfinished"))
    );
    let other = Place::new("restored");
    let told = restored(&place, &other, false).unwrap();
    assert_eq!((told.messages, told.damaged, told.accounts), (number, 0, 2));
    let store = patiently(|| Store::open(&other.0)).unwrap();
    let (texts, holes) = served(&store).unwrap();
    assert_eq!((texts.len(), holes), (10_000, 0));
    drop(store);
    let (checked, findings) = check(&other.0);
    assert_eq!((checked.messages, findings), (number + 1, vec![]));
}

#[test]
fn a_copy_overwrites_nothing_and_leaves_nothing_behind() {
    let place = Place::new("taken");
    let store = filled(&place.0, How::default(), 20);
    fs::write(place.path("copy.db"), "mine").unwrap();
    let back_up = |name: &str, go_on: bool| {
        let made = store.back_up(&place.path(name), &mut || go_on);
        made.map_err(|error| error.code)
    };
    assert_eq!(back_up("copy.db", true), Err(Exit::CannotCreate));
    assert_eq!(fs::read(place.path("copy.db")).unwrap(), b"mine");
    assert_eq!(back_up("no/such/dir", true), Err(Exit::CannotCreate));
    let store_files = place.files().len();
    let large = filled(&Place::new("given-up").0, How::default(), 40_000);
    let given_up = large.back_up(&place.path("other.db"), &mut || false);
    assert_eq!(given_up.unwrap_err().code, Exit::Unavailable);
    assert_eq!(place.files().len(), store_files);
}

/// So it is under systemd, which links /var/lib/privmsgd to where the service's own user has it.
#[test]
fn a_copy_goes_where_a_link_leads() {
    let place = Place::new("linked");
    let store = filled(&place.0, How::default(), 20);
    symlink(&place.0, place.path("link")).unwrap();
    let made = store.back_up(&place.path("link/copy.db"), &mut || true);
    assert_eq!(made.map_err(|error| error.code).map(|_| ()), Ok(()));
    drop(store);
    let other = Place::new("unlinked");
    assert_eq!(restored(&place, &other, false).unwrap().messages, 20);
    fs::remove_file(place.path("link")).unwrap();
}

/// design §4.5 9: a new epoch; every numbering skips 2^32, and the hole is one line.
#[test]
fn a_restored_store_has_another_epoch_and_states_what_is_lost() {
    let place = Place::new("original");
    let store = filled(&place.0, How::default(), 5);
    let device = |current| DeviceRow {
        device: "d".into(),
        created_unix_ms: 1,
        seen_unix_ms: 1,
        current,
        previous: current,
        spent: Vec::new(),
    };
    let put = store.batch(|t| t.put_device(BOB, &device(Some([7; 32]))));
    put.unwrap().unwrap();
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    let epoch = store.batch(|t| t.epoch()).unwrap();
    let other = Place::new("again");
    let told = restored(&place, &other, false).unwrap();
    assert_ne!(told.epoch, epoch);
    let again = patiently(|| Store::open(&other.0)).unwrap();
    let looked = again.batch(|t| {
        assert_eq!(t.epoch(), told.epoch);
        assert_eq!(t.mailbox(BOB)?.head, 5 + SKIPPED);
        // A token that was spent since the backup would be good again.
        assert_eq!(t.device(BOB, "d")?, Some(device(None)));
        let conversation = t.conversation(ALICE, BOB)?.unwrap();
        assert_eq!(conversation.last_seq, 5 + SKIPPED);
        let rows = t.messages_after(conversation.id, 0, 100)?;
        let last = rows.last().unwrap();
        assert_eq!(
            (last.state, last.seq, last.to_seq),
            (MessageState::Lost, 6, Some(5 + SKIPPED))
        );
        send(t, 6)?;
        let rows = t.messages_after(conversation.id, last.seq, 100)?;
        assert_eq!(rows[0].seq, 6 + SKIPPED);
        Ok::<_, privmsgd::store::Failed>(rows.len())
    });
    assert_eq!(looked.unwrap().unwrap(), 1);
    let (texts, holes) = served(&again).unwrap();
    assert_eq!((texts, holes), ((1..=6).map(text).collect(), 1));
    drop(again);
    assert_eq!(check(&other.0).1, []);
}

#[test]
fn a_store_that_is_there_is_replaced_only_if_asked_and_kept() {
    let place = Place::new("first");
    let store = filled(&place.0, How::default(), 5);
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    assert_eq!(
        restored(&place, &place, true).unwrap_err(),
        Exit::Unavailable,
        "in use"
    );
    let other = Place::new("second");
    drop(filled(&other.0, How::default(), 9));
    let before = other.files();
    assert_eq!(
        restored(&place, &other, false).unwrap_err(),
        Exit::CannotCreate
    );
    assert!(other.files() == before);
    let told = restored(&place, &other, true).unwrap();
    let aside = told.moved_aside.expect("the former store");
    assert_eq!(fs::read(&aside).unwrap(), before[0].1);
    let store = patiently(|| Store::open(&other.0)).unwrap();
    assert_eq!(served(&store).unwrap().0.len(), 5);
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let place = Place::new("bad");
    let store = filled(&place.0, How::default(), 200);
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    let good = fs::read(place.path("copy.db")).unwrap();
    let other = Place::new("target");
    let mut broken = good.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 4_096].fill(0x5a);
    for (bytes, code) in [
        (&broken[..], Exit::Data),
        (&good[..good.len() / 2], Exit::Data),
        (b"", Exit::Data),
        (b"hello", Exit::Data),
    ] {
        fs::write(place.path("copy.db"), bytes).unwrap();
        let asked = Restore {
            from: place.path("copy.db"),
            to: other.0.clone(),
            replace: false,
        };
        let refused = restore(&asked, How::default(), T, &mut |_| {}).unwrap_err();
        assert_eq!(refused.code, code, "{refused}");
        assert!(refused.to_string().contains("copy.db"), "{refused}");
        assert!(other.files().is_empty());
    }
    fs::remove_file(place.path("copy.db")).unwrap();
    assert_eq!(restored(&place, &other, false).unwrap_err(), Exit::NoInput);
    drop(store);
}

/// Between setting the old store aside and naming the new one there is none: a daemon that starts then makes none.
#[test]
fn a_restore_that_was_not_finished_is_no_empty_store() {
    let place = Place::new("half");
    fs::write(place.path("privmsgd.db.restored"), "half").unwrap();
    let refused = patiently(|| Store::open(&place.0)).err().expect("refused");
    assert_eq!(refused.code, Exit::Data);
    assert!(
        refused.to_string().contains("privmsgd restore"),
        "{refused}"
    );
}
