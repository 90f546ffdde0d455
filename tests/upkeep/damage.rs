//! A5 and A6: one flipped bit anywhere in a store, and a store that was cut anywhere. Every case with the feature
//! `long-tests`, else those at a distance that is prime to the sizes in the file.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use privmsgd::ops::exit::Exit;
use privmsgd::store::{Failed, How, LogRow, MessageRow, MessageState, Store, Why};

use crate::house::{ALICE, BOB, Place, check, filled, send};
use crate::replay::patiently;

/// In bits of the file, and in bytes of the log.
const FLIPS_APART: usize = if cfg!(feature = "long-tests") { 1 } else { 127 };
const CUTS_APART: usize = if cfg!(feature = "long-tests") { 1 } else { 127 };
const PAGE: usize = 4_096;
/// A page in the log, and what is before the first.
const FRAME: usize = PAGE + 24;
const LOG_HEADER: usize = 32;

/// What two people could be shown: each row of the conversation, and each that Bob's log names.
fn seen(store: &Store) -> Result<(Vec<MessageRow>, Vec<MessageRow>), Failed> {
    store.batch(|t| {
        let Some(conversation) = t.conversation(ALICE, BOB)? else {
            return Ok((Vec::new(), Vec::new()));
        };
        let rows = t.messages_after(conversation.id, 0, 10_000)?;
        let mut entries: Vec<LogRow> = Vec::new();
        t.log_after(BOB, 0, "", |row| {
            entries.push(row);
            Ok(true)
        })?;
        let named = entries.iter().filter_map(|entry| {
            let (id, seq) = (entry.message?, entry.seq?);
            Some(t.message(id, conversation.id, seq))
        });
        Ok((rows, named.collect::<Result<_, _>>()?))
    })?
}

/// A directory in memory, where opening costs no disk.
fn in_memory(name: &str) -> Place {
    let shm = Path::new("/dev/shm");
    let mut place = Place::new(name);
    if shm.is_dir() {
        let dir = shm.join(place.0.file_name().unwrap());
        let _ = fs::remove_dir_all(&dir);
        if fs::create_dir(&dir).is_ok() {
            place = Place::at(dir);
        }
    }
    place
}

#[derive(Default, Debug)]
struct Outcomes {
    refused: usize,
    failed: usize,
    told: usize,
    /// A log names less than there is: the operator's check finds it, and the daemon once all of the log was taken.
    listed: usize,
    harmless: usize,
}

#[test]
fn a5_one_flipped_bit_is_detected_or_harmless() {
    let place = in_memory("flipped");
    let store = filled(&place.0, How::default(), 25);
    let (rows, named) = seen(&store).unwrap();
    assert_eq!((rows.len(), named.len()), (25, 25));
    drop(store);
    let good = fs::read(place.database()).unwrap();
    assert!(
        (56 * 1024..160 * 1024).contains(&good.len()),
        "{}",
        good.len()
    );
    let (mut outcomes, mut wrong) = (Outcomes::default(), Vec::new());
    for bit in (0..good.len() * 8).step_by(FLIPS_APART) {
        restore(&place, &good, None);
        let byte = good[bit / 8] ^ 1 << (bit % 8);
        write_at(&place.database(), byte, bit / 8);
        let store = match patiently(|| Store::open(&place.0)) {
            Ok(store) => store,
            Err(refused) => {
                let codes = [Exit::Data, Exit::Config];
                assert!(codes.contains(&refused.code), "bit {bit}: {refused}");
                outcomes.refused += 1;
                continue;
            }
        };
        match seen(&store) {
            Err(failed) => {
                assert!(
                    matches!(failed.why, Why::Damaged | Why::Row | Why::Other),
                    "bit {bit}: {failed}"
                );
                outcomes.failed += 1;
            }
            Ok((now, now_named)) => match (told(&rows, &now), told(&named, &now_named)) {
                (Ok(0), Ok(0)) => outcomes.harmless += 1,
                (Ok(_), Ok(_)) => outcomes.told += 1,
                (Ok(_), Err(gone)) if now_named.len() != named.len() => {
                    drop(store);
                    match check(&place.0).1.is_empty() {
                        true => wrong.push(format!("bit {bit}: {gone}, and nothing is found")),
                        false => outcomes.listed += 1,
                    }
                }
                found => wrong.push(format!("bit {bit}: {found:?}")),
            },
        }
    }
    println!("{} bytes: {outcomes:?}", good.len());
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(outcomes.refused > 0 && outcomes.told > 0 && outcomes.harmless > 0);
}

