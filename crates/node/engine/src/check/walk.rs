//! The checksums that the storage library keeps, verified file by file without opening anything
//! through it, since it repairs what it opens.
//!
//! Every file begins with a header of 4,096 bytes: magic `CWIK`, versions, CRC-32C, zeros. Behind
//! it lies one of three forms, told by the names of folder and file:
//!
//! - *Pages*, each with two checksums of its first bytes (a rewritten page keeps the one of what
//!   was durable before). All are full but the last.
//! - *Copies* `left` and `right` of a few named numbers, each with a checksum at its end, written
//!   in turn: one of them may be torn.
//! - *Values* one after another, each with a checksum at its end, found by the records of the
//!   folder beside it, which lies in pages.
//!
//! A crash tears at most the last pages or values of a file. So what does not verify is *torn*
//! when nothing behind it verifies either, and damage otherwise; a last page of which only the older
//! checksum holds is torn as well. Not covered, and without meaning:
//! in a last page what lies behind the bytes counted, and the checksum that no longer counts; in
//! values what no record names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use commonware_cryptography::Crc32;

use super::{Finding, Report};
use crate::{node, state};

const HEADER_BYTES: u64 = 4_096;
const HEADER_CRC: usize = 8;
const MAGIC: &[u8; 4] = b"CWIK";
const CHECKSUMS_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// A record of an archive: height or view (8), digest (32), offset (8), size (4).
const RECORD_BYTES: usize = 52;
/// `left` and `right` in hexadecimal, as the library names files.
const COPIES: [&str; 2] = ["6c656674", "7269676874"];
const CODE: &str = "engine-file-damaged";
/// What may be written and not yet be on the disk when a node crashes: twice its write buffer.
const TORN_BYTES_MAX: u64 = 2 << 20;

/// Checks every file. What no form fits is damaged.
pub(super) fn check(folder: &Path, files: &[PathBuf], report: &mut Report) -> io::Result<()> {
    let mut copies: BTreeMap<&Path, Vec<bool>> = BTreeMap::new();
    let known: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    for name in files {
        let mut blob = Blob { folder, name, report: &mut *report };
        let Some(mut file) = blob.open()? else { continue };
        let partition = name.parent().unwrap_or(Path::new(""));
        if is_copy(name) {
            copies.entry(partition).or_default().push(blob.copy(&mut file)?);
            continue;
        }
        match partition_of(name) {
            Form::Pages(bytes) => {
                blob.pages(&mut file, bytes, &mut |_| {})?;
            }
            // Walked with the records that name them.
            Form::Values => {}
            Form::Records(values) => {
                let mut records = Vec::new();
                let page = usize::from(node::PAGE_BYTES.get());
                blob.pages(&mut file, page, &mut |bytes| records.extend_from_slice(bytes))?;
                let values = values.join(name.file_name().unwrap_or_default());
                blob.values(&records, &values, known.contains(values.as_path()))?;
            }
        }
    }
    for (partition, whole) in copies {
        if !whole.contains(&true) {
            report.found(Finding::new(CODE, partition, "both copies are damaged"));
        } else if whole.contains(&false) {
            report.torn.push(Finding::new("engine-torn", partition, "one of two copies"));
        }
    }
    Ok(())
}

/// Whether a file is one of two copies.
fn is_copy(name: &Path) -> bool {
    COPIES.iter().any(|copy| name.file_name() == Some(OsStr::new(copy)))
}

/// The file with the values that the records in a file name, if it holds records.
pub(super) fn values_of(name: &Path) -> Option<PathBuf> {
    match partition_of(name) {
        Form::Records(values) => Some(values.join(name.file_name().unwrap_or_default())),
        Form::Pages(_) | Form::Values => None,
    }
}

