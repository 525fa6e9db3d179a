//! The files that the offices keep and exchange: read within bounds, never written over.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chaincity_sector::SectorError;
use zeroize::Zeroizing;

use crate::fault::Fault;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Readers {
    /// Its owner alone.
    Owner,
    /// Whom the system lets: what is in it, others may see.
    Others,
}

/// A file's bytes, at most `max`.
pub(super) fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(path).map_err(Fault::io(path))?;
    file.take(limit).read_to_end(&mut bytes).map_err(Fault::io(path))?;
    if bytes.len() > max {
        return Err(refused(path, &SectorError::Malformed("a file of this kind")));
    }
    Ok(bytes)
}

/// What a file holds, read by `parse`.
pub(super) fn parsed<T>(
    path: &Path,
    max: usize,
    parse: impl FnOnce(&[u8]) -> Result<T, SectorError>,
) -> Result<T, Fault> {
    parse(&read(path, max)?).map_err(|error| refused(path, &error))
}

/// Refuses files that are there already, before anything is counted or written: of two files, none
/// is then left alone.
pub(super) fn check_new(paths: &[&Path]) -> Result<(), Fault> {
    paths.iter().try_for_each(|path| {
        if path.exists() {
            return Err(Fault::io(path)(std::io::ErrorKind::AlreadyExists.into()));
        }
        Ok(())
    })
}

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Fault> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Others => 0o644,
    };
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Fault::io(path))
}

/// A file that is not what it should be, or does not fit the others.
pub(super) fn refused(path: &Path, error: &SectorError) -> Fault {
    Fault::Refused {
        code: error.code(),
        zh: format!("`{}`：{}", path.display(), error.zh()),
        en: format!("`{}`: {error}", path.display()),
        detail: None,
    }
}

/// A refusal that no one file is to blame for.
pub(crate) fn not_done(error: SectorError) -> Fault {
    Fault::Refused { code: error.code(), zh: error.zh(), en: error.to_string(), detail: None }
}
