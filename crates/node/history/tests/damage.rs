//! A flipped byte or a shortened file anywhere in a stopped node's history is refused when the
//! history is opened, found by `fsck`, or without effect: it never changes an answer.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chaincity_history::{DiskOptions, DiskStore, FsckOptions, HistoryStore, StoredBlock, fsck};
use common::{Bodies, blocks, read_all};

const OPTIONS: DiskOptions = DiskOptions { cache_bytes: 1 << 20 };

/// What became of a damaged history.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Refused,
    Found,
    Unharmed,
    /// The one that must not be: answers that differ from what was written, and no error.
    Served(String),
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        // Journals are created with room for 64 MiB; copying the written part keeps this quick,
        // and leaves what a crash leaves: zeros are not read.
        let bytes = fs::read(&file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let journal = file.extension().is_some_and(|ext| ext == "jnl");
        fs::write(target, if journal { &bytes[..used] } else { &bytes[..] }).unwrap();
    }
    // Empty directories count too.
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::create_dir_all(to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn judge(dir: &Path, chain: &[(StoredBlock, Bodies)], expected: &[String]) -> Outcome {
    let Ok(store) = DiskStore::open(dir, &OPTIONS) else { return Outcome::Refused };
    let clean = fsck(&store, &FsckOptions::default()).is_clean();
    let answers = read_all(&store, chain);
    for (got, expected) in answers.iter().zip(expected) {
        // An error is an honest answer; anything else must be what was written, unless the
        // check finds that something is missing.
        if got != expected && !got.contains("Err(") && clean {
            return Outcome::Served(format!("`{got}` instead of `{expected}`"));
        }
    }
    match (clean, answers == expected) {
        (true, true) => Outcome::Unharmed,
        (true, false) => Outcome::Served("an error that the check does not find".into()),
        (false, _) => Outcome::Found,
    }
}

struct Sample {
    dir: tempfile::TempDir,
    chain: Vec<(StoredBlock, Bodies)>,
    answers: Vec<String>,
}

/// A history that was written, closed, opened again and closed, so that part of it lies in sorted
/// tables and part in the journal.
fn sample() -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(30, 200);
    let mut answers = vec![];
    for half in [0..20, 20..30] {
        let store = DiskStore::open(dir.path(), &OPTIONS).unwrap();
        for (block, bodies) in &chain[half.clone()] {
            store.append(block, bodies).unwrap();
            store.put_certificate(block.block.header.height, b"certificate").unwrap();
        }
        store.put_meta("trust", b"bundle").unwrap();
        if half.start == 0 {
            store.flush().unwrap();
        }
        answers = read_all(&store, &chain);
    }
    Sample { dir, chain, answers }
}

fn harm(sample: &Sample, name: &Path, damage: &dyn Fn(&Path)) -> Outcome {
    let copied = tempfile::tempdir().unwrap();
    copy(sample.dir.path(), copied.path());
    damage(&copied.path().join(name));
    judge(copied.path(), &sample.chain, &sample.answers)
}

#[test]
fn a_flipped_byte_is_refused_found_or_without_effect() {
    let sample = sample();
    let base = tempfile::tempdir().unwrap();
    copy(sample.dir.path(), base.path());
    assert_eq!(judge(base.path(), &sample.chain, &sample.answers), Outcome::Unharmed);
    let mut count = [0_usize; 3];
    let trimmed = tempfile::tempdir().unwrap();
    copy(sample.dir.path(), trimmed.path());
    for file in files(trimmed.path()) {
        let name = file.strip_prefix(trimmed.path()).unwrap().to_owned();
        let len = fs::metadata(&file).unwrap().len();
        let step = (len / 12).max(1) as usize;
        for at in (0..len).step_by(step).chain(len.checked_sub(1)) {
            let outcome = harm(&sample, &name, &|path| {
                let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ 0x41], at).unwrap();
            });
            match outcome {
                Outcome::Refused => count[0] += 1,
                Outcome::Found => count[1] += 1,
                Outcome::Unharmed => count[2] += 1,
                Outcome::Served(what) => panic!("{} at {at} of {len}: {what}", name.display()),
            }
        }
    }
    println!("refused {}, found {}, without effect {}", count[0], count[1], count[2]);
    assert!(count[0] > 0, "some damage must have been refused: {count:?}");
}

#[test]
fn a_shortened_or_missing_file_is_refused_found_or_without_effect() {
    let sample = sample();
    let trimmed = tempfile::tempdir().unwrap();
    copy(sample.dir.path(), trimmed.path());
    for file in files(trimmed.path()) {
        let name = file.strip_prefix(trimmed.path()).unwrap().to_owned();
        let len = fs::metadata(&file).unwrap().len();
        for left in [0, len / 3, len / 2, len.saturating_sub(1)] {
            let outcome = harm(&sample, &name, &|path| {
                OpenOptions::new().write(true).open(path).unwrap().set_len(left).unwrap();
            });
            if let Outcome::Served(what) = outcome {
                panic!("{} cut to {left} of {len}: {what}", name.display());
            }
        }
        if let Outcome::Served(what) = harm(&sample, &name, &|path| fs::remove_file(path).unwrap())
        {
            panic!("{} removed: {what}", name.display());
        }
    }
}

/// The newest journal: the one that is written to.
fn journal(dir: &Path) -> PathBuf {
    let journals =
        files(dir).into_iter().filter(|file| file.extension().is_some_and(|e| e == "jnl"));
    journals
        .max_by_key(|file| file.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap())
        .unwrap()
}

#[test]
fn a_history_that_was_not_closed_holds_all_that_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(20, 200);
    let store = DiskStore::open(dir.path(), &OPTIONS).unwrap();
    for (block, bodies) in &chain {
        store.append(block, bodies).unwrap();
    }
    let answers = read_all(&store, &chain);
    // As a process that is killed leaves it: the store is still open, nothing was said to it.
    let killed = tempfile::tempdir().unwrap();
    copy(dir.path(), killed.path());
    assert_eq!(judge(killed.path(), &chain, &answers), Outcome::Unharmed);
    drop(store);
}

#[test]
fn a_batch_torn_by_a_power_cut_is_dropped_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(20, 200);
    let store = DiskStore::open(dir.path(), &OPTIONS).unwrap();
    for (block, bodies) in &chain[..19] {
        store.append(block, bodies).unwrap();
    }
    let answers = read_all(&store, &chain);
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), before.path());
    let whole = fs::metadata(journal(before.path())).unwrap().len();
    store.append(&chain[19].0, &chain[19].1).unwrap();
    let after = tempfile::tempdir().unwrap();
    copy(dir.path(), after.path());
    let grown = fs::metadata(journal(after.path())).unwrap().len();
    assert!(grown > whole);
    for part in 1..20 {
        // The mark of before: the batch was never said to be on the disk.
        let torn = tempfile::tempdir().unwrap();
        copy(after.path(), torn.path());
        fs::copy(before.path().join("mark"), torn.path().join("mark")).unwrap();
        let cut = whole + (grown - whole) * part / 20;
        OpenOptions::new().write(true).open(journal(torn.path())).unwrap().set_len(cut).unwrap();
        assert_eq!(judge(torn.path(), &chain, &answers), Outcome::Unharmed, "cut at {cut}");
        // With the mark of after, it was: then it must not be missing.
        let lost = tempfile::tempdir().unwrap();
        copy(after.path(), lost.path());
        OpenOptions::new().write(true).open(journal(lost.path())).unwrap().set_len(cut).unwrap();
        assert_eq!(judge(lost.path(), &chain, &answers), Outcome::Refused, "cut at {cut}");
    }
}