/// The keys and values of the newer whole copy in a folder of two copies, if there is one.
pub(super) fn newer_copy(partition: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut newest: Option<(u64, Vec<u8>)> = None;
    for name in COPIES {
        let mut file = match File::open(partition.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(HEADER_BYTES))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if !checksum_at_end(&bytes) {
            continue;
        }
        bytes.truncate(bytes.len().saturating_sub(CRC_BYTES));
        let Some((version, held)) = bytes.split_first_chunk() else { continue };
        let version = u64::from_be_bytes(*version);
        if newest.as_ref().is_none_or(|(newest, _)| *newest < version) {
            newest = Some((version, held.to_vec()));
        }
    }
    Ok(newest.map(|(_, held)| held))
}

/// What lies behind a file's header.
enum Form {
    /// Pages with so many bytes of content.
    Pages(usize),
    /// Records in pages, which name values in the partition beside.
    Records(PathBuf),
    Values,
}

fn partition_of(name: &Path) -> Form {
    let partition = name.parent().and_then(Path::to_str).unwrap_or_default();
    if let Some(archive) = partition.strip_suffix("-key") {
        Form::Records(PathBuf::from(format!("{archive}-value")))
    } else if partition.ends_with("-value") {
        Form::Values
    } else if partition.starts_with("state-") {
        Form::Pages(usize::from(state::PAGE_BYTES.get()))
    } else {
        Form::Pages(usize::from(node::PAGE_BYTES.get()))
    }
}

/// One file under the check.
struct Blob<'a> {
    folder: &'a Path,
    name: &'a Path,
    report: &'a mut Report,
}

impl Blob<'_> {
    fn damaged(&mut self, detail: impl Into<String>) {
        self.report.found(Finding::new(CODE, self.name, detail));
    }

    fn torn(&mut self, detail: impl Into<String>) {
        self.report.torn.push(Finding::new("engine-torn", self.name, detail));
    }

    /// Opens the file behind its header; `None` when the header is not whole.
    fn open(&mut self) -> io::Result<Option<File>> {
        let mut file = File::open(self.folder.join(self.name))?;
        let mut header = Vec::new();
        (&mut file).take(HEADER_BYTES).read_to_end(&mut header)?;
        if header_is_whole(&header) {
            return Ok(Some(file));
        }
        let rest = file.metadata()?.len().saturating_sub(HEADER_BYTES);
        if rest == 0 && was_being_made(&header) {
            self.torn("the file was being made");
        } else {
            self.damaged("its header");
        }
        Ok(None)
    }

    /// Checks pages and hands out what each holds.
    fn pages(
        &mut self,
        file: &mut File,
        content: usize,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut page = Vec::new();
        let bytes = u64::try_from(content.saturating_add(CHECKSUMS_BYTES)).unwrap_or(u64::MAX);
        let (mut bad, mut ended, mut fallen_back) = (None, false, None);
        for number in 0_u64.. {
            page.clear();
            file.take(bytes).read_to_end(&mut page)?;
            if page.is_empty() {
                break;
            }
            let Some((held, newest)) = page_content(&page, content) else {
                bad.get_or_insert(number);
                continue;
            };
            fallen_back = (!newest).then_some(number);
            // A page behind one that is not full, or not whole, was written after it.
            if let Some(bad) = bad {
                self.damaged(format!("page {bad}"));
                return Ok(());
            }
            if ended {
                self.damaged(format!("page {number} follows one that is not full"));
                return Ok(());
            }
            ended = held.len() < content;
            each(held);
        }
        if let Some(page) = fallen_back {
            self.torn(format!("page {page} as it was last written"));
        }
        let Some(bad) = bad else { return Ok(()) };
        let good = HEADER_BYTES.saturating_add(bad.saturating_mul(bytes));
        if file.metadata()?.len().saturating_sub(good) > TORN_BYTES_MAX {
            self.damaged(format!("page {bad} and all that follow"));
        } else {
            self.torn(format!("from page {bad} on"));
        }
        Ok(())
    }

    /// Checks one of two copies: whether it is whole, which it is when nothing was written to it.
    fn copy(&self, file: &mut File) -> io::Result<bool> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes.is_empty() || checksum_at_end(&bytes))
    }

    /// Checks the values that records name.
    fn values(&mut self, records: &[u8], values: &Path, held: bool) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if !held {
            self.damaged("what its records name is missing");
            return Ok(());
        }
        let mut file = File::open(self.folder.join(values))?;
        let mut bad = None;
        let mut value = Vec::new();
        for (number, record) in records.chunks_exact(RECORD_BYTES).enumerate() {
            let Some((offset, size)) = place(record) else { continue };
            file.seek(SeekFrom::Start(HEADER_BYTES.saturating_add(offset)))?;
            value.clear();
            (&mut file).take(size).read_to_end(&mut value)?;
            let whole = u64::try_from(value.len()) == Ok(size) && checksum_at_end(&value);
            match (whole, bad) {
                (false, _) => bad = bad.or(Some(number)),
                (true, Some(bad)) => {
                    self.report.found(Finding::new(CODE, values, format!("value {bad}")));
                    return Ok(());
                }
                (true, None) => {}
            }
        }
        if let Some(bad) = bad {
            let detail = format!("from value {bad} on");
            self.report.torn.push(Finding::new("engine-torn", values, detail));
        }
        Ok(())
    }
}

