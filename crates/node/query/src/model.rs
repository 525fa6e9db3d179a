//! The open read model: its file, its connections, and what it has followed.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chaincity_crypto::hash;
use chaincity_history::{Cache, HistoryStore};
use chaincity_package::model::Package;
use chaincity_types::wire::{BODY_BYTES_MAX, LogicalKey, Version};
use chaincity_types::{Digest, Height, Str, cbor};
use minicbor::Decode;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::QueryError;
use crate::content::content;
use crate::schema::{APPLICATION, FIXED, LAYOUT, Table, Tables};

/// How long a connection waits for another one's write.
const BUSY: Duration = Duration::from_secs(10);
/// Pages that the writing connection keeps in memory, in KiB: what a step changes should fit.
const CACHE_KIB: u32 = 32 * 1024;
/// Size of a page, which a row under a random key costs in the log and again in the file: half of
/// SQLite's own choice. Not less, so that an entry of an index fits into its page.
const PAGE_BYTES: u32 = 2_048;
/// Pages in the write-ahead log before they are moved into the file: a page that is changed again
/// meanwhile is moved once.
const WAL_PAGES: u32 = 64_000;
/// Prepared statements kept by a connection: up to five for each register that is written.
const STATEMENTS: usize = 256;
/// Read connections kept open.
const READERS_MAX: usize = 8;
/// Versions that were asked for lately, in number and in bytes of their encodings: whoever works down
/// a list asks for its first page again and again.
const ASKED_MAX: usize = 8_192;
const ASKED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the file says it has followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Lowest block followed.
    pub(crate) low: Height,
    /// Highest block followed.
    pub(crate) height: Height,
    /// Its digest.
    pub(crate) block: Digest,
}

/// The read model of one ledger.
pub struct ReadModel {
    path: PathBuf,
    pub(crate) history: Arc<dyn HistoryStore>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) readers: Mutex<Vec<Connection>>,
    asked: Mutex<Cache<Arc<Version>>>,
    tables: RwLock<Arc<Tables>>,
}

/// The one connection that writes.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    /// Packages that the tables were last made to fit.
    pub(crate) packages: Vec<(Str, u32, Digest)>,
}

impl fmt::Debug for ReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadModel").field("path", &self.path).finish_non_exhaustive()
    }
}

fn prepare(connection: &Connection) -> Result<(), QueryError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(())
}

impl ReadModel {
    /// Opens the read model in the file at `path`, or creates it there, and makes its tables fit
    /// `packages`. The file's structure is for [`check_structure`](Self::check_structure).
    ///
    /// # Errors
    /// [`QueryError::Damaged`] when the file is of another layout or not of this history, or was found
    /// not to be whole: [`rebuild`](crate::rebuild) makes it anew.
    pub fn open(
        path: &Path,
        history: Arc<dyn HistoryStore>,
        packages: &[Arc<Package>],
    ) -> Result<Self, QueryError> {
        let connection = match Self::open_file(path) {
            Err(QueryError::Storage(error)) if is_corrupt(&error) => {
                return Err(QueryError::damaged("the file is not whole"));
            }
            other => other?,
        };
        let model = Self {
            path: path.to_owned(),
            history,
            writer: Mutex::new(Writer { connection, packages: Vec::new() }),
            readers: Mutex::default(),
            asked: Mutex::new(Cache::new(ASKED_MAX, ASKED_BYTES_MAX)),
            tables: RwLock::default(),
        };
        model.check_history()?;
        let mut writer = model.writer.lock().unwrap_or_else(PoisonError::into_inner);
        model.fit(&mut writer, packages)?;
        drop(writer);
        Ok(model)
    }

