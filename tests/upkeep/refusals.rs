//! What the file system says no to: each refusal names its place, and says what the operator can do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use privmsgd::config::MailboxConfig;
use privmsgd::ops::exit::{Exit, StartError};
use privmsgd::store::{How, restore};
use privmsgd::upkeep::{Restore, Told, Upkeep};

use crate::bare::bare;
use crate::house::{Place, T, filled};
use crate::ops::copy_binary;

const NOBODY: u32 = 65_534;

/// A directory that everybody may walk through, with a copy of the program, and a store of somebody who may do nothing else.
fn place_of_nobody() -> Place {
    let place = Place::new("nobody");
    fs::set_permissions(&place.0, Permissions::from_mode(0o755)).unwrap();
    copy_binary(&place.path("privmsgd"));
    for (name, mode) in [("theirs", 0o755), ("ours", 0o700)] {
        fs::create_dir(place.path(name)).unwrap();
        fs::set_permissions(place.path(name), Permissions::from_mode(mode)).unwrap();
    }
    let ours = place.path("ours/store");
    fs::create_dir(&ours).unwrap();
    drop(filled(&ours, How::default(), 5));
    give(&place.path("ours"));
    give(&ours);
    fs::read_dir(&ours)
        .unwrap()
        .for_each(|entry| give(&entry.unwrap().path()));
    place
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

/// Exit code and standard error of a command without any privilege. `line`: `DIR` stands for the place.
fn as_nobody(place: &Place, line: &str) -> (i32, String) {
    let line = line.replace("DIR", &place.0.display().to_string());
    let output = bare(&mut Command::new("setpriv"))
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--bounding-set=-all", "timeout", "30"])
        .arg(place.path("privmsgd"))
        .args(line.split_whitespace())
        .current_dir("/")
        .output()
        .expect("setpriv runs");
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap_or(-1), err)
}

#[test]
fn what_this_user_may_not_do_is_said_with_the_place_and_the_fix() {
    let place = place_of_nobody();
    let (code, err) = as_nobody(&place, "backup --to DIR/ours/copy.db --data DIR/ours/store");
    assert_eq!(code, 0, "{err}");
    fs::write(place.path("ours/half.db.unfinished"), "").unwrap();
    fs::create_dir(place.path("root")).unwrap();
    drop(filled(&place.path("root"), How::default(), 1));
    fs::write(place.path("ours/root.db"), "x").unwrap();
    fs::set_permissions(place.path("ours/root.db"), Permissions::from_mode(0o600)).unwrap();
    for (line, code, place_, fix) in [
        (
            "backup --to DIR/theirs/copy.db --data DIR/ours/store",
            77,
            "theirs/copy.db",
            "write",
        ),
        (
            "backup --to DIR/ours/half.db --data DIR/ours/store",
            73,
            "half.db.unfinished",
            "rm ",
        ),
        (
            "backup --to DIR/ours/no/copy.db --data DIR/ours/store",
            73,
            "no/copy.db",
            "mkdir -p ",
        ),
        ("stats --data DIR/root", 77, "root", "as user 0"),
        (
            "check-store --data DIR/root",
            77,
            "root",
            "let this user read it",
        ),
        (
            "restore --from DIR/ours/copy.db --data DIR/theirs/new",
            77,
            "theirs",
            "let this user write",
        ),
        (
            "restore --from DIR/ours/root.db --data DIR/ours/new",
            77,
            "root.db",
            "let this user read it",
        ),
        (
            "account add Carol --no-credential --data DIR/theirs/new",
            77,
            "theirs",
            "let this user write",
        ),
    ] {
        let (found, err) = as_nobody(&place, line);
        assert_eq!(found, code, "{line}: {err}");
        assert!(err.contains(place_) && err.contains(fix), "{line}: {err}");
    }
}

fn not_restored(place: &Place, from: &str) -> StartError {
    let asked = Restore {
        from: place.path(from),
        to: place.path("new"),
        replace: false,
    };
    restore(&asked, How::default(), T, &mut |finding| {
        panic!("{finding:?}")
    })
    .unwrap_err()
}

#[test]
fn what_is_brought_back_is_a_copy_and_no_store_in_use() {
    let place = Place::new("in-use");
    let store = filled(&place.0, How::default(), 5);
    let error = not_restored(&place, "privmsgd.db");
    assert_eq!(error.code, Exit::Data, "{error}");
    assert!(error.fix.contains("privmsgd backup"), "{error}");
    drop(store);
    fs::create_dir(place.path("folder")).unwrap();
    let error = not_restored(&place, "folder");
    assert_eq!(error.code, Exit::NoInput, "{error}");
    assert!(error.fix.contains("privmsgd backup"), "{error}");
    assert!(!place.path("new/privmsgd.db").exists());
}

/// Something of the operator's stands where the new store is to be written.
#[test]
fn what_stands_in_the_way_of_a_restore_is_named() {
    let place = Place::new("in-the-way");
    let store = filled(&place.0, How::default(), 1);
    store.back_up(&place.path("copy.db"), &mut || true).unwrap();
    let obstacle = place.path("new/privmsgd.db.restored");
    fs::create_dir_all(&obstacle).unwrap();
    fs::set_permissions(place.path("new"), Permissions::from_mode(0o700)).unwrap();
    let error = not_restored(&place, "copy.db");
    assert_eq!(error.code, Exit::Io, "{error}");
    assert!(
        error.to_string().contains("privmsgd.db.restored"),
        "{error}"
    );
    fs::remove_dir(&obstacle).unwrap();
    fs::write(place.path("file"), "").unwrap();
    let error = store
        .back_up(&place.path("file/copy.db"), &mut || true)
        .unwrap_err();
    assert_eq!(error.code, Exit::Io, "{error}");
}

#[test]
fn a_key_that_is_no_file_is_refused_with_the_way_to_make_one() {
    let place = Place::new("no-key");
    let load = |key: &Path| {
        let config = MailboxConfig {
            key: key.display().to_string(),
            ..MailboxConfig::default()
        };
        How::load(&config).expect_err("no key")
    };
    for path in [place.0.clone(), place.path("none")] {
        let error = load(&path);
        assert_eq!(error.code, Exit::NoInput, "{error}");
        assert!(
            error.fix.contains("openssl") || error.fix.contains("/dev/"),
            "{error}"
        );
    }
    fs::write(place.path("file"), "").unwrap();
    let error = load(&place.path("file/key"));
    assert_eq!(error.code, Exit::NoInput, "{error}");
}

/// A daemon that is told to end gives up what takes long.
#[test]
fn counting_is_given_up_when_the_daemon_ends() {
    let place = Place::new("given-up");
    let store = filled(&place.0, How::default(), 20_001);
    let count = |goes_on| {
        let mut slices = 0;
        let told = store.tell(&Upkeep::Stats, true, &mut || {
            slices += 1;
            goes_on
        });
        (told, slices)
    };
    match count(false) {
        (Told::Failed(error), 1) => assert!(error.to_string().contains("given up"), "{error}"),
        other => panic!("{other:?}"),
    }
    match count(true) {
        (Told::Stats(stats), 1..) => assert_eq!(stats.messages, 20_001),
        other => panic!("{other:?}"),
    }
}