fn header_is_whole(header: &[u8]) -> bool {
    let (Some(prelude), Some(crc)) = (header.get(..HEADER_CRC), number32(header, HEADER_CRC))
    else {
        return false;
    };
    let padding = header.get(HEADER_CRC.saturating_add(CRC_BYTES)..).unwrap_or_default();
    u64::try_from(header.len()) == Ok(HEADER_BYTES)
        && prelude.starts_with(MAGIC)
        && Crc32::checksum(prelude) == crc
        && padding.iter().all(|byte| *byte == 0)
}

/// Whether a header is one whose writing was cut short: some of its first bytes, then zeros.
fn was_being_made(header: &[u8]) -> bool {
    let written =
        header.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let begun = written.min(MAGIC.len());
    written < HEADER_CRC.saturating_add(CRC_BYTES) && header.get(..begun) == MAGIC.get(..begun)
}

/// The content of a page, by the longer of its checksums that holds, and whether that is what was
/// written last: a longer one that does not hold tells of a later writing.
fn page_content(page: &[u8], content: usize) -> Option<(&[u8], bool)> {
    let (bytes, checksums) = page.split_at_checked(content)?;
    if checksums.len() != CHECKSUMS_BYTES {
        return None;
    }
    let slot = |at: usize| {
        let len = number16(checksums, at).unwrap_or_default();
        let crc = number32(checksums, at.saturating_add(2));
        let held = bytes.get(..len).filter(|held| crc == Some(Crc32::checksum(held)));
        (len, held.filter(|held| !held.is_empty()))
    };
    let mut slots = [slot(0), slot(6)];
    slots.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
    let [(_, longer), (_, shorter)] = slots;
    longer.map(|held| (held, true)).or_else(|| shorter.map(|held| (held, false)))
}

fn checksum_at_end(bytes: &[u8]) -> bool {
    let Some(at) = bytes.len().checked_sub(CRC_BYTES) else { return false };
    let covered = bytes.get(..at).unwrap_or_default();
    number32(bytes, at) == Some(Crc32::checksum(covered))
}

/// Offset and size of the value that a record names.
fn place(record: &[u8]) -> Option<(u64, u64)> {
    let offset = record.get(40..48)?.try_into().ok().map(u64::from_be_bytes)?;
    Some((offset, u64::from(number32(record, 48)?)))
}

fn number16(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..)?.get(..2)?;
    two.try_into().ok().map(u16::from_be_bytes).map(usize::from)
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.get(..CRC_BYTES)?.try_into().ok().map(u32::from_be_bytes)
}