    fn open_file(path: &Path) -> Result<Connection, QueryError> {
        let connection = Connection::open(path)?;
        prepare(&connection)?;
        let pragma = |name: &str| -> rusqlite::Result<i64> {
            connection.pragma_query_value(None, name, |row| row.get(0))
        };
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL; \
             PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB}; \
             PRAGMA wal_autocheckpoint = {WAL_PAGES};"
        ))?;
        if tables == 0 {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; \
                 PRAGMA user_version = {LAYOUT}; {FIXED} COMMIT;"
            ))?;
            return Ok(connection);
        }
        if pragma("application_id")? != APPLICATION || pragma("user_version")? != LAYOUT {
            return Err(QueryError::damaged("the file is of another layout"));
        }
        Ok(connection)
    }

    /// Checks the file's structure (`PRAGMA quick_check`): it reads all of it, beside whoever reads
    /// and writes. When it is not whole, the next [`open`](Self::open) says so too.
    ///
    /// # Errors
    /// [`QueryError::Damaged`] when the file is not whole; otherwise when reading fails.
    pub fn check_structure(&self) -> Result<(), QueryError> {
        let connection = Connection::open(&self.path)?;
        prepare(&connection)?;
        let checked = check_structure(&connection, "quick_check");
        if matches!(checked, Err(QueryError::Damaged(_))) {
            connection.execute_batch("PRAGMA user_version = 0")?;
        }
        checked
    }

    /// Refuses a file that followed another history than the one given.
    fn check_history(&self) -> Result<(), QueryError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(followed) = followed(&writer.connection)? else { return Ok(()) };
        let block = self.history.block(followed.height)?;
        let digest = block.map(|block| hash::header_digest(&block.block.header));
        if digest == Some(followed.block) {
            Ok(())
        } else {
            Err(QueryError::damaged(format!("it followed another block {}", followed.height)))
        }
    }

    /// Height up to which the history has been followed; `None` before the first block.
    ///
    /// # Errors
    /// When the file fails.
    pub fn height(&self) -> Result<Option<Height>, QueryError> {
        let reader = self.reader()?;
        Ok(followed(&reader)?.map(|followed| followed.height))
    }

    /// A connection to read with.
    pub(crate) fn reader(&self) -> Result<Reader<'_>, QueryError> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                prepare(&connection)?;
                connection
            }
        };
        Ok(Reader { model: self, connection: Some(connection) })
    }

    /// The current table of a register.
    pub(crate) fn table(&self, package: &str, register: &str) -> Result<Arc<Table>, QueryError> {
        let tables = self.tables();
        let found = tables.get(&(package.into(), register.into())).cloned();
        found.ok_or_else(|| QueryError::UnknownRegister {
            package: package.to_owned(),
            register: register.to_owned(),
        })
    }

    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_tables(&self, tables: Tables) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables);
    }

    /// The version with this body, read from the history: its digest is checked there.
    pub(crate) fn version(&self, body: &Digest, height: u64) -> Result<Version, QueryError> {
        let asked = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked().get(body);
        if let Some(version) = known {
            return Ok(Version::clone(&version));
        }
        let bytes = read_body(self.history.as_ref(), body, height)?;
        let version = decode(body, &bytes)?;
        asked().insert(*body, Arc::new(version.clone()), bytes.len());
        Ok(version)
    }

    /// Checks the whole file: its structure and its content, against a copy rebuilt from the
    /// history. Takes as long as rebuilding.
    ///
    /// # Errors
    /// [`QueryError::Damaged`] when something differs; otherwise when reading fails.
    pub fn check(&self, packages: &[Arc<Package>]) -> Result<(), QueryError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        check_structure(&writer.connection, "integrity_check")?;
        let Some(at) = followed(&writer.connection)? else { return Ok(()) };
        let mut name = self.path.clone().into_os_string();
        name.push(".check");
        let copy = PathBuf::from(name);
        remove(&copy)?;
        let other = Self::open(&copy, Arc::clone(&self.history), packages)?;
        other.follow_like(at, packages)?;
        let here = content(&writer.connection)?;
        let there = {
            let other = other.writer.lock().unwrap_or_else(PoisonError::into_inner);
            content(&other.connection)?
        };
        drop(other);
        remove(&copy)?;
        if here == there {
            Ok(())
        } else {
            Err(QueryError::damaged("its content is not what the history gives"))
        }
    }

    /// Digest over every row, so that two read models can be compared.
    ///
    /// # Errors
    /// When the file fails.
    pub fn content(&self) -> Result<Digest, QueryError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        content(&writer.connection)
    }
}

/// Reads a version body from the history and decodes it.
pub(crate) fn read_version(
    history: &dyn HistoryStore,
    body: &Digest,
    height: u64,
) -> Result<Version, QueryError> {
    decode(body, &read_body(history, body, height)?)
}