/// How many are told to be damaged; all others are as they were, in their places, and all are there.
fn told(before: &[MessageRow], now: &[MessageRow]) -> Result<usize, String> {
    if before.len() != now.len() {
        return Err(format!("{} of {} rows", now.len(), before.len()));
    }
    let mut damaged = 0;
    for (before, now) in before.iter().zip(now) {
        match now.state {
            MessageState::Damaged if now.body.is_empty() => damaged += 1,
            _ if now == before => {}
            _ => return Err(format!("{now:?} where {before:?} was")),
        }
    }
    Ok(damaged)
}

/// All commits before the cut are there, whole, and nothing else.
#[test]
fn a6_a_log_cut_anywhere_keeps_every_commit_before_the_cut() {
    let place = in_memory("cut-log");
    let store = filled(&place.0, How::default(), 1);
    store.forget_the_past().unwrap();
    let log = place.path("privmsgd.db-wal");
    let length = || fs::metadata(&log).unwrap().len() as usize;
    let mut ends = vec![0];
    let mut number = 1;
    while length() < 64 * 1024 {
        number += 1;
        store.batch(|t| send(t, number)).unwrap().unwrap();
        ends.push(length());
    }
    let (file, logged) = (fs::read(place.database()).unwrap(), fs::read(&log).unwrap());
    drop(store);
    let near_frames = (0..logged.len().div_ceil(FRAME))
        .map(|frame| LOG_HEADER + frame * FRAME)
        .flat_map(|end| [end - 1, end, end + 1]);
    let mut cuts: Vec<usize> = (0..logged.len())
        .step_by(CUTS_APART)
        .chain(near_frames)
        .collect();
    cuts.retain(|cut| *cut <= logged.len());
    for cut in cuts {
        restore(&place, &file, Some(&logged[..cut]));
        let store = patiently(|| Store::open(&place.0))
            .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let (rows, named) = seen(&store).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let there = |row: &MessageRow| row.state == MessageState::There;
        assert!(rows.iter().chain(&named).all(there), "cut at {cut}");
        assert_eq!((rows.len(), named.len()), (whole, whole), "cut at {cut}");
    }
    assert!(ends.len() > 3);
}

#[test]
fn a6_a_database_cut_at_any_page_is_refused_with_the_way_out() {
    let place = in_memory("cut-file");
    drop(filled(&place.0, How::default(), 25));
    let good = fs::read(place.database()).unwrap();
    for log in [None, Some(&b"not a log"[..])] {
        for pages in 0..good.len() / PAGE {
            for length in [pages * PAGE, pages * PAGE + 1] {
                restore(&place, &good[..length], log);
                let refused = patiently(|| Store::open(&place.0)).err().expect("refused");
                assert_eq!(refused.code, Exit::Data, "{length} bytes: {refused}");
                let text = refused.to_string();
                assert!(
                    text.contains("privmsgd restore") && text.lines().count() <= 2,
                    "{text}"
                );
            }
        }
    }
}

fn restore(place: &Place, file: &[u8], log: Option<&[u8]>) {
    let path = |end: &str| -> PathBuf { place.path(&format!("privmsgd.db{end}")) };
    fs::write(path(""), file).unwrap();
    for end in ["-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(path(end));
    }
    if let Some(log) = log {
        fs::write(path("-wal"), log).unwrap();
    }
}

fn write_at(path: &Path, byte: u8, at: usize) {
    let file: File = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[byte], at as u64).unwrap();
}