fn read_body(
    history: &dyn HistoryStore,
    body: &Digest,
    height: u64,
) -> Result<Vec<u8>, QueryError> {
    history.body(body)?.ok_or(QueryError::Incomplete { before: height })
}

fn decode(body: &Digest, bytes: &[u8]) -> Result<Version, QueryError> {
    cbor::decode(bytes, BODY_BYTES_MAX)
        .map_err(|error| QueryError::damaged(format!("body `{body}`: {error}")))
}

/// The first field of a [`Version`], which says whether it is of a record.
#[derive(Decode)]
#[cbor(map)]
struct Head {
    #[n(1)]
    key: LogicalKey,
}

/// Reads the version of a record from the history; `None` when the body is of an index entry, an
/// intent or a running number. That the encoding is the canonical one was checked when the body
/// was written, and its digest is checked on reading.
pub(crate) fn read_record(
    history: &dyn HistoryStore,
    body: &Digest,
    height: u64,
) -> Result<Option<Version>, QueryError> {
    let bytes = read_body(history, body, height)?;
    let damaged = |error| QueryError::damaged(format!("body `{body}`: {error}"));
    let head: Head = minicbor::decode(&bytes).map_err(damaged)?;
    if matches!(head.key, LogicalKey::Record { .. }) {
        minicbor::decode(&bytes).map(Some).map_err(damaged)
    } else {
        Ok(None)
    }
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

/// Runs SQLite's own check, `quick_check` or `integrity_check`.
fn check_structure(connection: &Connection, pragma: &str) -> Result<(), QueryError> {
    let mut statement = connection.prepare(&format!("PRAGMA {pragma}(1)"))?;
    let said: String = match statement.query_row([], |row| row.get(0)) {
        Err(error) if is_corrupt(&error) => error.to_string(),
        other => other?,
    };
    if said == "ok" { Ok(()) } else { Err(QueryError::Damaged(said)) }
}

/// Removes a read model's file and those that SQLite keeps beside it.
pub(crate) fn remove(path: &Path) -> Result<(), QueryError> {
    remove_beside(path)?;
    remove_with(path, &[""])
}

/// Removes the files that SQLite keeps beside a read model's.
pub(crate) fn remove_beside(path: &Path) -> Result<(), QueryError> {
    remove_with(path, &["-wal", "-shm", "-journal"])
}

fn remove_with(path: &Path, suffixes: &[&str]) -> Result<(), QueryError> {
    for suffix in suffixes {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

pub(crate) fn followed(connection: &Connection) -> Result<Option<Followed>, QueryError> {
    let sql = "SELECT value FROM meta WHERE name = 'followed'";
    let value: Option<Vec<u8>> =
        connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    let Some(value) = value else { return Ok(None) };
    let number = |range: std::ops::Range<usize>| {
        value.get(range).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
    };
    let parsed = match (number(0..8), number(8..16), value.get(16..).and_then(Digest::from_slice)) {
        (Some(low), Some(height), Some(block)) => {
            Some(Followed { low: Height(low), height: Height(height), block })
        }
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| QueryError::damaged("how far it followed"))
}

pub(crate) fn set_followed(connection: &Connection, at: &Followed) -> Result<(), QueryError> {
    let mut value = at.low.0.to_be_bytes().to_vec();
    value.extend(at.height.0.to_be_bytes());
    value.extend(at.block.as_bytes());
    let sql = "INSERT OR REPLACE INTO meta VALUES ('followed', ?1)";
    connection.prepare_cached(sql)?.execute(params![value])?;
    Ok(())
}

/// A read connection, given back when dropped.
pub(crate) struct Reader<'a> {
    model: &'a ReadModel,
    connection: Option<Connection>,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    #[allow(clippy::expect_used, reason = "the connection is only taken in `drop`")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("held until dropped")
    }
}

impl DerefMut for Reader<'_> {
    #[allow(clippy::expect_used, reason = "the connection is only taken in `drop`")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("held until dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut readers = self.model.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_MAX
            && let Some(connection) = self.connection.take()
        {
            readers.push(connection);
        }
    }
}
